// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device does to the driver's memory: reads and writes (atomic.c has the
 * atomics), each checked against the function's mappings, each a transaction. A transfer goes in
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

int pciem_fault_errno(u64 fault)
{
	switch (fault) {
	case 0:
		return 0;
	case PCIEM_FAULT_IOMMU_DIRECTION:
	case PCIEM_FAULT_P2P_DENIED:
		return -EACCES;
	case PCIEM_FAULT_NO_BUS_MASTER:
		return -EPERM;
	default:
		return -EFAULT;
	}
}

/* State NEW has no mappings, and nobody may look for them. */
int pciem_dma_allowed(struct pciem_func *f)
{
	u32 state = pciem_slot_state(f->slot);

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
	err = pciem_dma_allowed(f);
	if (err)
		return err;
	if (!(pciem_config_command(f) & PCI_COMMAND_MASTER)) {
		fault = PCIEM_FAULT_NO_BUS_MASTER;
	} else if (write) {
		u32 reach;

		if (!pciem_inject_dma(f, iova, buf, len, true))
			return 0;
		reach = move_slices(f->iommu, iova, NULL, len, access, &fault);

		record_chunk(f, iova, buf, reach, true, cause, more && reach == len);
		*moved = move_slices(f->iommu, iova, buf, reach, access, &fault);
	} else {
		*moved = move_slices(f->iommu, iova, buf, len, access, &fault);
		record_chunk(f, iova, buf, *moved, false, cause, more && *moved == len);
		/* The record has what the driver's memory holds. */
		if (*moved)
			pciem_inject_dma(f, iova, buf, *moved, false);
	}
	if (fault)
		pciem_dma_fault(f, fault, 0, iova + *moved, cause);
	return pciem_fault_errno(fault);
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

int pciem_dma_transfer(struct pciem_func *f, struct pciem_dma_buffer *b, u64 iova, u64 user, u32 length,
		       bool more)
{
	void __user *at = u64_to_user_ptr(user);
	u32 left = length, len, moved;
	int err;

	while (left) {
		len = min(left, b->room);
		/* Once, into our own memory: what is recorded is what the driver gets. */
		if (b->write && copy_from_user(b->data, at, len))
			return -EFAULT;
		err = dma_chunk(f, iova, b->data, len, b->write, 0, more || left > len, &moved);
		if (!b->write && moved && copy_to_user(at, b->data, moved))
			return -EFAULT;
		if (err)
			return err;
		iova += len;
		at += len;
		left -= len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int pciem_dma_buffer_init(struct pciem_dma_buffer *b, u32 length, u32 flags)
{
	if ((flags != PCIEM_DMA_READ && flags != PCIEM_DMA_WRITE) || !length || length > MAX_LENGTH)
		return -EINVAL;
	b->write = flags == PCIEM_DMA_WRITE;
	b->room = min(length, PCIEM_DMA_CHUNK);
	b->data = b->room > sizeof(b->small) ? kvmalloc(b->room, GFP_KERNEL) : b->small;
	return b->data ? 0 : -ENOMEM;
}

void pciem_dma_buffer_free(struct pciem_dma_buffer *b)
{
	if (b->data != b->small)
		kvfree(b->data);
}

/* There is one address space: see docs/dma.md, PASID. */
int pciem_dma_user(struct pciem_func *f, const struct pciem_dma *arg)
{
	struct pciem_dma_buffer b;
	int ret;

	if (arg->guest_iova + arg->length < arg->guest_iova)
		return -EINVAL;
	if (arg->pasid)
		return -EOPNOTSUPP;
	ret = pciem_dma_buffer_init(&b, arg->length, arg->flags);
	if (ret)
		return ret;
	ret = pciem_dma_transfer(f, &b, arg->guest_iova, arg->user_addr, arg->length, false);
	pciem_dma_buffer_free(&b);
	return ret;
}
