// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that existing cards were compiled with. They tolerate what those cards
 * leave uninitialised: reserved bytes, and the function of an interrupt.
 *
 * Locking in this file: see the table's flags.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "ioctl.h"

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
		/* Pairs with pciem_file_slot(). */
		smp_store_release(&pf->slot, slot);
	}
	mutex_unlock(&pf->lock);

	mutex_lock(&slot->lock);
	if (slot->state == PCIEM_STATE_REMOVED || test_bit(0, &slot->removing))
		err = -ENODEV;
	else if (slot->state != PCIEM_STATE_NEW)
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
	if (arg->bar_index > PCIEM_MAX_BARS)
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

	return IS_ERR(f) ? PTR_ERR(f) : pciem_dma_user(f, arg);
}

static int call_dma_atomic(struct pciem_slot *slot, void *argp)
{
	struct pciem_dma_atomic *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);
	struct pciem_atomic_op op = {
		.iova = arg->guest_iova, .operand = arg->operand, .compare = arg->compare,
		.type = arg->op_type, .width = 8,
	};

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (arg->pasid)
		return -EOPNOTSUPP;
	return pciem_dma_atomic(f, &op, 0, &arg->result);
}

static int call_p2p(struct pciem_slot *slot, void *argp)
{
	const struct pciem_p2p *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_p2p(f, arg);
}

static int call_dma_indirect(struct pciem_slot *slot, void *argp)
{
	const struct pciem_dma_indirect *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_dma_indirect(f, arg);
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

/* What traps is reported as it is; what does not is watched. */
static int call_set_watchpoint(struct pciem_slot *slot, void *argp)
{
	const struct pciem_set_watchpoint *arg = argp;
	struct pciem_bar *bar = bar_get(slot, 0, arg->bar_index);
	struct pciem_range range;
	u32 id;

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (slot->state > PCIEM_STATE_STARTED)
		return -ENODEV;
	if ((arg->width != 1 && arg->width != 2 && arg->width != 4 && arg->width != 8) ||
	    arg->offset % arg->width || arg->offset >= bar->size)
		return -EINVAL;
	range = pciem_bar_range(bar, arg->offset);
	if (range.policy == PCIEM_BAR_DIRECT)
		return pciem_watch_add(bar, arg->offset, arg->width, false, PCIEM_EVENT_MMIO_WRITE, &id);
	return pciem_bar_set_policy(bar, arg->offset, arg->width, range.policy,
				    range.flags | PCIEM_TRACE_WRITES);
}

static int call_set_irqfd(struct pciem_slot *slot, void *argp)
{
	const struct pciem_set_irqfd *arg = argp;
	struct pciem_func *f = irq_func(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_irqfd_set(f, arg);
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

	return pciem_call_set_policy(slot, &policy);
}

const struct call pciem_card_calls[] = {
	{ PCIEM_CREATE_DEVICE, 8, CALL_FILE, .file_fn = call_create_device },
	{ PCIEM_ADD_BAR, 24, CALL_NEW | CALL_LOCKED, .fn = call_add_bar },
	{ PCIEM_ADD_CAPABILITY, 24, CALL_NEW | CALL_LOCKED, .fn = call_add_capability },
	{ PCIEM_SET_CONFIG, 24, CALL_NEW | CALL_LOCKED, .fn = call_set_config },
	{ PCIEM_REGISTER, 0, 0, .fn = call_register },
	{ PCIEM_INJECT_IRQ, 8, CALL_DEVICE, .fn = call_inject_irq },
	{ PCIEM_DMA, 32, CALL_DEVICE, .fn = call_dma },
	{ PCIEM_DMA_ATOMIC, 48, CALL_DEVICE | CALL_OUT, .fn = call_dma_atomic },
	{ PCIEM_GET_BAR_INFO, 32, CALL_OUT, .fn = call_bar_info },
	{ PCIEM_SET_WATCHPOINT, 16, CALL_LOCKED, .fn = call_set_watchpoint },
	{ PCIEM_SET_EVENTFD, 8, CALL_LOCKED, .fn = call_set_eventfd },
	{ PCIEM_P2P, 32, CALL_DEVICE, .fn = call_p2p },
	{ PCIEM_DMA_INDIRECT, 48, CALL_DEVICE, .fn = call_dma_indirect },
	{ PCIEM_SET_IRQFD, 16, CALL_LOCKED, .fn = call_set_irqfd },
	{ PCIEM_TRACE_BAR, 12, CALL_LOCKED, .fn = call_trace_bar },
	{ PCIEM_START, 0, 0, .fn = call_start },
};

const unsigned int pciem_nr_card_calls = ARRAY_SIZE(pciem_card_calls);
