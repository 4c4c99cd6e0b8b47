// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA buffers by number, which the device reads and writes on command; a buffer
 * may be unmapped and its address used all the same.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/slab.h>

#include "pciem_test.h"

static const char * const kinds[] = {
	[DMA_BIDIRECTIONAL] = "both",
	[DMA_TO_DEVICE] = "to-device",
	[DMA_FROM_DEVICE] = "from-device",
	[DMA_NONE] = "coherent",
};

static void unmap(struct test_device *dev, struct test_buffer *b)
{
	if (b->mapped && !b->coherent)
		dma_unmap_single(&dev->pdev->dev, b->iova, b->size, b->dir);
	b->mapped = false;
}

static void release(struct test_device *dev, struct test_buffer *b)
{
	unmap(dev, b);
	if (b->coherent)
		dma_free_coherent(&dev->pdev->dev, b->size, b->cpu, b->iova);
	else
		kfree(b->cpu);
	memset(b, 0, sizeof(*b));
}

void test_dma_free(struct test_device *dev)
{
	int i;

	for (i = 0; i < MAX_BUFFERS; i++)
		if (dev->buffer[i].cpu)
			release(dev, &dev->buffer[i]);
}

static void say_buffer(struct test_device *dev, int i)
{
	struct test_buffer *b = &dev->buffer[i];

	say(dev, "{\"buffer\":%d,\"kind\":\"%s\",\"size\":%zu,\"iova\":\"%#llx\",\"mapped\":%s}", i,
	    kinds[b->coherent ? DMA_NONE : b->dir], b->size, (u64)b->iova, b->mapped ? "true" : "false");
}

static int alloc(struct test_device *dev, u64 size, const char *kind)
{
	struct device *d = &dev->pdev->dev;
	struct test_buffer *b;
	int i, k;

	for (k = 0; k < ARRAY_SIZE(kinds) && strcmp(kinds[k], kind); k++)
		;
	for (i = 0; i < MAX_BUFFERS && dev->buffer[i].cpu; i++)
		;
	if (k == ARRAY_SIZE(kinds) || !size || size > SZ_4M)
		return -EINVAL;
	if (i == MAX_BUFFERS)
		return -ENOSPC;
	b = &dev->buffer[i];
	b->size = size;
	b->coherent = k == DMA_NONE;
	b->dir = k;
	if (b->coherent) {
		b->cpu = dma_alloc_coherent(d, size, &b->iova, GFP_KERNEL);
	} else {
		b->cpu = kzalloc(size, GFP_KERNEL);
		if (b->cpu)
			b->iova = dma_map_single(d, b->cpu, size, k);
	}
	if (!b->cpu)
		return -ENOMEM;
	if (!b->coherent && dma_mapping_error(d, b->iova)) {
		kfree(b->cpu);
		memset(b, 0, sizeof(*b));
		return -ENOMEM;
	}
	b->mapped = true;
	say_buffer(dev, i);
	return 0;
}

/* EDU_DMA_CMD, waited for. The device's address may be one that is not mapped any more: that is a test as well. */
static int transfer(struct test_device *dev, struct test_buffer *b, u64 length, u32 command)
{
	u32 result = 0;
	int ms;

	if (length > b->size || length > EDU_DMA_BUFFER)
		return -EINVAL;
	if (b->mapped && !b->coherent)
		dma_sync_single_for_device(&dev->pdev->dev, b->iova, b->size, b->dir);
	lo_hi_writeq(b->iova, dev->bar + (command == EDU_DMA_READ ? EDU_DMA_SRC : EDU_DMA_DST));
	writel(length, dev->bar + EDU_DMA_LEN);
	writel(command, dev->bar + EDU_DMA_CMD);
	/* The read comes behind the write: the model has done it when it answers. */
	for (ms = 0; ms < 100; ms++) {
		result = readl(dev->bar + EDU_DMA_CMD);
		if (result == 0 || result == EDU_DMA_FAILED || result == ~0U)
			break;
		usleep_range(900, 1100);
	}
	if (b->mapped && !b->coherent)
		dma_sync_single_for_cpu(&dev->pdev->dev, b->iova, b->size, b->dir);
	say(dev, "{\"transfer\":\"%s\",\"iova\":\"%#llx\",\"length\":%llu,\"result\":\"%#x\"}",
	    command == EDU_DMA_READ ? "to-device" : "from-device", (u64)b->iova, length, result);
	return 0;
}

/* Bytes value, value + 1, ...: from one place in memory to another they differ. */
static int check_or_fill(struct test_device *dev, struct test_buffer *b, u8 value, bool fill)
{
	u8 *bytes = b->cpu;
	u64 wrong = 0;
	size_t i;

	for (i = 0; i < b->size; i++) {
		if (fill)
			bytes[i] = value + i;
		else
			wrong += bytes[i] != (u8)(value + i);
	}
	if (!fill)
		say(dev, "{\"check\":%u,\"wrong\":%llu}", value, wrong);
	return 0;
}

static int buffer_command(struct test_device *dev, const char *name, u64 n, u64 value)
{
	struct test_buffer *b;

	if (n >= MAX_BUFFERS || !dev->buffer[n].cpu)
		return -ENOENT;
	b = &dev->buffer[n];
	if (!strcmp(name, "fill") || !strcmp(name, "check"))
		return check_or_fill(dev, b, value, name[0] == 'f');
	if (!strcmp(name, "to-device"))
		return transfer(dev, b, value ?: min_t(u64, b->size, EDU_DMA_BUFFER), EDU_DMA_READ);
	if (!strcmp(name, "from-device"))
		return transfer(dev, b, value ?: min_t(u64, b->size, EDU_DMA_BUFFER), EDU_DMA_WRITE);
	if (!strcmp(name, "unmap")) {
		unmap(dev, b);
		say_buffer(dev, n);
		return 0;
	}
	if (!strcmp(name, "free")) {
		release(dev, b);
		return 0;
	}
	return -EINVAL;
}

int test_dma(struct test_device *dev, int argc, char **argv)
{
	u64 n, value;
	int i;

	if (argc < 1)
		return -EINVAL;
	if (!strcmp(argv[0], "list")) {
		for (i = 0; i < MAX_BUFFERS; i++)
			if (dev->buffer[i].cpu)
				say_buffer(dev, i);
		return 0;
	}
	if (argc < 2 || test_arg(argc, argv, 1, 0, &n))
		return -EINVAL;
	if (!strcmp(argv[0], "alloc"))
		return argc == 3 ? alloc(dev, n, argv[2]) : -EINVAL;
	return test_arg(argc, argv, 2, 0, &value) ?: buffer_command(dev, argv[0], n, value);
}
