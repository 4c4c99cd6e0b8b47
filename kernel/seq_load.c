// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads steps into a sequence: copied from userspace once, checked, then linked.
 *
 * Locking in this file: push_lock keeps pushes in order, and is the only lock under
 * which user memory is touched; seq->lock is taken for short stretches to link what
 * has been copied.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "sequencer.h"

#define STEP_FLAGS	(PCIEM_SEQ_OPTIONAL | PCIEM_SEQ_REPEAT | PCIEM_SEQ_NO_COMPARE | \
			 PCIEM_SEQ_UNORDERED | PCIEM_SEQ_COALESCE | PCIEM_RF_DIR_MASK | PCIEM_RF_COHERENT)
#define LINK_BATCH	64	/* steps linked with interrupts off */

static bool op_is_expect(u8 op)
{
	return op <= PCIEM_SEQ_EXPECT_DMA_MAP;
}

/* An index that really goes forward, and nothing else that is forgiven. */
static bool step_index_valid(const struct pciem_seq_step *u)
{
	if (!(u->flags & PCIEM_SEQ_COALESCE))
		return !u->from && !u->modulo && !u->cause;
	return u->op == PCIEM_SEQ_EXPECT_MMIO_WRITE && u->width <= 4 && u->cause < u->index &&
	       !(u->flags & (PCIEM_SEQ_OPTIONAL | PCIEM_SEQ_UNORDERED)) &&
	       u->from < u->modulo && u->value < u->modulo && u->from != u->value;
}

static int step_check_expect(struct pciem_func *f, const struct pciem_seq_step *u)
{
	u64 end = PCIEM_CONFIG_SIZE;

	if (u->lane >= SEQ_LANES || u->data_len || u->nr_fields || !step_index_valid(u) ||
	    (u->delay_us && u->op != PCIEM_SEQ_EXPECT_MMIO_READ))
		return -EINVAL;
	if (u->op == PCIEM_SEQ_EXPECT_DMA_MAP)
		return u->value && !(u->flags & PCIEM_SEQ_UNORDERED) ? 0 : -EINVAL;
	if (u->width > 8 || !is_power_of_2(u->width))
		return -EINVAL;
	if (u->op == PCIEM_SEQ_EXPECT_CFG_WRITE) {
		if (u->width > 4)
			return -EINVAL;
	} else {
		if (u->bar >= PCIEM_MAX_BARS)
			return -EINVAL;
		end = f->bar[u->bar].size;
	}
	return u->addr < end && end - u->addr >= u->width ? 0 : -EINVAL;
}

static int step_check_action(const struct pciem_seq_step *u)
{
	bool dma = u->op == PCIEM_SEQ_DO_DMA_WRITE || u->op == PCIEM_SEQ_DO_DMA_READ;

	if (u->op == PCIEM_SEQ_DO_DMA_ATOMIC) {
		if (u->data_len != SEQ_ATOMIC_DATA || u->nr_fields || (u->width != 4 && u->width != 8))
			return -EINVAL;
	} else if (dma ? !u->data_len || u->data_len > PCIEM_DMA_CHUNK : u->data_len || u->nr_fields)
		return -EINVAL;
	if (u->flags & (PCIEM_SEQ_UNORDERED | PCIEM_SEQ_COALESCE) || u->from || u->modulo)
		return -EINVAL;
	if (u->nr_fields > SEQ_FIELDS || (u->nr_fields && u->flags & PCIEM_SEQ_NO_COMPARE))
		return -EINVAL;
	if (u->op == PCIEM_SEQ_DO_IRQ && u->addr >= PCIEM_MAX_VECTORS)
		return -EINVAL;
	if (u->op == PCIEM_SEQ_DO_INTX && u->value > 1)
		return -EINVAL;
	if (u->op == PCIEM_SEQ_DO_WAIT && u->value > KTIME_MAX / 2)
		return -EINVAL;
	if (u->op == PCIEM_SEQ_DO_MARK && u->delay_us)
		return -EINVAL;
	return u->cause < u->index ? 0 : -EINVAL;
}

static int step_check(struct pciem_seq *seq, const struct pciem_seq_step *u, u64 after)
{
	struct pciem_func *f;

	if (u->func >= PCIEM_MAX_FUNCTIONS || u->flags & ~STEP_FLAGS || u->index <= after)
		return -EINVAL;
	f = seq->slot->func[u->func];
	if (!f)
		return -ENOENT;
	switch (u->op) {
	case PCIEM_SEQ_EXPECT_CFG_WRITE ... PCIEM_SEQ_EXPECT_DMA_MAP:
		return step_check_expect(f, u);
	case PCIEM_SEQ_DO_DMA_WRITE ... PCIEM_SEQ_DO_MARK:
	case PCIEM_SEQ_DO_DMA_ATOMIC:
	case PCIEM_SEQ_DO_INTX:
		return step_check_action(u);
	default:
		return -EINVAL;
	}
}

static bool step_has_data(const struct pciem_seq_step *u)
{
	return u->op == PCIEM_SEQ_DO_DMA_WRITE || u->op == PCIEM_SEQ_DO_DMA_ATOMIC ||
	       (u->op == PCIEM_SEQ_DO_DMA_READ && !(u->flags & PCIEM_SEQ_NO_COMPARE));
}

static struct seq_data *data_copy(const struct pciem_seq_step *u)
{
	struct seq_data *data;
	size_t head = struct_size(data, fields, u->nr_fields);
	int err = -EFAULT;

	data = kvmalloc(head + u->data_len, GFP_KERNEL_ACCOUNT);
	if (!data)
		return ERR_PTR(-ENOMEM);
	data->len = u->data_len;
	data->nr_fields = u->nr_fields;
	data->bytes = (u8 *)data + head;
	if (copy_from_user(data->fields, u64_to_user_ptr(u->fields),
			   u->nr_fields * sizeof(*data->fields)) ||
	    copy_from_user(data->bytes, u64_to_user_ptr(u->data), u->data_len))
		goto fail;
	err = -EINVAL;
	if (!pciem_seq_fields_valid(data))
		goto fail;
	return data;
fail:
	kvfree(data);
	return ERR_PTR(err);
}

/* Under seq->lock. An action's cause: still open, matched not long ago, or long ago. */
static void action_find_cause(struct pciem_seq *seq, struct seq_step *step, u64 cause)
{
	u32 slot = cause % SEQ_RECENT;
	struct seq_step *expect;

	if (cause) {
		hlist_for_each_entry(expect, &seq->index_hash[hash_64(cause, seq->index_bits)],
				     by_index) {
			if (expect->index != cause)
				continue;
			list_add_tail(&step->causes, &expect->causes);
			return;
		}
		if (seq->recent[slot].index == cause) {
			step->cause_seq = seq->recent[slot].seq;
			step->cause_time = seq->recent[slot].time;
		}
	}
	step->cause_met = true;
}

/* Under seq->lock. */
static void step_link(struct pciem_seq *seq, const struct pciem_seq_step *u, struct seq_data *data)
{
	struct seq_step *step = list_first_entry(&seq->free, struct seq_step, queue);

	list_del(&step->queue);
	*step = (struct seq_step) {
		.index = u->index, .addr = u->addr, .value = u->value, .mask = u->mask,
		.data = data, .data_len = u->data_len, .flags = u->flags,
		.delay_us = u->delay_us, .from = u->from, .modulo = u->modulo,
		.lane = u->lane, .op = u->op, .func = u->func, .width = u->width,
		.bar = u->op == PCIEM_SEQ_EXPECT_CFG_WRITE ? 0xff : u->bar,
	};
	INIT_LIST_HEAD(&step->open);
	INIT_LIST_HEAD(&step->causes);
	INIT_HLIST_NODE(&step->by_index);
	seq->used++;
	seq->last_index = u->index;
	if (!op_is_expect(u->op)) {
		action_find_cause(seq, step, u->cause);
		list_add_tail(&step->queue, &seq->actions);
		seq->pending++;
		return;
	}
	if (u->op == PCIEM_SEQ_EXPECT_DMA_MAP) {
		list_add_tail(&step->queue, &seq->maps[u->func]);
		return;
	}
	if (u->flags & PCIEM_SEQ_COALESCE) {
		step->cause_seq = u->cause;
		pciem_seq_index_append(seq, step);
	} else {
		pciem_seq_lane_append(seq, step);
	}
	hlist_add_head(&step->by_index, &seq->index_hash[hash_64(u->index, seq->index_bits)]);
	if (!(u->flags & PCIEM_SEQ_OPTIONAL)) {
		list_add_tail(&step->open, &seq->open);
		seq->pending++;
	}
}

struct push {
	struct pciem_seq_step *steps;
	struct seq_data **data;
	u32 count;
};

static void push_free(struct push *p)
{
	u32 i;

	for (i = 0; p->data && i < p->count; i++)
		kvfree(p->data[i]);
	kvfree(p->data);
	kvfree(p->steps);
}

/* Copies all of it, once, and checks it. */
static int push_copy(struct pciem_seq *seq, struct push *p, const struct pciem_seq_push *arg)
{
	size_t bytes = array_size(arg->count, sizeof(*p->steps));
	u64 after = seq->last_index, total = 0;
	struct seq_data *data;
	u32 i;
	int err;

	p->steps = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	p->data = kvcalloc(arg->count, sizeof(*p->data), GFP_KERNEL_ACCOUNT);
	if (!p->steps || !p->data)
		return -ENOMEM;
	if (copy_from_user(p->steps, u64_to_user_ptr(arg->steps), bytes))
		return -EFAULT;
	for (i = 0; i < arg->count; i++) {
		err = step_check(seq, &p->steps[i], after);
		if (err)
			return err;
		after = p->steps[i].index;
		if (step_has_data(&p->steps[i]))
			total += p->steps[i].data_len;
	}
	if (total > SEQ_DATA_MAX - atomic64_read(&seq->data_bytes))
		return -ENOSPC;
	for (i = 0; i < arg->count; i++) {
		if (!step_has_data(&p->steps[i]))
			continue;
		data = data_copy(&p->steps[i]);
		if (IS_ERR(data))
			return PTR_ERR(data);
		p->data[i] = data;
		cond_resched();
	}
	atomic64_add(total, &seq->data_bytes);
	return 0;
}

static void push_link(struct pciem_seq *seq, struct push *p, bool last)
{
	u32 i = 0, end;

	do {
		end = min(i + LINK_BATCH, p->count);
		raw_spin_lock_irq(&seq->lock);
		for (; i < end; i++) {
			step_link(seq, &p->steps[i], p->data[i]);
			p->data[i] = NULL;
		}
		if (i == p->count) {
			seq->last_pushed = last;
			seq->low_told = false;
			seq->pushes++;
		}
		raw_spin_unlock_irq(&seq->lock);
		cond_resched();
	} while (i < p->count);
}

int pciem_seq_push(struct pciem_slot *slot, const struct pciem_seq_push *arg)
{
	struct pciem_seq *seq = pciem_slot_seq(slot);
	struct push p = {};
	int err = 0;

	if (!seq)
		return -EBUSY;
	if (arg->flags & ~PCIEM_SEQ_LAST || arg->step_size != sizeof(struct pciem_seq_step))
		return -EINVAL;
	mutex_lock(&seq->push_lock);
	if (READ_ONCE(seq->stopped))
		err = -ENODEV;
	else if (seq->last_pushed)
		err = -EBUSY;
	else if (arg->count > seq->window - READ_ONCE(seq->used))
		err = -ENOSPC;
	if (!err && arg->count) {
		p.count = arg->count;
		err = push_copy(seq, &p, arg);
	}
	if (!err)
		push_link(seq, &p, arg->flags & PCIEM_SEQ_LAST);
	push_free(&p);
	mutex_unlock(&seq->push_lock);
	if (!err) {
		wake_up_all(&seq->pushed);
		/* Not here: the caller may be the one that empties the ring. */
		pciem_seq_pump_later(seq);
	}
	return err;
}
