// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA API as a driver sees it: what it maps goes into the function's soft IOMMU.
 * x86 is coherent, so nothing is copied, and a sync is only recorded.
 *
 * Locking in this file: none; iommu.c has it. All but alloc, free and mmap run in any
 * context.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/scatterlist.h>

#include "dma-ops.h"

#define MAX_MAPPING	SZ_1G		/* what one DMA call moves at most */
#define IOVA_TOP	DMA_BIT_MASK(48)

/* The address bits that a mapping keeps of its memory's. */
static u64 kept_bits(struct device *dev)
{
	return dma_get_min_align_mask(dev) | ~PAGE_MASK;
}

static struct pciem_iova_wish wish_for(struct device *dev, phys_addr_t phys, size_t len, u64 mask)
{
	u64 keep = kept_bits(dev);

	return (struct pciem_iova_wish) {
		.len = len,
		.top = min_not_zero(mask & IOVA_TOP, dev->bus_dma_limit),
		.align = keep + 1,
		.offset = phys & keep,
		.boundary = ~0ULL,
	};
}

static dma_addr_t map(struct device *dev, phys_addr_t phys, size_t len, u16 flags)
{
	struct pciem_iova_wish wish = wish_for(dev, phys, len, dma_get_mask(dev));

	return pciem_iommu_map(dev, phys, &wish, flags);
}

/* Coherent memory is aligned to its size, rounded up to a power of two. */
static dma_addr_t map_coherent(struct device *dev, phys_addr_t phys, size_t len)
{
	struct pciem_iova_wish wish = wish_for(dev, phys, len, dev->coherent_dma_mask);

	wish.align = PAGE_SIZE << get_order(len);
	wish.offset = 0;
	return pciem_iommu_map(dev, phys, &wish, DMA_BIDIRECTIONAL | PCIEM_RF_COHERENT);
}

/* -------------------------------------------------------------------- coherent memory */

static void *ops_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp,
		       unsigned long attrs)
{
	void *va;

	/* Any RAM will do where the device sees IOVAs only. */
	gfp &= ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_COMP);
	if (pciem_dma_is_direct(dev))
		gfp |= pciem_direct_zone(dev->coherent_dma_mask);
	va = alloc_pages_exact(PAGE_ALIGN(size), gfp | __GFP_ZERO | __GFP_NOWARN);
	if (!va)
		return NULL;
	*handle = map_coherent(dev, virt_to_phys(va), size);
	if (*handle == DMA_MAPPING_ERROR) {
		free_pages_exact(va, PAGE_ALIGN(size));
		return NULL;
	}
	return va;
}

static void ops_free(struct device *dev, size_t size, void *va, dma_addr_t handle,
		     unsigned long attrs)
{
	pciem_iommu_unmap(dev, handle);
	free_pages_exact(va, PAGE_ALIGN(size));
}

static struct page *ops_alloc_pages(struct device *dev, size_t size, dma_addr_t *handle,
				    enum dma_data_direction dir, gfp_t gfp)
{
	struct page *page;

	gfp &= ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);
	if (pciem_dma_is_direct(dev))
		gfp |= pciem_direct_zone(dma_get_mask(dev));
	page = alloc_pages_node(dev_to_node(dev), gfp | __GFP_ZERO | __GFP_NOWARN, get_order(size));
	if (!page)
		return NULL;
	*handle = map(dev, page_to_phys(page), size, dir);
	if (*handle == DMA_MAPPING_ERROR) {
		__free_pages(page, get_order(size));
		return NULL;
	}
	return page;
}

static void ops_free_pages(struct device *dev, size_t size, struct page *page, dma_addr_t handle,
			   enum dma_data_direction dir)
{
	pciem_iommu_unmap(dev, handle);
	__free_pages(page, get_order(size));
}

static int ops_mmap(struct device *dev, struct vm_area_struct *vma, void *va, dma_addr_t handle,
		    size_t size, unsigned long attrs)
{
	unsigned long nr = vma_pages(vma), count = PAGE_ALIGN(size) >> PAGE_SHIFT;

	if (vma->vm_pgoff >= count || nr > count - vma->vm_pgoff)
		return -ENXIO;
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(virt_to_phys(va)) + vma->vm_pgoff,
			       nr << PAGE_SHIFT, vma->vm_page_prot);
}

static int ops_get_sgtable(struct device *dev, struct sg_table *sgt, void *va, dma_addr_t handle,
			   size_t size, unsigned long attrs)
{
	int err = sg_alloc_table(sgt, 1, GFP_KERNEL);

	if (!err)
		sg_set_page(sgt->sgl, virt_to_page(va), PAGE_ALIGN(size), 0);
	return err;
}

/* -------------------------------------------------------------------------- streaming */

static dma_addr_t ops_map_page(struct device *dev, struct page *page, unsigned long offset,
			       size_t size, enum dma_data_direction dir, unsigned long attrs)
{
	return map(dev, page_to_phys(page) + offset, size, dir);
}

static void ops_unmap_page(struct device *dev, dma_addr_t handle, size_t size,
			   enum dma_data_direction dir, unsigned long attrs)
{
	pciem_iommu_unmap(dev, handle);
}

/* The list's output ends at its last entry, or at one without length. */
static void ops_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			 enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	u64 done = 0;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (!sg_dma_len(sg))
			break;
		/* One mapping may have filled several entries. */
		if (!done)
			done = pciem_iommu_unmap(dev, sg_dma_address(sg));
		done -= min_t(u64, done, sg_dma_len(sg));
	}
}

/* How many entries from sg on meet at page boundaries and within a segment's: one mapping can hold them. */
static unsigned int run_length(struct device *dev, struct scatterlist *sg, unsigned int left,
			       u64 *bytes, u64 *longest)
{
	u64 boundary = dma_get_seg_boundary(dev), limit = min_t(u64, boundary, MAX_MAPPING - 1);
	u64 offset = sg_phys(sg) & kept_bits(dev) & boundary;
	unsigned int nr = 0;

	if (pciem_dma_is_direct(dev))
		left = 1;
	*bytes = *longest = 0;
	while (nr < left) {
		if (nr && (sg->offset & ~PAGE_MASK || offset + *bytes + sg->length - 1 > limit))
			break;
		*bytes += sg->length;
		*longest = max_t(u64, *longest, sg->length);
		nr++;
		if ((sg->offset + sg->length) & ~PAGE_MASK)
			break;
		sg = sg_next(sg);
	}
	return nr;
}

/* Hands [iova, iova + bytes) out in segments of at most `most` bytes. */
static struct scatterlist *fill_segments(struct scatterlist *out, u64 iova, u64 bytes, u64 most,
					 unsigned int *count)
{
	u64 len;

	for (; bytes; bytes -= len, iova += len) {
		len = min(bytes, most);
		sg_dma_address(out) = iova;
		sg_dma_len(out) = len;
		out = sg_next(out);
		(*count)++;
	}
	return out;
}

/*
 * As a hardware IOMMU does, entries that meet at page boundaries become one range of
 * IOVAs: what the device sees does not depend on where the pages happened to be.
 */
static int ops_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
		      enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *in = sgl, *out = sgl;
	unsigned int left = nents, nr, i, count = 0;
	struct pciem_iova_wish wish;
	dma_addr_t iova;
	u64 bytes, longest;

	while (left) {
		nr = run_length(dev, in, left, &bytes, &longest);
		wish = wish_for(dev, sg_phys(in), bytes, dma_get_mask(dev));
		wish.boundary = dma_get_seg_boundary(dev);
		iova = pciem_iommu_map_sg(dev, in, nr, &wish, dir);
		if (iova == DMA_MAPPING_ERROR) {
			ops_unmap_sg(dev, sgl, count, dir, attrs);
			return -ENOMEM;
		}
		for (i = 0; i < nr; i++)
			in = sg_next(in);
		left -= nr;
		/* No segment is shorter than the longest entry, so nr entries fill nr at most. */
		out = fill_segments(out, iova, bytes, max_t(u64, longest, dma_get_max_seg_size(dev)),
				    &count);
	}
	if (out)
		sg_dma_len(out) = 0;
	return count;
}

static dma_addr_t ops_map_resource(struct device *dev, phys_addr_t phys, size_t size,
				   enum dma_data_direction dir, unsigned long attrs)
{
	return map(dev, phys, size, dir | PCIEM_MAP_RESOURCE);
}

static void ops_sync_for_cpu(struct device *dev, dma_addr_t handle, size_t size,
			     enum dma_data_direction dir)
{
	pciem_iommu_sync(dev, handle, size, dir);
}

static void ops_sync_for_device(struct device *dev, dma_addr_t handle, size_t size,
				enum dma_data_direction dir)
{
	pciem_iommu_sync(dev, handle, size, dir | PCIEM_RF_FOR_DEVICE);
}

static void sync_sg(struct device *dev, struct scatterlist *sgl, int nents, u16 flags)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (!sg_dma_len(sg))
			break;
		pciem_iommu_sync(dev, sg_dma_address(sg), sg_dma_len(sg), flags);
	}
}

static void ops_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl, int nents,
				enum dma_data_direction dir)
{
	sync_sg(dev, sgl, nents, dir);
}

static void ops_sync_sg_for_device(struct device *dev, struct scatterlist *sgl, int nents,
				   enum dma_data_direction dir)
{
	sync_sg(dev, sgl, nents, dir | PCIEM_RF_FOR_DEVICE);
}

/* ----------------------------------------------------------------------------- limits */

static int ops_dma_supported(struct device *dev, u64 mask)
{
	return mask >= DMA_BIT_MASK(24);
}

static u64 ops_get_required_mask(struct device *dev)
{
	return pciem_dma_is_direct(dev) ? pciem_direct_required_mask() : DMA_BIT_MASK(32);
}

static size_t ops_max_mapping_size(struct device *dev)
{
	return MAX_MAPPING;
}

const struct dma_map_ops pciem_dma_ops = {
	.alloc = ops_alloc,
	.free = ops_free,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	.alloc_pages_op = ops_alloc_pages,
#else
	.alloc_pages = ops_alloc_pages,
#endif
	.free_pages = ops_free_pages,
	.mmap = ops_mmap,
	.get_sgtable = ops_get_sgtable,
	.map_page = ops_map_page,
	.unmap_page = ops_unmap_page,
	.map_sg = ops_map_sg,
	.unmap_sg = ops_unmap_sg,
	.map_resource = ops_map_resource,
	.unmap_resource = ops_unmap_page,
	.sync_single_for_cpu = ops_sync_for_cpu,
	.sync_single_for_device = ops_sync_for_device,
	.sync_sg_for_cpu = ops_sync_sg_for_cpu,
	.sync_sg_for_device = ops_sync_sg_for_device,
	.dma_supported = ops_dma_supported,
	.get_required_mask = ops_get_required_mask,
	.max_mapping_size = ops_max_mapping_size,
};
