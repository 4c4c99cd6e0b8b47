// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner ring: events for the device's model, in memory shared with it.
 *
 * The consumer writes head, the kernel tail. The kernel keeps its own tail and the
 * seq of each slot; head is a hint from userspace, checked at each use, and a
 * nonsensical one only ever costs its writer events.
 *
 * Locking in this file: tail, seqs and given_up are under stream->lock; the eventfd
 * is RCU-protected (it is signalled with interrupts off), changed under efd_lock.
 */
#include <linux/anon_inodes.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "stream.h"

struct pciem_ring {
	struct kref ref;
	void *mem;
	u32 entries;
	bool legacy;
	u32 tail;
	u64 last_seq;			/* of the newest driver access pushed */
	u64 *seqs;			/* for each slot, last_seq when it was filled */
	bool given_up;
	bool closed;
	wait_queue_head_t wait;
	struct mutex efd_lock;
	struct eventfd_ctx __rcu *efd;
};

static u32 *ring_head(struct pciem_ring *ring)
{
	return ring->mem + PCIEM_RING_HEAD;
}

static u32 *ring_tail(struct pciem_ring *ring)
{
	return ring->mem + PCIEM_RING_TAIL;
}

struct pciem_ring *pciem_ring_alloc(u32 entries, bool legacy)
{
	struct pciem_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);

	if (!ring)
		return NULL;
	ring->mem = vmalloc_user(PCIEM_RING_EVENTS + entries * sizeof(struct pciem_event));
	ring->seqs = kvcalloc(entries, sizeof(*ring->seqs), GFP_KERNEL_ACCOUNT);
	if (!ring->mem || !ring->seqs) {
		vfree(ring->mem);
		kvfree(ring->seqs);
		kfree(ring);
		return NULL;
	}
	kref_init(&ring->ref);
	ring->entries = entries;
	ring->legacy = legacy;
	init_waitqueue_head(&ring->wait);
	mutex_init(&ring->efd_lock);
	return ring;
}

static void ring_free(struct kref *ref)
{
	struct pciem_ring *ring = container_of(ref, struct pciem_ring, ref);
	struct eventfd_ctx *efd = rcu_dereference_protected(ring->efd, true);

	if (efd)
		eventfd_ctx_put(efd);
	vfree(ring->mem);
	kvfree(ring->seqs);
	kfree(ring);
}

void pciem_ring_put(struct pciem_ring *ring)
{
	if (ring)
		kref_put(&ring->ref, ring_free);
}

/* ------------------------------------------------------------- for stream.c */

/* Existing cards were written for a ring with these three types at most. */
bool pciem_ring_wants(const struct pciem_ring *ring, u32 event)
{
	return !ring->legacy || event == PCIEM_EVENT_MMIO_READ ||
	       event == PCIEM_EVENT_MMIO_WRITE || event == PCIEM_EVENT_MMIO_READ_REQUEST;
}

enum pciem_room pciem_ring_room(struct pciem_ring *ring)
{
	u32 head = READ_ONCE(*ring_head(ring));
	u32 used;

	if (head >= ring->entries)
		return PCIEM_ROOM_NEVER;
	used = (ring->tail - head) & (ring->entries - 1);
	if (used < ring->entries / 2)
		ring->given_up = false;
	if (used < ring->entries - 1)
		return PCIEM_ROOM;
	return ring->given_up ? PCIEM_ROOM_NEVER : PCIEM_ROOM_WAIT;
}

void pciem_ring_give_up(struct pciem_ring *ring)
{
	ring->given_up = true;
}

static bool event_is_access(u32 type)
{
	return type <= PCIEM_EVENT_MMIO_READ_REQUEST;
}

void pciem_ring_push(struct pciem_ring *ring, const struct pciem_event *ev)
{
	struct pciem_event *at = ring->mem + PCIEM_RING_EVENTS;

	at += ring->tail;
	*at = *ev;
	/* A request must be answerable in the old ring too; cards of old never see one. */
	if (ring->legacy && ev->type != PCIEM_EVENT_MMIO_READ_REQUEST)
		at->seq = 0;
	if (event_is_access(ev->type))
		ring->last_seq = ev->seq;
	ring->seqs[ring->tail] = ring->last_seq;
	ring->tail = (ring->tail + 1) & (ring->entries - 1);
	/* The owner that sees the index sees the event. */
	smp_store_release(ring_tail(ring), ring->tail);
}

u64 pciem_ring_posted(const struct pciem_ring *ring)
{
	return ring->last_seq;
}

/* The slot before head is never overwritten while head stays: the ring is full with one slot free. */
u64 pciem_ring_taken(struct pciem_ring *ring)
{
	u32 head = READ_ONCE(*ring_head(ring));

	if (head >= ring->entries)
		return 0;
	return ring->seqs[(head - 1) & (ring->entries - 1)];
}

void pciem_ring_wake(struct pciem_ring *ring)
{
	struct eventfd_ctx *efd;

	if (wq_has_sleeper(&ring->wait))
		wake_up_poll(&ring->wait, EPOLLIN | EPOLLRDNORM);
	rcu_read_lock();
	efd = rcu_dereference(ring->efd);
	if (efd)
		pciem_eventfd_signal(efd);
	rcu_read_unlock();
}

void pciem_ring_close(struct pciem_ring *ring)
{
	WRITE_ONCE(ring->closed, true);
	wake_up_poll(&ring->wait, EPOLLHUP);
}

/* ------------------------------------------------------------- for userspace */

static bool ring_has_events(struct pciem_ring *ring)
{
	return READ_ONCE(*ring_head(ring)) != READ_ONCE(ring->tail);
}

int pciem_ring_set_eventfd(struct pciem_ring *ring, int fd)
{
	struct eventfd_ctx *efd = NULL, *old;

	if (fd != -1) {
		efd = eventfd_ctx_fdget(fd);
		if (IS_ERR(efd))
			return PTR_ERR(efd);
	}
	mutex_lock(&ring->efd_lock);
	old = rcu_replace_pointer(ring->efd, efd, lockdep_is_held(&ring->efd_lock));
	if (efd && ring_has_events(ring))
		pciem_eventfd_signal(efd);
	mutex_unlock(&ring->efd_lock);
	if (old) {
		/* Somebody may be signalling it right now. */
		synchronize_rcu();
		eventfd_ctx_put(old);
	}
	return 0;
}

int pciem_ring_mmap(struct pciem_ring *ring, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	/* Any offset means the start; the length is checked against the allocation. */
	return remap_vmalloc_range(vma, ring->mem, 0);
}

__poll_t pciem_ring_poll(struct pciem_ring *ring, struct file *file, struct poll_table_struct *wait)
{
	__poll_t mask = 0;

	poll_wait(file, &ring->wait, wait);
	if (ring_has_events(ring))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(ring->closed))
		mask |= EPOLLHUP;
	return mask;
}

static int ring_fop_mmap(struct file *file, struct vm_area_struct *vma)
{
	return pciem_ring_mmap(file->private_data, vma);
}

static __poll_t ring_fop_poll(struct file *file, struct poll_table_struct *wait)
{
	return pciem_ring_poll(file->private_data, file, wait);
}

static int ring_fop_release(struct inode *inode, struct file *file)
{
	pciem_ring_put(file->private_data);
	return 0;
}

static const struct file_operations ring_fops = {
	.owner = THIS_MODULE,
	.mmap = ring_fop_mmap,
	.poll = ring_fop_poll,
	.release = ring_fop_release,
	.llseek = noop_llseek,
};

int pciem_ring_fd(struct pciem_ring *ring)
{
	int fd;

	kref_get(&ring->ref);
	fd = anon_inode_getfd("[pciem-ring]", &ring_fops, ring, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		pciem_ring_put(ring);
	return fd;
}
