// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injected faults: rules of the owner's that change, lose, repeat or delay what passes
 * between driver and device, or pull the device out. What the other side gets is what
 * the transaction's record says, so that a recording replays without the rules; the
 * fault has a record of its own right before it.
 *
 * Locking in this file: injector->lock, a raw spinlock that nothing nests in, for the
 * rules and their counters. A rule's late interrupts are raised from its work item,
 * which is cancelled before the rule is freed: with the rule, or when the slot is
 * quiesced.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pciem.h"

#define MAX_RULES	64
#define MAX_LATE	16			/* interrupts of a rule that are on their way */
#define LATE_INTX	(~0U)			/* among them: the INTx level */
#define MAX_DELAY_NS	(10ULL * NSEC_PER_SEC)
#define MAX_SPIN_NS	(10ULL * NSEC_PER_MSEC)
#define DUPLICATE_NS	(1ULL * NSEC_PER_MSEC)	/* at once, they would be one interrupt */

struct inject_rule {
	struct list_head node;
	struct pciem_inject_rule u;
	struct pciem_func *func;
	struct delayed_work work;
	struct { u32 vector; u64 due; } late[MAX_LATE];	/* in order; due in jiffies */
	unsigned int nr_late;
};

void pciem_inject_init(struct pciem_slot *slot)
{
	raw_spin_lock_init(&slot->injector.lock);
	INIT_LIST_HEAD(&slot->injector.rules);
}

/* ------------------------------------------------------------------------- matching */

static bool rule_fits(const struct inject_rule *r, u8 kind, u8 bar, u64 addr, u64 len)
{
	if (r->u.kind != kind && !(!r->u.kind && bar != 0xff))
		return false;
	if (r->u.bar_index != PCIEM_INJECT_ANY_BAR && r->u.bar_index != bar)
		return false;
	return !r->u.length || (addr < r->u.addr + r->u.length && r->u.addr < addr + len);
}

static bool queue_late(struct inject_rule *r, u32 vector)
{
	unsigned long delay;

	if (r->nr_late == MAX_LATE)
		return false;
	delay = nsecs_to_jiffies(r->u.action == PCIEM_INJECT_DELAY ? r->u.value : DUPLICATE_NS) + 1;
	r->late[r->nr_late].vector = vector;
	r->late[r->nr_late++].due = get_jiffies_64() + delay;
	/* While another one waits, its time comes first. */
	queue_delayed_work(system_wq, &r->work, delay);
	return true;
}

/* Each rule that fits counts; the first that is due acts. late: what it raises later, of an interrupt. */
static bool inject_match(struct pciem_func *f, u8 kind, u8 bar, u64 addr, u64 len, u32 late,
			 struct pciem_inject_rule *hit)
{
	struct pciem_injector *in = &f->slot->injector;
	struct inject_rule *r;
	unsigned long flags;
	bool found = false;

	if (!READ_ONCE(in->nr))
		return false;
	raw_spin_lock_irqsave(&in->lock, flags);
	list_for_each_entry(r, &in->rules, node) {
		if (r->func != f || !rule_fits(r, kind, bar, addr, len))
			continue;
		r->u.seen++;
		if (found || r->u.seen <= r->u.after || (r->u.count && r->u.hits >= r->u.count))
			continue;
		if (kind == PCIEM_RECORD_IRQ && r->u.action != PCIEM_INJECT_DROP &&
		    r->u.action != PCIEM_INJECT_REMOVE && !queue_late(r, late))
			continue;
		r->u.hits++;
		*hit = r->u;
		found = true;
	}
	raw_spin_unlock_irqrestore(&in->lock, flags);
	return found;
}

static void record_fault(struct pciem_func *f, u8 bar, u8 width, u64 addr, u8 action)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_FAULT, .func = f->num, .bar = bar, .width = width,
			.addr = addr, .value = PCIEM_FAULT_INJECTED, .flags = action,
		},
	};

	pciem_stream_emit(f->slot, &txn);
}

/* As long as it was told to, where that can be slept; else 10 ms at most. */
static void wait_ns(u64 ns)
{
	ktime_t expires = ns_to_ktime(ns);
	u64 start;

	if (pciem_may_sleep()) {
		set_current_state(TASK_KILLABLE);
		schedule_hrtimeout(&expires, HRTIMER_MODE_REL);
		return;
	}
	start = ktime_get_mono_fast_ns();
	while (ktime_get_mono_fast_ns() - start < min_t(u64, ns, MAX_SPIN_NS))
		cpu_relax();
}

/* --------------------------------------------------------------- what is hit by a rule */

/* False: nobody on the other side sees it; a read gets all-ones. */
bool pciem_inject_access(struct pciem_access *acc)
{
	struct pciem_func *f = acc->bar->func;
	struct pciem_inject_rule hit;
	u64 mask = acc->width == 8 ? ~0ULL : BIT_ULL(acc->width * 8) - 1;

	if (!inject_match(f, acc->write ? PCIEM_RECORD_MMIO_WRITE : PCIEM_RECORD_MMIO_READ,
			  acc->bar->index, acc->offset, acc->width, 0, &hit))
		return true;
	record_fault(f, acc->bar->index, acc->width, acc->offset, hit.action);
	switch (hit.action) {
	case PCIEM_INJECT_REMOVE:
		pciem_slot_surprise(f->slot);
		return false;
	case PCIEM_INJECT_DROP:
		return false;
	case PCIEM_INJECT_DELAY:
		wait_ns(hit.value);
		return true;
	case PCIEM_INJECT_VALUE:
		acc->force = true;
		break;
	}
	acc->flip = hit.value & mask;
	/* A write's record has what the driver wrote: see access_txn(). */
	if (acc->write)
		acc->value ^= acc->flip;
	return true;
}

/* What is written or read at iova: data may be changed. False: it is lost, and nobody is told. */
bool pciem_inject_dma(struct pciem_func *f, u64 iova, void *data, u32 len, bool write)
{
	u8 bytes[sizeof(u64)];
	struct pciem_inject_rule hit;
	u32 at = 0, i;

	if (!inject_match(f, write ? PCIEM_RECORD_DMA_WRITE : PCIEM_RECORD_DMA_READ, 0xff, iova, len, 0, &hit))
		return true;
	record_fault(f, 0xff, 0, iova, hit.action);
	switch (hit.action) {
	case PCIEM_INJECT_REMOVE:
		pciem_slot_surprise(f->slot);
		return true;
	case PCIEM_INJECT_DROP:
		return false;
	case PCIEM_INJECT_DELAY:
		wait_ns(hit.value);
		return true;
	}
	/* The flipped bits are where the rule's range begins, or the transfer. */
	if (hit.length && hit.addr > iova)
		at = hit.addr - iova;
	put_unaligned_le64(hit.value, bytes);
	for (i = 0; i < sizeof(bytes) && at + i < len; i++)
		((u8 *)data)[at + i] ^= bytes[i];
	return true;
}

static bool inject_irq(struct pciem_func *f, u32 vector, u32 late)
{
	struct pciem_inject_rule hit;

	if (!inject_match(f, PCIEM_RECORD_IRQ, 0xff, vector, 1, late, &hit))
		return false;
	record_fault(f, 0xff, 0, vector, hit.action);
	if (hit.action == PCIEM_INJECT_REMOVE)
		pciem_slot_surprise(f->slot);
	return hit.action != PCIEM_INJECT_DUPLICATE;
}

/* True: it shall not be raised now. */
bool pciem_inject_irq(struct pciem_func *f, u32 vector)
{
	return inject_irq(f, vector, vector);
}

/* The same, of an INTx level that is to rise: to rules it is vector 0. */
bool pciem_inject_intx(struct pciem_func *f)
{
	return inject_irq(f, 0, LATE_INTX);
}

/* ----------------------------------------------------------------- late interrupts */

static void late_work(struct work_struct *work)
{
	struct inject_rule *r = container_of(to_delayed_work(work), struct inject_rule, work);
	struct pciem_slot *slot = r->func->slot;
	u64 now = get_jiffies_64();
	u32 vector[MAX_LATE];
	unsigned int nr, i;

	raw_spin_lock_irq(&slot->injector.lock);
	for (nr = 0; nr < r->nr_late && r->late[nr].due <= now; nr++)
		vector[nr] = r->late[nr].vector;
	r->nr_late -= nr;
	memmove(r->late, r->late + nr, r->nr_late * sizeof(*r->late));
	if (r->nr_late)
		queue_delayed_work(system_wq, &r->work, r->late[0].due - now);
	raw_spin_unlock_irq(&slot->injector.lock);

	/* As an owner's call: not while vectors are being taken away. */
	if (!down_read_trylock(&slot->calls))
		return;
	for (i = 0; i < nr && pciem_slot_state(slot) == PCIEM_STATE_STARTED; i++) {
		if (vector[i] != LATE_INTX)
			pciem_irq_raise(r->func, vector[i], 0);
		else
			pciem_intx_late(r->func, r->u.action == PCIEM_INJECT_DUPLICATE);
	}
	up_read(&slot->calls);
}

/* ---------------------------------------------------------------- the owner's call */

static bool action_valid(const struct pciem_inject_rule *u)
{
	switch (u->action) {
	case PCIEM_INJECT_VALUE:
		return u->kind == PCIEM_RECORD_MMIO_READ;
	case PCIEM_INJECT_FLIP:
		return u->value && u->kind && u->kind != PCIEM_RECORD_IRQ;
	case PCIEM_INJECT_DROP:
		return u->kind && u->kind != PCIEM_RECORD_DMA_READ;
	case PCIEM_INJECT_DUPLICATE:
		return u->kind == PCIEM_RECORD_IRQ;
	case PCIEM_INJECT_DELAY:
		return u->kind && u->value && u->value <= MAX_DELAY_NS;
	case PCIEM_INJECT_REMOVE:
		return true;
	default:
		return false;
	}
}

static int rule_check(struct pciem_slot *slot, const struct pciem_inject_rule *u)
{
	bool mmio = u->kind == PCIEM_RECORD_MMIO_READ || u->kind == PCIEM_RECORD_MMIO_WRITE || !u->kind;

	if (!mmio && u->kind != PCIEM_RECORD_IRQ && u->kind != PCIEM_RECORD_DMA_READ &&
	    u->kind != PCIEM_RECORD_DMA_WRITE)
		return -EINVAL;
	if (!action_valid(u) || u->func >= PCIEM_MAX_FUNCTIONS || u->reserved ||
	    u->addr + u->length < u->addr || (u->addr && !u->length))
		return -EINVAL;
	if (u->bar_index != PCIEM_INJECT_ANY_BAR && (!mmio || u->bar_index >= PCIEM_MAX_BARS))
		return -EINVAL;
	if (!slot->func[u->func])
		return -ENOENT;
	return 0;
}

static int inject_add(struct pciem_slot *slot, struct pciem_inject *arg)
{
	struct pciem_injector *in = &slot->injector;
	struct inject_rule *r;
	int err;

	if (arg->count != 1 || arg->id)
		return -EINVAL;
	/* A replay answers as recorded, and nothing else. */
	if (slot->seq)
		return -EBUSY;
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	err = -EFAULT;
	if (copy_from_user(&r->u, u64_to_user_ptr(arg->rules), sizeof(r->u)))
		goto fail;
	err = rule_check(slot, &r->u);
	if (err)
		goto fail;
	r->func = slot->func[r->u.func];
	r->u.seen = r->u.hits = 0;
	INIT_DELAYED_WORK(&r->work, late_work);

	err = -ENOSPC;
	raw_spin_lock_irq(&in->lock);
	if (in->nr < MAX_RULES) {
		err = 0;
		arg->id = r->u.id = ++in->last_id;
		list_add_tail(&r->node, &in->rules);
		WRITE_ONCE(in->nr, in->nr + 1);
	}
	raw_spin_unlock_irq(&in->lock);
	if (!err)
		return 0;
fail:
	kfree(r);
	return err;
}

static int inject_clear(struct pciem_slot *slot, u32 id)
{
	struct pciem_injector *in = &slot->injector;
	struct inject_rule *r, *next;
	LIST_HEAD(gone);

	raw_spin_lock_irq(&in->lock);
	list_for_each_entry_safe(r, next, &in->rules, node) {
		if (id && r->u.id != id)
			continue;
		list_move_tail(&r->node, &gone);
		WRITE_ONCE(in->nr, in->nr - 1);
	}
	raw_spin_unlock_irq(&in->lock);
	if (id && list_empty(&gone))
		return -ENOENT;
	list_for_each_entry_safe(r, next, &gone, node) {
		cancel_delayed_work_sync(&r->work);
		kfree(r);
	}
	return 0;
}

void pciem_inject_exit(struct pciem_slot *slot)
{
	inject_clear(slot, 0);
}

static int inject_list(struct pciem_slot *slot, struct pciem_inject *arg)
{
	struct pciem_injector *in = &slot->injector;
	struct pciem_inject_rule *rules;
	struct inject_rule *r;
	unsigned int nr = 0;
	int ret = 0;

	rules = kcalloc(MAX_RULES, sizeof(*rules), GFP_KERNEL);
	if (!rules)
		return -ENOMEM;
	raw_spin_lock_irq(&in->lock);
	list_for_each_entry(r, &in->rules, node)
		rules[nr++] = r->u;
	raw_spin_unlock_irq(&in->lock);
	if (copy_to_user(u64_to_user_ptr(arg->rules), rules, min(nr, arg->count) * sizeof(*rules)))
		ret = -EFAULT;
	arg->count = nr;
	kfree(rules);
	return ret;
}

int pciem_inject_call(struct pciem_slot *slot, struct pciem_inject *arg)
{
	switch (arg->op) {
	case PCIEM_INJECT_ADD:
		return inject_add(slot, arg);
	case PCIEM_INJECT_CLEAR:
		return arg->count || arg->rules ? -EINVAL : inject_clear(slot, arg->id);
	case PCIEM_INJECT_LIST:
		return arg->id ? -EINVAL : inject_list(slot, arg);
	default:
		return -EINVAL;
	}
}
