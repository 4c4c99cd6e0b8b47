// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way to map a BAR has to lead to the same registers and memory, at any
 * offset and length, several at a time.
 */
#include <linux/mm.h>

#include "pciem_test.h"

#define HERE	(EDU_SCRATCH + 0x340)	/* what the mappings look at */
#define LENGTH	0x100

static void *map_memremap_wb(phys_addr_t phys, size_t size)
{
	return memremap(phys, size, MEMREMAP_WB);
}

static void *map_memremap_wc(phys_addr_t phys, size_t size)
{
	return memremap(phys, size, MEMREMAP_WC);
}

static void *map_memremap_wt(phys_addr_t phys, size_t size)
{
	return memremap(phys, size, MEMREMAP_WT);
}

#define IOREMAP(name) static void *map_##name(phys_addr_t phys, size_t size)	\
{										\
	return (__force void *)name(phys, size);				\
}
IOREMAP(ioremap)
IOREMAP(ioremap_wc)
IOREMAP(ioremap_wt)
IOREMAP(ioremap_uc)
IOREMAP(ioremap_cache)

static const struct {
	const char *name;
	void *(*map)(phys_addr_t phys, size_t size);
	bool memremap;
} ways[] = {
	{ "ioremap", map_ioremap },
	{ "ioremap_wc", map_ioremap_wc },
	{ "ioremap_wt", map_ioremap_wt },
	{ "ioremap_uc", map_ioremap_uc },
	{ "ioremap_cache", map_ioremap_cache },
	{ "memremap WB", map_memremap_wb, true },
	{ "memremap WT", map_memremap_wt, true },
	{ "memremap WC", map_memremap_wc, true },
};

static unsigned int bad, done;

static void check(struct test_device *dev, const char *what, bool right)
{
	done++;
	if (right)
		return;
	bad++;
	say(dev, "{\"wrong\":\"%s\"}", what);
}

/* What is written through one mapping is read through the other. */
static bool agrees(struct test_device *dev, void __iomem *io, u32 offset, u32 value)
{
	writel(value, io);
	if (readl(dev->bar + offset) != value)
		return false;
	writel(~value, dev->bar + offset);
	return readl(io) == ~value;
}

static void check_way(struct test_device *dev, unsigned int i, phys_addr_t bar)
{
	void __iomem *io = (__force void __iomem *)ways[i].map(bar + HERE, LENGTH);

	check(dev, ways[i].name, io && offset_in_page((__force void *)io) == offset_in_page(HERE) &&
	      agrees(dev, io, HERE, 0x1000 + i));
	if (!io)
		return;
	if (ways[i].memremap)
		memunmap((__force void *)io);
	else
		iounmap(io);
}

static void check_pci_ways(struct test_device *dev)
{
	void __iomem *io = pci_iomap(dev->pdev, 0, 0);

	check(dev, "pci_iomap", io && agrees(dev, io + HERE, HERE, 0x2001));
	if (io)
		pci_iounmap(dev->pdev, io);
	io = pci_iomap_range(dev->pdev, 0, HERE, 4);
	check(dev, "pci_iomap_range", io && agrees(dev, io, HERE, 0x2002));
	if (io)
		pci_iounmap(dev->pdev, io);
	io = pci_iomap_wc(dev->pdev, 0, 0);
	check(dev, "pci_iomap_wc", io && agrees(dev, io + HERE, HERE, 0x2003));
	if (io)
		pci_iounmap(dev->pdev, io);
	io = pci_iomap_wc_range(dev->pdev, 0, HERE, 8);
	check(dev, "pci_iomap_wc_range", io && agrees(dev, io + 4, HERE + 4, 0x2005));
	if (io)
		pci_iounmap(dev->pdev, io);
	io = devm_ioremap(&dev->pdev->dev, pci_resource_start(dev->pdev, 0) + HERE, LENGTH);
	check(dev, "devm_ioremap", io && agrees(dev, io, HERE, 0x2004));
	if (io)
		devm_iounmap(&dev->pdev->dev, io);
}

/* Given back by the driver core, or by hand; and one flavour that is no __iomem. */
static void check_managed_ways(struct test_device *dev, phys_addr_t bar)
{
	struct device *d = &dev->pdev->dev;
	void __iomem *io;
	void *mem;

	io = devm_ioremap_wc(d, bar + HERE, LENGTH);
	check(dev, "devm_ioremap_wc", io && agrees(dev, io, HERE, 0x2011));
	if (io)
		devm_iounmap(d, io);
	io = devm_ioremap_uc(d, bar + HERE, LENGTH);
	check(dev, "devm_ioremap_uc", io && agrees(dev, io, HERE, 0x2012));
	if (io)
		devm_iounmap(d, io);
	mem = devm_memremap(d, bar + HERE, LENGTH, MEMREMAP_WB);
	check(dev, "devm_memremap", !IS_ERR(mem) && agrees(dev, (__force void __iomem *)mem, HERE, 0x2013));
	if (!IS_ERR(mem))
		devm_memunmap(d, mem);
}

/* One that spans trapped and direct pages, two of the same page, unmapped in the order they came. */
static void check_several(struct test_device *dev, phys_addr_t bar)
{
	void __iomem *wide = ioremap(bar + EDU_DIRECT - 0x10, 0x2000);
	void __iomem *same = ioremap(bar + EDU_DIRECT - 0x10, 0x10);
	void __iomem *direct = ioremap(bar + EDU_DIRECT + 0x20, 0x20);

	check(dev, "two of one page", wide && same && agrees(dev, wide, EDU_DIRECT - 0x10, 0x3001) &&
	      agrees(dev, same, EDU_DIRECT - 0x10, 0x3002));
	check(dev, "direct pages", wide && direct && agrees(dev, wide + 0x30, EDU_DIRECT + 0x20, 0x3003) &&
	      agrees(dev, direct, EDU_DIRECT + 0x20, 0x3004) && readl(wide + 0x30) == ~0x3004);
	if (wide)
		iounmap(wide);
	check(dev, "the others, with the first unmapped", same && direct &&
	      agrees(dev, same + 8, EDU_DIRECT - 8, 0x3005) && agrees(dev, direct + 4, EDU_DIRECT + 0x24, 0x3006));
	if (same)
		iounmap(same);
	if (direct)
		iounmap(direct);
}

static void check_memory_functions(struct test_device *dev)
{
	void __iomem *at = dev->bar + EDU_SCRATCH + 0x401;
	u8 out[333], in[333];
	unsigned int i;

	for (i = 0; i < sizeof(out); i++)
		out[i] = i * 11 + 3;
	memcpy_toio(at, out, sizeof(out));
	memcpy_fromio(in, at, sizeof(in));
	check(dev, "memcpy_toio and memcpy_fromio", !memcmp(in, out, sizeof(in)));
	memset_io(at + 5, 0x5a, 200);
	memcpy_fromio(in, at, sizeof(in));
	memset(out + 5, 0x5a, 200);
	check(dev, "memset_io", !memcmp(in, out, sizeof(in)));
	/* From one trapped place to another. */
	memcpy_toio(at + 0x400, (__force void *)at, sizeof(out));
	memcpy_fromio(in, at + 0x400, sizeof(in));
	check(dev, "memcpy_toio from the BAR", !memcmp(in, out, sizeof(in)));
	iowrite32be(0x12345678, dev->bar + HERE);
	check(dev, "iowrite32be", readl(dev->bar + HERE) == 0x78563412 && ioread32be(dev->bar + HERE) == 0x12345678);
	iowrite32_rep(dev->bar + HERE, out, 4);
	check(dev, "iowrite32_rep", readl(dev->bar + HERE) == *(u32 *)(out + 12));
	__iowrite64_copy(dev->bar + HERE, out, 8);
	memcpy_fromio(in, dev->bar + HERE, 64);
	check(dev, "__iowrite64_copy", !memcmp(in, out, 64));
}

int test_maps(struct test_device *dev, int argc, char **argv)
{
	phys_addr_t bar = pci_resource_start(dev->pdev, 0);
	unsigned int i;

	bad = done = 0;
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		check_way(dev, i, bar);
	check_pci_ways(dev);
	check_managed_ways(dev, bar);
	check_several(dev, bar);
	check_memory_functions(dev);
	say(dev, "{\"test\":\"maps\",\"checks\":%u,\"bad\":%u}", done, bad);
	return 0;
}
