// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers that act by a small program: what a read gets and does, what a write does,
 * and what follows from what the owner changes. It works on the BAR's memory alone, so it
 * is right in any context and on one CPU: FIFOs, banks, identification registers.
 *
 * A program has at most 256 instructions and jumps only forward, so it ends. Where it may
 * load and store is checked as it does: beyond the BAR there is nothing.
 *
 * Locking in this file: stream->lock for the table and while a program runs.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "registers.h"

#define MAX_PROGRAMS	64
#define MAX_INSNS	256
#define REGISTERS	8

struct program {
	u64 start, end;			/* end exclusive */
	u32 on;
	u32 nr;
	struct pciem_bar_insn insn[];
};

struct pciem_programs {
	unsigned int nr;
	struct program *program[MAX_PROGRAMS];
};

/* ------------------------------------------------------------------- running one */

static u64 compute(u8 op, u64 a, u64 b)
{
	switch (op) {
	case PCIEM_INSN_SET:
		return b;
	case PCIEM_INSN_AND:
		return a & b;
	case PCIEM_INSN_OR:
		return a | b;
	case PCIEM_INSN_XOR:
		return a ^ b;
	case PCIEM_INSN_ADD:
		return a + b;
	case PCIEM_INSN_SUB:
		return a - b;
	case PCIEM_INSN_SHL:
		return b < 64 ? a << b : 0;
	default:
		return b < 64 ? a >> b : 0;
	}
}

static bool holds(u8 op, u64 a, u64 b)
{
	switch (op) {
	case PCIEM_INSN_JEQ:
		return a == b;
	case PCIEM_INSN_JNE:
		return a != b;
	case PCIEM_INSN_JLT:
		return a < b;
	default:
		return a & b;
	}
}

/* stream->lock. Returns r0. */
static u64 run(struct pciem_bar *bar, const struct program *p, u64 offset, u8 width, u64 value)
{
	u64 r[REGISTERS] = { value, offset - p->start, width };
	u32 pc = 0;

	while (pc < p->nr) {
		const struct pciem_bar_insn *i = &p->insn[pc++];
		u64 b = i->src == PCIEM_INSN_IMM ? i->imm : r[i->src];
		u64 at = i->src == PCIEM_INSN_IMM ? i->imm : i->imm + r[i->src];

		switch (i->op) {
		case PCIEM_INSN_LOAD:
			r[i->dst] = pciem_bar_has(bar, at, i->width) ? pciem_mem_read(bar->mem + at, i->width) : 0;
			break;
		case PCIEM_INSN_STORE:
			if (pciem_bar_has(bar, at, i->width))
				pciem_mem_write(bar->mem + at, i->width, r[i->dst]);
			break;
		case PCIEM_INSN_JEQ:
		case PCIEM_INSN_JNE:
		case PCIEM_INSN_JLT:
		case PCIEM_INSN_JSET:
			if (holds(i->op, r[i->dst], b))
				pc = i->target;
			break;
		default:
			r[i->dst] = compute(i->op, r[i->dst], b);
		}
	}
	return r[0];
}

/* stream->lock. Whether a program has served the access; *value is what it reads or writes. */
bool pciem_program_run(struct pciem_bar *bar, u32 on, u64 offset, u8 width, u64 *value)
{
	const struct pciem_programs *programs = bar->programs;
	unsigned int i;

	for (i = 0; programs && i < programs->nr; i++) {
		const struct program *p = programs->program[i];

		if (p->on != on || offset < p->start || offset + width > p->end)
			continue;
		*value = run(bar, p, offset, width, *value);
		return true;
	}
	return false;
}

/* --------------------------------------------------------------- the owner's call */

static bool insn_ok(const struct pciem_bar_insn *i, u32 at, u32 nr)
{
	if (i->op >= PCIEM_INSN_NR || i->dst >= REGISTERS ||
	    (i->src >= REGISTERS && i->src != PCIEM_INSN_IMM))
		return false;
	if (i->op == PCIEM_INSN_LOAD || i->op == PCIEM_INSN_STORE)
		return pciem_width_ok(i->width) && !i->target;
	if (i->width)
		return false;
	if (i->op >= PCIEM_INSN_JEQ)
		return i->target > at && i->target <= nr;
	return !i->target;
}

static struct program *program_read(const struct pciem_bar_program *arg)
{
	struct program *p = kvzalloc(struct_size(p, insn, arg->count), GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!p)
		return ERR_PTR(-ENOMEM);
	*p = (struct program) {
		.start = arg->offset, .end = arg->offset + arg->length, .on = arg->on, .nr = arg->count,
	};
	if (copy_from_user(p->insn, u64_to_user_ptr(arg->insns), arg->count * sizeof(p->insn[0]))) {
		kvfree(p);
		return ERR_PTR(-EFAULT);
	}
	for (i = 0; i < p->nr; i++) {
		if (insn_ok(&p->insn[i], i, p->nr))
			continue;
		kvfree(p);
		return ERR_PTR(-EINVAL);
	}
	return p;
}

/* stream->lock. Puts p (NULL: nothing) in the place of what is there; returns what is to be freed. */
static struct program *table_swap(struct pciem_programs *t, const struct pciem_bar_program *arg, struct program *p)
{
	u64 end = arg->offset + arg->length;
	struct program *old;
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		old = t->program[i];
		if (old->on != arg->on || old->end <= arg->offset || old->start >= end)
			continue;
		if (old->start != arg->offset || old->end != end)
			return ERR_PTR(-EINVAL);
		t->program[i] = p ?: t->program[--t->nr];
		return old;
	}
	if (p && t->nr == MAX_PROGRAMS)
		return ERR_PTR(-ENOSPC);
	if (p)
		t->program[t->nr++] = p;
	return NULL;
}

int pciem_program_set(struct pciem_bar *bar, const struct pciem_bar_program *arg)
{
	struct pciem_stream *s = &bar->func->slot->stream;
	struct program *p = NULL, *old;

	lockdep_assert_held(&bar->func->slot->lock);
	if (arg->on > PCIEM_ON_UPDATE || arg->count > MAX_INSNS || arg->reserved || !arg->length ||
	    arg->offset >= bar->size || arg->length > bar->size - arg->offset)
		return -EINVAL;
	if (!bar->programs) {
		struct pciem_programs *programs = kzalloc(sizeof(*programs), GFP_KERNEL_ACCOUNT);

		if (!programs)
			return -ENOMEM;
		raw_spin_lock_irq(&s->lock);
		bar->programs = programs;
		raw_spin_unlock_irq(&s->lock);
	}
	if (arg->count)
		p = program_read(arg);
	if (IS_ERR(p))
		return PTR_ERR(p);
	raw_spin_lock_irq(&s->lock);
	old = table_swap(bar->programs, arg, p);
	raw_spin_unlock_irq(&s->lock);
	kvfree(IS_ERR(old) ? p : old);
	return PTR_ERR_OR_ZERO(old);
}

void pciem_programs_free(struct pciem_bar *bar)
{
	unsigned int i;

	for (i = 0; bar->programs && i < bar->programs->nr; i++)
		kvfree(bar->programs->program[i]);
	kfree(bar->programs);
	bar->programs = NULL;
}
