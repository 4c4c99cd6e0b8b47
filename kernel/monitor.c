// SPDX-License-Identifier: GPL-2.0-only
/*
 * Monitors: extra readers of a slot's whole stream, each with a byte ring of its
 * own. The ring's data is mapped twice in a row, so that no record wraps. The reader
 * may write its position and nothing else; that position is only ever subtracted
 * and compared, and indexes are masked by the kernel's own size.
 *
 * Locking in this file: all fields that change are under stream->lock, but for lossy,
 * which is set without when the reader goes; a monitor that waits for the next slot is
 * under waiting_lock, which nests outside. A monitor is freed an RCU grace period after
 * it was taken off the list.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "stream.h"

#define CONTROL_PAGES	2
#define RING_MIN	SZ_128K		/* a chunk of DMA and its record fit */
#define RING_MAX	SZ_1G
#define RESERVE(size)	((size) / 8)	/* for those who cannot wait */

static DEFINE_MUTEX(waiting_lock);
static LIST_HEAD(waiting);
static unsigned int nr_waiting;

/* ------------------------------------------------------------- for stream.c */

bool pciem_monitor_wants(const struct pciem_monitor *m, const struct pciem_record *rec)
{
	return m->kinds & BIT_ULL(rec->kind);
}

/* Bytes in use; more than size if the reader wrote nonsense. */
static u64 monitor_used(const struct pciem_monitor *m)
{
	return m->producer - READ_ONCE(*m->consumer);
}

enum pciem_room pciem_monitor_room(struct pciem_monitor *m, u32 len, bool may_sleep)
{
	u64 used = monitor_used(m);

	if (used > m->size)
		return PCIEM_ROOM_NEVER;
	if (used <= m->size / 2)
		m->given_up = false;
	if (m->lost_pending)
		len += sizeof(struct pciem_record);
	if (may_sleep)
		len += RESERVE(m->size);
	if (m->size - used >= len)
		return PCIEM_ROOM;
	return READ_ONCE(m->lossy) || m->given_up ? PCIEM_ROOM_NEVER : PCIEM_ROOM_WAIT;
}

void pciem_monitor_give_up(struct pciem_monitor *m)
{
	m->given_up = true;
}

void pciem_monitor_waited(struct pciem_monitor *m, u64 ns)
{
	WRITE_ONCE(m->page->waits, ++m->waits);
	WRITE_ONCE(m->page->waited_ns, m->waited_ns += ns);
}

static struct pciem_record *monitor_put(struct pciem_monitor *m, const struct pciem_record *rec)
{
	struct pciem_record *at = m->data + (m->producer & (m->size - 1));

	*at = *rec;
	if (rec->data_len) {
		/* The padding would show the ring's older contents. */
		memset((void *)at + rec->len - 8, 0, 8);
		at->len |= PCIEM_RECORD_BUSY;
	}
	m->producer += rec->len;
	/* The reader that sees the position sees the record. */
	smp_store_release(&m->page->producer, m->producer);
	return at;
}

struct pciem_record *pciem_monitor_reserve(struct pciem_monitor *m, const struct pciem_record *rec)
{
	if (pciem_monitor_room(m, rec->len, false) != PCIEM_ROOM) {
		m->lost_pending++;
		WRITE_ONCE(m->page->lost, ++m->lost);
		return NULL;
	}
	if (m->lost_pending) {
		struct pciem_record lost = {
			.len = sizeof(lost),
			.kind = PCIEM_RECORD_LOST,
			.bar = 0xff,
			.seq = rec->seq - 1,
			.time = rec->time,
			.value = m->lost_pending,
		};

		monitor_put(m, &lost);
		m->lost_pending = 0;
	}
	return monitor_put(m, rec);
}

void pciem_monitor_commit(struct pciem_record *at, u32 len)
{
	/* The reader that does not see BUSY sees the payload. */
	smp_store_release(&at->len, len);
}

void pciem_monitor_wake(struct pciem_monitor *m)
{
	/* A position of the reader that is not up to date only wakes it for nothing. */
	if (READ_ONCE(m->page->producer) - READ_ONCE(*m->consumer) >= m->wake_at &&
	    wq_has_sleeper(&m->wait))
		wake_up_poll(&m->wait, EPOLLIN | EPOLLRDNORM);
}

void pciem_monitor_close(struct pciem_monitor *m)
{
	/* The reader that sees it sees the last position. */
	smp_store_release(&m->page->closed, 1);
	wake_up_poll(&m->wait, EPOLLHUP);
}

/* -------------------------------------------------------------------- memory */

static void monitor_free(struct pciem_monitor *m)
{
	unsigned long i;

	if (m->consumer)
		vunmap(m->consumer);
	for (i = 0; m->pages && i < CONTROL_PAGES + m->size / PAGE_SIZE; i++)
		if (m->pages[i])
			__free_page(m->pages[i]);
	kvfree(m->pages);
	kfree(m);
}

static int monitor_alloc_pages(struct pciem_monitor *m)
{
	unsigned long nr = m->size / PAGE_SIZE, i;

	m->pages = kvcalloc(CONTROL_PAGES + 2 * nr, sizeof(*m->pages), GFP_KERNEL_ACCOUNT);
	if (!m->pages)
		return -ENOMEM;
	for (i = 0; i < CONTROL_PAGES + nr; i++) {
		/* Too large a ring is the caller's mistake: nobody shall be killed for it. */
		m->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN |
					 __GFP_RETRY_MAYFAIL);
		if (!m->pages[i] || fatal_signal_pending(current))
			return -ENOMEM;
		if (i >= CONTROL_PAGES)
			m->pages[i + nr] = m->pages[i];
		cond_resched();
	}
	m->consumer = vmap(m->pages, CONTROL_PAGES + 2 * nr, VM_MAP | VM_USERMAP, PAGE_KERNEL);
	if (!m->consumer)
		return -ENOMEM;
	m->page = (void *)m->consumer + PAGE_SIZE;
	m->data = (void *)m->consumer + CONTROL_PAGES * PAGE_SIZE;
	m->page->ring_size = m->size;
	m->page->slot = PCIEM_SLOT_NEXT;
	return 0;
}

static struct pciem_monitor *monitor_alloc(const struct pciem_monitor_create *arg)
{
	struct pciem_monitor *m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	int err;

	if (!m)
		return ERR_PTR(-ENOMEM);
	m->size = arg->ring_size;
	m->kinds = arg->kinds ?: ~0ULL;
	m->lossy = arg->flags & PCIEM_MONITOR_LOSSY;
	m->creator = task_tgid_nr(current);
	m->wake_at = arg->flags & PCIEM_MONITOR_BATCH ? min_t(u64, PCIEM_MONITOR_BATCH_BYTES, m->size / 4) : 1;
	init_waitqueue_head(&m->wait);
	err = monitor_alloc_pages(m);
	if (err) {
		monitor_free(m);
		return ERR_PTR(err);
	}
	return m;
}

/* ------------------------------------------------------------- for userspace */

static int monitor_fop_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pciem_monitor *m = file->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE) {
		if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE)
			return -EPERM;
	} else {
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	return remap_vmalloc_range(vma, m->consumer, vma->vm_pgoff);
}

static __poll_t monitor_fop_poll(struct file *file, struct poll_table_struct *wait)
{
	struct pciem_monitor *m = file->private_data;
	const struct pciem_record *rec;
	u64 consumer, producer;
	__poll_t mask = 0;
	bool closed;

	poll_wait(file, &m->wait, wait);
	/* In this order: what was put before it was closed is not missed. */
	closed = smp_load_acquire(&m->page->closed);
	/* Pairs with monitor_put(). */
	producer = smp_load_acquire(&m->page->producer);
	consumer = READ_ONCE(*m->consumer);
	if (producer - consumer > m->size)
		return EPOLLERR;
	/* Towards the end each record counts. */
	if (producer - consumer >= (closed ? 1 : m->wake_at)) {
		rec = m->data + (consumer & (m->size - 1) & ~7ULL);
		if (!(READ_ONCE(rec->len) & PCIEM_RECORD_BUSY))
			mask |= EPOLLIN | EPOLLRDNORM;
	} else if (closed) {
		mask |= EPOLLHUP;
	}
	return mask;
}

static struct pciem_slot *monitor_slot(struct pciem_monitor *m)
{
	/* Pairs with monitor_attach(). */
	return smp_load_acquire(&m->slot);
}

static int monitor_await(struct pciem_monitor *m)
{
	int err = 0;

	mutex_lock(&waiting_lock);
	if (nr_waiting == PCIEM_MAX_MONITORS) {
		err = -ENOSPC;
	} else {
		list_add_tail(&m->node, &waiting);
		nr_waiting++;
	}
	mutex_unlock(&waiting_lock);
	return err;
}

/* Whether it had no slot yet, and will not get one. */
static bool monitor_leave(struct pciem_monitor *m)
{
	bool left;

	mutex_lock(&waiting_lock);
	left = !m->slot;
	if (left) {
		list_del(&m->node);
		nr_waiting--;
	}
	mutex_unlock(&waiting_lock);
	return left;
}

static void monitor_detach(struct pciem_monitor *m)
{
	struct pciem_slot *slot;
	unsigned long flags;

	if (monitor_leave(m)) {
		monitor_free(m);
		return;
	}
	slot = m->slot;
	raw_spin_lock_irqsave(&slot->stream.lock, flags);
	list_del_rcu(&m->node);
	slot->stream.nr_monitors--;
	raw_spin_unlock_irqrestore(&slot->stream.lock, flags);
	synchronize_rcu();
	monitor_free(m);
	pciem_slot_put(slot);
}

/* The last descriptor goes, or the reader dies: nobody waits for it to make room. */
static int monitor_fop_flush(struct file *file, fl_owner_t id)
{
	struct pciem_monitor *m = file->private_data;

	if (file_count(file) == 1)
		WRITE_ONCE(m->lossy, true);
	return 0;
}

static int monitor_fop_release(struct inode *inode, struct file *file)
{
	monitor_detach(file->private_data);
	return 0;
}

static long monitor_fop_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pciem_monitor *m = file->private_data;

	return pciem_ioctl_snapshot(monitor_slot(m), cmd, arg);
}

static const struct file_operations monitor_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = monitor_fop_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = monitor_fop_mmap,
	.poll = monitor_fop_poll,
	.flush = monitor_fop_flush,
	.release = monitor_fop_release,
	.llseek = noop_llseek,
};

/* It is on no list. */
static int monitor_attach(struct pciem_slot *slot, struct pciem_monitor *m)
{
	struct pciem_stream *s = &slot->stream;
	unsigned long flags;
	int err = 0;

	raw_spin_lock_irqsave(&s->lock, flags);
	if (s->closed) {
		err = -ENODEV;
	} else if (s->nr_monitors == PCIEM_MAX_MONITORS) {
		err = -ENOSPC;
	} else {
		pciem_slot_get(slot);
		WRITE_ONCE(m->page->slot, slot->id);
		/* Pairs with monitor_slot(). */
		smp_store_release(&m->slot, slot);
		list_add_tail_rcu(&m->node, &s->monitors);
		s->nr_monitors++;
	}
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return err;
}

void pciem_monitor_adopt(struct pciem_slot *slot)
{
	struct pciem_monitor *m, *next;

	mutex_lock(&waiting_lock);
	list_for_each_entry_safe(m, next, &waiting, node) {
		list_del(&m->node);
		/* Others, who guessed its number, may have taken every place: it waits on. */
		if (monitor_attach(slot, m))
			list_add(&m->node, &waiting);
		else
			nr_waiting--;
	}
	mutex_unlock(&waiting_lock);
}

int pciem_monitor_fd(struct pciem_slot *slot, const struct pciem_monitor_create *arg)
{
	struct pciem_monitor *m;
	int fd, err;

	if (arg->ring_size < RING_MIN || arg->ring_size > RING_MAX ||
	    !is_power_of_2(arg->ring_size) || arg->flags & ~(PCIEM_MONITOR_LOSSY | PCIEM_MONITOR_BATCH))
		return -EINVAL;
	m = monitor_alloc(arg);
	if (IS_ERR(m))
		return PTR_ERR(m);
	err = slot ? monitor_attach(slot, m) : monitor_await(m);
	if (err) {
		monitor_free(m);
		return err;
	}
	fd = anon_inode_getfd("[pciem-monitor]", &monitor_fops, m, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		monitor_detach(m);
	return fd;
}
