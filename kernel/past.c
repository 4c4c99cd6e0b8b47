// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mappings that have been, and what a device's fault has to do with them: a driver
 * that hands out a buffer which it has unmapped is told which one, made and unmapped
 * by whom and when.
 *
 * Locking in this file: iommu->lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iommu.h"

void pciem_past_begin(struct pciem_mapping *m)
{
	m->context = pciem_context_current();
	/* Not get_task_comm(): its lock is not for interrupts. */
	memcpy(m->comm, current->comm, sizeof(m->comm));
}

static void describe(struct pciem_dma_past *p, const struct pciem_mapping *m)
{
	*p = (struct pciem_dma_past) {
		.iova = m->iova, .length = m->len, .map_seq = READ_ONCE(m->seq), .flags = m->flags,
		.map_context = m->context,
	};
	memcpy(p->map_comm, m->comm, sizeof(p->map_comm));
}

unsigned int pciem_past_add(struct pciem_iommu *iommu, const struct pciem_mapping *m)
{
	unsigned int token = iommu->nr_past++;
	struct pciem_dma_past *p = &iommu->past[token % PCIEM_PASTS];

	lockdep_assert_held(&iommu->lock);
	describe(p, m);
	p->unmap_context = pciem_context_current();
	memcpy(p->unmap_comm, current->comm, sizeof(p->unmap_comm));
	return token;
}

void pciem_past_numbered(struct pciem_iommu *iommu, unsigned int token, u64 seq)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&iommu->lock, flags);
	/* It may have been overwritten meanwhile. */
	if (iommu->nr_past - token <= PCIEM_PASTS)
		iommu->past[token % PCIEM_PASTS].unmap_seq = seq;
	raw_spin_unlock_irqrestore(&iommu->lock, flags);
}

/* iommu->lock: the one that ended i mappings ago. */
static struct pciem_dma_past *past_at(struct pciem_iommu *iommu, unsigned int i)
{
	return &iommu->past[(iommu->nr_past - 1 - i) % PCIEM_PASTS];
}

struct pciem_dma_past *pciem_past_find(struct pciem_iommu *iommu, u64 iova)
{
	unsigned int nr = min_t(unsigned int, iommu->nr_past, PCIEM_PASTS), i;

	lockdep_assert_held(&iommu->lock);
	for (i = 0; i < nr; i++) {
		struct pciem_dma_past *p = past_at(iommu, i);

		if (iova >= p->iova && iova - p->iova < p->length)
			return p;
	}
	return NULL;
}

/* What there is to say about iova: the mapping it was in, is in, or just misses. */
static bool fault_past(struct pciem_iommu *iommu, u64 fault, u64 iova, struct pciem_dma_past *out)
{
	struct pciem_mapping *m = pciem_iommu_below(iommu, iova);
	struct pciem_dma_past *p;

	switch (fault) {
	case PCIEM_FAULT_IOMMU_AFTER_UNMAP:
		p = pciem_past_find(iommu, iova);
		if (p)
			*out = *p;
		return p;
	case PCIEM_FAULT_IOMMU_DIRECTION:
	case PCIEM_FAULT_IOMMU_UNMAPPED:
		/* An overrun ends in the guard page. */
		if (!m || iova - m->iova >= PAGE_ALIGN(m->iova + m->len) + PAGE_SIZE - m->iova)
			return false;
		describe(out, m);
		return true;
	default:
		return false;
	}
}

void pciem_dma_fault(struct pciem_func *f, u64 fault, u8 width, u64 iova, u64 cause)
{
	struct pciem_dma_past past;
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_FAULT, .func = f->num, .bar = 0xff, .width = width,
			.addr = iova, .value = fault, .cause = cause,
		},
		.data = &past,
	};
	unsigned long flags;

	raw_spin_lock_irqsave(&f->iommu->lock, flags);
	if (fault_past(f->iommu, fault, iova, &past))
		txn.rec.data_len = sizeof(past);
	raw_spin_unlock_irqrestore(&f->iommu->lock, flags);
	pciem_stream_emit(f->slot, &txn);
}

int pciem_dma_history(struct pciem_func *f, struct pciem_dma_history *arg)
{
	struct pciem_iommu *iommu = f->iommu;
	struct pciem_dma_past *entries;
	unsigned int room = min_t(u32, arg->count, PCIEM_PASTS), i;
	int ret = 0;

	if (!iommu)
		return -EBUSY;
	entries = kvcalloc(room + 1, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	raw_spin_lock_irq(&iommu->lock);
	arg->count = min_t(unsigned int, iommu->nr_past, PCIEM_PASTS);
	room = min(room, arg->count);
	for (i = 0; i < room; i++)
		entries[i] = *past_at(iommu, i);
	raw_spin_unlock_irq(&iommu->lock);
	if (copy_to_user(u64_to_user_ptr(arg->entries), entries, room * sizeof(*entries)))
		ret = -EFAULT;
	kvfree(entries);
	return ret;
}
