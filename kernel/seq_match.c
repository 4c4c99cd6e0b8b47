// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the step that a driver's access fulfils, and takes it.
 *
 * Locking in this file: seq->lock, which pciem_seq_match() takes.
 */
#include "sequencer.h"

#define PASS_DEPTH	64		/* optional and unordered steps that one access may pass */

enum fit {
	FIT_NOT,
	FIT_REGISTER,			/* but another value */
	FIT_RENAMED,
	FIT_EXACT,
};

static bool value_renamed(struct pciem_seq *seq, const struct seq_step *step, u64 value)
{
	if (step->op == PCIEM_SEQ_EXPECT_CFG_WRITE)
		return false;
	/* Only a whole register can hold an address; masked ones hold fields. */
	if (step->width == 8)
		return step->mask == ~0ULL && pciem_seq_same_address(seq, step->value, value);
	return step->width == 4 && (u32)step->mask == ~0U &&
	       pciem_seq_same_half(seq, step->value, value);
}

static enum fit step_fit(struct pciem_seq *seq, const struct seq_step *step,
			 const struct seq_live *live)
{
	if (step->op != live->op || step->func != live->func || step->addr != live->addr ||
	    step->width != live->width || step->bar != live->bar)
		return FIT_NOT;
	if (step->op == PCIEM_SEQ_EXPECT_MMIO_READ || !((step->value ^ live->value) & step->mask))
		return FIT_EXACT;
	return value_renamed(seq, step, live->value) ? FIT_RENAMED : FIT_REGISTER;
}

/* The lane's step that live fulfils; *near: one of the same register with another value. */
static struct seq_step *lane_find(struct pciem_seq *seq, struct seq_lane *lane,
				  const struct seq_live *live, struct seq_step **near)
{
	unsigned int depth = 0;
	bool passed = false;	/* a required one */
	struct seq_step *step;

	list_for_each_entry(step, &lane->steps, queue) {
		switch (step_fit(seq, step, live)) {
		case FIT_EXACT:
		case FIT_RENAMED:
			return passed && !list_empty(&step->causes) ? NULL : step;
		case FIT_REGISTER:
			if (!*near)
				*near = step;
			if (!(step->flags & PCIEM_SEQ_OPTIONAL))
				return NULL;
			break;
		case FIT_NOT:
			break;
		}
		if (!(step->flags & PCIEM_SEQ_OPTIONAL)) {
			if (!(step->flags & PCIEM_SEQ_UNORDERED) || !list_empty(&step->causes))
				break;
			passed = true;
		}
		if (++depth == PASS_DEPTH)
			break;
	}
	return NULL;
}

/* Among the lanes of a list: the earliest step that live fulfils, and the earliest near miss. */
static void lanes_find(struct pciem_seq *seq, struct hlist_head *lanes, struct seq_lane *own,
		       const struct seq_live *live, struct seq_step **best, struct seq_step **near)
{
	struct seq_step *step, *close;
	struct seq_lane *lane;

	hlist_for_each_entry(lane, lanes, by_head) {
		close = NULL;
		step = lane == own ? NULL : lane_find(seq, lane, live, &close);
		if (step && (!*best || step->index < (*best)->index))
			*best = step;
		if (close && (!*near || close->index < (*near)->index))
			*near = close;
	}
}

static struct seq_step *any_find(struct pciem_seq *seq, struct seq_lane *own,
				 const struct seq_live *live, struct seq_step **near)
{
	struct seq_step *best = NULL, *best_close = NULL;

	if (own) {
		best = lane_find(seq, own, live, near);
		if (best)
			return best;
	}
	lanes_find(seq, pciem_seq_lanes_waiting(seq, live), own, live, &best, &best_close);
	lanes_find(seq, &seq->passable, own, live, &best, &best_close);
	if (!*near)
		*near = best_close;
	return best;
}

void pciem_seq_settle(struct pciem_seq *seq, struct seq_step *step, u64 at)
{
	u64 now = ktime_get_mono_fast_ns();
	u32 slot = step->index % SEQ_RECENT;
	struct seq_step *action, *next;

	list_for_each_entry_safe(action, next, &step->causes, causes) {
		list_del_init(&action->causes);
		action->cause_met = true;
		action->cause_seq = at;
		action->cause_time = now;
	}
	seq->recent[slot].index = step->index;
	seq->recent[slot].seq = at;
	seq->recent[slot].time = now;
	hlist_del_init(&step->by_index);
	if (!list_empty(&step->open)) {
		list_del_init(&step->open);
		seq->pending--;
	}
	pciem_seq_step_free(seq, step);
}

/* Takes step out of its lane, and the optional ones that it skips. */
static void step_take(struct pciem_seq *seq, struct seq_step *step, const struct seq_live *live)
{
	struct seq_lane *lane = &seq->lanes[step->lane];
	struct seq_step *skipped, *next;

	list_for_each_entry_safe(skipped, next, &lane->steps, queue) {
		if (skipped == step)
			break;
		if (!(skipped->flags & PCIEM_SEQ_OPTIONAL))
			continue;
		pciem_seq_lane_drop(seq, skipped);
		seq->skipped++;
		pciem_seq_settle(seq, skipped, 0);
	}
	pciem_seq_lane_drop(seq, step);
	seq->matched++;
	if (step_fit(seq, step, live) == FIT_RENAMED)
		seq->renamed++;
	pciem_seq_lane_repeat(seq, lane, step);
	pciem_seq_lane_bind(seq, live->context, step->lane);
	seq->progress = lane->since = ktime_get_mono_fast_ns();
}

/* The recording's device had not come so far yet: its old answer stands. */
static bool step_too_soon(struct pciem_seq *seq, const struct seq_step *step,
			  const struct seq_live *live)
{
	const struct seq_lane *lane = &seq->lanes[step->lane];

	return step->delay_us && pciem_seq_repeat_fits(&lane->repeat, live) &&
	       ktime_get_mono_fast_ns() - lane->since < step->delay_us * (u64)NSEC_PER_USEC;
}

/* Nothing fits: say why. */
static void match_failed(struct pciem_seq *seq, struct seq_lane *own, struct seq_step *near,
			 const struct seq_live *live, struct seq_match *m)
{
	struct seq_step *head = pciem_seq_lane_head(own);
	struct seq_step *step = near ?: head ?: pciem_seq_oldest(seq);
	bool behind = !seq->last_pushed && seq->low_told;

	m->pushes = seq->pushes;
	if (!near && !seq->last_pushed && (!seq->expects || (own && !head))) {
		m->outcome = SEQ_DRY;
		return;
	}
	/* A context that has not come yet, or a step behind those that may be passed by. */
	m->outcome = behind && (!head || head->flags & PCIEM_SEQ_OPTIONAL) ? SEQ_LATE : SEQ_UNEXPECTED;
	m->d = (struct seq_divergence) {
		.reason = near ? PCIEM_DIVERGED_VALUE :
			  seq->expects ? PCIEM_DIVERGED_ACCESS : PCIEM_DIVERGED_PAST_END,
		.index = step ? step->index : ~0ULL,
		.expected = step ? step->value : 0,
		.actual = live->value,
		.kind = live->kind, .func = live->func, .bar = live->bar, .width = live->width,
		.addr = live->addr,
		.ip = live->ip,
	};
}

static void match_locked(struct pciem_seq *seq, const struct seq_live *live, struct seq_match *m)
{
	struct seq_lane *own = pciem_seq_lane_of(seq, live->context);
	struct seq_step *step, *near = NULL;
	struct seq_lane *repeating;

	if (!pciem_seq_running(seq)) {
		m->outcome = SEQ_REFUSED;
		return;
	}
	if (pciem_seq_index_take(seq, live, m, &near))
		return;
	step = any_find(seq, own, live, &near);
	if (step && !step_too_soon(seq, step, live)) {
		step_take(seq, step, live);
		m->step = step;
		m->answer = step->value;
		return;
	}
	repeating = step ? &seq->lanes[step->lane] : pciem_seq_lane_repeating(seq, own, live);
	if (!repeating) {
		match_failed(seq, own, near, live, m);
		return;
	}
	seq->folded++;
	m->answer = repeating->repeat.value;
}

void pciem_seq_match(struct pciem_seq *seq, const struct seq_live *live, struct seq_match *m)
{
	unsigned long flags;

	*m = (struct seq_match) { .outcome = SEQ_MATCHED };
	raw_spin_lock_irqsave(&seq->lock, flags);
	match_locked(seq, live, m);
	raw_spin_unlock_irqrestore(&seq->lock, flags);
}
