/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What iommu.c and dma.c share: the mappings of one function.
 */
#ifndef PCIEM_IOMMU_H
#define PCIEM_IOMMU_H

#include <linux/rbtree.h>
#include <linux/sched.h>

#include "pciem.h"

#define PCIEM_PASTS	1024

struct pciem_mapping {
	struct rb_node node;
	struct list_head link;		/* oldest first */
	u64 iova, len;
	u64 seq;			/* of its dma-map */
	u16 flags;			/* PCIEM_RF_DIR_MASK | PCIEM_RF_COHERENT */
	bool ram;			/* its memory has kernel addresses */
	u32 context;			/* who mapped it */
	char comm[TASK_COMM_LEN];
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
	bool direct;			/* addresses are physical */
	u64 cursor;			/* where the next search for an IOVA begins */
	struct pciem_dma_past past[PCIEM_PASTS];	/* the last ones that ended */
	unsigned int nr_past;		/* how many there ever were */
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

/* iommu.c: the last mapping that begins at or below iova; iommu->lock. */
struct pciem_mapping *pciem_iommu_below(struct pciem_iommu *iommu, u64 iova);

/* direct.c: as pciem_iommu_translate(), for a bus address that is a physical one. */
u64 pciem_direct_translate(u64 addr, u64 len, unsigned int access, void **va, u64 *fault);

/* past.c */
void pciem_past_begin(struct pciem_mapping *m);		/* who maps it is who runs now */
unsigned int pciem_past_add(struct pciem_iommu *iommu, const struct pciem_mapping *m);	/* iommu->lock */
void pciem_past_numbered(struct pciem_iommu *iommu, unsigned int token, u64 seq);
struct pciem_dma_past *pciem_past_find(struct pciem_iommu *iommu, u64 iova);	/* iommu->lock */
/* A device access has failed: its record, with the mapping that it has to do with. */
void pciem_dma_fault(struct pciem_func *f, u64 fault, u8 width, u64 iova, u64 cause);

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
