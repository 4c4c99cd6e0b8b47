// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls on /dev/pciem: two tables, one for the calls of existing cards (the size
 * is part of the number) and one for the new ones (the size is the first field).
 *
 * Locking in this file: a row with CALL_LOCKED runs under slot->lock; one with
 * CALL_DEVICE holds slot->calls for reading and needs a device on the bus. The others
 * lock for themselves, or use what is constant.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pciem.h"

#define CALL_NEW	BIT(0)		/* while the device is being described */
#define CALL_LOCKED	BIT(1)
#define CALL_DEVICE	BIT(2)
#define CALL_OUT	BIT(3)		/* the structure is copied back */
#define CALL_FILE	BIT(4)		/* works before CREATE_DEVICE; gets the file */

struct call {
	unsigned int cmd;
	u16 size;			/* of the first version */
	u16 flags;
	union {
		int (*fn)(struct pciem_slot *slot, void *arg);
		int (*file_fn)(struct pciem_file *pf, void *arg);
	};
};

static struct pciem_func *func_get(struct pciem_slot *slot, u32 num)
{
	if (num >= PCIEM_MAX_FUNCTIONS)
		return ERR_PTR(-EINVAL);
	return slot->func[num] ?: ERR_PTR(-ENOENT);
}

static struct pciem_bar *bar_get(struct pciem_slot *slot, u32 func, u32 index)
{
	struct pciem_func *f = func_get(slot, func);

	if (IS_ERR(f))
		return ERR_CAST(f);
	if (index >= PCIEM_MAX_BARS)
		return ERR_PTR(-EINVAL);
	return f->bar[index].size ? &f->bar[index] : ERR_PTR(-ENOENT);
}

/* ---------------------------------------------------- calls of existing cards */

static int call_create_device(struct pciem_file *pf, void *argp)
{
	const struct pciem_create_device *arg = argp;
	bool attach = arg->flags & PCIEM_CREATE_ATTACH;
	struct pciem_slot *slot;
	int err;

	if (arg->flags & ~PCIEM_CREATE_ATTACH || arg->func >= PCIEM_MAX_FUNCTIONS)
		return -EINVAL;
	mutex_lock(&pf->lock);
	slot = pf->slot;
	if (!slot) {
		slot = pciem_slot_create();
		if (IS_ERR(slot)) {
			mutex_unlock(&pf->lock);
			return PTR_ERR(slot);
		}
		slot->attach = attach;
		smp_store_release(&pf->slot, slot);
	}
	mutex_unlock(&pf->lock);

	mutex_lock(&slot->lock);
	if (slot->state != PCIEM_STATE_NEW || test_bit(0, &slot->removing))
		err = -EBUSY;
	else if (slot->attach != attach)
		err = -EINVAL;
	else
		err = pciem_slot_add_func(slot, arg->func);
	mutex_unlock(&slot->lock);
	return err;
}

static int call_add_bar(struct pciem_slot *slot, void *argp)
{
	const struct pciem_add_bar *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (arg->bar_index >= PCIEM_MAX_BARS)
		return -EINVAL;
	return pciem_bar_add(f, arg->bar_index, arg->flags, arg->size);
}

static int call_add_capability(struct pciem_slot *slot, void *argp)
{
	const struct pciem_add_capability *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_caps_add(f, arg);
}

static int call_set_config(struct pciem_slot *slot, void *argp)
{
	const struct pciem_set_config *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_config_set_ids(f, arg);
}

static int call_register(struct pciem_slot *slot, void *arg)
{
	return pciem_slot_register(slot);
}

static int call_start(struct pciem_slot *slot, void *arg)
{
	return pciem_slot_start(slot);
}

/* Some cards leave func uninitialised; with one function there is no doubt what they mean. */
static struct pciem_func *irq_func(struct pciem_slot *slot, u8 num)
{
	struct pciem_func *f = func_get(slot, num), *only = NULL;
	unsigned int i;

	if (!IS_ERR(f))
		return f;
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		if (!slot->func[i])
			continue;
		if (only)
			return f;
		only = slot->func[i];
	}
	if (only)
		pr_info_once("INJECT_IRQ names function %u, which does not exist; taken as function %u\n",
			     num, only->num);
	return only ?: f;
}

static int call_inject_irq(struct pciem_slot *slot, void *argp)
{
	const struct pciem_inject_irq *arg = argp;
	struct pciem_func *f = irq_func(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	return pciem_irq_inject(f, arg->vector, 0);
}

static int call_dma(struct pciem_slot *slot, void *argp)
{
	const struct pciem_dma *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (!arg->length || arg->length > SZ_1G ||
	    (arg->flags != PCIEM_DMA_READ && arg->flags != PCIEM_DMA_WRITE))
		return -EINVAL;
	if (arg->pasid)
		return -EOPNOTSUPP;
	return pciem_dma_user(f, arg);
}

static int call_dma_atomic(struct pciem_slot *slot, void *argp)
{
	struct pciem_dma_atomic *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (arg->op_type < PCIEM_ATOMIC_FETCH_ADD || arg->op_type > PCIEM_ATOMIC_FETCH_XOR)
		return -EINVAL;
	if (arg->pasid)
		return -EOPNOTSUPP;
	return pciem_dma_atomic(f, arg);
}

static int call_bar_info(struct pciem_slot *slot, void *argp)
{
	struct pciem_bar_info *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	arg->phys_addr = bar->window;
	arg->size = bar->size;
	arg->flags = bar->flags;
	return 0;
}

static int call_set_eventfd(struct pciem_slot *slot, void *argp)
{
	const struct pciem_set_eventfd *arg = argp;

	return pciem_ring_set_eventfd(slot->stream.ring, arg->eventfd);
}

static int bar_policy(struct pciem_slot *slot, const struct pciem_bar_policy *arg)
{
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);
	u64 length;

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (arg->policy > PCIEM_BAR_DIRECT || arg->offset >= bar->size ||
	    arg->flags & ~(PCIEM_TRACE_READS | PCIEM_TRACE_WRITES | PCIEM_TRACE_NO_STORE))
		return -EINVAL;
	length = arg->length ?: bar->size - arg->offset;
	if (length > bar->size - arg->offset)
		return -EINVAL;
	if (slot->state > PCIEM_STATE_STARTED)
		return -ENODEV;
	if (arg->policy == PCIEM_BAR_DIRECT && slot->state >= PCIEM_STATE_STARTED)
		return -EBUSY;
	return pciem_bar_set_policy(bar, arg->offset, length, arg->policy, arg->flags);
}

static int call_trace_bar(struct pciem_slot *slot, void *argp)
{
	const struct pciem_trace_bar *arg = argp;
	struct pciem_bar_policy policy = {
		.func = arg->func,
		.bar_index = arg->bar_index,
		.policy = PCIEM_BAR_STORE,
		.flags = arg->flags,
	};

	return bar_policy(slot, &policy);
}

static const struct call legacy_calls[] = {
	{ PCIEM_CREATE_DEVICE, 8, CALL_FILE, .file_fn = call_create_device },
	{ PCIEM_ADD_BAR, 24, CALL_NEW | CALL_LOCKED, .fn = call_add_bar },
	{ PCIEM_ADD_CAPABILITY, 24, CALL_NEW | CALL_LOCKED, .fn = call_add_capability },
	{ PCIEM_SET_CONFIG, 24, CALL_NEW | CALL_LOCKED, .fn = call_set_config },
	{ PCIEM_REGISTER, 0, 0, .fn = call_register },
	{ PCIEM_INJECT_IRQ, 8, CALL_DEVICE, .fn = call_inject_irq },
	{ PCIEM_DMA, 32, CALL_DEVICE, .fn = call_dma },
	{ PCIEM_DMA_ATOMIC, 48, CALL_DEVICE | CALL_OUT, .fn = call_dma_atomic },
	{ PCIEM_GET_BAR_INFO, 32, CALL_OUT, .fn = call_bar_info },
	{ PCIEM_SET_EVENTFD, 8, CALL_LOCKED, .fn = call_set_eventfd },
	{ PCIEM_TRACE_BAR, 12, CALL_LOCKED, .fn = call_trace_bar },
	{ PCIEM_START, 0, 0, .fn = call_start },
};

/* ------------------------------------------------------------------ new calls */

static u32 slot_functions(const struct pciem_slot *slot)
{
	u32 mask = 0, i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (slot->func[i])
			mask |= BIT(i);
	return mask;
}

/* A slot that only waits to be closed is as removed as one that has been. */
static u32 slot_state(const struct pciem_slot *slot)
{
	return READ_ONCE(slot->gone) ? PCIEM_STATE_REMOVED : smp_load_acquire(&slot->state);
}

static int call_info(struct pciem_file *pf, void *argp)
{
	struct pciem_slot *slot = pciem_file_slot(pf);
	struct pciem_info *info = argp;
	u32 size = info->size;

	*info = (struct pciem_info) {
		.size = size,
		.abi_version = PCIEM_ABI_VERSION,
		.slot = ~0U, .domain = ~0U, .bus = ~0U, .device = ~0U,
	};
	if (!slot)
		return 0;
	info->slot = slot->id;
	info->state = slot_state(slot);
	info->domain = slot->domain;
	info->bus = slot->bus;
	info->device = slot->device;
	info->functions = slot_functions(slot);
	info->seq = READ_ONCE(slot->stream.seq);
	info->lost_owner = atomic64_read(&slot->stream.lost_owner);
	info->timeouts = atomic64_read(&slot->stream.timeouts);
	return 0;
}

static int call_slot_info(struct pciem_file *pf, void *argp)
{
	struct pciem_slot_info *info = argp;
	struct pciem_slot *slot = pciem_slot_find(info->slot);
	u32 size = info->size, i;

	if (!slot)
		return -ENOENT;
	*info = (struct pciem_slot_info) {
		.size = size,
		.slot = slot->id,
		.state = slot_state(slot),
		.domain = slot->domain,
		.bus = slot->bus,
		.device = slot->device,
		.owner_pid = slot->owner_pid,
		.seq = READ_ONCE(slot->stream.seq),
	};
	memcpy(info->owner_comm, slot->owner_comm, sizeof(info->owner_comm));
	/* Functions are added under the lock while the device is described. */
	mutex_lock(&slot->lock);
	info->functions = slot_functions(slot);
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (slot->func[i])
			info->ids[i] = get_unaligned_le32(slot->func[i]->cfg->value);
	mutex_unlock(&slot->lock);
	pciem_slot_put(slot);
	return 0;
}

static int call_config(struct pciem_slot *slot, void *argp)
{
	const struct pciem_config *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (arg->plane > PCIEM_CONFIG_W1C || arg->flags & ~PCIEM_CONFIG_SET || !arg->length ||
	    arg->offset >= PCIEM_CONFIG_SIZE || arg->length > PCIEM_CONFIG_SIZE - arg->offset)
		return -EINVAL;
	if (arg->flags & PCIEM_CONFIG_SET && arg->plane != PCIEM_CONFIG_VALUE &&
	    smp_load_acquire(&slot->state) != PCIEM_STATE_NEW)
		return -EBUSY;
	return pciem_config_access(f, arg);
}

static int call_bar_policy(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_policy *arg = argp;

	return arg->reserved ? -EINVAL : bar_policy(slot, arg);
}

static int call_ring_create(struct pciem_slot *slot, void *argp)
{
	const struct pciem_ring_create *arg = argp;
	struct pciem_stream *s = &slot->stream;
	struct pciem_ring *ring;
	int fd;

	if (arg->entries < 16 || arg->entries > 65536 || !is_power_of_2(arg->entries))
		return -EINVAL;
	if (s->old_ring)
		return -EBUSY;
	ring = pciem_ring_alloc(arg->entries, false);
	if (!ring)
		return -ENOMEM;
	fd = pciem_ring_fd(ring);
	if (fd < 0) {
		pciem_ring_put(ring);
		return fd;
	}
	/* poll() may be looking at the old one: it lives as long as the slot. */
	s->old_ring = s->ring;
	raw_spin_lock_irq(&s->lock);
	WRITE_ONCE(s->ring, ring);
	raw_spin_unlock_irq(&s->lock);
	return fd;
}

static int call_monitor_create(struct pciem_file *pf, void *argp)
{
	const struct pciem_monitor_create *arg = argp;
	struct pciem_slot *slot;
	int fd;

	if (arg->slot == PCIEM_SLOT_OWN) {
		slot = pciem_file_slot(pf);
		return slot ? pciem_monitor_fd(slot, arg) : -EBUSY;
	}
	slot = pciem_slot_find(arg->slot);
	if (!slot)
		return -ENOENT;
	fd = slot->id == arg->slot ? pciem_monitor_fd(slot, arg) : -ENOENT;
	pciem_slot_put(slot);
	return fd;
}

static int call_mark(struct pciem_slot *slot, void *argp)
{
	const struct pciem_mark *arg = argp;
	struct pciem_txn txn = {
		.rec = { .kind = PCIEM_RECORD_MARK, .bar = 0xff, .data_len = arg->length },
	};
	void *text;

	if (!arg->length || arg->length > 4096)
		return -EINVAL;
	text = memdup_user(u64_to_user_ptr(arg->text), arg->length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	txn.data = text;
	pciem_stream_emit(slot, &txn);
	kfree(text);
	return 0;
}

static int call_dma_maps(struct pciem_slot *slot, void *argp)
{
	struct pciem_dma_maps *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	return arg->reserved ? -EINVAL : pciem_dma_maps(f, arg);
}

static int call_seq_start(struct pciem_slot *slot, void *argp)
{
	if (slot->state > PCIEM_STATE_REGISTERED || slot->seq)
		return -EBUSY;
	return pciem_seq_start(slot, argp);
}

static int call_seq_push(struct pciem_slot *slot, void *arg)
{
	return pciem_seq_push(slot, arg);
}

static int call_seq_status(struct pciem_slot *slot, void *arg)
{
	return pciem_seq_status(slot, arg);
}

static int call_remove(struct pciem_slot *slot, void *argp)
{
	const struct pciem_remove *arg = argp;

	if (arg->flags & ~PCIEM_REMOVE_SURPRISE)
		return -EINVAL;
	pciem_slot_remove(slot, arg->flags & PCIEM_REMOVE_SURPRISE);
	/* Killable: remove() may itself wait for the owner. */
	return wait_for_completion_killable(&slot->removed);
}

static const struct call new_calls[] = {
	{ PCIEM_INFO, sizeof(struct pciem_info), CALL_FILE | CALL_OUT, .file_fn = call_info },
	{ PCIEM_SLOT_INFO, sizeof(struct pciem_slot_info), CALL_FILE | CALL_OUT,
	  .file_fn = call_slot_info },
	{ PCIEM_CONFIG, sizeof(struct pciem_config), 0, .fn = call_config },
	{ PCIEM_BAR_POLICY, sizeof(struct pciem_bar_policy), CALL_LOCKED, .fn = call_bar_policy },
	{ PCIEM_RING_CREATE, sizeof(struct pciem_ring_create), CALL_NEW | CALL_LOCKED,
	  .fn = call_ring_create },
	{ PCIEM_MONITOR_CREATE, sizeof(struct pciem_monitor_create), CALL_FILE,
	  .file_fn = call_monitor_create },
	{ PCIEM_MARK, sizeof(struct pciem_mark), 0, .fn = call_mark },
	{ PCIEM_DMA_MAPS, sizeof(struct pciem_dma_maps), CALL_DEVICE | CALL_OUT,
	  .fn = call_dma_maps },
	{ PCIEM_SEQ_START, sizeof(struct pciem_seq_start), CALL_LOCKED, .fn = call_seq_start },
	{ PCIEM_SEQ_PUSH, sizeof(struct pciem_seq_push), 0, .fn = call_seq_push },
	{ PCIEM_SEQ_STATUS, sizeof(struct pciem_seq_status), CALL_OUT, .fn = call_seq_status },
	{ PCIEM_REMOVE, sizeof(struct pciem_remove), 0, .fn = call_remove },
};

/* ------------------------------------------------------------------- dispatch */

static const struct call *call_find(unsigned int cmd)
{
	const struct call *calls = legacy_calls;
	unsigned int nr = ARRAY_SIZE(legacy_calls), i;

	if (_IOC_NR(cmd) >= PCIEM_CMD_BASE) {
		calls = new_calls;
		nr = ARRAY_SIZE(new_calls);
	}
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
	state = smp_load_acquire(&slot->state);
	if (state == PCIEM_STATE_NEW)
		ret = -EBUSY;
	else if (state == PCIEM_STATE_REMOVED || READ_ONCE(slot->gone))
		ret = -ENODEV;
	else
		ret = call->fn(slot, arg);
	up_read(&slot->calls);
	return ret;
}

static int call_run(const struct call *call, struct pciem_file *pf, void *arg)
{
	struct pciem_slot *slot = pciem_file_slot(pf);
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

long pciem_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	union {
		u32 size;
		struct pciem_seq_status largest;
		u8 raw[sizeof(struct pciem_seq_status)];
	} arg = {};
	const struct call *call = call_find(cmd);
	void __user *ptr = (void __user *)uarg;
	u32 size;
	int ret;

	if (!call)
		return -ENOTTY;
	size = call->size;
	if (_IOC_NR(cmd) < PCIEM_CMD_BASE) {
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
	ret = call_run(call, file->private_data, &arg);
	if (ret >= 0 && call->flags & CALL_OUT && copy_to_user(ptr, &arg, size))
		return -EFAULT;
	return ret;
}
