// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a monitor's descriptor tells of its slot: config space, BARs, their memory,
 * mappings. A reader that came after the device can so begin with how it stands.
 *
 * Locking in this file: none of ours, because a driver that waits for room in this
 * very monitor may hold slot->lock. What describes a device is constant from
 * REGISTER on, which slot->state tells, but for the ranges: those are under RCU.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ioctl.h"

#define CHUNK	SZ_1M

static struct pciem_bar *snapshot_bar(struct pciem_slot *slot, u32 func, u32 index)
{
	if (pciem_slot_state(slot) == PCIEM_STATE_NEW)
		return ERR_PTR(-EBUSY);
	return bar_get(slot, func, index);
}

static int call_config(struct pciem_slot *slot, void *argp)
{
	const struct pciem_config *arg = argp;
	struct pciem_func *f;

	if (arg->flags)
		return arg->flags == PCIEM_CONFIG_SET ? -EPERM : -EINVAL;
	if (pciem_slot_state(slot) == PCIEM_STATE_NEW)
		return -EBUSY;
	f = func_get(slot, arg->func);
	return IS_ERR(f) ? PTR_ERR(f) : pciem_config_access(f, arg);
}

static u32 ranges_copy(struct pciem_bar *bar, struct pciem_bar_range *to, u32 room)
{
	const struct pciem_ranges *ranges;
	u32 nr, i;

	rcu_read_lock();
	ranges = rcu_dereference(bar->ranges);
	nr = ranges->nr;
	for (i = 0; i < min(room, nr); i++)
		to[i] = (struct pciem_bar_range) {
			.offset = ranges->range[i].start,
			.length = ranges->range[i].end - ranges->range[i].start,
			.policy = ranges->range[i].policy,
			.flags = ranges->range[i].flags,
		};
	rcu_read_unlock();
	return nr;
}

static int call_bar_ranges(struct pciem_slot *slot, void *argp)
{
	struct pciem_bar_ranges *arg = argp;
	struct pciem_bar *bar = snapshot_bar(slot, arg->func, arg->bar_index);
	struct pciem_bar_range *ranges = NULL;
	u32 room = min_t(u32, arg->count, PCIEM_MAX_RANGES);
	int ret = 0;

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (arg->flags || arg->reserved)
		return -EINVAL;
	if (room) {
		ranges = kvcalloc(room, sizeof(*ranges), GFP_KERNEL);
		if (!ranges)
			return -ENOMEM;
	}
	arg->count = ranges_copy(bar, ranges, room);
	arg->flags = bar->flags;
	arg->bar_size = bar->size;
	arg->phys = READ_ONCE(bar->window);
	room = min(room, arg->count);
	if (room && copy_to_user(u64_to_user_ptr(arg->ranges), ranges, room * sizeof(*ranges)))
		ret = -EFAULT;
	kvfree(ranges);
	return ret;
}

static int call_bar_bytes(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_bytes *arg = argp;
	struct pciem_bar *bar = snapshot_bar(slot, arg->func, arg->bar_index);
	u64 done, len;

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (arg->reserved || !arg->length || arg->offset >= bar->size ||
	    arg->length > bar->size - arg->offset)
		return -EINVAL;
	for (done = 0; done < arg->length; done += len) {
		if (fatal_signal_pending(current))
			return -EINTR;
		len = min_t(u64, arg->length - done, CHUNK);
		if (copy_to_user(u64_to_user_ptr(arg->data + done), bar->mem + arg->offset + done, len))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

const struct call pciem_snapshot_calls[] = {
	{ PCIEM_CONFIG, sizeof(struct pciem_config), 0, .fn = call_config },
	{ PCIEM_BAR_RANGES, sizeof(struct pciem_bar_ranges), CALL_OUT, .fn = call_bar_ranges },
	{ PCIEM_BAR_BYTES, sizeof(struct pciem_bar_bytes), 0, .fn = call_bar_bytes },
	{ PCIEM_DMA_MAPS, sizeof(struct pciem_dma_maps), CALL_DEVICE | CALL_OUT, .fn = pciem_call_dma_maps },
};

const unsigned int pciem_nr_snapshot_calls = ARRAY_SIZE(pciem_snapshot_calls);
