/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What dma-ops.c asks of iommu.c.
 */
#ifndef PCIEM_DMA_OPS_H
#define PCIEM_DMA_OPS_H

#include "pciem.h"

/* What the IOVA of a new mapping has to be like. */
struct pciem_iova_wish {
	u64 len;
	u64 top;			/* the last address that the device can reach */
	u64 align;			/* of the window, a power of two, a page at least */
	u64 offset;			/* of the first byte in the window */
	u64 boundary;			/* mask of the addresses that a segment may not leave, unless it is longer */
	u64 hint;			/* the first byte's page to try first, 0 none */
};

#define PCIEM_MAP_RESOURCE	0x8000	/* in flags: another device's registers, no RAM */

/* wish->len bytes, of contiguous memory or of a list's entries one behind the other. */
dma_addr_t pciem_iommu_map(struct device *dev, phys_addr_t phys, struct pciem_iova_wish *wish,
			   u16 flags);
dma_addr_t pciem_iommu_map_sg(struct device *dev, struct scatterlist *sgl, unsigned int nents,
			      struct pciem_iova_wish *wish, u16 flags);
/* Returns the mapping's bytes; 0, with one line in the log: it is not mapped. */
u64 pciem_iommu_unmap(struct device *dev, dma_addr_t iova);
void pciem_iommu_sync(struct device *dev, dma_addr_t iova, size_t len, u16 flags);

/* direct.c */
bool pciem_dma_is_direct(struct device *dev);
gfp_t pciem_direct_zone(u64 mask);			/* flags for memory under the mask */
u64 pciem_direct_required_mask(void);

#endif /* PCIEM_DMA_OPS_H */
