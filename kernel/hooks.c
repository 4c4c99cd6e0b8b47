// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four functions of the kernel that lead to us when a BAR is meant. Each is
 * replaced at its entry by ftrace, as livepatch does it: PERMANENT, so that
 * ftrace_enabled cannot be switched off under a driver, and not by kprobes, which are
 * skipped while another one runs.
 *
 * A callback runs in its caller's context and decides without sleeping. What it
 * leads to runs as the function itself, and may sleep if that may.
 *
 * inside counts who is in our code because of a hook. Its per-CPU parts may be
 * negative; the sum is what counts, and only falls once no hook is armed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include "trap.h"

static DEFINE_PER_CPU(long, inside);

void pciem_hooks_enter(void)
{
	this_cpu_inc(inside);
}

void pciem_hooks_leave(void)
{
	this_cpu_dec(inside);
}

static long nr_inside(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(inside, cpu);
	return sum;
}

static void lead_to(struct pt_regs *regs, void *function)
{
	pciem_hooks_enter();
	regs->ip = (unsigned long)function;
}

/* ---------------------------------------------------------------------- ioremap */

/* Every kind of ioremap(), memremap() and pci_iomap() comes to it, with its own caller as the fourth argument. */
static noinline void __iomem *hooked_ioremap(resource_size_t phys, unsigned long size)
{
	void __iomem *addr = NULL;
	struct pciem_bar *bar;
	u64 offset;

	if (phys == PCIEM_SELFTEST_PHYS) {
		addr = pciem_selftest_ioremap(size);
	} else {
		bar = pciem_bar_find(phys, &offset);
		if (bar) {
			addr = pciem_mapping_create(bar, offset, phys, size, NULL);
			if (!addr)
				pciem_slot_put(bar->func->slot);
		}
	}
	pciem_hooks_leave();
	return addr;
}

static void notrace on_ioremap(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (!regs)
		return;
	if (regs->di == PCIEM_SELFTEST_PHYS ? within_module(regs->cx, THIS_MODULE) : pciem_bar_claims(regs->di))
		lead_to(regs, hooked_ioremap);
}

static noinline void hooked_iounmap(unsigned long addr)
{
	pciem_mapping_destroy(addr);
	pciem_hooks_leave();
}

static void notrace on_iounmap(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (regs && pciem_mapping_covers(regs->di, NULL))
		lead_to(regs, hooked_iounmap);
}

/* -------------------------------------------------------------- userspace mappings */

static noinline int hooked_remap(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
				 unsigned long size, pgprot_t prot)
{
	int ret = pciem_usermap(vma, addr, pfn, size, prot);

	pciem_hooks_leave();
	return ret;
}

static void notrace on_remap(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (regs && pciem_bar_claims(PFN_PHYS(regs->dx)))
		lead_to(regs, hooked_remap);
}

/* -------------------------------------------------------------------------- faults */

/* bad_area_nosemaphore(), where there is nothing left to do. */
static noinline void hooked_fault(void)
{
	asm volatile("");
}

static void notrace on_fault(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (regs && pciem_trap_fault((struct pt_regs *)regs->di, regs->si, regs->dx))
		regs->ip = (unsigned long)hooked_fault;
}

/* ------------------------------------------------------------------------- arming */

#define HOOK_FLAGS (FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RECURSION)

static struct hook {
	const char *name;
	bool armed;
	struct ftrace_ops ops;
} hooks[] = {
	{ "bad_area_nosemaphore", .ops = { .func = on_fault, .flags = HOOK_FLAGS } },
	{ "iounmap", .ops = { .func = on_iounmap, .flags = HOOK_FLAGS } },
	{ "remap_pfn_range", .ops = { .func = on_remap, .flags = HOOK_FLAGS } },
	/* A compiler that finds its last argument constant leaves that out and gives it a suffix; the self-test shows if more has changed. */
	{ "__ioremap_caller*", .ops = { .func = on_ioremap, .flags = HOOK_FLAGS } },
};

static int hook_arm(struct hook *hook)
{
	char name[32];		/* is taken apart in place */
	int err;

	strscpy(name, hook->name, sizeof(name));
	err = ftrace_set_filter(&hook->ops, name, strlen(name), 1);
	if (!err)
		err = register_ftrace_function(&hook->ops);
	if (err == -EBUSY)
		pr_err("cannot hook %s(): ftrace is off (sysctl kernel.ftrace_enabled=1) or a live patch has it\n",
		       hook->name);
	else if (err)
		pr_err("cannot hook %s(): error %d; does this kernel have it in available_filter_functions?\n",
		       hook->name, err);
	hook->armed = !err;
	return err;
}

int pciem_hooks_arm(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		err = hook_arm(&hooks[i]);
		if (err) {
			pciem_hooks_disarm();
			return err;
		}
	}
	return 0;
}

/* Returns when nobody is in our code, or about to return from it, because of a hook. */
void pciem_hooks_disarm(void)
{
	int i;

	for (i = ARRAY_SIZE(hooks) - 1; i >= 0; i--) {
		if (!hooks[i].armed)
			continue;
		unregister_ftrace_function(&hooks[i].ops);
		ftrace_free_filter(&hooks[i].ops);
		hooks[i].armed = false;
	}
	/* Callbacks that were running have counted who they led to. */
	synchronize_rcu_tasks();
	while (nr_inside())
		usleep_range(1000, 2000);
	/* The last instructions behind pciem_hooks_leave(): a task's, an interrupt's. */
	synchronize_rcu_tasks();
	synchronize_rcu();
}
