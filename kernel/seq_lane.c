// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lanes: what one context did in the recording. Hundreds may wait at once, so they are
 * found by the register that their next step is about; only those whose next step may be
 * passed by have to be looked through one by one.
 *
 * Live contexts are bound to lanes loosely: a work item runs in another kworker each
 * time, so an access first tries the lane where its context was last, then all others
 * in the order of the trace.
 *
 * Locking in this file: seq->lock.
 */
#include "sequencer.h"

#define PASSABLE	(PCIEM_SEQ_OPTIONAL | PCIEM_SEQ_UNORDERED)

struct seq_step *pciem_seq_lane_head(struct seq_lane *lane)
{
	return lane ? list_first_entry_or_null(&lane->steps, struct seq_step, queue) : NULL;
}

/* Its first step is another one now. */
static void lane_file(struct pciem_seq *seq, struct seq_lane *lane)
{
	struct seq_step *head = pciem_seq_lane_head(lane);

	hlist_del_init(&lane->by_head);
	if (head)
		hlist_add_head(&lane->by_head, head->flags & PASSABLE ? &seq->passable :
			       &seq->heads[seq_place(head->func, head->bar, head->addr)]);
}

void pciem_seq_lane_append(struct pciem_seq *seq, struct seq_step *step)
{
	struct seq_lane *lane = &seq->lanes[step->lane];
	bool first = list_empty(&lane->steps);

	list_add_tail(&step->queue, &lane->steps);
	seq->expects++;
	if (first)
		lane_file(seq, lane);
}

void pciem_seq_lane_drop(struct pciem_seq *seq, struct seq_step *step)
{
	struct seq_lane *lane = &seq->lanes[step->lane];
	bool first = pciem_seq_lane_head(lane) == step;

	list_del_init(&step->queue);
	seq->expects--;
	if (first)
		lane_file(seq, lane);
}

/* The lanes, apart from seq->passable, whose next step live may fulfil. */
struct hlist_head *pciem_seq_lanes_waiting(struct pciem_seq *seq, const struct seq_live *live)
{
	return &seq->heads[seq_place(live->func, live->bar, live->addr)];
}

/* -------------------------------------------------------------------- repeats */

void pciem_seq_lane_repeat(struct pciem_seq *seq, struct seq_lane *lane, const struct seq_step *step)
{
	lane->repeat = (struct seq_repeat) {
		.valid = step->op == PCIEM_SEQ_EXPECT_MMIO_READ && step->flags & PCIEM_SEQ_REPEAT,
		.func = step->func, .bar = step->bar, .width = step->width,
		.addr = step->addr, .value = step->value,
	};
	hlist_del_init(&lane->by_repeat);
	if (lane->repeat.valid)
		hlist_add_head(&lane->by_repeat,
			       &seq->repeats[seq_place(step->func, step->bar, step->addr)]);
}

bool pciem_seq_repeat_fits(const struct seq_repeat *r, const struct seq_live *live)
{
	return r->valid && live->op == PCIEM_SEQ_EXPECT_MMIO_READ && r->func == live->func &&
	       r->bar == live->bar && r->addr == live->addr && r->width == live->width;
}

/* A lane whose last read may come again as live; own first, else the one that went on last. */
struct seq_lane *pciem_seq_lane_repeating(struct pciem_seq *seq, struct seq_lane *own,
					  const struct seq_live *live)
{
	struct seq_lane *lane;

	if (own && pciem_seq_repeat_fits(&own->repeat, live))
		return own;
	hlist_for_each_entry(lane, &seq->repeats[seq_place(live->func, live->bar, live->addr)],
			     by_repeat)
		if (pciem_seq_repeat_fits(&lane->repeat, live))
			return lane;
	return NULL;
}

/* ------------------------------------------------------------------- contexts */

struct seq_lane *pciem_seq_lane_of(struct pciem_seq *seq, u32 context)
{
	u32 i = hash_32(context, ilog2(SEQ_CONTEXTS));

	if (!seq->contexts[i].valid || seq->contexts[i].context != context)
		return NULL;
	return &seq->lanes[seq->contexts[i].lane];
}

void pciem_seq_lane_bind(struct pciem_seq *seq, u32 context, u16 lane)
{
	u32 i = hash_32(context, ilog2(SEQ_CONTEXTS));

	seq->contexts[i].context = context;
	seq->contexts[i].lane = lane;
	seq->contexts[i].valid = true;
}
