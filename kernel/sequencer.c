// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sequencer: plays a device from a list of steps, in the driver's own trap. This
 * file begins and ends sequences.
 *
 * Locking in this file: seq->lock.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "sequencer.h"

/* ------------------------------------------------------------ under seq->lock */

bool pciem_seq_running(struct pciem_seq *seq)
{
	return !seq->stopped && !seq->claimed &&
	       (seq->state == PCIEM_SEQ_RUNNING || seq->state == PCIEM_SEQ_DONE);
}

struct seq_step *pciem_seq_oldest(struct pciem_seq *seq)
{
	return list_first_entry_or_null(&seq->open, struct seq_step, open);
}

void pciem_seq_step_free(struct pciem_seq *seq, struct seq_step *step)
{
	if (step->data) {
		atomic64_sub(step->data->len, &seq->data_bytes);
		if (llist_add(&step->data->node, &seq->dead_data) && !seq->stopped)
			schedule_work(&seq->free_work);
		step->data = NULL;
	}
	list_add(&step->queue, &seq->free);
	seq->used--;
	if (!seq->low_told && !seq->last_pushed && seq->used <= seq->window / 2)
		seq->low_told = seq->tell_low = true;
}

/* ---------------------------------------------------------------- start, stop */

static void seq_free_work(struct work_struct *work)
{
	struct pciem_seq *seq = container_of(work, struct pciem_seq, free_work);
	struct llist_node *dead = llist_del_all(&seq->dead_data);
	struct seq_data *data, *next;

	llist_for_each_entry_safe(data, next, dead, node)
		kvfree(data);
}

static void seq_destroy(struct pciem_seq *seq)
{
	u32 i;

	if (seq->steps) {
		seq_free_work(&seq->free_work);
		for (i = 0; i < seq->window; i++)
			kvfree(seq->steps[i].data);
	}
	kvfree(seq->ignores);
	kvfree(seq->steps);
	kvfree(seq->lanes);
	kvfree(seq->index_hash);
	kvfree(seq->pair);
	kvfree(seq->echo);
	kvfree(seq->scratch);
	kvfree(seq);
}

static int seq_alloc_tables(struct pciem_seq *seq)
{
	seq->index_bits = clamp(ilog2(seq->window) - 1, 6, 18);
	seq->steps = kvcalloc(seq->window, sizeof(*seq->steps), GFP_KERNEL_ACCOUNT);
	seq->lanes = kvcalloc(SEQ_LANES, sizeof(*seq->lanes), GFP_KERNEL_ACCOUNT);
	seq->index_hash = kvcalloc(1U << seq->index_bits, sizeof(*seq->index_hash),
				   GFP_KERNEL_ACCOUNT);
	seq->pair = kvcalloc(SEQ_PAIRS, sizeof(*seq->pair), GFP_KERNEL_ACCOUNT);
	seq->echo = kvcalloc(SEQ_ECHOES, sizeof(*seq->echo), GFP_KERNEL_ACCOUNT);
	seq->scratch = kvmalloc(PCIEM_DMA_CHUNK, GFP_KERNEL_ACCOUNT);
	return seq->steps && seq->lanes && seq->index_hash && seq->pair && seq->echo &&
	       seq->scratch ? 0 : -ENOMEM;
}

static int seq_copy_ignores(struct pciem_seq *seq, const struct pciem_seq_start *arg)
{
	size_t bytes = arg->nr_ignores * sizeof(*seq->ignores);
	u32 i;

	if (!bytes)
		return 0;
	seq->ignores = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!seq->ignores)
		return -ENOMEM;
	if (copy_from_user(seq->ignores, u64_to_user_ptr(arg->ignores), bytes))
		return -EFAULT;
	for (i = 0; i < arg->nr_ignores; i++) {
		const struct pciem_seq_ignore *ig = &seq->ignores[i];

		if (ig->func >= PCIEM_MAX_FUNCTIONS ||
		    (ig->bar_index >= PCIEM_MAX_BARS && ig->bar_index != PCIEM_SEQ_IGNORE_CONFIG) ||
		    !ig->length || ig->reserved || (ig->count > 1 && ig->stride < ig->length))
			return -EINVAL;
	}
	seq->nr_ignores = arg->nr_ignores;
	return 0;
}

static void seq_init_lists(struct pciem_seq *seq)
{
	u32 i;

	INIT_LIST_HEAD(&seq->free);
	INIT_LIST_HEAD(&seq->open);
	INIT_LIST_HEAD(&seq->actions);
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		INIT_LIST_HEAD(&seq->maps[i]);
	for (i = 0; i < seq->window; i++)
		list_add_tail(&seq->steps[i].queue, &seq->free);
	pciem_seq_index_init(seq);
	for (i = 0; i < SEQ_LANES; i++)
		INIT_LIST_HEAD(&seq->lanes[i].steps);
	INIT_LIST_HEAD(&seq->pair_use);
	for (i = 0; i < SEQ_PAIRS; i++)
		list_add_tail(&seq->pair[i].use, &seq->pair_use);
	INIT_LIST_HEAD(&seq->echo_use);
	for (i = 0; i < SEQ_ECHOES; i++)
		list_add_tail(&seq->echo[i].use, &seq->echo_use);
}

int pciem_seq_start(struct pciem_slot *slot, const struct pciem_seq_start *arg)
{
	struct pciem_seq *seq;
	int err;

	if (arg->window < 64 || arg->window > SZ_1M || arg->nr_ignores > 64 || arg->reserved)
		return -EINVAL;
	seq = kvzalloc(sizeof(*seq), GFP_KERNEL_ACCOUNT);
	if (!seq)
		return -ENOMEM;
	seq->slot = slot;
	seq->window = arg->window;
	seq->hold_ns = min_t(u64, arg->hold_ns, KTIME_MAX / 2);
	seq->state = PCIEM_SEQ_RUNNING;
	seq->pairs = RB_ROOT;
	seq->progress = ktime_get_mono_fast_ns();
	raw_spin_lock_init(&seq->lock);
	mutex_init(&seq->push_lock);
	init_waitqueue_head(&seq->pushed);
	init_llist_head(&seq->dead_data);
	INIT_WORK(&seq->free_work, seq_free_work);
	err = seq_alloc_tables(seq) ?: seq_copy_ignores(seq, arg);
	if (err) {
		seq_destroy(seq);
		return err;
	}
	seq_init_lists(seq);
	pciem_seq_action_init(seq);
	/* Pairs with pciem_slot_seq(). */
	smp_store_release(&slot->seq, seq);
	return 0;
}

/* The device is going away: an access that waits for its step need not. */
void pciem_seq_wake(struct pciem_slot *slot)
{
	struct pciem_seq *seq = pciem_slot_seq(slot);

	if (seq)
		wake_up_all(&seq->pushed);
}

void pciem_seq_stop(struct pciem_slot *slot)
{
	struct pciem_seq *seq = slot->seq;
	struct seq_divergence d = { .reason = PCIEM_DIVERGED_REMOVED, .bar = 0xff };
	struct seq_step *step;
	bool unfinished;

	if (!seq)
		return;
	raw_spin_lock_irq(&seq->lock);
	step = pciem_seq_oldest(seq) ?:
	       list_first_entry_or_null(&seq->actions, struct seq_step, queue);
	unfinished = seq->state == PCIEM_SEQ_RUNNING && !seq->claimed && !seq->stopped;
	d.index = step ? step->index : ~0ULL;
	raw_spin_unlock_irq(&seq->lock);
	if (unfinished)
		pciem_seq_diverge(seq, &d);

	raw_spin_lock_irq(&seq->lock);
	seq->stopped = true;
	raw_spin_unlock_irq(&seq->lock);
	wake_up_all(&seq->pushed);
	pciem_seq_action_stop(seq);
	cancel_work_sync(&seq->free_work);
}

void pciem_seq_free(struct pciem_slot *slot)
{
	if (slot->seq)
		seq_destroy(slot->seq);
}
