// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sequencer's device side: runs actions in the order of the trace.
 *
 * An action runs in the trap of the access that made it due. It may also run early,
 * on its cause alone, when no access has been matched for hold_ns: a driver may do
 * in another order what the device never depended on.
 *
 * Locking in this file: whoever sets seq->pumping runs the actions, with the lock
 * dropped; others leave at once, and the one inside looks again under the lock
 * before it goes. It does not while it raises an interrupt: the handler may come at
 * once, on top of it or on another CPU, and what its accesses make due runs in them.
 * The timer only queues work: a burst of DMA has no place in it.
 */
#include <linux/delay.h>

#include "sequencer.h"

/* ------------------------------------------------------------ under seq->lock */

static u64 next_open_above(struct pciem_seq *seq, u64 index)
{
	struct seq_step *step;

	list_for_each_entry(step, &seq->open, open)
		if (step->index > index)
			return step->index;
	return ~0ULL;
}

static struct seq_step *action_head(struct pciem_seq *seq)
{
	return list_first_entry_or_null(&seq->actions, struct seq_step, queue);
}

static bool action_due(struct pciem_seq *seq, const struct seq_step *action)
{
	const struct seq_step *oldest = pciem_seq_oldest(seq);

	return !oldest || action->index < oldest->index;
}

static bool action_may_be_early(const struct seq_step *action)
{
	return action->op != PCIEM_SEQ_DO_MARK && action->cause_met;
}

/* When its pace lets it run. */
static u64 action_time(const struct seq_step *action)
{
	return action->delay_us ? action->cause_time + action->delay_us * (u64)NSEC_PER_USEC : 0;
}

static struct seq_step *action_next(struct pciem_seq *seq)
{
	struct seq_step *action = action_head(seq);

	if (seq->waiting && ktime_get_mono_fast_ns() >= seq->wait_until)
		seq->waiting = false;
	if (!action || seq->waiting || !pciem_seq_running(seq) || READ_ONCE(seq->slot->gone))
		return NULL;
	if (action->cause_met && ktime_get_mono_fast_ns() < action_time(action))
		return NULL;
	if (action_due(seq, action))
		return action;
	if (!action_may_be_early(action))
		return NULL;
	if (action->index >= seq->early_below) {
		if (ktime_get_mono_fast_ns() - seq->progress < seq->hold_ns)
			return NULL;
		/* What the recording had without an access in between stays together. */
		seq->early_below = min(next_open_above(seq, action->index), seq->last_index + 1);
	}
	seq->early++;
	return action;
}

static void timer_arm(struct pciem_seq *seq)
{
	struct seq_step *action = action_head(seq);
	u64 now = ktime_get_mono_fast_ns(), at = seq->wait_until;

	if (!seq->waiting) {
		if (!action || !action_may_be_early(action))
			return;
		at = action_due(seq, action) ? 0 : seq->progress + seq->hold_ns;
		at = max(at, action_time(action));
	}
	if (pciem_seq_running(seq) &&
	    (seq->waiting || (action && action->delay_us) || !hrtimer_is_queued(&seq->timer)))
		hrtimer_start(&seq->timer, at > now ? at - now : 0, HRTIMER_MODE_REL);
}

static void check_done(struct pciem_seq *seq)
{
	if (seq->state != PCIEM_SEQ_RUNNING || !pciem_seq_running(seq) || !seq->last_pushed ||
	    pciem_seq_oldest(seq) || action_head(seq) || seq->running || seq->waiting)
		return;
	seq->state = PCIEM_SEQ_DONE;
	seq->tell_done = true;
}

/* ------------------------------------------------------------ the pump's own */

static void action_failed(struct pciem_seq *seq, const struct seq_step *action, u8 kind,
			  u64 addr, int err)
{
	struct seq_divergence d = {
		.reason = PCIEM_DIVERGED_DMA, .index = action->index, .kind = kind,
		.func = action->func, .bar = 0xff, .addr = addr, .actual = -err, .device = true,
	};

	/* A device that goes away under its own action is no divergence. */
	if (!READ_ONCE(seq->slot->gone))
		pciem_seq_diverge(seq, &d);
}

/* The first byte that differs and is not part of a renamed address; len if none. */
static u32 payload_compare(struct pciem_seq *seq, const struct seq_step *action, const u8 *actual)
{
	const u8 *expected = action->data->bytes;
	u32 len = action->data_len, i, word, end;
	unsigned long flags;
	u64 renamed = 0;

	for (i = 0; i < len; i++) {
		if (expected[i] == actual[i])
			continue;
		end = pciem_seq_field_end(action->data, i);
		if (end) {
			i = end - 1;
			continue;
		}
		/* Words as the device would fetch them: aligned in memory, not in the chunk. */
		word = i - min_t(u32, i, (action->addr + i) & 7);
		if ((action->addr + word) & 7 || len - word < 8)
			break;
		raw_spin_lock_irqsave(&seq->lock, flags);
		if (!pciem_seq_same_address(seq, get_unaligned_le64(expected + word),
					    get_unaligned_le64(actual + word)))
			len = i;
		raw_spin_unlock_irqrestore(&seq->lock, flags);
		if (len == i)
			break;
		renamed++;
		i = word + 7;
	}
	raw_spin_lock_irqsave(&seq->lock, flags);
	seq->renamed += renamed;
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	return min(i, action->data_len);
}

static void action_dma(struct pciem_seq *seq, const struct seq_step *action)
{
	bool write = action->op == PCIEM_SEQ_DO_DMA_WRITE;
	u8 kind = write ? PCIEM_RECORD_DMA_WRITE : PCIEM_RECORD_DMA_READ;
	struct pciem_func *f = seq->slot->func[action->func];
	unsigned long flags;
	int moved;
	u64 iova;
	u32 at;

	raw_spin_lock_irqsave(&seq->lock, flags);
	iova = pciem_seq_translate(seq, action->addr);
	if (write)
		pciem_seq_echo_apply(seq, action->data);
	raw_spin_unlock_irqrestore(&seq->lock, flags);

	moved = pciem_dma_kernel(f, iova, write ? action->data->bytes : seq->scratch,
				 action->data_len, write, action->cause_seq, false);
	if (moved < 0 || moved < action->data_len) {
		action_failed(seq, action, kind, iova, moved < 0 ? moved : -EFAULT);
		return;
	}
	if (write || !action->data)
		return;
	raw_spin_lock_irqsave(&seq->lock, flags);
	pciem_seq_echo_learn(seq, action->data, seq->scratch);
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	at = payload_compare(seq, action, seq->scratch);
	if (at < action->data_len) {
		struct seq_divergence d = {
			.reason = PCIEM_DIVERGED_PAYLOAD, .index = action->index, .kind = kind,
			.func = action->func, .bar = 0xff, .addr = iova, .payload_offset = at,
			.expected = action->data->bytes[at], .actual = seq->scratch[at],
			.expected_data = action->data->bytes, .actual_data = seq->scratch,
			.data_len = action->data_len, .device = true,
		};

		pciem_seq_diverge(seq, &d);
	}
}

static void action_atomic(struct pciem_seq *seq, const struct seq_step *action)
{
	struct pciem_atomic_op op = {
		.type = get_unaligned((const u64 *)action->data->bytes),
		.operand = get_unaligned((const u64 *)(action->data->bytes + 8)),
		.compare = get_unaligned((const u64 *)(action->data->bytes + 16)),
		.width = action->width,
	};
	unsigned long flags;
	u64 old = 0;
	int err;

	raw_spin_lock_irqsave(&seq->lock, flags);
	op.iova = pciem_seq_translate(seq, action->addr);
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	err = pciem_dma_atomic(seq->slot->func[action->func], &op, action->cause_seq, &old);
	if (err) {
		action_failed(seq, action, PCIEM_RECORD_DMA_ATOMIC, op.iova, err);
	} else if (old != action->value) {
		/* The device has read the value before, and it differs. */
		struct seq_divergence d = {
			.reason = PCIEM_DIVERGED_PAYLOAD, .index = action->index,
			.kind = PCIEM_RECORD_DMA_ATOMIC, .func = action->func, .bar = 0xff,
			.addr = op.iova, .expected = action->value, .actual = old,
			.expected_data = (const u8 *)&action->value, .actual_data = (const u8 *)&old,
			.data_len = action->width, .device = true,
		};

		d.payload_offset = __ffs64(action->value ^ old) / 8;
		pciem_seq_diverge(seq, &d);
	}
}

static void action_wait(struct pciem_seq *seq, const struct seq_step *action)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&seq->lock, flags);
	seq->waiting = true;
	seq->wait_until = ktime_get_mono_fast_ns() + action->value;
	raw_spin_unlock_irqrestore(&seq->lock, flags);
}

static void action_run(struct pciem_seq *seq, const struct seq_step *action)
{
	struct pciem_func *f = seq->slot->func[action->func];
	int err;

	switch (action->op) {
	case PCIEM_SEQ_DO_DMA_WRITE:
	case PCIEM_SEQ_DO_DMA_READ:
		action_dma(seq, action);
		break;
	case PCIEM_SEQ_DO_DMA_ATOMIC:
		action_atomic(seq, action);
		break;
	case PCIEM_SEQ_DO_IRQ:
		err = pciem_irq_inject(f, action->addr, action->cause_seq);
		if (err)
			action_failed(seq, action, PCIEM_RECORD_IRQ, action->addr, err);
		break;
	case PCIEM_SEQ_DO_INTX:
		err = pciem_intx_set(f, action->value, action->cause_seq);
		if (err)
			action_failed(seq, action, PCIEM_RECORD_IRQ, action->addr, err);
		break;
	case PCIEM_SEQ_DO_WAIT:
		action_wait(seq, action);
		break;
	case PCIEM_SEQ_DO_MARK:
		pciem_stream_event(seq->slot, PCIEM_EVENT_SEQ_MARK, action->value);
		break;
	}
}

/* Under seq->lock, which is dropped meanwhile; false: somebody else pumps now. */
static bool action_do(struct pciem_seq *seq, struct seq_step *action, unsigned long *flags)
{
	bool interrupt = action->op == PCIEM_SEQ_DO_IRQ || action->op == PCIEM_SEQ_DO_INTX, taken;

	list_del_init(&action->queue);
	list_del_init(&action->causes);
	seq->running++;
	seq->pumping = !interrupt;
	raw_spin_unlock_irqrestore(&seq->lock, *flags);
	action_run(seq, action);
	raw_spin_lock_irqsave(&seq->lock, *flags);
	seq->running--;
	seq->done++;
	seq->pending--;
	pciem_seq_step_free(seq, action);
	taken = interrupt && seq->pumping;
	if (!taken)
		seq->pumping = true;
	return !taken;
}

/* What is to be said to the owner, if anything. */
void pciem_seq_tell(struct pciem_seq *seq)
{
	unsigned long flags;
	bool low, done;

	raw_spin_lock_irqsave(&seq->lock, flags);
	low = seq->tell_low;
	done = seq->tell_done;
	seq->tell_low = seq->tell_done = false;
	raw_spin_unlock_irqrestore(&seq->lock, flags);

	if (low)
		pciem_stream_event(seq->slot, PCIEM_EVENT_SEQ_LOW, 0);
	if (done)
		pciem_stream_event(seq->slot, PCIEM_EVENT_SEQ_DONE, 0);
}

void pciem_seq_pump(struct pciem_seq *seq)
{
	struct seq_step *action;
	unsigned long flags;
	bool mine;

	raw_spin_lock_irqsave(&seq->lock, flags);
	mine = !seq->pumping;
	if (mine)
		seq->pumping = true;
	while (mine && (action = action_next(seq)))
		mine = action_do(seq, action, &flags);
	if (mine) {
		timer_arm(seq);
		check_done(seq);
		seq->pumping = false;
	}
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	pciem_seq_tell(seq);
}

/* For who must not wait: an action waits where the ring of the owner is full. */
void pciem_seq_pump_later(struct pciem_seq *seq)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&seq->lock, flags);
	if (!seq->stopped)
		queue_work(system_highpri_wq, &seq->pump_work);
	raw_spin_unlock_irqrestore(&seq->lock, flags);
}

/* Its cause has come, so the recorded device would have done it by now. */
bool pciem_seq_owes_deassert(struct pciem_slot *slot)
{
	struct pciem_seq *seq = slot->seq;
	struct seq_step *step;
	unsigned long flags;
	bool owes = false;

	if (!seq)
		return false;
	raw_spin_lock_irqsave(&seq->lock, flags);
	list_for_each_entry(step, &seq->actions, queue) {
		if (!step->cause_met || !pciem_seq_running(seq))
			break;
		owes = step->op == PCIEM_SEQ_DO_INTX && !step->value;
		if (owes)
			break;
	}
	raw_spin_unlock_irqrestore(&seq->lock, flags);
	return owes;
}

/* ---------------------------------------------------------------------- timer */

static void pump_work(struct work_struct *work)
{
	pciem_seq_pump(container_of(work, struct pciem_seq, pump_work));
}

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	pciem_seq_pump_later(container_of(timer, struct pciem_seq, timer));
	return HRTIMER_NORESTART;
}

void pciem_seq_action_init(struct pciem_seq *seq)
{
	hrtimer_init(&seq->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	seq->timer.function = timer_fired;
	INIT_WORK(&seq->pump_work, pump_work);
}

/* seq->stopped is set: nothing is armed or queued from here on. */
void pciem_seq_action_stop(struct pciem_seq *seq)
{
	hrtimer_cancel(&seq->timer);
	cancel_work_sync(&seq->pump_work);
	while (READ_ONCE(seq->pumping) || READ_ONCE(seq->running))
		usleep_range(100, 1000);
}
