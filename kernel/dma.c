// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device does to the driver's memory: reads, writes and atomics, each
 * checked against the function's mappings, each a transaction. A transfer goes in
 * chunks, a transaction each; a chunk's bytes are moved in slices, so that neither
 * interrupts nor an unmap wait for long.
 *
 * Order: a write is recorded before its bytes can be seen, a read after they were
 * copied. An access that runs into the end of what is mapped has moved what came
 * before, and then faults, as on a bus.
 *
 * Locking in this file: iommu->lock around each slice. Callers hold slot->calls, or
 * are the sequencer, which stops before the mappings go.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iommu.h"

#define SLICE		4096U
#define MAX_LENGTH	SZ_1G
#define SMALL		256		/* bytes on the stack: completions, descriptors */

/* ---------------------------------------------------------------------- one chunk */

/*
 * Small writes are what drivers poll: they see them in ascending order, each aligned
 * 8 bytes at once. (memcpy may be a string instruction, which promises no order.)
 */
static void write_memory(void *to, const void *from, size_t len)
{
	size_t done = 0;

	if (len > 64 || !IS_ALIGNED((unsigned long)to, 8)) {
		memcpy(to, from, len);
		return;
	}
	for (; done + 8 <= len; done += 8)
		WRITE_ONCE(*(u64 *)(to + done), get_unaligned((const u64 *)(from + done)));
	for (; done < len; done++)
		WRITE_ONCE(*(u8 *)(to + done), *(const u8 *)(from + done));
}

/* Moves up to len bytes; without a buffer it only looks how far the access would get. */
static u32 move_slices(struct pciem_iommu *iommu, u64 iova, void *buf, u32 len,
		       unsigned int access, u64 *fault)
{
	unsigned long flags;
	u32 done = 0, n;
	void *va;

	while (done < len) {
		raw_spin_lock_irqsave(&iommu->lock, flags);
		n = pciem_iommu_translate(iommu, iova + done, buf ? min(len - done, SLICE) : len - done,
					  access, &va, fault);
		if (n && buf && access == PCIEM_ACCESS_WRITE)
			write_memory(va, buf + done, n);
		else if (n && buf)
			memcpy(buf + done, va, n);
		raw_spin_unlock_irqrestore(&iommu->lock, flags);
		if (!n)
			break;
		done += n;
	}
	return done;
}

static int fault_errno(u64 fault)
{
	switch (fault) {
	case 0:
		return 0;
	case PCIEM_FAULT_IOMMU_DIRECTION:
		return -EACCES;
	case PCIEM_FAULT_NO_BUS_MASTER:
		return -EPERM;
	default:
		return -EFAULT;
	}
}

/* State NEW has no mappings, and nobody may look for them. */
static int dma_allowed(struct pciem_func *f)
{
	u32 state = smp_load_acquire(&f->slot->state);

	if (READ_ONCE(f->slot->gone) || state == PCIEM_STATE_REMOVED)
		return -ENODEV;
	return state == PCIEM_STATE_NEW ? -EBUSY : 0;
}

static void record_chunk(struct pciem_func *f, u64 iova, const void *buf, u32 len, bool write,
			 u64 cause, bool more)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = write ? PCIEM_RECORD_DMA_WRITE : PCIEM_RECORD_DMA_READ,
			.func = f->num, .bar = 0xff, .addr = iova, .cause = cause,
			.flags = more ? PCIEM_RF_MORE : 0, .data_len = len,
		},
		.data = buf,
	};

	if (len)
		pciem_stream_emit(f->slot, &txn);
}

/* Moves a chunk, with its records and its fault; *moved tells how far it got. */
static int dma_chunk(struct pciem_func *f, u64 iova, void *buf, u32 len, bool write, u64 cause,
		     bool more, u32 *moved)
{
	unsigned int access = write ? PCIEM_ACCESS_WRITE : PCIEM_ACCESS_READ;
	u64 fault = 0;
	int err;

	*moved = 0;
	err = dma_allowed(f);
	if (err)
		return err;
	if (!(pciem_config_command(f) & PCI_COMMAND_MASTER)) {
		fault = PCIEM_FAULT_NO_BUS_MASTER;
	} else if (write) {
		u32 reach = move_slices(f->iommu, iova, NULL, len, access, &fault);

		record_chunk(f, iova, buf, reach, true, cause, more && reach == len);
		*moved = move_slices(f->iommu, iova, buf, reach, access, &fault);
	} else {
		*moved = move_slices(f->iommu, iova, buf, len, access, &fault);
		record_chunk(f, iova, buf, *moved, false, cause, more && *moved == len);
	}
	if (fault)
		pciem_stream_fault(f, fault, 0xff, 0, iova + *moved, cause);
	return fault_errno(fault);
}

int pciem_dma_kernel(struct pciem_func *f, u64 iova, void *buf, u32 len, bool write, u64 cause,
		     bool more)
{
	u32 moved;
	int err;

	if (!len || len > PCIEM_DMA_CHUNK)
		return -EINVAL;
	err = dma_chunk(f, iova, buf, len, write, cause, more, &moved);
	return moved ? moved : err;
}

/* --------------------------------------------------------------------- owner's calls */

static int dma_user_chunks(struct pciem_func *f, const struct pciem_dma *arg, void *buf, u32 room)
{
	bool write = arg->flags == PCIEM_DMA_WRITE;
	u64 iova = arg->guest_iova;
	void __user *user = u64_to_user_ptr(arg->user_addr);
	u32 left = arg->length, len, moved;
	int err;

	while (left) {
		len = min(left, room);
		/* Once, into our own memory: what is recorded is what the driver gets. */
		if (write && copy_from_user(buf, user, len))
			return -EFAULT;
		err = dma_chunk(f, iova, buf, len, write, 0, left > len, &moved);
		if (!write && moved && copy_to_user(user, buf, moved))
			return -EFAULT;
		if (err)
			return err;
		iova += len;
		user += len;
		left -= len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int pciem_dma_user(struct pciem_func *f, const struct pciem_dma *arg)
{
	u8 small[SMALL];
	void *buf = small;
	u32 room = min(arg->length, PCIEM_DMA_CHUNK);
	int ret;

	if ((arg->flags != PCIEM_DMA_READ && arg->flags != PCIEM_DMA_WRITE) ||
	    !arg->length || arg->length > MAX_LENGTH || arg->guest_iova + arg->length < arg->guest_iova)
		return -EINVAL;
	if (arg->pasid)
		return -EOPNOTSUPP;
	if (room > sizeof(small)) {
		buf = kvmalloc(room, GFP_KERNEL);
		if (!buf)
			return -ENOMEM;
	}
	ret = dma_user_chunks(f, arg, buf, room);
	if (buf != small)
		kvfree(buf);
	return ret;
}

/* --------------------------------------------------------------------------- atomics */

struct atomic_access {
	struct pciem_func *f;
	const struct pciem_dma_atomic *arg;
	u64 fault;
};

static u64 atomic_result(const struct pciem_dma_atomic *arg, u64 old)
{
	switch (arg->op_type) {
	case PCIEM_ATOMIC_FETCH_ADD:
		return old + arg->operand;
	case PCIEM_ATOMIC_FETCH_SUB:
		return old - arg->operand;
	case PCIEM_ATOMIC_SWAP:
		return arg->operand;
	case PCIEM_ATOMIC_CAS:
		return old == arg->compare ? arg->operand : old;
	case PCIEM_ATOMIC_FETCH_AND:
		return old & arg->operand;
	case PCIEM_ATOMIC_FETCH_OR:
		return old | arg->operand;
	default:
		return old ^ arg->operand;
	}
}

/* The driver's CPU may have its own atomics on the same word. */
static u64 atomic_do(u64 *word, const struct pciem_dma_atomic *arg)
{
	u64 old = READ_ONCE(*word);

	while (!try_cmpxchg64(word, &old, atomic_result(arg, old)))
		;
	return old;
}

/* A dry run finds a fault before the operation gets its place in the stream. */
static bool atomic_run(struct atomic_access *a, bool dry, u64 *old)
{
	struct pciem_iommu *iommu = a->f->iommu;
	unsigned long flags;
	void *va;
	bool ok;

	raw_spin_lock_irqsave(&iommu->lock, flags);
	ok = pciem_iommu_translate(iommu, a->arg->guest_iova, 8, PCIEM_ACCESS_READ, &va,
				   &a->fault) == 8 &&
	     pciem_iommu_translate(iommu, a->arg->guest_iova, 8, PCIEM_ACCESS_WRITE, &va,
				   &a->fault) == 8;
	if (ok && !dry)
		*old = atomic_do(va, a->arg);
	raw_spin_unlock_irqrestore(&iommu->lock, flags);
	if (!ok && !a->fault)
		a->fault = PCIEM_FAULT_IOMMU_UNMAPPED;
	return ok;
}

static void atomic_apply(struct pciem_txn *txn, void *arg)
{
	atomic_run(arg, false, &txn->rec.value);
}

/*
 * An AtomicOp of 8 bytes, on an address aligned to them: the call has no width of its
 * own, and this is the one that its users expect.
 */
int pciem_dma_atomic(struct pciem_func *f, struct pciem_dma_atomic *arg)
{
	u64 payload[3] = { arg->op_type, arg->operand, arg->compare };
	struct atomic_access a = { .f = f, .arg = arg };
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_DMA_ATOMIC, .func = f->num, .bar = 0xff, .width = 8,
			.addr = arg->guest_iova, .data_len = sizeof(payload),
		},
		.data = payload,
		.apply = atomic_apply,
		.arg = &a,
	};
	u64 unused;
	int err;

	if (arg->op_type < PCIEM_ATOMIC_FETCH_ADD || arg->op_type > PCIEM_ATOMIC_FETCH_XOR ||
	    !IS_ALIGNED(arg->guest_iova, 8))
		return -EINVAL;
	if (arg->pasid)
		return -EOPNOTSUPP;
	err = dma_allowed(f);
	if (err)
		return err;
	if (!(pciem_config_command(f) & PCI_COMMAND_MASTER))
		a.fault = PCIEM_FAULT_NO_BUS_MASTER;
	else if (atomic_run(&a, true, &unused))
		pciem_stream_emit(f->slot, &txn);
	if (a.fault) {
		pciem_stream_fault(f, a.fault, 0xff, 8, arg->guest_iova, 0);
		return fault_errno(a.fault);
	}
	arg->result = txn.rec.value;
	return 0;
}
