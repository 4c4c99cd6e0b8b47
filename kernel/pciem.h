/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pciem.ko share. One open of /dev/pciem owns one slot; a slot
 * has functions, a function has config space, BARs, vectors and an IOMMU; all that
 * passes between them and the driver goes through the slot's stream.
 *
 * Locks, outermost first:
 *   slot->lock		mutex: state changes and everything that describes the device
 *   bus_lock		mutex of host.c, around its uses of the next one
 *   pci rescan/remove	taken under slot->lock by host.c only. The driver's probe()
 *			and remove() run under it and may wait for the owner, so no
 *			owner call that such a wait needs (respond, DMA, INJECT_IRQ,
 *			config, ring, mark, info, seq) takes slot->lock.
 *   slot->calls	rw_semaphore: held for reading by owner calls that use vectors or
 *			mappings (INJECT_IRQ, DMA); removal waits for them before it
 *			frees those. Taken without slot->lock
 *   watch_lock		mutex of watch.c, under slot->lock or none; the table of mappings
 *			(mapping.c) inside it
 *   seq->lock		raw spinlock, irqs off: the sequencer's cursors
 *   stream->lock	raw spinlock, irqs off: numbers a transaction and reserves its
 *			place in every ring; nothing is copied, woken or printed
 *			under it except the 64 bytes of a record and the bytes of a
 *			register
 *   func->cfg_lock	raw spinlock, irqs off, innermost: config space
 *   irqs->lock		raw spinlock, irqs off, innermost but for the vector
 *			domain's own and cfg_lock: vectors
 *   intx->lock		raw spinlock, irqs off: INTx levels and lines; cfg_lock and the
 *			vector domain's own inside it
 *   iommu->lock	raw spinlock, irqs off, innermost: mappings, and the bytes a
 *			device access moves
 *			The last four are taken in a transaction's apply(), so
 *			nothing is emitted under them.
 */
#ifndef PCIEM_H
#define PCIEM_H

#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/pciem.h>

#include "compat.h"

struct pciem_slot;
struct pciem_func;
struct pciem_bar;
struct pciem_bridge;	/* host.c */
struct pciem_ring;	/* ring.c */
struct pciem_monitor;	/* monitor.c */
struct pciem_seq;	/* sequencer.c */
struct pciem_irqs;	/* vectors.c */
struct pciem_line;	/* intx_line.c */
struct pciem_iommu;	/* iommu.c */
struct pciem_registers;	/* registers.c */
struct pciem_programs;	/* program.c */

/* ------------------------------------------------------------------ stream.c
 * Numbers every transaction of a slot and hands it to its readers.
 */
struct pciem_stream {
	raw_spinlock_t lock;
	u64 seq;			/* last number given; lock */
	struct list_head monitors;	/* changed under lock, walked under RCU */
	unsigned int nr_monitors;	/* lock */
	struct pciem_ring *ring;	/* owner ring; set before START, then constant */
	struct pciem_ring *old_ring;	/* the one that PCIEM_RING_CREATE replaced */
	u64 taken;			/* lock; the last access the owner took: the cause of what it does */
	struct list_head reads;		/* reads_lock; sync reads waiting for an answer; read.c */
	raw_spinlock_t reads_lock;	/* inside lock */
	atomic64_t lost_owner, timeouts;
	bool owner_late;		/* it let a spinning driver's time run out, and has not answered since */
	bool owner_gone;		/* reads_lock; nobody answers or drains the owner ring any more */
	bool closed;			/* lock; nothing is delivered any more */
};

/* A transaction on its way into the stream. The caller fills what it knows. */
struct pciem_txn {
	struct pciem_record rec;	/* kind (0: only an event), func, bar, width, flags, addr, value, cause */
	const void *data;		/* payload, rec.data_len bytes of kernel memory that nobody changes */
	u32 event;			/* PCIEM_EVENT_* for the owner ring, 0 none */
	bool preset;			/* rec.context, pid and cpu are filled in already */
	/*
	 * Runs under stream->lock right after seq was given, so that a register's
	 * value and its place in the stream agree. May set rec.value. Optional.
	 */
	void (*apply)(struct pciem_txn *txn, void *arg);
	void *arg;
	u64 event_flip;			/* bits of the event's data that are not rec.value's */
	u64 seq;			/* out */
	bool event_lost;		/* out: the owner ring had no room */
};

void pciem_stream_init(struct pciem_stream *s);
/* Emits txn: fills seq, time, context, cpu, pid (and cause for device actions); waits for room as the context allows. Any context but NMI. */
void pciem_stream_emit(struct pciem_slot *slot, struct pciem_txn *txn);
/* An event for the owner alone (PCIEM_EVENT_SEQ_*, REMOVED): it has no seq. Any context but NMI. */
void pciem_stream_event(struct pciem_slot *slot, u32 event, u64 data);
/* Nobody waits for the owner any more: it died, or the device is gone. Any context. */
void pciem_stream_close(struct pciem_slot *slot);
/* The device is off the bus: monitors are told that nothing will follow. */
void pciem_stream_finish(struct pciem_slot *slot);
void pciem_stream_free(struct pciem_stream *s);
/* Class and instance of who runs now: pciem_record.context. */
u32 pciem_context_current(void);
/* Whether the caller may sleep: see trap.c for why each part is there. */
bool pciem_may_sleep(void);
/* The newest driver access in the owner ring, and the newest one that the owner has taken. Any context. */
struct pciem_owner_progress {
	u64 posted, taken;
};
struct pciem_owner_progress pciem_stream_owner_progress(struct pciem_stream *s);
/* A shorthand for records without payload and apply. Returns seq. */
u64 pciem_stream_note(struct pciem_func *f, u8 kind, u16 flags, u64 addr, u64 value, u64 cause);
u64 pciem_stream_fault(struct pciem_func *f, u64 fault, u8 bar, u8 width, u64 addr, u64 cause);

/* ------------------------------------------------------------- ring.c, monitor.c */
struct pciem_ring *pciem_ring_alloc(u32 entries, bool legacy);
void pciem_ring_put(struct pciem_ring *ring);
int pciem_ring_mmap(struct pciem_ring *ring, struct vm_area_struct *vma);
__poll_t pciem_ring_poll(struct pciem_ring *ring, struct file *file, struct poll_table_struct *wait);
int pciem_ring_fd(struct pciem_ring *ring);
int pciem_ring_set_eventfd(struct pciem_ring *ring, int fd);
int pciem_monitor_fd(struct pciem_slot *slot, const struct pciem_monitor_create *arg);	/* slot NULL: the next one */
void pciem_monitor_adopt(struct pciem_slot *slot);	/* gives a new slot the monitors that wait for one */

/* -------------------------------------------------------------------- read.c
 * Reads that the owner answers, and the dispatch of every trapped access.
 */
struct pciem_access {
	struct pciem_bar *bar;
	u64 offset;
	u8 width;			/* 1, 2, 4, 8 */
	bool write;
	u64 value;			/* in for a write, out for a read */
	unsigned long ip;		/* the driver's instruction, for reports */
	bool user;			/* from a userspace mapping */
	bool peer;			/* from another device */
	bool force;			/* inject.c: flip is the value, else bits to flip */
	u64 flip;
	u64 rose;			/* registers.c: interrupts to send once it is emitted */
};
/* What the other side of an access gets: a read's value with an injected fault in it. */
static inline u64 pciem_access_altered(const struct pciem_access *acc, u64 value)
{
	return (acc->force ? 0 : value) ^ acc->flip;
}
/* Serves one access: sequencer, else the range's policy. Any context but NMI; never fails (all-ones at worst). */
void pciem_access_serve(struct pciem_access *acc);
/* Completes a waiting read; -EINVAL if no read has that seq. */
int pciem_read_respond(struct pciem_slot *slot, const struct pciem_response *rsp);
void pciem_read_abort_all(struct pciem_stream *s);	/* all-ones for everybody; any context */

/* --------------------------------------------------------------------- bar.c */
struct pciem_range {			/* sorted, disjoint, covers the BAR; RCU array */
	u64 start, end;			/* end exclusive */
	u8 policy;			/* PCIEM_BAR_* */
	u8 flags;			/* PCIEM_TRACE_* */
};
#define PCIEM_MAX_RANGES	1024
struct pciem_ranges {
	struct rcu_head rcu;
	unsigned int nr;
	struct pciem_range range[];
};
struct pciem_bar {
	struct pciem_func *func;
	u8 index;
	u32 flags;			/* PCI_BASE_ADDRESS_* */
	u64 size;			/* 0: no such BAR */
	u8 *mem;			/* vmalloc space, whole pages */
	struct pciem_ranges __rcu *ranges;
	struct pciem_registers *registers;	/* set once, under stream->lock; NULL: plain memory */
	struct pciem_programs *programs;	/* likewise */
	u64 window;			/* address bridge.c programmed, 0 before REGISTER */
	struct list_head node;		/* bar.c: all BARs that exist */
};
int pciem_bar_add(struct pciem_func *f, u32 index, u32 flags, u64 size);
void pciem_bar_free(struct pciem_bar *bar);
int pciem_bar_set_policy(struct pciem_bar *bar, u64 offset, u64 length, u32 policy, u32 flags);	/* slot->lock */
struct pciem_range pciem_bar_range(struct pciem_bar *bar, u64 offset);	/* RCU inside */
/* The BAR that decodes phys now (its config register says so), with a reference on its slot; NULL if none. Any context but NMI. */
struct pciem_bar *pciem_bar_find(phys_addr_t phys, u64 *offset);
bool pciem_bar_decodes(struct pciem_bar *bar);	/* COMMAND, and a ROM's own enable bit */
bool pciem_bar_claims(phys_addr_t phys);	/* whether there is one */
int pciem_bar_mmap(struct pciem_bar *bar, struct vm_area_struct *vma);	/* the owner's own mapping */
int pciem_bar_insert_pages(struct pciem_bar *bar, u64 offset, struct vm_area_struct *vma, unsigned long addr,
			   unsigned long size);

/* -------------------------------------------------- registers.c, indexed.c
 * What a driver's access does to a BAR's memory. Load and store run in a transaction's
 * apply(); *rose is what to send once that is emitted.
 */
u64 pciem_mem_read(const u8 *at, u8 width);
void pciem_mem_write(u8 *at, u8 width, u64 value);
u64 pciem_registers_load(struct pciem_bar *bar, u64 offset, u8 width, u64 *rose);
void pciem_registers_store(struct pciem_bar *bar, u64 offset, u8 width, u64 value, u64 *rose);
void pciem_registers_send(struct pciem_bar *bar, u64 rose, u64 cause);
void pciem_registers_quiesce(struct pciem_slot *slot);	/* nobody sends any more, of a slot that is REMOVED */
void pciem_registers_reset(struct pciem_func *f);	/* after pciem_irq_reset(); any context */
bool pciem_registers_intx(const struct pciem_func *f);	/* whether a status register holds its line; stream->lock, or a look that is taken again under it */
int pciem_registers_set(struct pciem_bar *bar, const struct pciem_bar_register *arg);	/* slot->lock */
int pciem_registers_set_interrupt(struct pciem_bar *bar, const struct pciem_bar_interrupt *arg);	/* slot->lock */
int pciem_registers_set_indexed(struct pciem_bar *bar, const struct pciem_bar_indexed *arg);	/* indexed.c; slot->lock */
int pciem_registers_update(struct pciem_bar *bar, struct pciem_bar_update *arg);
void pciem_registers_free(struct pciem_bar *bar);

/* ----------------------------------------------------------------- program.c
 * Registers that act by a program, instead of as registers.c has it.
 */
bool pciem_program_run(struct pciem_bar *bar, u32 on, u64 offset, u8 width, u64 *value);	/* stream->lock */
int pciem_program_set(struct pciem_bar *bar, const struct pciem_bar_program *arg);	/* slot->lock */
void pciem_programs_free(struct pciem_bar *bar);

/* ------------------------------------------------------------------- watch.c
 * Watchpoints on `direct` ranges, by the CPUs' debug registers.
 */
int pciem_watch_init(void);
void pciem_watch_exit(void);
int pciem_watch_add(struct pciem_bar *bar, u64 offset, u32 width, bool reads, u32 event, u32 *id);	/* slot->lock */
int pciem_watch_remove(struct pciem_slot *slot, u32 id);
int pciem_watch_info(struct pciem_slot *slot, struct pciem_watch_info *info);
void pciem_watch_drop(struct pciem_slot *slot);	/* all of a slot that is REMOVED */

/* ------------------------------------------------ trap.c, hooks.c, decode.c, emulate.c
 * Makes the driver's accesses fault, and serves them in its own context.
 */
int pciem_trap_init(void);		/* hooks in place, self-test passed */
void pciem_trap_exit(void);		/* waits until nobody is inside */
int pciem_trap_selftest(void);		/* maps a window of our own, accesses it in every way; at load and at each START */

/* ------------------------------------- config.c, config_call.c, caps.c, caps_list.c */
struct pciem_config_space {
	u8 value[PCIEM_CONFIG_SIZE];
	u8 writable[PCIEM_CONFIG_SIZE];
	u8 w1c[PCIEM_CONFIG_SIZE];
	u8 reset[PCIEM_CONFIG_SIZE];	/* what a reset brings back: the image as it was at REGISTER */
	DECLARE_BITMAP(used, PCIEM_CONFIG_SIZE / 4);	/* by capabilities that caps_list.c placed */
};
/* From pci_ops. caller: the return address, which tells userspace's accesses from the driver's. */
int pciem_config_read(struct pciem_func *f, int where, int size, unsigned long caller, u32 *val);
int pciem_config_write(struct pciem_func *f, int where, int size, unsigned long caller, u32 val);
int pciem_config_access(struct pciem_func *f, const struct pciem_config *arg);	/* the PCIEM_CONFIG call */
int pciem_config_set_ids(struct pciem_func *f, const struct pciem_set_config *arg);
int pciem_caps_add(struct pciem_func *f, const struct pciem_add_capability *arg);
int pciem_caps_add_raw(struct pciem_func *f, struct pciem_capability_add *arg);	/* the PCIEM_CAPABILITY_ADD call */
/* At REGISTER: finds what the image holds (MSI-X, PM, PCIe) wherever it came from, and checks it. */
int pciem_caps_parse(struct pciem_func *f);
/* COMMAND as it works: in a low power state neither memory is decoded nor the bus mastered. Any context. */
u16 pciem_config_command(struct pciem_func *f);
void pciem_config_interrupt_status(struct pciem_func *f, bool set);	/* STATUS.Interrupt Status */

/* --------------------------------------------------------------------- aer.c */
int pciem_aer_inject(struct pciem_func *f, struct pciem_aer_inject *arg);	/* the PCIEM_AER_INJECT call */

/* ------------------------------------------------------------- bus.c, host.c */
int pciem_bus_register(struct pciem_slot *slot);	/* bridge, root port, scan, addresses; slot->lock */
void pciem_bus_start(struct pciem_slot *slot);		/* drivers may probe; from a work item, no lock */
void pciem_bus_disconnect(struct pciem_slot *slot);	/* says so to drivers, and to a reset, that wait for a device which is gone */
void pciem_bus_remove(struct pciem_slot *slot);		/* remove() runs to its end; everything of the bus is freed; idempotent */
int pciem_bus_init(void);				/* the bus notifier */
void pciem_bus_exit(void);
struct pciem_func *pciem_func_of(struct device *dev);	/* NULL: not ours */

/* --------------------------------------------------------------------- vectors.c, msi.c, intx.c */
int pciem_irq_bridge_init(struct pciem_slot *slot);	/* the slot's MSI domain and INTx lines, before the scan */
int pciem_irq_inject(struct pciem_func *f, u32 vector, u64 cause);	/* any context */
int pciem_irq_raise(struct pciem_func *f, u32 vector, u64 cause);	/* the same, past the injected faults */
int pciem_intx_set(struct pciem_func *f, bool assert, u64 cause);	/* the function's level; -ENOENT: it has no pin. any context */
void pciem_intx_late(struct pciem_func *f, bool again);	/* from inject.c: rises as far as it is still to, or is delivered once more */
void pciem_intx_follow(struct pciem_func *f, u64 cause);	/* a status register may hold the line, or no longer; any context */
void pciem_irq_config_changed(struct pciem_func *f);	/* enable or mask bits, or COMMAND, were written; any context */
/* A store into a BAR that may hold the MSI-X table (vector control is authoritative in the irq chip; this keeps the PBA right). */
bool pciem_irq_has_vector(struct pciem_func *f, u32 vector);	/* INJECT_IRQ may name it; after REGISTER */
/* irqfd.c */
int pciem_irqfd_set(struct pciem_func *f, const struct pciem_set_irqfd *arg);	/* slot->lock */
void pciem_irqfd_release(struct pciem_slot *slot);	/* no signal is an interrupt after it; may sleep */
int pciem_irqfd_init(void);
void pciem_irqfd_exit(void);
u32 pciem_irq_current(void);				/* low 29 bits of the irq record that opened this hard-irq context, 0 none */

/* ----------------------- iommu.c, past.c, direct.c, dma.c, atomic.c, prp.c */
extern const struct dma_map_ops pciem_dma_ops;		/* iommu.c */
int pciem_iommu_init(struct pciem_func *f);
void pciem_iommu_exit(struct pciem_func *f);		/* reports leaked mappings with one log line */
int pciem_dma_mode(struct pciem_slot *own, struct pciem_dma_mode *arg);		/* direct.c; own may be NULL */
int pciem_dma_history(struct pciem_func *f, struct pciem_dma_history *arg);	/* past.c */
int pciem_dma_maps(struct pciem_func *f, struct pciem_dma_maps *arg);
/* The DMA call: user_addr side in chunks of 64 KiB. */
int pciem_dma_user(struct pciem_func *f, const struct pciem_dma *arg);
int pciem_dma_indirect(struct pciem_func *f, const struct pciem_dma_indirect *arg);	/* prp.c */
/* atomic.c. -EINVAL: no such operation, or the address is no multiple of width. Any context. */
struct pciem_atomic_op {
	u64 iova, operand, compare;
	u32 type;			/* PCIEM_ATOMIC_* */
	u8 width;			/* 4, 8 */
};
int pciem_dma_atomic(struct pciem_func *f, const struct pciem_atomic_op *op, u64 cause, u64 *old);
/*
 * One chunk (<= PCIEM_DMA_CHUNK) between kernel memory and the driver's, as one
 * transaction; any context. Returns bytes moved before a fault, or the error.
 */
#define PCIEM_DMA_CHUNK	65536U
int pciem_dma_kernel(struct pciem_func *f, u64 iova, void *buf, u32 len, bool write, u64 cause, bool more);

/* -------------------------------------------------------------------- p2p.c, inject.c */
int pciem_p2p_init(const char *regions);		/* the module parameter */
int pciem_p2p(struct pciem_func *f, const struct pciem_p2p *arg);
int pciem_p2p_allow(struct pciem_func *to, const struct pciem_p2p_allow *arg);
void pciem_p2p_forget(struct pciem_slot *slot);		/* it is going: so is what it may, and who may reach it */

struct pciem_injector {
	raw_spinlock_t lock;
	struct list_head rules;
	unsigned int nr;				/* READ_ONCE: mostly 0 */
	u32 last_id;
};
void pciem_inject_init(struct pciem_slot *slot);
void pciem_inject_exit(struct pciem_slot *slot);	/* may sleep */
int pciem_inject_call(struct pciem_slot *slot, struct pciem_inject *arg);
/* What each transaction asks; any context but NMI. */
bool pciem_inject_access(struct pciem_access *acc);
bool pciem_inject_dma(struct pciem_func *f, u64 iova, void *data, u32 len, bool write);
bool pciem_inject_irq(struct pciem_func *f, u32 vector);
bool pciem_inject_intx(struct pciem_func *f);

/* ------------------------------------------- sequencer.c, seq_match.c, seq_report.c */
enum pciem_seq_result {
	PCIEM_SEQ_NOT_ACTIVE,		/* no sequence, or an ignored range: serve it yourself */
	PCIEM_SEQ_SERVED,		/* acc->value is the answer, actions that follow have run */
	PCIEM_SEQ_REFUSED,		/* diverged or dry: answer all-ones */
};
enum pciem_seq_result pciem_seq_access(struct pciem_access *acc);
/* The driver has written config space, and the write has had its effect. Under none of our locks. */
void pciem_seq_config_write(struct pciem_func *f, int where, int size, u32 val);
/* A new mapping: the IOVA page the recording had for it, or 0 for a free choice. iommu->lock is not held. */
u64 pciem_seq_map_hint(struct pciem_func *f, u64 len, u32 flags, u32 page_offset, u64 *token);
/* Where it is now; DMA_MAPPING_ERROR: there was no place. */
void pciem_seq_mapped(struct pciem_func *f, u64 token, u64 iova);
int pciem_seq_start(struct pciem_slot *slot, const struct pciem_seq_start *arg);
int pciem_seq_push(struct pciem_slot *slot, const struct pciem_seq_push *arg);
int pciem_seq_status(struct pciem_slot *slot, struct pciem_seq_status *arg);
bool pciem_seq_owes_deassert(struct pciem_slot *slot);	/* an INTx deassertion is only waiting for its turn */
void pciem_seq_stop(struct pciem_slot *slot);	/* removal, or a REGISTER that failed: no more actions; waits for timers */
void pciem_seq_wake(struct pciem_slot *slot);	/* the device goes away */
void pciem_seq_free(struct pciem_slot *slot);

/* --------------------------------------------------------------- slot.c, ioctl.c, main.c */
struct pciem_func {
	struct pciem_slot *slot;
	u8 num;
	bool present;
	raw_spinlock_t cfg_lock;
	struct pciem_config_space *cfg;
	u16 cap_pm, cap_msi, cap_msix, cap_pcie, cap_aer;	/* offsets, 0 none; fixed at REGISTER */
	struct pciem_bar bar[PCIEM_MAX_BARS + 1];	/* 6: expansion ROM */
	u8 intx_pin;					/* 1..4 as Interrupt Pin has it, 0 none; fixed at REGISTER */
	struct pciem_irqs *irqs;
	struct pciem_line *line;			/* its INTx line, NULL none; RCU */
	struct pciem_iommu *iommu;
	struct pci_dev *pdev;				/* set by the bus notifier, no reference held; valid while on the bus */
	bool driver_bound;				/* set by the bus notifier around probe..remove */
	bool probed;					/* likewise: probe() has succeeded, remove() has not begun */
};

struct pciem_slot {
	struct kref ref;
	unsigned int id;
	u64 serial;					/* like id, but never used again */
	struct mutex lock;
	u32 state;					/* PCIEM_STATE_*; written under lock, read by pciem_slot_state() */
	bool gone;					/* surprise-removed: config and MMIO read all-ones, DMA is refused; READ_ONCE */
	bool attach;
	struct pciem_func *func[PCIEM_MAX_FUNCTIONS];	/* set in state NEW, under lock; constant afterwards */
	struct pciem_stream stream;
	struct pciem_bridge *bridge;
	atomic_t bridges;				/* that are not freed: of a REGISTER that failed one may be left */
	u32 dma_mode;					/* PCIEM_DMA_MODE_*; set in state NEW, constant afterwards */
	struct pciem_injector injector;
	struct pciem_seq *seq;				/* set before START, constant until freed */
	struct work_struct start_work, remove_work;
	unsigned long removing;				/* bit 0: remove_work has been queued */
	struct completion removed;			/* remove_work has run */
	struct rw_semaphore calls;			/* read: owner calls that use vectors or mappings */
	atomic_t sending;				/* how many send an interrupt that registers.c has seen */
	spinlock_t irqfd_lock;				/* irqfds; irqs off, inside an eventfd's wait queue lock */
	struct list_head irqfds;
	u32 domain, bus, device;			/* where host.c put the functions; ~0 before REGISTER */
	pid_t owner_pid;
	char owner_comm[16];
};

/*
 * host.c calls it in pciem_bus_remove() once no driver is bound any more, before it
 * frees what DMA and interrupts need: owner calls that use them have ended, later
 * ones see ENODEV, and the sequencer has stopped. May sleep, no lock held.
 */
void pciem_slot_quiesce(struct pciem_slot *slot);
void pciem_slot_get(struct pciem_slot *slot);
void pciem_slot_put(struct pciem_slot *slot);
struct pciem_slot *pciem_slot_find(unsigned int from);	/* first slot numbered >= from, with a reference; NULL */
/* Surprise removal that may be asked for in any context (the sequencer on divergence): gone at once, the rest in a work item. */
void pciem_slot_surprise(struct pciem_slot *slot);
/* For bar.c: calls fn for each live slot under RCU-safe iteration that may sleep; stops when fn returns nonzero. */
int pciem_slot_for_each(int (*fn)(struct pciem_slot *slot, void *arg), void *arg);
struct pciem_slot *pciem_slot_create(void);
int pciem_slot_add_func(struct pciem_slot *slot, u8 num);
int pciem_slot_register(struct pciem_slot *slot);		/* returns the instance fd */
int pciem_slot_start(struct pciem_slot *slot);
void pciem_slot_remove(struct pciem_slot *slot, bool surprise);	/* asks; slot->removed tells when it is done */
void pciem_slot_release(struct pciem_slot *slot);		/* the main file is closed */
int pciem_slot_init(void);
void pciem_slot_exit(void);

/* Who sees a state sees what was described before it, which is constant from REGISTER on. */
static inline u32 pciem_slot_state(const struct pciem_slot *slot)
{
	/* Pairs with pciem_slot_set_state(). */
	return smp_load_acquire(&slot->state);
}

static inline void pciem_slot_set_state(struct pciem_slot *slot, u32 state)
{
	/* Pairs with pciem_slot_state(). */
	smp_store_release(&slot->state, state);
}

/* For callers without slot->lock, while functions may still be added. NULL: it has none. */
static inline struct pciem_func *pciem_slot_func(const struct pciem_slot *slot, unsigned int num)
{
	/* Pairs with pciem_slot_add_func(): who sees the function sees it whole. */
	return smp_load_acquire(&slot->func[num]);
}

/* An open /dev/pciem. */
struct pciem_file {
	struct mutex lock;
	struct pciem_slot *slot;	/* set once by CREATE_DEVICE, under lock */
};
static inline struct pciem_slot *pciem_file_slot(struct pciem_file *pf)
{
	/* Pairs with CREATE_DEVICE's release: who sees the slot sees it whole. */
	return smp_load_acquire(&pf->slot);
}
long pciem_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/* The calls that a monitor of the slot answers. */
long pciem_ioctl_snapshot(struct pciem_slot *slot, unsigned int cmd, unsigned long arg);

#endif /* PCIEM_H */
