// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of the calls on /dev/pciem, by two tables: in one the size is part of the
 * number, as existing cards were compiled; in the other it is the first field.
 *
 * Locking in this file: a row with CALL_LOCKED runs under slot->lock; one with
 * CALL_DEVICE holds slot->calls for reading and needs a device on the bus. The others
 * lock for themselves, or use what is constant.
 */
#include <linux/uaccess.h>

#include "ioctl.h"

static const struct call *call_find(const struct call *calls, unsigned int nr, unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (calls[i].cmd == cmd)
			return &calls[i];
	return NULL;
}

static int call_run_device(const struct call *call, struct pciem_slot *slot, void *arg)
{
	u32 state;
	int ret;

	ret = down_read_killable(&slot->calls);
	if (ret)
		return ret;
	state = pciem_slot_state(slot);
	if (state == PCIEM_STATE_NEW)
		ret = -EBUSY;
	else if (state == PCIEM_STATE_REMOVED || READ_ONCE(slot->gone))
		ret = -ENODEV;
	else
		ret = call->fn(slot, arg);
	up_read(&slot->calls);
	return ret;
}

/* pf is NULL on a monitor's descriptor. */
static int call_run(const struct call *call, struct pciem_file *pf, struct pciem_slot *slot, void *arg)
{
	int ret;

	if (call->flags & CALL_FILE)
		return call->file_fn(pf, arg);
	if (!slot)
		return -EBUSY;
	if (call->flags & CALL_DEVICE)
		return call_run_device(call, slot, arg);
	if (!(call->flags & CALL_LOCKED))
		return call->fn(slot, arg);
	ret = mutex_lock_killable(&slot->lock);
	if (ret)
		return ret;
	if (call->flags & CALL_NEW && slot->state != PCIEM_STATE_NEW)
		ret = slot->state == PCIEM_STATE_REMOVED ? -ENODEV : -EBUSY;
	else
		ret = call->fn(slot, arg);
	mutex_unlock(&slot->lock);
	return ret;
}

static long call_dispatch(const struct call *call, struct pciem_file *pf, struct pciem_slot *slot,
			  void __user *ptr)
{
	union {
		u32 size;
		struct pciem_seq_status largest;
		u8 raw[sizeof(struct pciem_seq_status)];
	} arg = {};
	u32 size;
	int ret;

	if (!call)
		return -ENOTTY;
	size = call->size;
	if (_IOC_NR(call->cmd) < PCIEM_CMD_BASE) {
		if (copy_from_user(&arg, ptr, size))
			return -EFAULT;
	} else {
		if (get_user(size, (u32 __user *)ptr))
			return -EFAULT;
		if (size < call->size)
			return -EINVAL;
		if (size > PAGE_SIZE)
			return -E2BIG;
		ret = copy_struct_from_user(&arg, call->size, ptr, size);
		if (ret)
			return ret;
		/* It may have changed between the two looks. */
		arg.size = size;
		size = call->size;
	}
	ret = call_run(call, pf, slot, &arg);
	if (ret >= 0 && call->flags & CALL_OUT && copy_to_user(ptr, &arg, size))
		return -EFAULT;
	return ret;
}

long pciem_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct pciem_file *pf = file->private_data;
	const struct call *call;

	if (_IOC_NR(cmd) >= PCIEM_CMD_BASE)
		call = call_find(pciem_new_calls, pciem_nr_new_calls, cmd);
	else
		call = call_find(pciem_card_calls, pciem_nr_card_calls, cmd);
	return call_dispatch(call, pf, pciem_file_slot(pf), (void __user *)uarg);
}

long pciem_ioctl_snapshot(struct pciem_slot *slot, unsigned int cmd, unsigned long uarg)
{
	const struct call *call = call_find(pciem_snapshot_calls, pciem_nr_snapshot_calls, cmd);

	return call_dispatch(call, NULL, slot, (void __user *)uarg);
}
