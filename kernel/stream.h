/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stream.c shares with the two kinds of readers, ring.c and monitor.c.
 */
#ifndef PCIEM_STREAM_H
#define PCIEM_STREAM_H

#include "pciem.h"

#define PCIEM_MAX_MONITORS	16

enum pciem_room {
	PCIEM_ROOM,
	PCIEM_ROOM_WAIT,		/* none now; the reader will make some */
	PCIEM_ROOM_NEVER,		/* none, and nobody waits: what comes now is lost */
};

/* ring.c; all but wake and close under stream->lock */
bool pciem_ring_wants(const struct pciem_ring *ring, u32 event);
enum pciem_room pciem_ring_room(struct pciem_ring *ring);
void pciem_ring_give_up(struct pciem_ring *ring);	/* until it has drained */
void pciem_ring_push(struct pciem_ring *ring, const struct pciem_event *ev);
u64 pciem_ring_posted(const struct pciem_ring *ring);	/* seq of the newest driver access in it */
u64 pciem_ring_taken(struct pciem_ring *ring);		/* seq of the newest event the consumer has taken */
void pciem_ring_wake(struct pciem_ring *ring);
void pciem_ring_close(struct pciem_ring *ring);

/* monitor.c; all but commit, wake and close under stream->lock */
struct pciem_monitor {
	struct list_head node;		/* of its stream; of those that wait for a slot */
	struct pciem_slot *slot;	/* NULL until there is one; set once */
	u64 kinds;
	u64 wake_at;			/* the reader wants to know of so many bytes */
	bool lossy;
	bool given_up;			/* not waited for until it has drained */
	bool orphan;			/* its reader is the process that closed the device */
	pid_t creator;
	u64 producer;			/* the kernel's own copy: the page's is for the reader */
	u64 lost, lost_pending;
	u64 waits, waited_ns;		/* what back-pressure has cost so far */
	u64 size;			/* of the data, a power of two */
	u64 *consumer;			/* page 0: the reader writes it, and may write anything */
	struct pciem_monitor_page *page;	/* page 1 */
	void *data;			/* mapped twice in a row */
	struct page **pages;
	wait_queue_head_t wait;
};

bool pciem_monitor_wants(const struct pciem_monitor *m, const struct pciem_record *rec);
/* Who may sleep leaves a reserve to those who may not. */
enum pciem_room pciem_monitor_room(struct pciem_monitor *m, u32 len, bool may_sleep);
void pciem_monitor_give_up(struct pciem_monitor *m);
void pciem_monitor_waited(struct pciem_monitor *m, u64 ns);
/* Places rec, and the record of what was lost before it. NULL: no room, counted. */
struct pciem_record *pciem_monitor_reserve(struct pciem_monitor *m, const struct pciem_record *rec);
/* The payload is in place. */
void pciem_monitor_commit(struct pciem_record *at, u32 len);
void pciem_monitor_wake(struct pciem_monitor *m);
void pciem_monitor_close(struct pciem_monitor *m);

#endif /* PCIEM_STREAM_H */
