/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/pciem: synthetic PCI Express devices.
 *
 * One open file owns one slot: up to eight functions of one synthetic device.
 * Calls below 0x40 keep the numbers, sizes and offsets that existing device
 * models ("cards") were compiled with. Calls from 0x40 on start with a __u32
 * size, which the caller sets to sizeof the structure it was compiled with;
 * a longer structure whose unknown tail is zero is accepted, a shorter one than
 * the first version is not, and every reserved field must be zero.
 *
 * DOC: what an errno means, for every call
 *  EINVAL      a field is out of its range, or a reserved field is not zero
 *  E2BIG       the structure is longer than this kernel's, with a nonzero tail, or
 *              than 4 KiB
 *  EFAULT      a pointer does not point at memory of the caller
 *  ENOENT      the function, BAR, capability, slot or step does not exist
 *  EBUSY       the slot's state does not allow it (too early or too late)
 *  ENODEV      the device has been removed
 *  EINTR       a fatal signal has ended the wait
 *  ENOSPC      no room: address space, slots, the sequencer's window
 *  ENOMEM      no memory, or more than the limit of the memory cgroup
 *  EOPNOTSUPP  known, but not supported by this kernel or this device
 *  ENOTTY      no such call
 *  EACCES, EFAULT of a DMA call: see PCIEM_DMA
 */
#ifndef _UAPI_LINUX_PCIEM_H
#define _UAPI_LINUX_PCIEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PCIEM_IOCTL_MAGIC	0xAF
#define PCIEM_ABI_VERSION	2

#define PCIEM_MAX_SLOTS		32
#define PCIEM_MAX_FUNCTIONS	8
#define PCIEM_MAX_BARS		6
#define PCIEM_MAX_VECTORS	2048
#define PCIEM_CONFIG_SIZE	4096

/* ------------------------------------------------ calls of existing cards */

#define PCIEM_CREATE_ATTACH	1	/* pciem_create_device.flags; no other bit */

struct pciem_create_device {
	__u32 flags;
	__u8 func;
	__u8 reserved[3];
};

struct pciem_add_bar {
	__u32 bar_index;		/* 0..5; 6: expansion ROM, 2 KiB..16 MiB */
	__u32 flags;			/* PCI_BASE_ADDRESS_* */
	__u64 size;			/* bytes, a power of two, 16..1 GiB */
	__u8 func;
	__u8 reserved[7];
};

#define PCIEM_CAP_MSI		0
#define PCIEM_CAP_MSIX		1
#define PCIEM_CAP_PM		2
#define PCIEM_CAP_PCIE		3
#define PCIEM_CAP_VSEC		4
#define PCIEM_CAP_PASID		5

struct pciem_cap_msi {
	__u8 num_vectors_log2;
	__u8 has_64bit;
	__u8 has_masking;
	__u8 reserved;
};

struct pciem_cap_msix {
	__u8 bar_index;
	__u8 reserved[3];
	__u32 table_offset;
	__u32 pba_offset;
	__u16 table_size;		/* vectors, 1..2048 */
	__u8 reserved2[2];
};

struct pciem_cap_pasid {
	__u8 max_pasid_width;		/* bits, 0..20 */
	__u8 execute;
	__u8 privileged;
	__u8 reserved;
};

struct pciem_add_capability {
	__u32 cap_type;
	__u8 func;
	__u8 reserved[3];
	union {
		struct pciem_cap_msi msi;
		struct pciem_cap_msix msix;
		struct pciem_cap_pasid pasid;
		__u8 raw[16];		/* VSEC: its registers, behind the vendor-specific header (ID and revision 0) */
	};
};

struct pciem_set_config {
	__u8 func;
	__u8 reserved[3];
	__u16 vendor_id;
	__u16 device_id;
	__u16 subsys_vendor_id;
	__u16 subsys_device_id;
	__u8 revision;
	__u8 class_code[3];		/* prog-if, subclass, class */
	__u8 header_type;
	__u8 reserved2[7];
};

struct pciem_inject_irq {
	__u32 vector;
	__u8 func;
	__u8 reserved[3];
};

#define PCIEM_DMA_READ		1	/* driver memory -> user_addr */
#define PCIEM_DMA_WRITE		2	/* user_addr -> driver memory */

/*
 * EFAULT: the IOVA is not mapped (any more), or user_addr is bad; EACCES: the
 * mapping's direction forbids it; EPERM: COMMAND.BusMaster is off. What was
 * moved before the fault has happened, as it would on a real bus.
 */
struct pciem_dma {
	__u64 guest_iova;
	__u64 user_addr;
	__u32 length;			/* bytes, at most 1 GiB */
	__u32 pasid;
	__u32 flags;
	__u8 func;
	__u8 reserved[3];
};

#define PCIEM_ATOMIC_FETCH_ADD	1
#define PCIEM_ATOMIC_FETCH_SUB	2
#define PCIEM_ATOMIC_SWAP	3
#define PCIEM_ATOMIC_CAS	4
#define PCIEM_ATOMIC_FETCH_AND	5
#define PCIEM_ATOMIC_FETCH_OR	6
#define PCIEM_ATOMIC_FETCH_XOR	7

struct pciem_dma_atomic {
	__u64 guest_iova;
	__u64 operand;
	__u64 compare;
	__u32 op_type;
	__u32 pasid;
	__u64 result;			/* out: the value before */
	__u8 func;
	__u8 reserved[7];
};

/*
 * Peer to peer, flags as of PCIEM_DMA. The target is in another synthetic BAR whose
 * owner has allowed it (PCIEM_P2P_ALLOW), or inside the module parameter p2p_regions.
 * EACCES: neither; nothing was moved.
 */
struct pciem_p2p {
	__u64 target_phys_addr;
	__u64 user_addr;
	__u32 length;			/* bytes, at most 1 GiB */
	__u32 flags;
	__u8 func;
	__u8 reserved[7];
};

/*
 * DMA over an NVMe PRP list: prp1 is the first page with an offset; prp2 the second
 * page, or, for more than two, the list. EINVAL: also for an entry with an offset.
 * The list is fetched by the device: it is recorded, and faults, as any DMA read.
 */
struct pciem_dma_indirect {
	__u64 prp1;
	__u64 prp2;
	__u64 user_addr;
	__u32 length;			/* bytes, at most 1 GiB */
	__u32 page_size;		/* a power of two, 4 KiB..128 MiB */
	__u32 pasid;
	__u32 flags;			/* PCIEM_DMA_READ or PCIEM_DMA_WRITE */
	__u8 func;
	__u8 reserved[7];
};

struct pciem_bar_info {
	__u32 bar_index;
	__u32 reserved;
	__u64 phys_addr;		/* out */
	__u64 size;			/* out */
	__u32 flags;			/* out */
	__u8 func;
	__u8 reserved2[3];
};

struct pciem_set_eventfd {
	__s32 eventfd;			/* -1 takes it away */
	__u32 reserved;
};

#define PCIEM_IRQFD_LEVEL	1	/* a signal asserts INTx */
#define PCIEM_IRQFD_DEASSERT	2	/* a signal deasserts it */

/*
 * From now on a signal of the eventfd is what INJECT_IRQ is (flags 0), or changes the
 * INTx level. One eventfd for each function, vector and flags: another replaces it.
 * What a signal finds decides: one that comes before the driver has enabled its
 * interrupts is lost. Closing the eventfd ends it.
 */
struct pciem_set_irqfd {
	__s32 eventfd;			/* -1 takes it away */
	__u32 vector;
	__u32 flags;			/* PCIEM_IRQFD_* */
	__u8 func;
	__u8 reserved[3];
};

#define PCIEM_TRACE_READS	1	/* report reads to the owner ring */
#define PCIEM_TRACE_WRITES	2	/* report writes */
#define PCIEM_TRACE_NO_STORE	4	/* writes do not change the BAR's memory */
#define PCIEM_TRACE_HOLD	8	/* BAR_POLICY, sync: see there */

struct pciem_trace_bar {
	__u32 bar_index;
	__u32 flags;
	__u8 func;
	__u8 reserved[3];
};

/*
 * Reports the writes to a register, whatever the range's policy is: where accesses
 * trap, by reporting them, else by a watchpoint. Each is a PCIEM_EVENT_MMIO_WRITE.
 */
#define PCIEM_WATCHPOINT_FIND	1	/* flags: find the driver's mapping, which is done in any case */

struct pciem_set_watchpoint {
	__u32 bar_index;
	__u32 offset;
	__u32 width;			/* 1, 2, 4, 8 */
	__u32 flags;
};

/*
 * A card describes its device (CREATE_DEVICE, SET_CONFIG, ADD_BAR, ADD_CAPABILITY), puts
 * it on the bus (REGISTER), and lets drivers bind (START). REGISTER returns a descriptor:
 * a shared mmap() of it at (func << 3 | bar) pages is that BAR's memory.
 */
#define PCIEM_CREATE_DEVICE	_IOWR(PCIEM_IOCTL_MAGIC, 0x0a, struct pciem_create_device)
#define PCIEM_ADD_BAR		_IOW(PCIEM_IOCTL_MAGIC, 0x0b, struct pciem_add_bar)
#define PCIEM_ADD_CAPABILITY	_IOW(PCIEM_IOCTL_MAGIC, 0x0c, struct pciem_add_capability)
#define PCIEM_SET_CONFIG	_IOW(PCIEM_IOCTL_MAGIC, 0x0d, struct pciem_set_config)
#define PCIEM_REGISTER		_IO(PCIEM_IOCTL_MAGIC, 0x0e)
#define PCIEM_INJECT_IRQ	_IOW(PCIEM_IOCTL_MAGIC, 0x0f, struct pciem_inject_irq)
#define PCIEM_DMA		_IOWR(PCIEM_IOCTL_MAGIC, 0x10, struct pciem_dma)
#define PCIEM_DMA_ATOMIC	_IOWR(PCIEM_IOCTL_MAGIC, 0x11, struct pciem_dma_atomic)
#define PCIEM_P2P		_IOWR(PCIEM_IOCTL_MAGIC, 0x12, struct pciem_p2p)
#define PCIEM_GET_BAR_INFO	_IOWR(PCIEM_IOCTL_MAGIC, 0x13, struct pciem_bar_info)
#define PCIEM_SET_WATCHPOINT	_IOW(PCIEM_IOCTL_MAGIC, 0x14, struct pciem_set_watchpoint)
#define PCIEM_SET_EVENTFD	_IOW(PCIEM_IOCTL_MAGIC, 0x15, struct pciem_set_eventfd)
#define PCIEM_SET_IRQFD		_IOW(PCIEM_IOCTL_MAGIC, 0x16, struct pciem_set_irqfd)
#define PCIEM_DMA_INDIRECT	_IOWR(PCIEM_IOCTL_MAGIC, 0x18, struct pciem_dma_indirect)
#define PCIEM_TRACE_BAR		_IOWR(PCIEM_IOCTL_MAGIC, 0x19, struct pciem_trace_bar)
#define PCIEM_START		_IO(PCIEM_IOCTL_MAGIC, 0x1a)

/* ------------------------------------------------------- the owner's ring */

#define PCIEM_EVENT_MMIO_READ		1	/* already answered */
#define PCIEM_EVENT_MMIO_WRITE		2
#define PCIEM_EVENT_CONFIG_READ		3	/* not sent: a number of existing cards */
#define PCIEM_EVENT_CONFIG_WRITE	4
#define PCIEM_EVENT_MSI_ACK		5	/* not sent, likewise */
#define PCIEM_EVENT_RESET		6
#define PCIEM_EVENT_MMIO_READ_REQUEST	16	/* the driver waits: write() a pciem_response */
#define PCIEM_EVENT_BIND		17
#define PCIEM_EVENT_UNBIND		18
#define PCIEM_EVENT_REMOVED		19
#define PCIEM_EVENT_WATCH		20	/* a watchpoint was hit; data: what is there now */
#define PCIEM_EVENT_POWER		21	/* data: D-state 0..3 */
#define PCIEM_EVENT_SEQ_MARK		32	/* the sequencer passed a mark; data: its value */
#define PCIEM_EVENT_SEQ_LOW		33	/* half of the sequencer's window is free */
#define PCIEM_EVENT_SEQ_DONE		34	/* the last step is done */
#define PCIEM_EVENT_SEQ_DIVERGED	35	/* see PCIEM_SEQ_STATUS */
#define PCIEM_EVENT_SEQ_DRY		36	/* an access came, and userspace had not pushed its step */

struct pciem_event {
	__u64 seq;			/* 0 in the ring of existing cards */
	__u32 type;
	__u32 bar;
	__u64 offset;			/* BAR offset, or config register */
	__u32 size;			/* bytes */
	__u32 func;
	__u64 data;
	__u64 timestamp;		/* CLOCK_MONOTONIC, ns */
};

#define PCIEM_RING_HEAD		0	/* __u32, the consumer's: next slot to take */
#define PCIEM_RING_TAIL		64	/* __u32, the kernel's: next slot to fill */
#define PCIEM_RING_EVENTS	128
#define PCIEM_RING_ENTRIES	256	/* of the ring in the main file */

struct pciem_response {
	__u64 seq;
	__u64 data;
	__u32 status;			/* 0; anything else completes the read with all-ones */
	__u32 reserved;
};

/* --------------------------------------------------------------- new calls */

enum {
	PCIEM_CMD_BASE = 0x40,
	PCIEM_CMD_INFO = PCIEM_CMD_BASE,
	PCIEM_CMD_SLOT_INFO,
	PCIEM_CMD_CONFIG,
	PCIEM_CMD_BAR_POLICY,
	PCIEM_CMD_RING_CREATE,
	PCIEM_CMD_MONITOR_CREATE,
	PCIEM_CMD_MARK,
	PCIEM_CMD_DMA_MAPS,
	PCIEM_CMD_SEQ_START,
	PCIEM_CMD_SEQ_PUSH,
	PCIEM_CMD_SEQ_STATUS,
	PCIEM_CMD_REMOVE,
	PCIEM_CMD_INTX = 0x50,
	PCIEM_CMD_ATOMIC = 0x68,
	PCIEM_CMD_P2P_ALLOW = 0x69,
	PCIEM_CMD_INJECT = 0x6a,
	PCIEM_CMD_DMA_HISTORY = 0x6b,
	PCIEM_CMD_DMA_MODE = 0x6c,
	PCIEM_CMD_CAPABILITY_ADD = 0x58,
	PCIEM_CMD_AER_INJECT = 0x59,
	PCIEM_CMD_BAR_REGISTER = 0x60,
	PCIEM_CMD_BAR_INTERRUPT = 0x61,
	PCIEM_CMD_BAR_UPDATE = 0x62,
	PCIEM_CMD_WATCH = 0x63,
	PCIEM_CMD_UNWATCH = 0x64,
	PCIEM_CMD_WATCH_INFO = 0x65,
	PCIEM_CMD_BAR_INDEXED = 0x66,
	PCIEM_CMD_BAR_PROGRAM = 0x67,
};

#define PCIEM_STATE_NEW		0	/* functions are being described */
#define PCIEM_STATE_REGISTERED	1	/* on the bus, no driver yet */
#define PCIEM_STATE_STARTED	2	/* drivers may bind */
#define PCIEM_STATE_REMOVED	3

/* What this kernel is, and (once a device exists) this file's slot. */
struct pciem_info {
	__u32 size;
	__u32 abi_version;		/* out */
	__u32 slot;			/* out: the slot's number, ~0 before CREATE_DEVICE */
	__u32 state;			/* out: PCIEM_STATE_* */
	__u32 domain;			/* out: PCI domain, ~0 before REGISTER */
	__u32 bus;			/* out: bus number of the functions */
	__u32 device;			/* out: device number */
	__u32 functions;		/* out: bit mask */
	__aligned_u64 seq;		/* out: transactions so far */
	__aligned_u64 lost_owner;	/* out: events that did not reach the owner ring */
	__aligned_u64 timeouts;		/* out: sync reads completed with all-ones */
	__u32 probed;			/* out: bit mask of the functions whose driver's probe() has succeeded */
	__u32 reserved;
};
#define PCIEM_INFO	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_INFO)

/* Any live slot, for listing: the first one numbered >= slot; ENOENT behind the last. */
struct pciem_slot_info {
	__u32 size;
	__u32 slot;			/* in/out */
	__u32 state;
	__u32 domain;
	__u32 bus;
	__u32 device;
	__u32 functions;
	__u32 owner_pid;		/* out: who opened it */
	__u8 owner_comm[16];
	__aligned_u64 seq;
	__u32 ids[8];			/* out: device << 16 | vendor, a function each, 0 = absent */
};
#define PCIEM_SLOT_INFO	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_SLOT_INFO)

/*
 * Config space of one function, as bytes. VALUE reads and writes the registers
 * themselves, past their masks and without a transaction; WRITABLE has a one for
 * each bit that the driver's writes change; W1C for each bit that writing a one
 * clears. Masks may be changed in state NEW only. RESET, which can only be read
 * (EPERM), is VALUE as it was at REGISTER (EBUSY before). EPERM also: SET on a
 * monitor's descriptor.
 */
#define PCIEM_CONFIG_VALUE	0
#define PCIEM_CONFIG_WRITABLE	1
#define PCIEM_CONFIG_W1C	2
#define PCIEM_CONFIG_RESET	3
#define PCIEM_CONFIG_SET	1	/* flags: write; without it, read */

struct pciem_config {
	__u32 size;
	__u32 func;
	__u32 plane;
	__u32 flags;
	__u32 offset;
	__u32 length;
	__aligned_u64 data;		/* user pointer to length bytes */
};
#define PCIEM_CONFIG	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_CONFIG)

/*
 * How a range of a BAR answers. A new BAR is one STORE range that reports
 * nothing to the owner ring (monitors see every access all the same). DIRECT
 * ranges are whole pages, of which no other policy takes a part; what is DIRECT is
 * settled at START, or once a driver has bound (EBUSY). flags: PCIEM_TRACE_*.
 *
 * With TRACE_HOLD a driver that may sleep waits in a SYNC range until the owner
 * answers, however long that takes (a fatal signal ends the wait): in a read, and in
 * a write too, which is then answered like a read. One that may not sleep waits for
 * its reads as without HOLD, and not at all for its writes.
 */
#define PCIEM_BAR_STORE		0	/* from the BAR's memory, in the kernel */
#define PCIEM_BAR_SYNC		1	/* the owner answers reads; writes are posted to it */
#define PCIEM_BAR_DIRECT	2	/* plain memory, never trapped, never seen */

struct pciem_bar_policy {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 policy;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 offset;
	__aligned_u64 length;		/* 0: to the BAR's end */
};
#define PCIEM_BAR_POLICY	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_POLICY)

/*
 * Replaces the owner ring by one of the caller's size, with the layout of the
 * old one (head, tail, then entries), returned as a file descriptor to mmap
 * and poll. Its events carry their seq, and are of every type; the old ring has
 * MMIO_READ, MMIO_WRITE and MMIO_READ_REQUEST alone. State NEW only, and once;
 * SET_EVENTFD comes after it.
 */
struct pciem_ring_create {
	__u32 size;
	__u32 entries;			/* a power of two, 16..65536 */
};
#define PCIEM_RING_CREATE	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_RING_CREATE)

/*
 * A reader of a slot's whole stream; returns a file descriptor. mmap: page 0 has
 * the consumer's position (__u64, writable), page 1 a pciem_monitor_page (read
 * only), from page 2 on the data (read only) twice in a row, so that a record
 * never wraps. Positions count bytes and never wrap; a record that is still being
 * written has PCIEM_RECORD_BUSY in its len. Without LOSSY, the driver waits for
 * room (a context that cannot sleep: 10 ms at most). With BATCH, poll() has nothing
 * to say below PCIEM_MONITOR_BATCH_BYTES, or a quarter of the ring if that is less:
 * the reader looks by itself at times, and a driver is not slowed down by waking it.
 *
 * SLOT_NEXT is the slot that is created next, by anybody, from its creation on:
 * until then, and while the device is only being described, the calls of a snapshot
 * answer EBUSY. ENOSPC: as many wait for it already as a slot can have.
 */
#define PCIEM_MONITOR_LOSSY	1
#define PCIEM_MONITOR_BATCH	2
#define PCIEM_MONITOR_BATCH_BYTES	65536	/* 1,024 records without a payload */
#define PCIEM_SLOT_OWN		0xffffffffU
#define PCIEM_SLOT_NEXT		0xfffffffeU

struct pciem_monitor_create {
	__u32 size;
	__u32 flags;
	__u32 slot;			/* PCIEM_SLOT_OWN, PCIEM_SLOT_NEXT, or another's number */
	__u32 ring_size;		/* bytes, a power of two, 128 KiB..1 GiB */
	__aligned_u64 kinds;		/* bit mask of PCIEM_RECORD_*; 0: all */
};
#define PCIEM_MONITOR_CREATE	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_MONITOR_CREATE)

struct pciem_monitor_page {
	__u64 producer;
	__u64 lost;			/* records that found no room, so far */
	__u32 closed;			/* 1: the slot is gone; nothing will follow */
	__u32 ring_size;
	__u64 waits;			/* how often somebody waited for room here ... */
	__u64 waited_ns;		/* ... and for how long in all */
	__u32 slot;			/* PCIEM_SLOT_NEXT: it is still to come */
	__u32 reserved;
};

#define PCIEM_RECORD_CFG_READ			1
#define PCIEM_RECORD_CFG_WRITE			2
#define PCIEM_RECORD_MMIO_READ			3	/* answered at once */
#define PCIEM_RECORD_MMIO_WRITE			4
#define PCIEM_RECORD_IO_READ			5
#define PCIEM_RECORD_IO_WRITE			6
#define PCIEM_RECORD_MMIO_READ_REQUEST		7	/* the owner is to answer */
#define PCIEM_RECORD_MMIO_READ_COMPLETION	8	/* cause: the request */
#define PCIEM_RECORD_DMA_READ			9	/* payload: the bytes */
#define PCIEM_RECORD_DMA_WRITE			10	/* payload: the bytes */
#define PCIEM_RECORD_DMA_ATOMIC			11	/* payload: op, operand, compare as __u64 */
#define PCIEM_RECORD_P2P_READ			12	/* addr: physical; value: target's slot << 16 | func << 8 | BAR, or ~0 */
#define PCIEM_RECORD_P2P_WRITE			13
#define PCIEM_RECORD_IRQ			14	/* addr: vector, or INTx pin 1..4; value: PCIEM_IRQ_* */
#define PCIEM_RECORD_DMA_MAP			15	/* addr: IOVA, value: bytes */
#define PCIEM_RECORD_DMA_UNMAP			16
#define PCIEM_RECORD_DMA_SYNC			17
#define PCIEM_RECORD_RESET			18	/* value: PCIEM_RESET_* */
#define PCIEM_RECORD_POWER			19	/* value: D-state 0..3 */
#define PCIEM_RECORD_BIND			20	/* payload: the driver's name */
#define PCIEM_RECORD_UNBIND			21
#define PCIEM_RECORD_REMOVE			22	/* value: 1 surprise */
#define PCIEM_RECORD_FAULT			23	/* value: PCIEM_FAULT_*; IOMMU: perhaps a pciem_dma_past as payload */
#define PCIEM_RECORD_MARK			24	/* payload: text */
#define PCIEM_RECORD_LOST			25	/* value: how many records are missing here */
#define PCIEM_RECORD_WATCH			26	/* value: what is there after the access; payload: the instruction, as text */

/* pciem_record.flags, by kind */
#define PCIEM_RF_ORIGIN_MASK	0x3	/* cfg: who accessed */
#define PCIEM_RF_ORIGIN_DRIVER	0
#define PCIEM_RF_ORIGIN_CORE	1	/* the PCI core, no driver bound */
#define PCIEM_RF_ORIGIN_USER	2	/* sysfs, proc: lspci, setpci */
#define PCIEM_RF_DIR_MASK	0x3	/* dma-map, unmap, sync: enum dma_data_direction */
#define PCIEM_RF_COHERENT	0x4	/* dma-map, unmap */
#define PCIEM_RF_FOR_DEVICE	0x8	/* dma-sync; else for the CPU */
#define PCIEM_RF_MORE		0x10	/* dma: the transfer goes on in the next record of its kind */
#define PCIEM_RF_PEER		0x40	/* mmio: by another device */
#define PCIEM_RF_PENDING	0x20	/* irq: the vector was masked; it fires when unmasked */

#define PCIEM_IRQ_INTX_DEASSERT	0
#define PCIEM_IRQ_INTX_ASSERT	1
#define PCIEM_IRQ_MSI		2
#define PCIEM_IRQ_MSIX		3

#define PCIEM_RESET_FLR		1
#define PCIEM_RESET_BUS		2
#define PCIEM_RESET_PM		3

#define PCIEM_FAULT_TIMEOUT		1	/* a sync read got no answer: all-ones */
#define PCIEM_FAULT_IOMMU_UNMAPPED	2
#define PCIEM_FAULT_IOMMU_DIRECTION	3
#define PCIEM_FAULT_IOMMU_AFTER_UNMAP	4
#define PCIEM_FAULT_NO_BUS_MASTER	5
#define PCIEM_FAULT_UNSUPPORTED		6	/* an instruction that could not be decoded */
#define PCIEM_FAULT_BEYOND_BAR		7
#define PCIEM_FAULT_SEQ_DIVERGED	8
#define PCIEM_FAULT_SEQ_DRY		9
#define PCIEM_FAULT_P2P_DENIED		10
#define PCIEM_FAULT_INJECTED		11	/* flags: PCIEM_INJECT_*; the transaction follows, if it is not lost */
#define PCIEM_FAULT_AER_CORRECTABLE	32	/* addr: the bits of the status register */
#define PCIEM_FAULT_AER_NONFATAL	33
#define PCIEM_FAULT_AER_FATAL		34

/* pciem_record.context: class << 29 | instance */
#define PCIEM_CONTEXT_SHIFT	29
#define PCIEM_CONTEXT_DEVICE	0	/* the owner, or the sequencer */
#define PCIEM_CONTEXT_TASK	1	/* instance: pid */
#define PCIEM_CONTEXT_SOFTIRQ	2	/* instance: CPU */
#define PCIEM_CONTEXT_HARDIRQ	3	/* instance: low bits of the irq record's seq, 0 if not ours */
#define PCIEM_CONTEXT_NMI	4

#define PCIEM_RECORD_BUSY	0x80000000U
#define PCIEM_RECORD_SKIP	0x40000000U	/* in len: nothing here, skip these bytes */

struct pciem_record {
	__u32 len;			/* bytes with payload, a multiple of 8, | BUSY | SKIP */
	__u8 kind;			/* PCIEM_RECORD_* */
	__u8 func;
	__u8 bar;			/* 0..5, 6 expansion ROM, 0xff none */
	__u8 width;			/* bytes of the access, 0 none */
	__u64 seq;			/* starts at 1, without gaps */
	__u64 time;			/* CLOCK_MONOTONIC, ns */
	__u64 cause;			/* seq of the driver access that led to it, 0 none */
	__u32 context;
	__u16 cpu;
	__u16 flags;			/* PCIEM_RF_* */
	__u32 pid;
	__u32 data_len;			/* bytes of payload */
	__u64 addr;			/* BAR offset, register, IOVA or vector */
	__u64 value;
};

/* Puts a mark with text (at most 4096 bytes of UTF-8) into the stream. */
struct pciem_mark {
	__u32 size;
	__u32 length;
	__aligned_u64 text;
};
#define PCIEM_MARK	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_MARK)

/* Live mappings of one function, oldest first. count: in, room; out, how many there are. */
struct pciem_dma_map_entry {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 seq;		/* of its dma-map */
	__u32 flags;			/* PCIEM_RF_DIR_MASK | PCIEM_RF_COHERENT */
	__u32 reserved;
};

struct pciem_dma_maps {
	__u32 size;
	__u32 func;
	__u32 count;
	__u32 reserved;
	__aligned_u64 entries;
};
#define PCIEM_DMA_MAPS	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_DMA_MAPS)

/* --------------------------------------------------------------- sequencer */

/*
 * Plays the device from a list of steps with no trip to userspace. Each lane
 * has a cursor over its expected driver accesses; an access matches when it
 * fits the cursor of any lane (its own last lane first). Device actions stand in
 * one queue, in order; an action runs when every expected access with a
 * lower index has been matched, or, once hold_ns have passed with no progress,
 * when its cause has been. A REGISTER that fails with a sequence in place is the end of both.
 */
#define PCIEM_SEQ_EXPECT_CFG_WRITE	1	/* addr: register, value under mask */
#define PCIEM_SEQ_EXPECT_MMIO_READ	2	/* value: the answer */
#define PCIEM_SEQ_EXPECT_MMIO_WRITE	3	/* value under mask */
#define PCIEM_SEQ_EXPECT_DMA_MAP	4	/* addr: IOVA, value: bytes, flags: direction; pairs IOVAs, blocks nothing */
#define PCIEM_SEQ_DO_DMA_WRITE		16	/* addr: IOVA, data */
#define PCIEM_SEQ_DO_DMA_READ		17	/* reads and compares with data */
#define PCIEM_SEQ_DO_IRQ		18	/* addr: vector */
#define PCIEM_SEQ_DO_WAIT		19	/* value: ns */
#define PCIEM_SEQ_DO_MARK		20	/* reports PCIEM_EVENT_SEQ_MARK with value; never early */
#define PCIEM_SEQ_DO_DMA_ATOMIC		24	/* addr: IOVA, width, data: as recorded; value: the one before, compared */
#define PCIEM_SEQ_DO_INTX		25	/* value: 1 assert, 0 deassert */

#define PCIEM_SEQ_OPTIONAL		0x100	/* expect: may be left out */
#define PCIEM_SEQ_REPEAT		0x200	/* expect read: may come again before the lane's next one */
#define PCIEM_SEQ_NO_COMPARE		0x400	/* dma-read: any data will do */
#define PCIEM_SEQ_UNORDERED		0x800	/* expect: accesses of other registers may come before it */
#define PCIEM_SEQ_COALESCE		0x1000	/* expect write: an index into a ring; see below */

struct pciem_seq_step {
	__u8 op;
	__u8 func;
	__u8 bar;
	__u8 width;
	__u32 flags;			/* PCIEM_SEQ_* | PCIEM_RF_DIR_MASK and COHERENT of a map */
	__u32 lane;			/* expect: 0..1023 */
	__u32 data_len;
	__aligned_u64 index;		/* position in the trace, strictly increasing */
	__aligned_u64 cause;		/* do: index of the expect that must have matched, 0 none; COALESCE: of an action */
	__aligned_u64 addr;
	__aligned_u64 value;
	__aligned_u64 mask;		/* expect write: bits to compare */
	__aligned_u64 data;		/* user pointer */
	__u32 nr_fields;		/* dma-read and dma-write: at most 1024 */
	__u32 delay_us;			/* see below; 0 but for mmio-read and actions other than marks */
	__aligned_u64 fields;		/* struct pciem_seq_field *, sorted, disjoint */
	__u32 from;			/* COALESCE: the index before, */
	__u32 modulo;			/* and the ring's entries; else 0 */
};

/*
 * A COALESCE write moves an index forward, from `from` to value, through a ring of modulo
 * entries: what a driver has taken out of the ring. How much one run of its handler takes
 * depends on when that comes, so fewer writes may come than expected, or more, as long as
 * they go the same way and none passes a value whose cause, the action that filled the
 * ring so far, has not been done. Each write too few or too many is counted as coalesced.
 * Such a step has no place in its lane.
 */

/*
 * An access may pass up to 64 UNORDERED or OPTIONAL steps of its lane, but none of its
 * own register, and none that causes an action; nor may one that causes an action pass
 * a required step: what the device is to work on has been written before.
 */

/*
 * delay_us keeps the recording's pace. A read with it is not answered from its step
 * before so many microseconds have passed since the last access of its lane that was
 * no repetition: until then the repeated answer stands, if there is one. An action
 * with it does not run before so many have passed since its cause.
 */

/*
 * An identifier inside a payload that the driver chooses anew in each run and the
 * device hands back, as an NVMe command identifier: what a dma-read finds there is
 * remembered under the recorded value and not compared; a dma-write hands back what
 * was remembered, once. Identifiers of different spaces do not mix.
 */
struct pciem_seq_field {
	__u32 offset;			/* bytes from the payload's start */
	__u16 width;			/* 1, 2, 4, 8 */
	__u16 space;
};

/*
 * Accesses that the sequencer leaves to the BAR's own policy, or the driver's writes
 * that it leaves to config space, counted as ignored: length bytes at offset, and
 * again every stride bytes, count times.
 */
#define PCIEM_SEQ_IGNORE_CONFIG	0xff	/* for bar_index: config space */

struct pciem_seq_ignore {
	__u32 func;
	__u32 bar_index;
	__aligned_u64 offset;
	__u32 length;
	__u32 stride;
	__u32 count;
	__u32 reserved;
};

struct pciem_seq_start {
	__u32 size;
	__u32 window;			/* steps that may be loaded at once, 64..1048576 */
	__aligned_u64 hold_ns;
	__u32 nr_ignores;		/* at most 64 */
	__u32 reserved;
	__aligned_u64 ignores;		/* struct pciem_seq_ignore * */
};
#define PCIEM_SEQ_START	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_SEQ_START)

#define PCIEM_SEQ_LAST	1		/* no step follows */

/*
 * Appends steps; ENOSPC: the window (or 256 MiB of data) is full, nothing was taken.
 * Actions that are due at once run in a work item, soon after.
 */
struct pciem_seq_push {
	__u32 size;
	__u32 flags;
	__u32 count;
	__u32 step_size;		/* sizeof(struct pciem_seq_step) */
	__aligned_u64 steps;
};
#define PCIEM_SEQ_PUSH	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_SEQ_PUSH)

#define PCIEM_SEQ_IDLE		0
#define PCIEM_SEQ_RUNNING	1
#define PCIEM_SEQ_DONE		2
#define PCIEM_SEQ_DIVERGED	3
#define PCIEM_SEQ_STATE_DRY	4

#define PCIEM_DIVERGED_VALUE	1	/* a write's value differs */
#define PCIEM_DIVERGED_ACCESS	2	/* no lane expects this access */
#define PCIEM_DIVERGED_PAYLOAD	3	/* what the device read differs */
#define PCIEM_DIVERGED_DMA	4	/* a device action faulted: value is the errno */
#define PCIEM_DIVERGED_PAST_END	5	/* an access behind the last step */
#define PCIEM_DIVERGED_REMOVED	6	/* the device went away under the sequence */

struct pciem_seq_status {
	__u32 size;
	__u32 state;
	__aligned_u64 matched;		/* expected accesses that came */
	__aligned_u64 done;		/* device actions done */
	__aligned_u64 pending;		/* required accesses and actions not done yet, of those pushed */
	__aligned_u64 folded;		/* repeated reads beyond the recorded ones */
	__aligned_u64 renamed;		/* values equal only after renaming IOVAs or identifiers */
	__aligned_u64 ignored;		/* accesses in ignored ranges */
	__aligned_u64 skipped;		/* optional accesses that did not come */
	__aligned_u64 early;		/* actions that ran on their cause alone */
	__aligned_u64 coalesced;	/* COALESCE writes too few or too many */
	__aligned_u64 unexpected_maps;	/* dma-maps that no expected one fitted */
	__aligned_u64 next_index;	/* the oldest required step still open, ~0 none */
	__u32 room;			/* steps that may be pushed now */
	/* the divergence */
	__u32 reason;
	__aligned_u64 index;		/* of the step that was expected, ~0 none */
	__u8 kind;			/* what came: PCIEM_RECORD_* */
	__u8 func;
	__u8 bar;
	__u8 width;
	__u32 cpu;
	__u32 pid;
	__u32 context;
	__u8 comm[16];
	__aligned_u64 addr;
	__aligned_u64 expected;
	__aligned_u64 actual;
	__aligned_u64 payload_offset;	/* first differing byte, for PAYLOAD */
	__u8 expected_bytes[64];	/* around it, from payload_offset & ~15 */
	__u8 actual_bytes[64];
	__u32 payload_bytes;		/* how many of the two are valid */
	__u32 stack_len;		/* in: room at stack; out: bytes of text */
	__aligned_u64 stack;		/* user pointer: the program counter and stack, a line each */
};
#define PCIEM_SEQ_STATUS	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_SEQ_STATUS)

/* ------------------------------------------ DMA, peer to peer, injected faults */

/* PCIEM_DMA_ATOMIC with a width. iova is a multiple of it. */
struct pciem_atomic {
	__u32 size;
	__u32 func;
	__u32 op_type;			/* PCIEM_ATOMIC_* */
	__u32 width;			/* bytes: 4, 8; with 4, operand and compare fit into them */
	__aligned_u64 iova;
	__aligned_u64 operand;
	__aligned_u64 compare;
	__aligned_u64 result;		/* out: the value before */
	__aligned_u64 reserved;
};
#define PCIEM_ATOMIC	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_ATOMIC)

/* Lets a peer reach func's BARs: PCIEM_DMA_READ | PCIEM_DMA_WRITE, 0 takes it back. Ends with either device. */
struct pciem_p2p_allow {
	__u32 size;
	__u32 func;
	__u32 peer_slot;
	__u32 peer_func;
	__u32 access;
	__u32 reserved;
};
#define PCIEM_P2P_ALLOW	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_P2P_ALLOW)

/* What an injected fault does to a transaction that it hits. */
#define PCIEM_INJECT_VALUE	1	/* mmio-read: answers value */
#define PCIEM_INJECT_FLIP	2	/* mmio, dma: flips the bits of value (dma: little endian, at addr) */
#define PCIEM_INJECT_DROP	3	/* mmio, irq, dma-write: never arrives; a read gets all-ones */
#define PCIEM_INJECT_DUPLICATE	4	/* irq: again, 1 ms later */
#define PCIEM_INJECT_DELAY	5	/* by value ns, 10 s at most; a driver that cannot sleep: 10 ms at most */
#define PCIEM_INJECT_REMOVE	6	/* the device is pulled out */

#define PCIEM_INJECT_ANY_BAR	0xffffffffU

struct pciem_inject_rule {
	__u32 id;			/* out */
	__u32 func;
	__u32 kind;			/* PCIEM_RECORD_MMIO_READ, MMIO_WRITE, IRQ, DMA_READ, DMA_WRITE; 0: mmio, for REMOVE */
	__u32 action;
	__u32 bar_index;		/* mmio; PCIEM_INJECT_ANY_BAR for the rest */
	__u32 reserved;
	__aligned_u64 addr;		/* BAR offset, vector (an INTx level: 0) or IOVA */
	__aligned_u64 length;		/* from there on; 0: any, and addr is 0 */
	__aligned_u64 value;
	__aligned_u64 after;		/* so many that fit pass before the first that is hit */
	__aligned_u64 count;		/* how many are hit; 0: all */
	__aligned_u64 seen;		/* out: how many fitted */
	__aligned_u64 hits;		/* out */
};

#define PCIEM_INJECT_ADD	0	/* count is 1; id: out */
#define PCIEM_INJECT_CLEAR	1	/* the rule id, 0 all; count and rules are 0 */
#define PCIEM_INJECT_LIST	2	/* count: in, room; out, how many there are */

/* Injected faults. ENOSPC: there are 64 rules. EBUSY: also in a slot with a sequence. */
struct pciem_inject {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 count;
	__aligned_u64 rules;		/* struct pciem_inject_rule * */
};
#define PCIEM_INJECT	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_INJECT)

/* A mapping, and who made and who ended it. seq 0: not yet, or not known. */
struct pciem_dma_past {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 map_seq;
	__aligned_u64 unmap_seq;
	__u32 flags;			/* as of pciem_dma_map_entry */
	__u32 map_context;		/* as of pciem_record */
	__u32 unmap_context;
	__u32 reserved;
	__u8 map_comm[16];
	__u8 unmap_comm[16];
};

/* The function's last 1024 mappings that have ended, the newest first. count as of PCIEM_DMA_MAPS. */
struct pciem_dma_history {
	__u32 size;
	__u32 func;
	__u32 count;
	__u32 reserved;
	__aligned_u64 entries;		/* struct pciem_dma_past * */
};
#define PCIEM_DMA_HISTORY	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_DMA_HISTORY)

/*
 * What a bus address is: an IOVA of the function's own (SOFT), or a physical address
 * (DIRECT), checked against nothing but that it is the kernel's allocatable memory.
 * EPERM: the kernel is locked down. With SET, of the own slot in state NEW.
 */
#define PCIEM_DMA_MODE_SOFT	0
#define PCIEM_DMA_MODE_DIRECT	1
#define PCIEM_DMA_MODE_SET	1	/* flags */

struct pciem_dma_mode {
	__u32 size;
	__u32 slot;			/* PCIEM_SLOT_OWN, or another's number */
	__u32 mode;			/* out, without SET */
	__u32 flags;
};
#define PCIEM_DMA_MODE	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_DMA_MODE)
/* ---------------------------------------------------------------- snapshots */

/*
 * How a device stands that is on the bus: for a reader that came late. These two
 * work on a monitor's descriptor alone, whoever owns the slot; so do PCIEM_CONFIG
 * (without SET) and PCIEM_DMA_MAPS, as they do for the owner. What the monitor
 * delivered before a call may be in its answer already.
 */
struct pciem_bar_range {
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 policy;			/* PCIEM_BAR_STORE, SYNC, DIRECT */
	__u32 flags;			/* PCIEM_TRACE_* */
};

enum {
	PCIEM_CMD_BAR_RANGES = 0x78,
	PCIEM_CMD_BAR_BYTES = 0x79,
};

/* A BAR and its ranges, in order. count: in, room; out, how many there are. ENOENT: no such BAR. */
struct pciem_bar_ranges {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 flags;			/* in: 0; out: PCI_BASE_ADDRESS_* */
	__u32 count;
	__u32 reserved;
	__aligned_u64 bar_size;		/* out */
	__aligned_u64 phys;		/* out: where the bus has it, 0 nowhere */
	__aligned_u64 ranges;		/* struct pciem_bar_range * */
};
#define PCIEM_BAR_RANGES	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_RANGES)

/* Reads a BAR's memory. What a SYNC range holds is what the owner left there. */
struct pciem_bar_bytes {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 data;		/* user pointer to length bytes */
};
#define PCIEM_BAR_BYTES	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_BYTES)

/* Takes the device off the bus and waits for the driver's remove(); the file stays open. */
#define PCIEM_REMOVE_SURPRISE	1	/* the device answers all-ones from now on */

struct pciem_remove {
	__u32 size;
	__u32 flags;
};
#define PCIEM_REMOVE	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_REMOVE)

/* ------------------------------------------------------------ capabilities */

/*
 * Adds a capability to a function, as bytes from its header on. In the header the
 * ID (and, of an extended one, the version) is the caller's; the link must be zero
 * and is the kernel's. Masks are as those of PCIEM_CONFIG: a bit that is in neither
 * is read-only, none may be in both, and the header has none. State NEW only.
 * ENOSPC: something is there already, or nothing so long is free.
 */
#define PCIEM_CAPABILITY_EXTENDED	1	/* flags: into the list from 0x100 on */

struct pciem_capability_add {
	__u32 size;
	__u32 func;
	__u32 flags;
	__u32 offset;			/* in: where, a multiple of 4, or 0: the next free place; out: where */
	__u32 length;			/* bytes with the header */
	__u32 reserved;
	__aligned_u64 value;		/* user pointers to length bytes each */
	__aligned_u64 writable;		/* 0: no bit */
	__aligned_u64 w1c;		/* 0: no bit */
};
#define PCIEM_CAPABILITY_ADD	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_CAPABILITY_ADD)

/*
 * Has a function with an AER capability find an error: its status bits are set, and
 * a message goes to the root port if no mask and no missing enable is in the way.
 * Whether an uncorrectable error is fatal is what the severity register says of it.
 */
#define PCIEM_AER_CORRECTABLE	1
#define PCIEM_AER_UNCORRECTABLE	2
#define PCIEM_AER_NONFATAL	2	/* of a message */
#define PCIEM_AER_FATAL		3	/* of a message */

struct pciem_aer_inject {
	__u32 size;
	__u32 func;
	__u32 severity;			/* PCIEM_AER_CORRECTABLE, PCIEM_AER_UNCORRECTABLE */
	__u32 status;			/* bits of that status register */
	__u32 header[4];		/* of the packet at fault, for the header log */
	__u32 sent;			/* out: which message went out, 0 none */
	__u32 reserved;
};
#define PCIEM_AER_INJECT	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_AER_INJECT)
/* ----------------------------------------------------- registers in the kernel */

/*
 * What a driver's accesses do to count registers of width bytes each, from offset on, where
 * the kernel answers from the BAR's memory (STORE ranges): a write changes the bits in
 * writable, clears those of w1c and sets those of w1s that it writes as one, and leaves the
 * others; a read gets the value, and then clears the bits in read_clear. Reads and writes of
 * a part of a register have their effect on that part. A write may have its effect on the
 * register at target instead (its own offset: on itself), as with a pair of registers that
 * set and clear bits of a third. Bytes that no register has are plain memory. Set again, a
 * register changes; with all bits writable it is plain memory again.
 * EINVAL also: it overlaps another register. ENOSPC: a BAR has at most 256 (an array is one).
 */
struct pciem_bar_register {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 width;			/* 1, 2, 4, 8 */
	__aligned_u64 offset;
	__aligned_u64 target;
	__u32 count;			/* 1: a single one */
	__u32 reserved;
	__aligned_u64 writable;
	__aligned_u64 w1c;
	__aligned_u64 w1s;
	__aligned_u64 read_clear;
};
#define PCIEM_BAR_REGISTER	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_REGISTER)

/*
 * Sends a vector by itself whenever a bit of (status & enable & mask) becomes one: by
 * an access of the driver, or by PCIEM_BAR_UPDATE. With INTX the function's INTx level is
 * high for as long as any bit of it is one, beside what PCIEM_INTX says: a driver's access
 * that ends it has lowered the line when it is through. Without a pin nobody hears of it.
 * What the owner writes through its own mapping is seen at the next of these, and so is
 * what still holds a level that a reset has lowered.
 */
#define PCIEM_INTERRUPT_ALWAYS	1	/* flags: there is no enable register */
#define PCIEM_INTERRUPT_INTX	2	/* flags: a level; vector is 0 */

struct pciem_bar_interrupt {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 index;			/* 0..63: which of the BAR's interrupts this is */
	__u32 width;			/* of both registers; 0: no such interrupt any more */
	__u32 vector;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 status;		/* offset */
	__aligned_u64 enable;		/* offset */
	__aligned_u64 mask;
};
#define PCIEM_BAR_INTERRUPT	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_INTERRUPT)

/*
 * A register through which the driver reaches an array of others, such as the MDIC of a
 * network card. The bits in command of what it writes say what happens, in the same step: with
 * the value read the element that select chooses goes into the bits of data, with write it
 * comes from there, in each case as in an access of the driver to that element, whose own
 * pciem_bar_register holds. The register then has what was written, that data, and the bits
 * of done; if there is no such element, data is all ones and the bits of failed are set, too.
 * Another command does nothing. Only writes of the whole register count.
 * EINVAL also: the array lies over the register.
 */
struct pciem_bar_indexed {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 index;			/* 0..7: which of the BAR's indexed registers this is */
	__u32 width;			/* 1, 2, 4, 8; 0: no such register any more */
	__u32 element_width;		/* 1, 2, 4, 8 */
	__u32 first;			/* what select has for the first element */
	__u32 count;			/* of elements */
	__aligned_u64 offset;
	__aligned_u64 array;		/* offset of the first element */
	__aligned_u64 select;		/* adjacent bits, 32 at most; so are those of data */
	__aligned_u64 data;		/* as many as an element has */
	__aligned_u64 command;
	__aligned_u64 read;		/* read and write differ */
	__aligned_u64 write;
	__aligned_u64 done;
	__aligned_u64 failed;
};
#define PCIEM_BAR_INDEXED	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_INDEXED)

/*
 * Clears and sets bits of a register from the device's side, in one step that no access
 * of the driver comes between, and sends the interrupt that follows. Not a transaction.
 */
struct pciem_bar_update {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 width;
	__aligned_u64 offset;
	__aligned_u64 clear;
	__aligned_u64 set;
	__aligned_u64 value;		/* out: what was there before */
};
#define PCIEM_BAR_UPDATE	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_UPDATE)

/*
 * What masks cannot say, a program can: one for reads, for writes, and for updates
 * (PCIEM_BAR_UPDATE) that lie inside a range of the BAR. It serves the access instead of memory
 * and of pciem_bar_register: r0 is what the memory has, or what is written or was updated; r1
 * where the access begins in the range, r2 how many bytes it has; r3 to r7 are 0. What r0 is in the end is
 * what a read gets; what a write changes is what the program stores. It sees and changes
 * the BAR's memory alone; beyond that a load gets 0, and a store goes nowhere. Interrupts
 * (pciem_bar_interrupt) follow from what it has changed.
 *
 * The operand is imm, or the register that src names. A program ends behind its last instruction; jumps
 * go further down only, at most there. Count 0: no program there any more. Set again for the same range, it is replaced.
 * EINVAL also: a wrong instruction, or the range overlaps another program's. ENOSPC: a BAR has at most 64.
 */
enum {
	PCIEM_INSN_LOAD,		/* dst = width bytes at imm, or at imm + src */
	PCIEM_INSN_STORE,		/* width bytes there = dst */
	PCIEM_INSN_SET,			/* dst = operand */
	PCIEM_INSN_AND,
	PCIEM_INSN_OR,
	PCIEM_INSN_XOR,
	PCIEM_INSN_ADD,
	PCIEM_INSN_SUB,
	PCIEM_INSN_SHL,			/* by 64 and more: 0 */
	PCIEM_INSN_SHR,
	PCIEM_INSN_JEQ,			/* on to target, if dst == operand */
	PCIEM_INSN_JNE,
	PCIEM_INSN_JLT,			/* unsigned */
	PCIEM_INSN_JSET,		/* if dst & operand */
	PCIEM_INSN_NR,
};

#define PCIEM_INSN_IMM	0xff

struct pciem_bar_insn {
	__u8 op;
	__u8 dst;			/* 0..7 */
	__u8 src;			/* 0..7, or PCIEM_INSN_IMM */
	__u8 width;			/* LOAD, STORE: 1, 2, 4, 8; 0 otherwise */
	__u32 target;			/* jumps: of what comes next, counted from 0; 0 otherwise */
	__aligned_u64 imm;
};

#define PCIEM_ON_READ	0
#define PCIEM_ON_WRITE	1
#define PCIEM_ON_UPDATE	2

struct pciem_bar_program {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 on;			/* PCIEM_ON_* */
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 insns;		/* array of struct pciem_bar_insn */
	__u32 count;			/* 256 at most */
	__u32 reserved;
};
#define PCIEM_BAR_PROGRAM	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_BAR_PROGRAM)

/* ---------------------------------------------------------------- watchpoints */

/*
 * Reports the driver's accesses to some bytes of a DIRECT range, by the CPUs' debug
 * registers: after the access, as PCIEM_EVENT_WATCH and PCIEM_RECORD_WATCH. There are four
 * for the whole machine, and each of the driver's mappings of the bytes takes one.
 * Accesses by the owner, by DMA and from userspace are not seen.
 * EINVAL also: the bytes are not aligned, or not DIRECT. ENOSPC: all four are in use.
 */
#define PCIEM_WATCH_READS	1	/* flags: reads, too */

struct pciem_watch {
	__u32 size;
	__u32 func;
	__u32 bar_index;
	__u32 width;			/* 1, 2, 4, 8 */
	__aligned_u64 offset;
	__u32 flags;
	__u32 id;			/* out */
};
#define PCIEM_WATCH	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_WATCH)

struct pciem_unwatch {
	__u32 size;
	__u32 id;
};
#define PCIEM_UNWATCH	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_UNWATCH)

/* The slot's first watchpoint numbered >= id; ENOENT behind the last. */
struct pciem_watch_info {
	__u32 size;
	__u32 id;			/* in/out */
	__u32 func;			/* out, as all that follows */
	__u32 bar_index;
	__u32 width;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 hits;
	__aligned_u64 lost;		/* hits that came too fast to be reported */
	__u32 places;			/* mappings of the driver that are watched now */
	__u32 reserved;
};
#define PCIEM_WATCH_INFO	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_WATCH_INFO)

/* -------------------------------------------------------------- interrupts */

/*
 * The function's INTx level, which stays as it is until this call changes it or a
 * reset lowers it. Which pin it has is Interrupt Pin (config offset 0x3d: 1..4 for
 * INTA..INTD, 0 none), written before REGISTER; functions with the same pin share a
 * line. After a driver's handler has run, a line that is still high is delivered again
 * once the owner has taken the accesses posted before. ENOENT: the function has no pin.
 *
 * INJECT_IRQ for a driver that uses INTx is a pulse: the level is held until its
 * handlers have run once. PCIEM_BAR_INTERRUPT raises and lowers a level by itself.
 */
struct pciem_intx_level {
	__u32 size;
	__u32 func;
	__u32 level;			/* 1 assert, 0 deassert */
	__u32 reserved;
};
#define PCIEM_INTX	_IO(PCIEM_IOCTL_MAGIC, PCIEM_CMD_INTX)

#endif /* _UAPI_LINUX_PCIEM_H */
