// SPDX-License-Identifier: GPL-2.0-only
/*
 * A soft IOMMU: the mappings of a function, and where they are placed. IOVAs depend
 * on nothing but the order and the sizes of the map calls, so that they repeat from
 * run to run; a guard page behind each makes an overrun a fault; addresses are handed
 * out in a circle, so that one that was unmapped stays unused for long.
 *
 * Locking in this file: iommu->lock for the tree. A device access copies under it, in
 * small slices (dma.c): once a mapping is out of the tree nobody touches its memory.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bus.h"
#include "dma-ops.h"
#include "iommu.h"

#define IOVA_BASE	0x10000000ULL	/* no driver takes it for zero or for RAM */
#define IOVA_BASE_LOW	0x00100000ULL	/* for devices with few address bits */

/* ------------------------------------------------------------------------ the tree */

static struct pciem_mapping *entry(struct rb_node *node)
{
	return rb_entry_safe(node, struct pciem_mapping, node);
}

struct pciem_mapping *pciem_iommu_below(struct pciem_iommu *iommu, u64 iova)
{
	struct rb_node *node = iommu->tree.rb_node;
	struct pciem_mapping *m, *best = NULL;

	while (node) {
		m = entry(node);
		if (iova < m->iova) {
			node = node->rb_left;
		} else {
			best = m;
			node = node->rb_right;
		}
	}
	return best;
}

static void insert(struct pciem_iommu *iommu, struct pciem_mapping *m)
{
	struct rb_node **p = &iommu->tree.rb_node, *parent = NULL;

	while (*p) {
		parent = *p;
		p = m->iova < entry(parent)->iova ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&m->node, parent, p);
	rb_insert_color(&m->node, &iommu->tree);
	list_add_tail(&m->link, &iommu->live);
	iommu->nr++;
}

/* Returns what the seq of its unmap is to be told under. */
static unsigned int erase(struct pciem_iommu *iommu, struct pciem_mapping *m)
{
	rb_erase(&m->node, &iommu->tree);
	list_del(&m->link);
	iommu->nr--;
	return pciem_past_add(iommu, m);
}

/* ----------------------------------------------------------------------- placement */

/* First byte behind the mapping and its guard page. */
static u64 behind(const struct pciem_mapping *m)
{
	return PAGE_ALIGN(m->iova + m->len) + PAGE_SIZE;
}

/* Where from `from` on the window fits; 0 if nowhere. */
static u64 search(struct pciem_iommu *iommu, const struct pciem_iova_wish *w, u64 from)
{
	u64 span = PAGE_ALIGN(w->offset + w->len) + PAGE_SIZE;
	/* Of what does not fit wherever it starts nobody can ask that. */
	bool bounded = (w->offset & w->boundary) + w->len - 1 <= w->boundary;
	struct pciem_mapping *m;
	u64 at = ALIGN(from, w->align);

	m = pciem_iommu_below(iommu, at);
	if (!m)
		m = entry(rb_first(&iommu->tree));
	while (at <= w->top && w->top - at >= span - PAGE_SIZE - 1) {
		u64 start = at + w->offset, end = start + w->len - 1;

		if (bounded && (start & ~w->boundary) != (end & ~w->boundary)) {
			at = ALIGN((start | w->boundary) + 1, w->align);
			continue;
		}
		while (m && behind(m) <= at)
			m = entry(rb_next(&m->node));
		if (!m || at + span <= (m->iova & PAGE_MASK))
			return at;
		at = ALIGN(behind(m), w->align);
	}
	return 0;
}

/* The recorded address if it is free; else the next fit, from where the last one ended. */
static u64 place(struct pciem_iommu *iommu, const struct pciem_iova_wish *w)
{
	u64 base = w->top > DMA_BIT_MASK(30) ? IOVA_BASE : IOVA_BASE_LOW;
	u64 at = w->hint - (w->offset & PAGE_MASK);

	if (w->hint && IS_ALIGNED(at, w->align) && search(iommu, w, at) == at)
		return at;
	at = search(iommu, w, clamp(iommu->cursor, base, w->top));
	if (!at)
		at = search(iommu, w, base);
	if (at)
		iommu->cursor = PAGE_ALIGN(at + w->offset + w->len) + PAGE_SIZE;
	return at;
}

/* Where the memory is; 0 if the device cannot reach it. Mappings may lie over one another: they are looked up by nobody. */
static u64 direct_place(const struct pciem_mapping *m, const struct pciem_iova_wish *w)
{
	u64 phys = m->piece[0].phys;

	return phys <= w->top && w->top - phys >= w->len - 1 ? phys - w->offset : 0;
}

/* ---------------------------------------------------------------- map, unmap, sync */

static struct pciem_mapping *mapping_alloc(unsigned int nr_pieces)
{
	struct pciem_mapping *m;

	m = kzalloc(struct_size(m, piece, nr_pieces), GFP_ATOMIC | __GFP_NOWARN);
	if (m)
		m->nr_pieces = nr_pieces;
	return m;
}

/* Takes m over; the driver gets the address when the stream has it. */
static dma_addr_t mapping_place(struct device *dev, struct pciem_mapping *m,
				struct pciem_iova_wish *wish, u16 flags)
{
	struct pciem_func *f = pciem_func_of(dev);
	struct pciem_iommu *iommu = f ? READ_ONCE(f->iommu) : NULL;
	u64 at = 0, iova, seq, token = 0;
	unsigned long irqflags;

	if (!iommu || !wish->len || wish->len > wish->top) {
		kfree(m);
		return DMA_MAPPING_ERROR;
	}
	m->len = wish->len;
	m->flags = flags;
	pciem_past_begin(m);
	wish->hint = pciem_seq_map_hint(f, m->len, flags, m->piece[0].phys & ~PAGE_MASK, &token);

	raw_spin_lock_irqsave(&iommu->lock, irqflags);
	at = iommu->direct ? direct_place(m, wish) : place(iommu, wish);
	m->iova = iova = at + wish->offset;
	if (at)
		insert(iommu, m);
	raw_spin_unlock_irqrestore(&iommu->lock, irqflags);
	pciem_seq_mapped(f, token, at ? iova : DMA_MAPPING_ERROR);
	if (!at) {
		kfree(m);
		return DMA_MAPPING_ERROR;
	}
	seq = pciem_stream_note(f, PCIEM_RECORD_DMA_MAP, flags, iova, wish->len, 0);
	raw_spin_lock_irqsave(&iommu->lock, irqflags);
	/* The driver does not know the address yet, but it may have been unbound meanwhile. */
	if (pciem_iommu_below(iommu, iova) == m)
		WRITE_ONCE(m->seq, seq);
	raw_spin_unlock_irqrestore(&iommu->lock, irqflags);
	return iova;
}

dma_addr_t pciem_iommu_map(struct device *dev, phys_addr_t phys, struct pciem_iova_wish *wish,
			   u16 flags)
{
	struct pciem_mapping *m = mapping_alloc(1);

	if (!m)
		return DMA_MAPPING_ERROR;
	m->piece[0].phys = phys;
	m->ram = pfn_valid(PHYS_PFN(phys)) && !(flags & PCIEM_MAP_RESOURCE);
	return mapping_place(dev, m, wish, flags & ~PCIEM_MAP_RESOURCE);
}

dma_addr_t pciem_iommu_map_sg(struct device *dev, struct scatterlist *sgl, unsigned int nents,
			      struct pciem_iova_wish *wish, u16 flags)
{
	struct pciem_mapping *m = mapping_alloc(nents);
	struct scatterlist *sg;
	u64 start = 0;
	int i;

	if (!m)
		return DMA_MAPPING_ERROR;
	m->ram = true;
	for_each_sg(sgl, sg, nents, i) {
		m->piece[i].start = start;
		m->piece[i].phys = sg_phys(sg);
		m->ram &= pfn_valid(PHYS_PFN(sg_phys(sg)));
		start += sg->length;
	}
	return mapping_place(dev, m, wish, flags);
}

u64 pciem_iommu_unmap(struct device *dev, dma_addr_t iova)
{
	struct pciem_func *f = pciem_func_of(dev);
	struct pciem_iommu *iommu = f ? READ_ONCE(f->iommu) : NULL;
	struct pciem_mapping *m;
	unsigned long flags;
	unsigned int past = 0;
	u64 len, seq;

	if (!iommu)
		return 0;
	raw_spin_lock_irqsave(&iommu->lock, flags);
	m = pciem_iommu_below(iommu, iova);
	if (m && m->iova == iova)
		past = erase(iommu, m);
	else
		m = NULL;
	raw_spin_unlock_irqrestore(&iommu->lock, flags);
	if (!m) {
		dev_warn_ratelimited(dev, "driver unmaps %pad, which is not mapped\n", &iova);
		return 0;
	}
	len = m->len;
	seq = pciem_stream_note(f, PCIEM_RECORD_DMA_UNMAP, m->flags, m->iova, len, 0);
	pciem_past_numbered(iommu, past, seq);
	kfree(m);
	return len;
}

void pciem_iommu_sync(struct device *dev, dma_addr_t iova, size_t len, u16 flags)
{
	struct pciem_func *f = pciem_func_of(dev);

	if (f)
		pciem_stream_note(f, PCIEM_RECORD_DMA_SYNC, flags, iova, len, 0);
}

/* ------------------------------------------------------------------ device accesses */

static u64 fault_of(struct pciem_iommu *iommu, u64 iova)
{
	return pciem_past_find(iommu, iova) ? PCIEM_FAULT_IOMMU_AFTER_UNMAP : PCIEM_FAULT_IOMMU_UNMAPPED;
}

static bool direction_allows(const struct pciem_mapping *m, unsigned int access)
{
	switch (m->flags & PCIEM_RF_DIR_MASK) {
	case DMA_TO_DEVICE:
		return access == PCIEM_ACCESS_READ;
	case DMA_FROM_DEVICE:
		return access == PCIEM_ACCESS_WRITE;
	default:
		return true;
	}
}

/* The piece that has byte at of the mapping. */
static unsigned int piece_of(const struct pciem_mapping *m, u64 at)
{
	unsigned int low = 0, high = m->nr_pieces - 1, mid;

	while (low < high) {
		mid = (low + high + 1) / 2;
		if (m->piece[mid].start <= at)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

u64 pciem_iommu_translate(struct pciem_iommu *iommu, u64 iova, u64 len, unsigned int access,
			  void **va, u64 *fault)
{
	struct pciem_mapping *m;
	unsigned int i;
	u64 at, end;

	lockdep_assert_held(&iommu->lock);
	if (iommu->direct)
		return pciem_direct_translate(iova, len, access, va, fault);
	m = pciem_iommu_below(iommu, iova);
	/* Another device's registers are no memory: that would be peer-to-peer. */
	if (!m || iova - m->iova >= m->len || !m->ram) {
		*fault = fault_of(iommu, iova);
		return 0;
	}
	if (!direction_allows(m, access)) {
		*fault = PCIEM_FAULT_IOMMU_DIRECTION;
		return 0;
	}
	at = iova - m->iova;
	i = piece_of(m, at);
	*va = phys_to_virt(m->piece[i].phys + (at - m->piece[i].start));
	end = i + 1 < m->nr_pieces ? m->piece[i + 1].start : m->len;
	return min(len, end - at);
}

/* ----------------------------------------------------------------- the owner's call */

int pciem_dma_maps(struct pciem_func *f, struct pciem_dma_maps *arg)
{
	struct pciem_iommu *iommu = f->iommu;
	struct pciem_dma_map_entry *entries = NULL;
	struct pciem_mapping *m;
	unsigned long flags;
	unsigned int room, nr = 0;
	int ret = 0;

	if (!iommu)
		return -EBUSY;
	room = min(arg->count, READ_ONCE(iommu->nr));
	if (room) {
		entries = kvcalloc(room, sizeof(*entries), GFP_KERNEL);
		if (!entries)
			return -ENOMEM;
	}
	raw_spin_lock_irqsave(&iommu->lock, flags);
	arg->count = iommu->nr;
	list_for_each_entry(m, &iommu->live, link) {
		if (nr == room)
			break;
		entries[nr++] = (struct pciem_dma_map_entry) {
			.iova = m->iova, .length = m->len, .seq = m->seq, .flags = m->flags,
		};
	}
	raw_spin_unlock_irqrestore(&iommu->lock, flags);
	if (nr && copy_to_user(u64_to_user_ptr(arg->entries), entries, nr * sizeof(*entries)))
		ret = -EFAULT;
	kvfree(entries);
	return ret;
}

/* -------------------------------------------------------------------- init and exit */

int pciem_iommu_init(struct pciem_func *f)
{
	struct pciem_iommu *iommu = kvzalloc(sizeof(*iommu), GFP_KERNEL_ACCOUNT);

	if (!iommu)
		return -ENOMEM;
	raw_spin_lock_init(&iommu->lock);
	iommu->tree = RB_ROOT;
	iommu->direct = f->slot->dma_mode == PCIEM_DMA_MODE_DIRECT;
	INIT_LIST_HEAD(&iommu->live);
	WRITE_ONCE(f->iommu, iommu);
	return 0;
}

void pciem_iommu_drop(struct pciem_func *f)
{
	struct pciem_iommu *iommu = f->iommu;
	struct pciem_mapping *m, *tmp;
	unsigned long flags;
	LIST_HEAD(left);
	unsigned int nr;

	if (!iommu)
		return;
	raw_spin_lock_irqsave(&iommu->lock, flags);
	nr = iommu->nr;
	list_for_each_entry_safe(m, tmp, &iommu->live, link) {
		erase(iommu, m);
		list_add_tail(&m->link, &left);
	}
	raw_spin_unlock_irqrestore(&iommu->lock, flags);
	if (!nr)
		return;
	m = list_first_entry(&left, struct pciem_mapping, link);
	pr_warn("pciem: slot %u function %u: the driver left %u DMA mappings behind, the first at %#llx, %llu bytes\n",
		f->slot->id, f->num, nr, m->iova, m->len);
	list_for_each_entry_safe(m, tmp, &left, link)
		kfree(m);
}

void pciem_iommu_exit(struct pciem_func *f)
{
	pciem_iommu_drop(f);
	kvfree(f->iommu);
	WRITE_ONCE(f->iommu, NULL);
}
