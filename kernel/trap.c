// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a page fault on a BAR to the instruction served.
 *
 * The fault itself only redirects: it leaves the address of the thunk in the
 * frame that it returns to. The work is done behind the exception, in the
 * driver's context, where sleeping is allowed if the driver may sleep.
 *
 * Locking in this file: handed_lock protects the few instructions that were given
 * back to the kernel's fault path; the sites reported are a lock-free table.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/trap_pf.h>

#include "trap.h"

/* ------------------------------------------------------------ may the driver sleep */

/*
 * preemptible()		no spinlock, no interrupt, interrupts are on
 * rcu_preempt_depth()		a reader may be preempted but not sleep
 * TASK_RUNNING			drivers read registers in wait_event()'s condition:
 *				sleeping would lose the state that was set before
 * pagefault_disabled()		copy_to_user() and its kind in atomic use
 */
bool pciem_may_sleep(void)
{
	return preemptible() && !rcu_preempt_depth() && get_current_state() == TASK_RUNNING &&
	       !pagefault_disabled();
}

/* --------------------------------------------------- instructions given back to the kernel */

/*
 * What cannot be served has to fault as if we were not there: with the fixup of
 * copy_to_user(), or with an oops. The thunk is no exception, so the instruction is run
 * again, and this time its fault is let through. rcx tells the rounds of a
 * string instruction from each other.
 */
static struct handed_back {
	struct task_struct *task;
	unsigned long ip, sp, cx;
	bool unknown;			/* to be reported */
} handed[8];
static unsigned int handed_next;
static atomic_t nr_handed;
static DEFINE_RAW_SPINLOCK(handed_lock);

static void hand_back(struct pt_regs *regs, bool unknown)
{
	struct handed_back *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&handed_lock, flags);
	/* Overwriting one that was not fetched makes that task try once more. */
	entry = &handed[handed_next++ % ARRAY_SIZE(handed)];
	if (!entry->task)
		atomic_inc(&nr_handed);
	*entry = (struct handed_back){ current, regs->ip, regs->sp, regs->cx, unknown };
	raw_spin_unlock_irqrestore(&handed_lock, flags);
}

static bool was_handed_back(struct pt_regs *regs, bool *unknown)
{
	unsigned long flags;
	bool found = false;
	unsigned int i;

	if (likely(!atomic_read(&nr_handed)) || in_nmi())
		return false;
	raw_spin_lock_irqsave(&handed_lock, flags);
	for (i = 0; i < ARRAY_SIZE(handed) && !found; i++) {
		struct handed_back *entry = &handed[i];

		if (entry->task != current || entry->ip != regs->ip || entry->sp != regs->sp ||
		    entry->cx != regs->cx)
			continue;
		found = true;
		*unknown = entry->unknown;
		entry->task = NULL;
		atomic_dec(&nr_handed);
	}
	raw_spin_unlock_irqrestore(&handed_lock, flags);
	return found;
}

/* ----------------------------------------------------------------------- reports */

static bool first_report(unsigned long ip)
{
	static unsigned long sites[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		unsigned long old = cmpxchg(&sites[i], 0, ip);

		if (!old)
			return true;
		if (old == ip)
			return false;
	}
	return false;
}

/* Up to 15 bytes at ip. Returns how many can be read. */
static unsigned int fetch(struct pt_regs *regs, u8 *bytes)
{
	unsigned int n;

	for (n = PCIEM_INSN_MAX; n; n--)
		if (!copy_from_kernel_nofault(bytes, (void *)regs->ip, n))
			break;
	return n;
}

/* An instruction that we do not know has accessed a BAR. */
static void report(struct pt_regs *regs, unsigned long addr)
{
	struct pciem_mapping *map = pciem_mapping_get(addr);
	u8 bytes[PCIEM_INSN_MAX] = { 0 };
	struct pciem_bar *bar;
	u64 offset;

	if (!map)
		return;
	bar = map->bar;
	offset = map->offset + (addr - map->start);
	if (first_report(regs->ip)) {
		fetch(regs, bytes);
		pr_err("%pS: cannot serve the instruction %*ph on BAR %u + %#llx; make the range `direct`, or access it with readl() and its kind\n",
		       (void *)regs->ip, PCIEM_INSN_MAX, bytes, bar->index, offset);
	}
	/* The self-test's BAR has no function. */
	if (bar->func && !in_nmi())
		pciem_stream_fault(bar->func, PCIEM_FAULT_UNSUPPORTED, bar->index, 0, offset, 0);
	pciem_mapping_put(map);
}

/* --------------------------------------------------------------------- serving */

/* -EOPNOTSUPP: not known; else as pciem_emulate(). */
static int serve_instruction(struct pciem_trap *trap)
{
	struct pciem_insn insn;
	u8 bytes[PCIEM_INSN_MAX];
	unsigned int n = fetch(trap->regs, bytes);

	if (!n || pciem_decode(bytes, n, &insn))
		return -EOPNOTSUPP;
	return pciem_emulate(trap, &insn);
}

/* From the thunk: regs are the driver's, but for the flags that were held back. */
asmlinkage void pciem_trap_serve(struct pt_regs *regs, unsigned long held)
{
	struct pciem_trap trap = { .regs = regs };
	int ret;

	regs->flags |= held << PCIEM_FRAME_FLAGS_SHIFT;
	if (regs->flags & X86_EFLAGS_IF)
		local_irq_enable();
	ret = serve_instruction(&trap);
	if (ret < 0)
		hand_back(regs, ret == -EOPNOTSUPP);
	/* A block copy is thousands of accesses: others may run between the rounds of it. */
	if (ret > 0 && pciem_may_sleep())
		cond_resched();
	pciem_hooks_leave();
}

/*
 * Makes the exception return into the thunk. AC, DF and TF would otherwise be
 * set in it: user memory open, strings backwards, a debug exception each
 * instruction. Interrupts, too, stay off until the thunk has moved the stack pointer
 * out of the frame: it is returned one word inside, because the unwinder takes a
 * stack that does not grow for a broken one.
 */
static bool redirect(struct pt_regs *regs)
{
	const unsigned long held = X86_EFLAGS_AC | X86_EFLAGS_DF | X86_EFLAGS_TF | X86_EFLAGS_IF;
	unsigned long distance = regs->sp - (unsigned long)regs;
	void *frame = &regs->orig_ax;

	if (distance > U16_MAX || (long)(s32)regs->ip != (long)regs->ip)
		return false;
	pciem_hooks_enter();
	*(u32 *)(frame + PCIEM_FRAME_IP) = regs->ip;
	*(u16 *)(frame + PCIEM_FRAME_SP) = distance;
	*(u16 *)(frame + PCIEM_FRAME_FLAGS) = (regs->flags & held) >> PCIEM_FRAME_FLAGS_SHIFT;
	regs->flags &= ~held;
	regs->ip = (unsigned long)pciem_thunk;
	regs->sp = (unsigned long)regs + sizeof(long);
	return true;
}

/*
 * From bad_area_nosemaphore(), in the exception, interrupts off. True: it was
 * ours, and the exception is over. False: the kernel goes on as without us.
 */
bool pciem_trap_fault(struct pt_regs *regs, unsigned long error, unsigned long addr)
{
	struct pciem_trap trap = { .regs = regs, .nmi = in_nmi() };
	bool own = false, unknown = false;
	int ret;

	if (user_mode(regs) || (error & (X86_PF_PROT | X86_PF_RSVD | X86_PF_INSTR)) ||
	    !pciem_mapping_covers(addr, &own))
		return false;
	if (was_handed_back(regs, &unknown)) {
		if (unknown)
			report(regs, addr);
		return false;
	}
	/* A trap inside a trap would not end. */
	if (!own && within_module(regs->ip, THIS_MODULE))
		return false;
	if (!trap.nmi && redirect(regs))
		return true;
	ret = serve_instruction(&trap);
	if (ret == -EOPNOTSUPP)
		report(regs, addr);
	return ret >= 0;
}

/* ------------------------------------------------------------------ module init */

int pciem_trap_init(void)
{
	int err;

	if (cpu_feature_enabled(X86_FEATURE_XENPV)) {
		pr_err("a Xen PV domain has no page faults of its own; use HVM or PVH\n");
		return -EOPNOTSUPP;
	}
#ifdef X86_FEATURE_FRED
	if (cpu_feature_enabled(X86_FEATURE_FRED)) {
		pr_err("FRED exceptions are not supported yet; boot with fred=off\n");
		return -EOPNOTSUPP;
	}
#endif
	err = pciem_hooks_arm();
	if (err)
		return err;
	err = pciem_trap_selftest();
	if (err)
		pciem_hooks_disarm();
	return err;
}

/* No mapping is left: each holds a reference on the module. */
void pciem_trap_exit(void)
{
	pciem_hooks_disarm();
}
