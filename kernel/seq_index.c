// SPDX-License-Identifier: GPL-2.0-only
/*
 * Indices that a driver moves through a ring: how far it has come with what the device
 * put there. A handler that comes a little later takes more at once, and the interrupt
 * behind it finds nothing left; so it is compared how far the index gets, and that it
 * never gets ahead of the device, not in how many writes.
 *
 * Locking in this file: seq->lock.
 */
#include "sequencer.h"

void pciem_seq_index_init(struct pciem_seq *seq)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(seq->indices); i++)
		INIT_LIST_HEAD(&seq->indices[i]);
}

void pciem_seq_index_append(struct pciem_seq *seq, struct seq_step *step)
{
	list_add_tail(&step->queue, &seq->indices[seq_place(step->func, step->bar, step->addr)]);
	seq->expects++;
}

static bool same_register(const struct seq_step *step, const struct seq_live *live)
{
	return live->op == PCIEM_SEQ_EXPECT_MMIO_WRITE && step->func == live->func &&
	       step->bar == live->bar && step->addr == live->addr && step->width == live->width;
}

/* How far it is from where the step begins; 0: nowhere on the ring. */
static u32 distance(const struct seq_step *step, u64 value)
{
	return value < step->modulo ? (value + step->modulo - step->from) % step->modulo : 0;
}

/* The device has put there what the step takes out. */
static bool filled(struct pciem_seq *seq, const struct seq_step *step)
{
	struct seq_step *action = list_first_entry_or_null(&seq->actions, struct seq_step, queue);

	return !action || action->index > step->cause_seq;
}

/* The step in which live ends, and how many writes before it did not come. */
static struct seq_step *index_find(struct pciem_seq *seq, struct list_head *steps,
				   const struct seq_live *live, u32 *passed, struct seq_step **near)
{
	struct seq_step *step, *before = NULL;
	u32 left;

	*passed = 0;
	list_for_each_entry(step, steps, queue) {
		if (!same_register(step, live))
			continue;
		if (!*near)
			*near = step;
		if (before && (before->value != step->from || before->modulo != step->modulo))
			return NULL;
		left = distance(step, live->value);
		if (!left)
			return NULL;
		if (left < distance(step, step->value))
			return step;
		if (!filled(seq, step))
			return NULL;
		if (left == distance(step, step->value))
			return step;
		before = step;
		++*passed;
	}
	return NULL;
}

static void index_drop(struct pciem_seq *seq, struct seq_step *step)
{
	list_del_init(&step->queue);
	seq->expects--;
}

/* True: live is a move of such an index, as far as it may be; else *near is the move that was expected. */
bool pciem_seq_index_take(struct pciem_seq *seq, const struct seq_live *live, struct seq_match *m,
			  struct seq_step **near)
{
	struct list_head *steps = &seq->indices[seq_place(live->func, live->bar, live->addr)];
	struct seq_step *step, *next, *last;
	u32 passed;

	last = index_find(seq, steps, live, &passed, near);
	if (!last)
		return false;
	list_for_each_entry_safe(step, next, steps, queue) {
		if (step == last)
			break;
		if (!same_register(step, live))
			continue;
		index_drop(seq, step);
		pciem_seq_settle(seq, step, 0);
	}
	seq->coalesced += passed;
	m->settled = passed > 0;
	if (live->value == last->value) {
		index_drop(seq, last);
		seq->matched++;
		m->step = last;
	} else {
		last->from = live->value;
		seq->coalesced++;
	}
	seq->progress = ktime_get_mono_fast_ns();
	return true;
}
