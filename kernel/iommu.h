/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What iommu.c and dma.c share: the mappings of one function.
 */
#ifndef PCIEM_IOMMU_H
#define PCIEM_IOMMU_H

#include <linux/rbtree.h>

#include "pciem.h"

#define PCIEM_TOMBSTONES	1024

struct pciem_mapping {
	struct rb_node node;
	struct list_head link;		/* oldest first */
	u64 iova, len;
	u64 seq;			/* of its dma-map */
	u16 flags;			/* PCIEM_RF_DIR_MASK | PCIEM_RF_COHERENT */
	bool ram;			/* its memory has kernel addresses */
	unsigned int nr_pieces;
	struct {
		u64 start;		/* bytes from the mapping's start */
		phys_addr_t phys;
	} piece[];			/* contiguous memory each, in order */
};

struct pciem_iommu {
	raw_spinlock_t lock;
	struct rb_root tree;		/* by iova */
	struct list_head live;
	unsigned int nr;
	u64 cursor;			/* where the next search for an IOVA begins */
	struct {
		u64 iova, end;
	} tomb[PCIEM_TOMBSTONES];	/* the last ones unmapped */
	unsigned int next_tomb;
};

#define PCIEM_ACCESS_READ	1	/* by the device */
#define PCIEM_ACCESS_WRITE	2

/*
 * iommu->lock held, and the memory may be used until it is dropped: *va is the
 * driver's memory at iova, the result how many of len bytes of it one mapping has.
 * 0: *fault is a PCIEM_FAULT_*.
 */
u64 pciem_iommu_translate(struct pciem_iommu *iommu, u64 iova, u64 len, unsigned int access,
			  void **va, u64 *fault);

/* dma.c: what a fault is for the owner's call, 0 for none; and whether there can be DMA at all. */
int pciem_fault_errno(u64 fault);
int pciem_dma_allowed(struct pciem_func *f);

/* One call's way between the owner's memory and the driver's. */
struct pciem_dma_buffer {
	void *data;
	u32 room;
	bool write;			/* to the driver's memory */
	u8 small[256];			/* completions, descriptors */
};
/* flags: PCIEM_DMA_READ or WRITE; -EINVAL for others, and for a length out of range. */
int pciem_dma_buffer_init(struct pciem_dma_buffer *b, u32 length, u32 flags);
void pciem_dma_buffer_free(struct pciem_dma_buffer *b);
/* length bytes of contiguous IOVAs; more: the same transfer goes on elsewhere. Killable. */
int pciem_dma_transfer(struct pciem_func *f, struct pciem_dma_buffer *b, u64 iova, u64 user, u32 length,
		       bool more);

#endif /* PCIEM_IOMMU_H */
