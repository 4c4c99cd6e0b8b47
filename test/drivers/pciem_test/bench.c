// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an access costs, beside the bare page fault that carries it. Each figure
 * is the median of five runs.
 */
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "pciem_test.h"

#define RUNS	5

static unsigned long hole;	/* a kernel address with nothing there */
static u8 block[4096];

static void read_store(struct test_device *dev)
{
	readl(dev->bar + EDU_SCRATCH);
}

static void write_store(struct test_device *dev)
{
	writel(1, dev->bar + EDU_SCRATCH);
}

static void read_sync(struct test_device *dev)
{
	readl(dev->bar + EDU_LIVENESS);
}

static void write_sync(struct test_device *dev)
{
	writel(1, dev->bar + EDU_LIVENESS);
}

static void read_direct(struct test_device *dev)
{
	readl(dev->bar + EDU_DIRECT);
}

/* The page fault and its fixup, nothing else. */
static void bare_fault(struct test_device *dev)
{
	u32 value;

	__get_kernel_nofault(&value, (void *)hole, u32, fault);
fault:
	return;
}

static void copy_to(struct test_device *dev)
{
	memcpy_toio(dev->bar + EDU_SCRATCH, block, sizeof(block));
}

static void copy_from(struct test_device *dev)
{
	memcpy_fromio(block, dev->bar + EDU_SCRATCH, sizeof(block));
}

static const struct {
	const char *name;
	void (*run)(struct test_device *dev);
	unsigned int divide;		/* fewer rounds of the dear ones */
} benches[] = {
	{ "bare page fault", bare_fault, 1 },
	{ "store read", read_store, 1 },
	{ "store write", write_store, 1 },
	{ "sync read", read_sync, 10 },
	{ "sync write", write_sync, 10 },
	{ "direct read", read_direct, 1 },
	{ "memcpy_toio 4096", copy_to, 100 },
	{ "memcpy_fromio 4096", copy_from, 100 },
};

static int compare(const void *a, const void *b)
{
	return *(const u64 *)a < *(const u64 *)b ? -1 : 1;
}

static u64 run_once(struct test_device *dev, void (*run)(struct test_device *dev), u64 rounds)
{
	u64 start = ktime_get_ns(), i;

	for (i = 0; i < rounds; i++)
		run(dev);
	return ktime_get_ns() - start;
}

int test_bench(struct test_device *dev, int argc, char **argv)
{
	u64 rounds, n, ns[RUNS];
	unsigned int i, r;
	void *page;

	if (test_arg(argc, argv, 0, 10000, &rounds) || !rounds)
		return -EINVAL;
	/* Behind each area of vmalloc space there is a page that is never mapped. */
	page = vmalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	hole = (unsigned long)page + PAGE_SIZE;
	for (i = 0; i < ARRAY_SIZE(benches); i++) {
		n = max_t(u64, rounds / benches[i].divide, 1);
		for (r = 0; r < RUNS; r++) {
			ns[r] = run_once(dev, benches[i].run, n);
			cond_resched();
		}
		sort(ns, RUNS, sizeof(ns[0]), compare, NULL);
		say(dev, "{\"bench\":\"%s\",\"rounds\":%llu,\"ns\":%llu,\"least\":%llu,\"most\":%llu}",
		    benches[i].name, n, ns[RUNS / 2] / n, ns[0] / n, ns[RUNS - 1] / n);
	}
	vfree(page);
	return 0;
}
