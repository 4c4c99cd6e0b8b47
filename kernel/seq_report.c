// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sequencer's verdict: what was expected and what came, who did it and from where.
 *
 * Locking in this file: the first divergence claims the report under seq->lock and
 * fills it alone; it is complete before state says so. Counters are read under the
 * lock; user memory is touched under none.
 */
#include <linux/kallsyms.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <linux/uaccess.h>

#include "sequencer.h"

#define STACK_DEPTH	48

static void stack_line(struct pciem_seq *seq, unsigned long addr)
{
	size_t room = sizeof(seq->stack) - seq->stack_len;

	sprint_symbol(seq->symbol, addr);
	seq->stack_len += scnprintf(seq->stack + seq->stack_len, room, "%s\n", seq->symbol);
}

/* The driver's instruction first, then its callers: what is ours on top of them says nothing. */
static void stack_fill(struct pciem_seq *seq, unsigned long ip)
{
	unsigned long entries[STACK_DEPTH];
	unsigned int nr = stack_trace_save(entries, STACK_DEPTH, 0), i = 0;

	if (ip)
		stack_line(seq, ip);
	while (i < nr && within_module(entries[i], THIS_MODULE))
		i++;
	if (i < nr && entries[i] == ip)
		i++;
	for (; i < nr; i++)
		stack_line(seq, entries[i]);
}

static void report_fill(struct pciem_seq *seq, const struct seq_divergence *d)
{
	struct pciem_seq_status *r = &seq->report;
	u32 from;

	r->reason = d->reason;
	r->index = d->index;
	r->kind = d->kind;
	r->func = d->func;
	r->bar = d->bar;
	r->width = d->width;
	r->cpu = raw_smp_processor_id();
	r->pid = task_pid_nr(current);
	r->context = d->device ? PCIEM_CONTEXT_DEVICE << PCIEM_CONTEXT_SHIFT :
				 pciem_context_current();
	strscpy(r->comm, current->comm, sizeof(r->comm));
	r->addr = d->addr;
	r->expected = d->expected;
	r->actual = d->actual;
	r->payload_offset = d->payload_offset;
	if (d->actual_data) {
		from = d->payload_offset & ~15ULL;
		r->payload_bytes = min_t(u32, d->data_len - from, sizeof(r->actual_bytes));
		memcpy(r->expected_bytes, d->expected_data + from, r->payload_bytes);
		memcpy(r->actual_bytes, d->actual_data + from, r->payload_bytes);
	}
	stack_fill(seq, d->ip);
}

void pciem_seq_diverge(struct pciem_seq *seq, const struct seq_divergence *d)
{
	struct pciem_slot *slot = seq->slot;
	unsigned long flags;
	bool first;

	raw_spin_lock_irqsave(&seq->lock, flags);
	first = pciem_seq_running(seq);
	seq->claimed |= first;
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	if (!first)
		return;
	report_fill(seq, d);
	/* Pairs with pciem_seq_status(): who sees the state sees the report. */
	smp_store_release(&seq->state, PCIEM_SEQ_DIVERGED);

	if (slot->func[d->func])
		pciem_stream_fault(slot->func[d->func], PCIEM_FAULT_SEQ_DIVERGED, d->bar, d->width,
				   d->addr, 0);
	pciem_stream_event(slot, PCIEM_EVENT_SEQ_DIVERGED, d->index);
	/* Nothing made up shall reach the driver. */
	pciem_slot_surprise(slot);
}

/* Under seq->lock. */
static void status_count(struct pciem_seq *seq, struct pciem_seq_status *st)
{
	struct seq_step *step;

	st->matched = seq->matched;
	st->done = seq->done;
	st->folded = seq->folded;
	st->renamed = seq->renamed;
	st->ignored = seq->ignored;
	st->skipped = seq->skipped;
	st->early = seq->early;
	st->coalesced = seq->coalesced;
	st->unexpected_maps = seq->unexpected_maps;
	st->room = seq->window - seq->used;
	st->pending = seq->pending;
	st->next_index = ~0ULL;
	step = pciem_seq_oldest(seq);
	if (step)
		st->next_index = step->index;
	step = list_first_entry_or_null(&seq->actions, struct seq_step, queue);
	if (step)
		st->next_index = min(st->next_index, step->index);
}

int pciem_seq_status(struct pciem_slot *slot, struct pciem_seq_status *arg)
{
	struct pciem_seq *seq = pciem_slot_seq(slot);
	u32 size = arg->size, room = arg->stack_len;
	u64 stack = arg->stack;

	memset(arg, 0, sizeof(*arg));
	arg->next_index = arg->index = ~0ULL;
	if (seq) {
		/* Pairs with pciem_seq_diverge(). */
		u32 state = smp_load_acquire(&seq->state);

		if (state == PCIEM_SEQ_DIVERGED)
			*arg = seq->report;
		raw_spin_lock_irq(&seq->lock);
		status_count(seq, arg);
		raw_spin_unlock_irq(&seq->lock);
		arg->state = state;
		if (state == PCIEM_SEQ_DIVERGED) {
			arg->stack_len = min(room, seq->stack_len);
			if (copy_to_user(u64_to_user_ptr(stack), seq->stack, arg->stack_len))
				return -EFAULT;
		}
	}
	arg->size = size;
	arg->stack = stack;
	return 0;
}
