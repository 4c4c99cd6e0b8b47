// SPDX-License-Identifier: GPL-2.0-only
/*
 * A list of memory, mapped by a driver whose device has a segment boundary.
 */
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "pciem_test.h"

#define MAX_ENTRIES	64

/* Where each entry lies in its page: the list begins at offset, has full pages, and ends at offset. */
static void fill_list(struct scatterlist *sgl, u8 *memory, unsigned int entries, size_t offset)
{
	size_t first = entries > 1 ? PAGE_SIZE - offset : PAGE_SIZE;
	unsigned int i;

	sg_init_table(sgl, entries);
	for (i = 0; i < entries; i++)
		sg_set_buf(&sgl[i], memory + i * PAGE_SIZE + (i ? 0 : offset),
			   !i ? first : offset && i == entries - 1 ? offset : PAGE_SIZE);
}

static void look_at(struct test_device *dev, struct scatterlist *sgl, int segments, u64 boundary)
{
	u64 bytes = 0, crossing = 0;
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, segments, i) {
		u64 start = sg_dma_address(sg), end = start + sg_dma_len(sg) - 1;

		bytes += sg_dma_len(sg);
		crossing += (start & ~boundary) != (end & ~boundary);
	}
	say(dev, "{\"segments\":%d,\"bytes\":%llu,\"crossing\":%llu}", segments, bytes, crossing);
}

/* Memory that is longer than the boundary, which is for lists only. */
static void map_whole(struct test_device *dev, void *memory, size_t size)
{
	struct device *d = &dev->pdev->dev;
	dma_addr_t single = dma_map_single(d, memory, size, DMA_TO_DEVICE), coherent;
	bool mapped = !dma_mapping_error(d, single);
	void *cpu = dma_alloc_coherent(d, size, &coherent, GFP_KERNEL);

	if (mapped)
		dma_unmap_single(d, single, size, DMA_TO_DEVICE);
	if (cpu)
		dma_free_coherent(d, size, cpu, coherent);
	say(dev, "{\"single\":%s,\"coherent\":%s}", mapped ? "true" : "false", cpu ? "true" : "false");
}

/* scatter ENTRIES OFFSET BOUNDARY */
int test_scatter(struct test_device *dev, int argc, char **argv)
{
	struct device *d = &dev->pdev->dev;
	u64 entries, offset, boundary, before = dma_get_seg_boundary(d);
	struct scatterlist *sgl;
	int segments, err = -ENOMEM;
	void *memory;

	if (argc != 3 || test_arg(argc, argv, 0, 0, &entries) || test_arg(argc, argv, 1, 0, &offset) ||
	    test_arg(argc, argv, 2, 0, &boundary) || !entries || entries > MAX_ENTRIES || offset >= PAGE_SIZE)
		return -EINVAL;
	sgl = kcalloc(entries, sizeof(*sgl), GFP_KERNEL);
	memory = alloc_pages_exact((entries + 1) * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!sgl || !memory)
		goto out;
	dma_set_seg_boundary(d, boundary);
	fill_list(sgl, memory, entries, offset);
	segments = dma_map_sg(d, sgl, entries, DMA_TO_DEVICE);
	look_at(dev, sgl, segments, boundary);
	if (segments)
		dma_unmap_sg(d, sgl, entries, DMA_TO_DEVICE);
	map_whole(dev, memory, entries * PAGE_SIZE);
	dma_set_seg_boundary(d, before);
	err = 0;
out:
	if (memory)
		free_pages_exact(memory, (entries + 1) * PAGE_SIZE);
	kfree(sgl);
	return err;
}
