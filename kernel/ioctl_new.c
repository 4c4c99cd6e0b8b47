// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls from PCIEM_CMD_BASE on. Every reserved field must be zero: it may get a
 * meaning later.
 *
 * Locking in this file: see the table's flags. Calls that a driver may be waiting for
 * take no lock that its probe() or remove() runs under.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ioctl.h"

/* One bit each. */
static u32 slot_functions(const struct pciem_slot *slot, bool probed)
{
	const struct pciem_func *f;
	u32 mask = 0, i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		f = pciem_slot_func(slot, i);
		if (f && (!probed || READ_ONCE(f->probed)))
			mask |= BIT(i);
	}
	return mask;
}

/* A slot that only waits to be closed is as removed as one that has been. */
static u32 slot_state(const struct pciem_slot *slot)
{
	return READ_ONCE(slot->gone) ? PCIEM_STATE_REMOVED : pciem_slot_state(slot);
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
	info->functions = slot_functions(slot, false);
	info->seq = READ_ONCE(slot->stream.seq);
	info->lost_owner = atomic64_read(&slot->stream.lost_owner);
	info->timeouts = atomic64_read(&slot->stream.timeouts);
	info->probed = slot_functions(slot, true);
	return 0;
}

static int call_slot_info(struct pciem_file *pf, void *argp)
{
	struct pciem_slot_info *info = argp;
	struct pciem_slot *slot = pciem_slot_find(info->slot);
	const struct pciem_func *f;
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
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		f = pciem_slot_func(slot, i);
		if (!f)
			continue;
		info->functions |= BIT(i);
		info->ids[i] = get_unaligned_le32(f->cfg->value);
	}
	pciem_slot_put(slot);
	return 0;
}

static int call_config(struct pciem_slot *slot, void *argp)
{
	const struct pciem_config *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_config_access(f, arg);
}

int pciem_call_set_policy(struct pciem_slot *slot, const struct pciem_bar_policy *arg)
{
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);
	u64 length;

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (arg->policy > PCIEM_BAR_DIRECT || arg->offset >= bar->size ||
	    arg->flags & ~(PCIEM_TRACE_READS | PCIEM_TRACE_WRITES | PCIEM_TRACE_NO_STORE | PCIEM_TRACE_HOLD))
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

static int call_bar_policy(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_policy *arg = argp;

	return arg->reserved ? -EINVAL : pciem_call_set_policy(slot, arg);
}

static int call_bar_register(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_register *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (slot->state > PCIEM_STATE_STARTED)
		return -ENODEV;
	return arg->reserved ? -EINVAL : pciem_registers_set(bar, arg);
}

static int call_bar_interrupt(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_interrupt *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	return slot->state > PCIEM_STATE_STARTED ? -ENODEV : pciem_registers_set_interrupt(bar, arg);
}

static int call_bar_program(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_program *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	return slot->state > PCIEM_STATE_STARTED ? -ENODEV : pciem_program_set(bar, arg);
}

static int call_bar_indexed(struct pciem_slot *slot, void *argp)
{
	const struct pciem_bar_indexed *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	return slot->state > PCIEM_STATE_STARTED ? -ENODEV : pciem_registers_set_indexed(bar, arg);
}

static int call_bar_update(struct pciem_slot *slot, void *argp)
{
	struct pciem_bar_update *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	return IS_ERR(bar) ? PTR_ERR(bar) : pciem_registers_update(bar, arg);
}

static int call_watch(struct pciem_slot *slot, void *argp)
{
	struct pciem_watch *arg = argp;
	struct pciem_bar *bar = bar_get(slot, arg->func, arg->bar_index);

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	if (slot->state > PCIEM_STATE_STARTED)
		return -ENODEV;
	if (arg->flags & ~PCIEM_WATCH_READS)
		return -EINVAL;
	return pciem_watch_add(bar, arg->offset, arg->width, arg->flags & PCIEM_WATCH_READS,
			       PCIEM_EVENT_WATCH, &arg->id);
}

static int call_unwatch(struct pciem_slot *slot, void *argp)
{
	const struct pciem_unwatch *arg = argp;

	return pciem_watch_remove(slot, arg->id);
}

static int call_watch_info(struct pciem_slot *slot, void *arg)
{
	return pciem_watch_info(slot, arg);
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
	if (arg->slot == PCIEM_SLOT_NEXT)
		return pciem_monitor_fd(NULL, arg);
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
	/* It has no number if the stream has ended. */
	return txn.rec.seq ? 0 : -ENODEV;
}

int pciem_call_dma_maps(struct pciem_slot *slot, void *argp)
{
	struct pciem_dma_maps *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	return arg->reserved ? -EINVAL : pciem_dma_maps(f, arg);
}

static int call_capability_add(struct pciem_slot *slot, void *argp)
{
	struct pciem_capability_add *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_caps_add_raw(f, arg);
}

static int call_aer_inject(struct pciem_slot *slot, void *argp)
{
	struct pciem_aer_inject *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_aer_inject(f, arg);
}

static int call_seq_start(struct pciem_slot *slot, void *argp)
{
	if (slot->state == PCIEM_STATE_REMOVED)
		return -ENODEV;
	if (slot->state > PCIEM_STATE_REGISTERED || slot->seq || READ_ONCE(slot->injector.nr))
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

static int call_intx(struct pciem_slot *slot, void *argp)
{
	const struct pciem_intx_level *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (arg->level > 1 || arg->reserved)
		return -EINVAL;
	return pciem_intx_set(f, arg->level, 0);
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

static int call_atomic(struct pciem_slot *slot, void *argp)
{
	struct pciem_atomic *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);
	struct pciem_atomic_op op = {
		.iova = arg->iova, .operand = arg->operand, .compare = arg->compare,
		.type = arg->op_type, .width = arg->width,
	};

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (arg->reserved || (arg->width != 4 && arg->width != 8))
		return -EINVAL;
	return pciem_dma_atomic(f, &op, 0, &arg->result);
}

static int call_p2p_allow(struct pciem_slot *slot, void *argp)
{
	const struct pciem_p2p_allow *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	return IS_ERR(f) ? PTR_ERR(f) : pciem_p2p_allow(f, arg);
}

static int call_inject(struct pciem_slot *slot, void *arg)
{
	return pciem_inject_call(slot, arg);
}

static int call_dma_history(struct pciem_slot *slot, void *argp)
{
	struct pciem_dma_history *arg = argp;
	struct pciem_func *f = func_get(slot, arg->func);

	if (IS_ERR(f))
		return PTR_ERR(f);
	return arg->reserved ? -EINVAL : pciem_dma_history(f, arg);
}

static int call_dma_mode(struct pciem_file *pf, void *arg)
{
	return pciem_dma_mode(pciem_file_slot(pf), arg);
}

const struct call pciem_new_calls[] = {
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
	  .fn = pciem_call_dma_maps },
	{ PCIEM_SEQ_START, sizeof(struct pciem_seq_start), CALL_LOCKED, .fn = call_seq_start },
	{ PCIEM_SEQ_PUSH, sizeof(struct pciem_seq_push), 0, .fn = call_seq_push },
	{ PCIEM_SEQ_STATUS, sizeof(struct pciem_seq_status), CALL_OUT, .fn = call_seq_status },
	{ PCIEM_ATOMIC, sizeof(struct pciem_atomic), CALL_DEVICE | CALL_OUT, .fn = call_atomic },
	{ PCIEM_P2P_ALLOW, sizeof(struct pciem_p2p_allow), CALL_DEVICE, .fn = call_p2p_allow },
	{ PCIEM_INJECT, sizeof(struct pciem_inject), CALL_DEVICE | CALL_OUT, .fn = call_inject },
	{ PCIEM_DMA_HISTORY, sizeof(struct pciem_dma_history), CALL_DEVICE | CALL_OUT,
	  .fn = call_dma_history },
	{ PCIEM_DMA_MODE, sizeof(struct pciem_dma_mode), CALL_FILE | CALL_OUT, .file_fn = call_dma_mode },
	{ PCIEM_REMOVE, sizeof(struct pciem_remove), 0, .fn = call_remove },
	{ PCIEM_CAPABILITY_ADD, sizeof(struct pciem_capability_add),
	  CALL_NEW | CALL_LOCKED | CALL_OUT, .fn = call_capability_add },
	{ PCIEM_AER_INJECT, sizeof(struct pciem_aer_inject), CALL_DEVICE | CALL_OUT,
	  .fn = call_aer_inject },
	{ PCIEM_BAR_REGISTER, sizeof(struct pciem_bar_register), CALL_LOCKED, .fn = call_bar_register },
	{ PCIEM_BAR_INTERRUPT, sizeof(struct pciem_bar_interrupt), CALL_LOCKED, .fn = call_bar_interrupt },
	{ PCIEM_BAR_INDEXED, sizeof(struct pciem_bar_indexed), CALL_LOCKED, .fn = call_bar_indexed },
	{ PCIEM_BAR_PROGRAM, sizeof(struct pciem_bar_program), CALL_LOCKED, .fn = call_bar_program },
	{ PCIEM_BAR_UPDATE, sizeof(struct pciem_bar_update), CALL_DEVICE | CALL_OUT, .fn = call_bar_update },
	{ PCIEM_WATCH, sizeof(struct pciem_watch), CALL_LOCKED | CALL_OUT, .fn = call_watch },
	{ PCIEM_UNWATCH, sizeof(struct pciem_unwatch), 0, .fn = call_unwatch },
	{ PCIEM_WATCH_INFO, sizeof(struct pciem_watch_info), CALL_OUT, .fn = call_watch_info },
	{ PCIEM_INTX, sizeof(struct pciem_intx_level), CALL_DEVICE, .fn = call_intx },
};

const unsigned int pciem_nr_new_calls = ARRAY_SIZE(pciem_new_calls);
