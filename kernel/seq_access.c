// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sequencer's driver side: an access comes, and is answered as the step that it
 * fulfils says, or ends the sequence.
 *
 * Locking in this file: none is held while waiting or emitting.
 */
#include <linux/sched/signal.h>

#include "sequencer.h"

#define DRY_SLEEP_MS	5000
#define DRY_SPIN_NS	(10ULL * NSEC_PER_MSEC)

static bool pushed_since(struct pciem_seq *seq, u32 pushes)
{
	return READ_ONCE(seq->pushes) != pushes || READ_ONCE(seq->stopped) ||
	       READ_ONCE(seq->slot->gone);
}

/* Userspace is late with its next steps. False: too late. */
static bool dry_wait(struct pciem_seq *seq, u32 pushes)
{
	u64 end;

	if (pciem_may_sleep()) {
		wait_event_killable_timeout(seq->pushed, pushed_since(seq, pushes),
					    msecs_to_jiffies(DRY_SLEEP_MS));
	} else {
		end = ktime_get_mono_fast_ns() + DRY_SPIN_NS;
		while (!pushed_since(seq, pushes) && ktime_get_mono_fast_ns() < end)
			cpu_relax();
	}
	return READ_ONCE(seq->pushes) != pushes;
}

static void seq_went_dry(struct pciem_seq *seq, const struct seq_live *live)
{
	struct pciem_slot *slot = seq->slot;
	unsigned long flags;
	bool first;

	raw_spin_lock_irqsave(&seq->lock, flags);
	first = pciem_seq_running(seq);
	if (first)
		seq->state = PCIEM_SEQ_STATE_DRY;
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	if (!first)
		return;
	pciem_stream_fault(slot->func[live->func], PCIEM_FAULT_SEQ_DRY, live->bar, live->width,
			   live->addr, 0);
	pciem_stream_event(slot, PCIEM_EVENT_SEQ_DRY, live->addr);
}

/* Whether the access is expected; if so, m says what was matched. */
static bool seq_expects(struct pciem_seq *seq, const struct seq_live *live, struct seq_match *m)
{
	for (;;) {
		pciem_seq_match(seq, live, m);
		switch (m->outcome) {
		case SEQ_MATCHED:
			return true;
		case SEQ_REFUSED:
			return false;
		case SEQ_UNEXPECTED:
			pciem_seq_diverge(seq, &m->d);
			return false;
		case SEQ_DRY:
		case SEQ_LATE:
			/* Whoever freed the last steps may not have said so yet. */
			pciem_seq_tell(seq);
			if (dry_wait(seq, m->pushes))
				continue;
			if (READ_ONCE(seq->slot->gone))
				return false;
			if (m->outcome == SEQ_DRY)
				seq_went_dry(seq, live);
			else
				pciem_seq_diverge(seq, &m->d);
			return false;
		}
	}
}

static void seq_settle(struct pciem_seq *seq, struct seq_step *step, u64 at)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&seq->lock, flags);
	pciem_seq_settle(seq, step, at);
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	pciem_seq_pump(seq);
}

static bool range_ignored(struct pciem_seq *seq, const struct seq_live *live)
{
	const struct pciem_seq_ignore *ig;
	u64 at, nth;
	u32 i;

	for (i = 0; i < seq->nr_ignores; i++) {
		ig = &seq->ignores[i];
		if (ig->func != live->func || ig->bar_index != live->bar || live->addr < ig->offset)
			continue;
		at = live->addr - ig->offset;
		if (ig->count > 1) {
			nth = div_u64(at, ig->stride);
			if (nth >= ig->count)
				continue;
			at -= nth * ig->stride;
		}
		if (at < ig->length)
			return true;
	}
	return false;
}

/* Whether SEQ_START leaves the access out of the sequence: then it is counted. */
static bool access_ignored(struct pciem_seq *seq, const struct seq_live *live)
{
	unsigned long flags;

	if (!range_ignored(seq, live))
		return false;
	raw_spin_lock_irqsave(&seq->lock, flags);
	seq->ignored++;
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	return true;
}

static u64 access_emit(const struct pciem_access *acc, u8 kind)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = kind, .func = acc->bar->func->num, .bar = acc->bar->index,
			.width = acc->width, .addr = acc->offset, .value = acc->value,
		},
	};

	pciem_stream_emit(acc->bar->func->slot, &txn);
	return txn.seq;
}

enum pciem_seq_result pciem_seq_access(struct pciem_access *acc)
{
	struct pciem_seq *seq = pciem_slot_seq(acc->bar->func->slot);
	struct seq_live live = {
		.op = acc->write ? PCIEM_SEQ_EXPECT_MMIO_WRITE : PCIEM_SEQ_EXPECT_MMIO_READ,
		.kind = acc->write ? PCIEM_RECORD_MMIO_WRITE : PCIEM_RECORD_MMIO_READ,
		.func = acc->bar->func->num, .bar = acc->bar->index, .width = acc->width,
		.addr = acc->offset, .value = acc->write ? acc->value : 0, .ip = acc->ip,
	};
	struct seq_match m;
	u64 at;

	if (!seq || access_ignored(seq, &live))
		return PCIEM_SEQ_NOT_ACTIVE;
	live.context = pciem_context_current();
	if (!seq_expects(seq, &live, &m)) {
		if (!acc->write)
			acc->value = acc->width == 8 ? ~0ULL : BIT_ULL(acc->width * 8) - 1;
		access_emit(acc, live.kind);
		return PCIEM_SEQ_REFUSED;
	}
	if (!acc->write)
		acc->value = m.answer;
	at = access_emit(acc, live.kind);
	if (m.step)
		seq_settle(seq, m.step, at);
	else if (m.settled)
		pciem_seq_pump(seq);
	return PCIEM_SEQ_SERVED;
}

void pciem_seq_config_write(struct pciem_func *f, int where, int size, u32 val)
{
	struct pciem_seq *seq = pciem_slot_seq(f->slot);
	struct seq_live live = {
		.op = PCIEM_SEQ_EXPECT_CFG_WRITE, .kind = PCIEM_RECORD_CFG_WRITE,
		.func = f->num, .bar = 0xff, .width = size, .addr = where, .value = val,
	};
	struct seq_match m;

	if (!seq || READ_ONCE(f->slot->gone) || access_ignored(seq, &live))
		return;
	live.context = pciem_context_current();
	/* Its record is the newest, or nearly: close enough for a cause. */
	if (seq_expects(seq, &live, &m))
		seq_settle(seq, m.step, READ_ONCE(f->slot->stream.seq));
}
