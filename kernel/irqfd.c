// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfds: an eventfd whose signal is an interrupt, without a call.
 *
 * A signal comes with the eventfd's wait queue locked and interrupts off, from whatever
 * context: it only takes the count and queues an irq_work, which injects. What it finds
 * then decides: before START, or while the driver has not enabled its interrupts, a
 * signal is an interrupt that nobody listens to.
 *
 * An irqfd ends when it is replaced or taken away, when the last file of the eventfd is
 * closed, or with the device. Whoever takes it off the list queues the work that ends
 * it: that may not be done under the wait queue's lock.
 *
 * Locking in this file: slot->irqfd_lock, a spinlock with interrupts off, for the list;
 * inside the wait queue's lock. SET_IRQFD holds slot->lock.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "bus.h"

#define MAX_IRQFDS	4096

struct pciem_irqfd {
	struct list_head node;		/* slot->irqfds; empty: it is being ended */
	struct pciem_func *func;
	u32 vector, flags;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
	poll_table pt;
	struct irq_work fire;
	struct work_struct end;
};

static struct workqueue_struct *irqfd_wq;

static void irqfd_fire(struct irq_work *work)
{
	struct pciem_irqfd *irqfd = container_of(work, struct pciem_irqfd, fire);
	u32 state = pciem_slot_state(irqfd->func->slot);

	if (state != PCIEM_STATE_REGISTERED && state != PCIEM_STATE_STARTED)
		return;
	if (irqfd->flags)
		pciem_intx_set(irqfd->func, !(irqfd->flags & PCIEM_IRQFD_DEASSERT), 0);
	else
		pciem_irq_inject(irqfd->func, irqfd->vector, 0);
}

static void irqfd_end(struct work_struct *work)
{
	struct pciem_irqfd *irqfd = container_of(work, struct pciem_irqfd, end);
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	irq_work_sync(&irqfd->fire);
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

/* irqfd_lock held. Only one can come here with an irqfd that is still listed. */
static void irqfd_take_away(struct pciem_irqfd *irqfd)
{
	list_del_init(&irqfd->node);
	queue_work(irqfd_wq, &irqfd->end);
}

static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct pciem_irqfd *irqfd = container_of(wait, struct pciem_irqfd, wait);
	struct pciem_slot *slot = irqfd->func->slot;
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &count);
		irq_work_queue(&irqfd->fire);
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&slot->irqfd_lock, flags);
		if (!list_empty(&irqfd->node))
			irqfd_take_away(irqfd);
		spin_unlock_irqrestore(&slot->irqfd_lock, flags);
	}
	return 0;
}

static void irqfd_queue_proc(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct pciem_irqfd *irqfd = container_of(pt, struct pciem_irqfd, pt);

	add_wait_queue(wqh, &irqfd->wait);
}

static unsigned int take_away_same(struct pciem_slot *slot, struct pciem_func *f,
				   const struct pciem_set_irqfd *arg, unsigned int *others)
{
	struct pciem_irqfd *irqfd, *next;
	unsigned int same = 0;

	*others = 0;
	spin_lock_irq(&slot->irqfd_lock);
	list_for_each_entry_safe(irqfd, next, &slot->irqfds, node) {
		if (irqfd->func != f || irqfd->vector != arg->vector ||
		    irqfd->flags != arg->flags) {
			++*others;
			continue;
		}
		irqfd_take_away(irqfd);
		same++;
	}
	spin_unlock_irq(&slot->irqfd_lock);
	return same;
}

static int irqfd_listen(struct pciem_func *f, const struct pciem_set_irqfd *arg, struct file *file)
{
	struct pciem_irqfd *irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	struct pciem_slot *slot = f->slot;

	if (!irqfd)
		return -ENOMEM;
	irqfd->ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->ctx)) {
		int err = PTR_ERR(irqfd->ctx);

		kfree(irqfd);
		return err;
	}
	irqfd->func = f;
	irqfd->vector = arg->vector;
	irqfd->flags = arg->flags;
	init_irq_work(&irqfd->fire, irqfd_fire);
	INIT_WORK(&irqfd->end, irqfd_end);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->pt, irqfd_queue_proc);

	spin_lock_irq(&slot->irqfd_lock);
	list_add_tail(&irqfd->node, &slot->irqfds);
	spin_unlock_irq(&slot->irqfd_lock);
	/* We hold the file: nobody ends it before it has its place in the queue. */
	if (vfs_poll(file, &irqfd->pt) & EPOLLIN)
		irq_work_queue(&irqfd->fire);
	return 0;
}

static int irqfd_check(struct pciem_func *f, const struct pciem_set_irqfd *arg)
{
	if (arg->flags & ~(PCIEM_IRQFD_LEVEL | PCIEM_IRQFD_DEASSERT) ||
	    arg->vector >= PCIEM_MAX_VECTORS)
		return -EINVAL;
	if (f->slot->state == PCIEM_STATE_REMOVED || READ_ONCE(f->slot->gone))
		return -ENODEV;
	/* Before REGISTER nothing is known yet of vectors and pins. */
	if (f->slot->state == PCIEM_STATE_NEW)
		return 0;
	if (arg->flags)
		return f->line ? 0 : -ENOENT;
	return pciem_irq_has_vector(f, arg->vector) ? 0 : -EINVAL;
}

int pciem_irqfd_set(struct pciem_func *f, const struct pciem_set_irqfd *arg)
{
	struct pciem_slot *slot = f->slot;
	unsigned int others;
	struct file *file;
	int err;

	lockdep_assert_held(&slot->lock);
	err = irqfd_check(f, arg);
	if (err)
		return err;
	if (arg->eventfd == -1) {
		if (!take_away_same(slot, f, arg, &others))
			return -ENOENT;
		/* None of its interrupts comes after the call. */
		flush_workqueue(irqfd_wq);
		return 0;
	}
	file = eventfd_fget(arg->eventfd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	take_away_same(slot, f, arg, &others);
	err = others < MAX_IRQFDS ? irqfd_listen(f, arg, file) : -ENOSPC;
	fput(file);
	return err;
}

void pciem_irqfd_release(struct pciem_slot *slot)
{
	struct pciem_irqfd *irqfd, *next;

	spin_lock_irq(&slot->irqfd_lock);
	list_for_each_entry_safe(irqfd, next, &slot->irqfds, node)
		irqfd_take_away(irqfd);
	spin_unlock_irq(&slot->irqfd_lock);
	/* Those that a closed eventfd has taken away, too. */
	flush_workqueue(irqfd_wq);
}

int pciem_irqfd_init(void)
{
	irqfd_wq = alloc_workqueue("pciem-irqfd", 0, 0);
	return irqfd_wq ? 0 : -ENOMEM;
}

void pciem_irqfd_exit(void)
{
	destroy_workqueue(irqfd_wq);
}
