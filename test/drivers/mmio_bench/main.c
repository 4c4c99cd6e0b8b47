// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an access to QEMU's edu device costs: alone, and with the kernel's own tracer in between (write
 * mmiotrace to tracing/current_tracer before loading). The figures are this module's parameters.
 */
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/sort.h>

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_LIVENESS	0x04
#define RUNS		5

static unsigned int rounds = 2000;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "accesses a run");

static unsigned long read_ns, write_ns;
module_param(read_ns, ulong, 0444);
MODULE_PARM_DESC(read_ns, "result: nanoseconds a 32-bit read, median of five runs");
module_param(write_ns, ulong, 0444);
MODULE_PARM_DESC(write_ns, "result: nanoseconds a 32-bit write");

static int compare(const void *a, const void *b)
{
	return *(const u64 *)a < *(const u64 *)b ? -1 : *(const u64 *)a > *(const u64 *)b;
}

static unsigned long measure(void __iomem *reg, bool write)
{
	u64 ns[RUNS], start;
	unsigned int run, i;

	for (run = 0; run < RUNS; run++) {
		start = ktime_get_ns();
		for (i = 0; i < rounds; i++) {
			if (write)
				writel(i, reg);
			else
				readl(reg);
		}
		ns[run] = ktime_get_ns() - start;
		cond_resched();
	}
	sort(ns, RUNS, sizeof(ns[0]), compare, NULL);
	return div_u64(ns[RUNS / 2], rounds);
}

static int __init mmio_bench_init(void)
{
	struct pci_dev *pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);
	void __iomem *bar;
	int err;

	if (!pdev)
		return -ENODEV;
	if (!rounds)
		rounds = 1;
	err = pci_enable_device(pdev);
	if (err)
		goto out_put;
	bar = pci_iomap(pdev, 0, 0);
	if (!bar) {
		err = -ENOMEM;
		goto out_disable;
	}
	read_ns = measure(bar + EDU_LIVENESS, false);
	write_ns = measure(bar + EDU_LIVENESS, true);
	pci_iounmap(pdev, bar);
out_disable:
	pci_disable_device(pdev);
out_put:
	pci_dev_put(pdev);
	return err;
}
module_init(mmio_bench_init);

static void __exit mmio_bench_exit(void)
{
}
module_exit(mmio_bench_exit);

MODULE_DESCRIPTION("Cost of MMIO with and without mmiotrace");
MODULE_LICENSE("GPL");
