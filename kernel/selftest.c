// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proves that accesses to a mapping of ours trap and are answered, before a driver
 * depends on it: at load, and at each START, because another user of ftrace may
 * have come in between. The BAR is one that only this file knows, three trapped
 * pages and a direct one, and counts what reaches it.
 *
 * selftest_lock protects all of it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "trap.h"

#define TRAPPED	(3 * PAGE_SIZE)

static DEFINE_MUTEX(selftest_lock);

static struct pciem_ranges ranges = {
	.nr = 2,
	.range = {
		{ 0, TRAPPED, PCIEM_BAR_STORE, 0 },
		{ TRAPPED, PCIEM_SELFTEST_SIZE, PCIEM_BAR_DIRECT, 0 },
	},
};
static struct pciem_bar bar = {
	.size = PCIEM_SELFTEST_SIZE,
	.ranges = RCU_INITIALIZER(&ranges),
};
static unsigned int reads, writes;

static void serve(struct pciem_access *acc)
{
	u8 *mem = bar.mem + acc->offset;

	if (acc->write) {
		writes++;
		memcpy(mem, &acc->value, acc->width);
	} else {
		reads++;
		acc->value = 0;
		memcpy(&acc->value, mem, acc->width);
	}
}

void __iomem *pciem_selftest_ioremap(unsigned long size)
{
	return pciem_mapping_create(&bar, 0, 0, size, serve);
}

static bool counted(unsigned int r, unsigned int w)
{
	bool right = reads == r && writes == w;

	reads = writes = 0;
	return right;
}

/* With a fixup of its own: if the fault does not come to us, this one fails and nothing oopses. */
static bool faults_arrive(void __iomem *io)
{
	u32 value;

	*(u32 *)(bar.mem + 8) = 0x600dcafe;
	__get_kernel_nofault(&value, (__force void *)io + 8, u32, fault);
	return value == 0x600dcafe && counted(1, 0);
fault:
	return false;
}

static bool every_width(void __iomem *io)
{
	writeb(0x11, io + 1);
	writew(0x2233, io + 2);
	writel(0x44556677, io + 4);
	writeq(0x8899aabbccddeeffULL, io + 8);
	if (readb(io + 1) != 0x11 || readw(io + 2) != 0x2233 || readl(io + 4) != 0x44556677 ||
	    readq(io + 8) != 0x8899aabbccddeeffULL)
		return false;
	return get_unaligned_le64(bar.mem) >> 8 == 0x44556677223311ULL && counted(4, 4);
}

/* 2,000 bytes are more than one trap does: the instruction comes back for the rest. */
static bool blocks(void __iomem *io)
{
	static u8 out[2000], in[2000];
	unsigned int i;

	for (i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + (i >> 8);
	memcpy_toio(io + PAGE_SIZE - 500, out, sizeof(out));
	memcpy_fromio(in, io + PAGE_SIZE - 500, sizeof(in));
	if (memcmp(in, out, sizeof(in)) || memcmp(bar.mem + PAGE_SIZE - 500, out, sizeof(out)))
		return false;
	memset_io(io + PAGE_SIZE, 0xa5, 300);
	reads = writes = 0;
	return !memchr_inv(bar.mem + PAGE_SIZE, 0xa5, 300) && bar.mem[PAGE_SIZE + 300] == out[800];
}

static bool direct_page(void __iomem *io)
{
	writel(0x12345678, io + TRAPPED);
	if (*(u32 *)(bar.mem + TRAPPED) != 0x12345678 || readl(io + TRAPPED) != 0x12345678 || !counted(0, 0))
		return false;
	/* Half trapped, half direct. */
	writeq(0x1122334455667788ULL, io + TRAPPED - 4);
	return readq(io + TRAPPED - 4) == 0x1122334455667788ULL && counted(1, 1) &&
	       *(u32 *)(bar.mem + TRAPPED) == 0x11223344;
}

static bool memory_operands(void __iomem *io)
{
	u32 __iomem *reg = io + 16;
	bool zero, below;
	u32 value = 5;

	writel(0x0f0f0000, reg);
	asm volatile("orl %1, (%0)" : : "r" (reg), "r" (0xff) : "memory", "cc");
	asm volatile("andl $0xffff00ff, (%0)" : : "r" (reg) : "memory", "cc");
	asm volatile("btsl $12, (%0)" : : "r" (reg) : "memory", "cc");
	asm volatile("testl $0x00f00000, (%1)" : "=@ccz" (zero) : "r" (reg) : "memory");
	asm volatile("cmpl $0x0f0f2000, (%1)" : "=@ccc" (below) : "r" (reg) : "memory");
	asm volatile("lock; xaddl %0, (%1)" : "+r" (value) : "r" (reg) : "memory", "cc");
	return zero && below && value == 0x0f0f10ff && readl(reg) == 0x0f0f1104 && counted(7, 5);
}

static bool interrupts_off(void __iomem *io)
{
	unsigned long flags;
	bool right;

	local_irq_save(flags);
	writel(0xfeedbeef, io + 32);
	right = readl(io + 32) == 0xfeedbeef && irqs_disabled();
	local_irq_restore(flags);
	return right && counted(1, 1);
}

static const char *run(void __iomem *io)
{
	if (!faults_arrive(io))
		return "the fault of an access does not arrive: is another module hooking bad_area_nosemaphore()?";
	if (!every_width(io))
		return "reads and writes of 1 to 8 bytes";
	if (!blocks(io))
		return "memcpy_toio(), memcpy_fromio() and memset_io()";
	if (!direct_page(io))
		return "a direct page beside a trapped one";
	if (!memory_operands(io))
		return "instructions that modify or compare memory";
	if (!interrupts_off(io))
		return "an access with interrupts off";
	return NULL;
}

int pciem_trap_selftest(void)
{
	const char *failed = "no memory";
	int err = -ENOMEM;
	void __iomem *io;

	mutex_lock(&selftest_lock);
	reads = writes = 0;
	bar.mem = vzalloc(PCIEM_SELFTEST_SIZE);
	if (!bar.mem)
		goto unlock;
	io = ioremap(PCIEM_SELFTEST_PHYS, PCIEM_SELFTEST_SIZE);
	if (io) {
		failed = run(io);
		err = failed ? -EIO : 0;
		iounmap(io);
	} else {
		failed = "ioremap() is not led to us: is a live patch of __ioremap_caller() loaded?";
		err = -EIO;
	}
	vfree(bar.mem);
unlock:
	mutex_unlock(&selftest_lock);
	if (err)
		pr_err("self-test of the traps failed: %s\n", failed);
	return err;
}
