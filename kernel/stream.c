// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one ordered stream of a slot: numbers every transaction and hands it to the
 * owner ring and to the monitors.
 *
 * Locking in this file: stream->lock orders everything. A payload is copied after
 * the lock is dropped, into a place reserved under it; RCU keeps the monitors alive
 * meanwhile, so a closing reader never blocks a driver.
 *
 * Back-pressure: a reader without room is waited for before a number is given, so
 * that a wait cannot reorder anything. Who may not sleep finds a part of a monitor's
 * ring that others leave free, then waits 10 ms at most; a reader that let that expire
 * is not waited for again until it has drained: otherwise a stopped reader would cost
 * 10 ms for each access of the driver.
 */
#include <linux/delay.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "stream.h"

#define ATOMIC_WAIT_NS	(10ULL * NSEC_PER_MSEC)
/* The device is leaving: what it still has to say may not keep it for ever. */
#define GONE_WAIT_NS	(5ULL * NSEC_PER_SEC)
/* An owner that closes its device may be the reader of its own monitors; one that dies has let go of them. */
#define ORPHAN_WAIT_NS	(1ULL * NSEC_PER_SEC)

void pciem_stream_init(struct pciem_stream *s)
{
	raw_spin_lock_init(&s->lock);
	raw_spin_lock_init(&s->reads_lock);
	INIT_LIST_HEAD(&s->monitors);
	INIT_LIST_HEAD(&s->reads);
}

void pciem_stream_free(struct pciem_stream *s)
{
	pciem_ring_put(s->ring);
	pciem_ring_put(s->old_ring);
}

u32 pciem_context_current(void)
{
	u32 class, instance;

	if (in_nmi()) {
		class = PCIEM_CONTEXT_NMI;
		instance = raw_smp_processor_id();
	} else if (in_hardirq()) {
		class = PCIEM_CONTEXT_HARDIRQ;
		instance = pciem_irq_current();
	} else if (in_serving_softirq()) {
		class = PCIEM_CONTEXT_SOFTIRQ;
		instance = raw_smp_processor_id();
	} else {
		class = PCIEM_CONTEXT_TASK;
		instance = task_pid_nr(current);
	}
	return class << PCIEM_CONTEXT_SHIFT |
	       (instance & ((1U << PCIEM_CONTEXT_SHIFT) - 1));
}

/* ------------------------------------------------------------ back-pressure */

struct patience {
	u64 start;
	const struct pciem_monitor *who;	/* waited for last; to be compared only */
	u64 gone_limit;			/* for whom we wait, once the owner is gone */
	unsigned int steps;
	bool may_sleep;
	bool over;			/* no more waiting for this transaction */
	bool expired;			/* ... because the reader did not move */
};

static void patience_wait(struct pciem_stream *s, struct patience *p)
{
	u64 now = ktime_get_mono_fast_ns();

	if (!p->start)
		p->start = now;
	if (!p->may_sleep) {
		p->over = p->expired = now - p->start > ATOMIC_WAIT_NS;
		cpu_relax();
	} else if (fatal_signal_pending(current)) {
		p->over = true;
	} else if (READ_ONCE(s->owner_gone) && now - p->start > p->gone_limit) {
		p->over = p->expired = true;
	} else if (p->steps++ < 20) {
		/* Readers move positions in shared memory: nobody will wake us. */
		usleep_range(20, 60);
	} else {
		schedule_timeout_killable(1);
	}
}

/* Whether somebody who wants txn has no room yet and is worth a wait. */
static bool stream_must_wait(struct pciem_stream *s, const struct pciem_txn *txn,
			     u32 len, struct patience *p)
{
	struct pciem_monitor *m;
	bool wait = false;

	p->gone_limit = ORPHAN_WAIT_NS;
	if (txn->event && !READ_ONCE(s->owner_gone) &&
	    pciem_ring_room(s->ring) == PCIEM_ROOM_WAIT) {
		wait = true;
		if (p->expired)
			pciem_ring_give_up(s->ring);
	}
	if (!txn->rec.kind)
		return wait && !p->over;
	list_for_each_entry(m, &s->monitors, node) {
		if (!pciem_monitor_wants(m, &txn->rec) ||
		    pciem_monitor_room(m, len, p->may_sleep) != PCIEM_ROOM_WAIT)
			continue;
		wait = true;
		p->who = m;
		if (!m->orphan)
			p->gone_limit = GONE_WAIT_NS;
		if (p->expired)
			pciem_monitor_give_up(m);
	}
	return wait && !p->over;
}

/* Puts the wait down to the monitor that it was for, if that is still there. */
static void stream_charge(struct pciem_stream *s, const struct patience *p)
{
	struct pciem_monitor *m;

	list_for_each_entry(m, &s->monitors, node)
		if (m == p->who)
			pciem_monitor_waited(m, ktime_get_mono_fast_ns() - p->start);
}

struct pciem_owner_progress pciem_stream_owner_progress(struct pciem_stream *s)
{
	struct pciem_owner_progress at = {};
	unsigned long flags;

	raw_spin_lock_irqsave(&s->lock, flags);
	if (s->ring && !READ_ONCE(s->owner_gone)) {
		at.posted = pciem_ring_posted(s->ring);
		at.taken = pciem_ring_taken(s->ring);
	}
	raw_spin_unlock_irqrestore(&s->lock, flags);
	return at;
}

/* ------------------------------------------------------------------ emission */

/* A payload on its way into one monitor. */
struct placed {
	struct pciem_record *at[PCIEM_MAX_MONITORS];
	unsigned int nr;
};

static bool kind_is_device(u8 kind)
{
	return (kind >= PCIEM_RECORD_DMA_READ && kind <= PCIEM_RECORD_IRQ) ||
	       kind == PCIEM_RECORD_MARK;
}

static bool fault_is_device(const struct pciem_record *rec)
{
	return rec->kind == PCIEM_RECORD_FAULT &&
	       ((rec->value >= PCIEM_FAULT_IOMMU_UNMAPPED && rec->value <= PCIEM_FAULT_NO_BUS_MASTER) ||
		rec->value == PCIEM_FAULT_P2P_DENIED ||
		/* One without a BAR was the device's own doing. */
		(rec->value == PCIEM_FAULT_INJECTED && rec->bar == 0xff));
}

/* Under stream->lock: the number, and what only now is known. */
static void txn_number(struct pciem_stream *s, struct pciem_txn *txn)
{
	struct pciem_record *rec = &txn->rec;
	bool device = kind_is_device(rec->kind) || fault_is_device(rec);

	rec->len = ALIGN(sizeof(*rec) + rec->data_len, 8);
	rec->seq = txn->seq = ++s->seq;
	rec->time = ktime_get_mono_fast_ns();
	if (!txn->preset) {
		rec->context = device ? PCIEM_CONTEXT_DEVICE << PCIEM_CONTEXT_SHIFT :
					pciem_context_current();
		rec->cpu = raw_smp_processor_id();
		rec->pid = task_pid_nr(current);
	}
	if (device && !rec->cause && s->ring) {
		s->taken = max(s->taken, pciem_ring_taken(s->ring));
		rec->cause = s->taken;
	}
	if (txn->apply)
		txn->apply(txn, txn->arg);
}

static void txn_push_event(struct pciem_stream *s, struct pciem_txn *txn)
{
	const struct pciem_record *rec = &txn->rec;
	struct pciem_event ev = {
		.seq = rec->kind ? rec->seq : s->seq,
		.type = txn->event,
		.bar = rec->bar,
		.offset = rec->addr,
		.size = rec->width,
		.func = rec->func,
		.data = rec->value ^ txn->event_flip,
		.timestamp = rec->kind ? rec->time : ktime_get_mono_fast_ns(),
	};

	if (pciem_ring_room(s->ring) == PCIEM_ROOM) {
		pciem_ring_push(s->ring, &ev);
	} else {
		atomic64_inc(&s->lost_owner);
		txn->event_lost = true;
	}
}

static void txn_place(struct pciem_stream *s, struct pciem_txn *txn, struct placed *placed)
{
	struct pciem_record *at;
	struct pciem_monitor *m;

	list_for_each_entry(m, &s->monitors, node) {
		if (!pciem_monitor_wants(m, &txn->rec))
			continue;
		at = pciem_monitor_reserve(m, &txn->rec);
		if (at && txn->rec.data_len)
			placed->at[placed->nr++] = at;
	}
}

static void txn_finish(struct pciem_stream *s, struct pciem_txn *txn, struct placed *placed)
{
	struct pciem_monitor *m;
	unsigned int i;

	for (i = 0; i < placed->nr; i++) {
		memcpy(placed->at[i] + 1, txn->data, txn->rec.data_len);
		pciem_monitor_commit(placed->at[i], txn->rec.len);
	}
	if (txn->event)
		pciem_ring_wake(s->ring);
	if (!txn->rec.kind)
		return;
	list_for_each_entry_rcu(m, &s->monitors, node)
		if (pciem_monitor_wants(m, &txn->rec))
			pciem_monitor_wake(m);
}

void pciem_stream_emit(struct pciem_slot *slot, struct pciem_txn *txn)
{
	u32 len = ALIGN(sizeof(txn->rec) + txn->rec.data_len, 8);
	struct pciem_stream *s = &slot->stream;
	struct patience patience = { .may_sleep = pciem_may_sleep() };
	struct placed placed = { .nr = 0 };
	unsigned long flags;

	if (txn->event && (!s->ring || !pciem_ring_wants(s->ring, txn->event)))
		txn->event = 0;
	for (;;) {
		rcu_read_lock();
		raw_spin_lock_irqsave(&s->lock, flags);
		if (s->closed || !stream_must_wait(s, txn, len, &patience))
			break;
		raw_spin_unlock_irqrestore(&s->lock, flags);
		rcu_read_unlock();
		patience_wait(s, &patience);
	}
	if (s->closed) {
		txn->event_lost = txn->event;
		txn->seq = s->seq;
		raw_spin_unlock_irqrestore(&s->lock, flags);
		rcu_read_unlock();
		return;
	}
	if (patience.start && patience.who)
		stream_charge(s, &patience);
	if (txn->rec.kind) {
		txn_number(s, txn);
		txn_place(s, txn, &placed);
	}
	if (txn->event)
		txn_push_event(s, txn);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	txn_finish(s, txn, &placed);
	rcu_read_unlock();
}

/* ---------------------------------------------------------------- shorthands */

void pciem_stream_event(struct pciem_slot *slot, u32 event, u64 data)
{
	struct pciem_txn txn = {
		.event = event,
		.rec = { .bar = 0xff, .value = data },
	};

	pciem_stream_emit(slot, &txn);
}

u64 pciem_stream_note(struct pciem_func *f, u8 kind, u16 flags, u64 addr, u64 value, u64 cause)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = kind, .func = f->num, .bar = 0xff, .flags = flags,
			.addr = addr, .value = value, .cause = cause,
		},
	};

	pciem_stream_emit(f->slot, &txn);
	return txn.seq;
}

u64 pciem_stream_fault(struct pciem_func *f, u64 fault, u8 bar, u8 width, u64 addr, u64 cause)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_FAULT, .func = f->num, .bar = bar, .width = width,
			.addr = addr, .value = fault, .cause = cause,
		},
	};

	pciem_stream_emit(f->slot, &txn);
	return txn.seq;
}

/* ----------------------------------------------------------------- two ends */

void pciem_stream_close(struct pciem_slot *slot)
{
	struct pciem_stream *s = &slot->stream;
	struct pciem_monitor *m;
	unsigned long flags;

	raw_spin_lock_irqsave(&s->lock, flags);
	list_for_each_entry(m, &s->monitors, node)
		m->orphan = m->creator == task_tgid_nr(current);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	pciem_read_abort_all(s);	/* sets owner_gone */
	rcu_read_lock();
	if (s->ring)
		pciem_ring_wake(s->ring);
	rcu_read_unlock();
}

void pciem_stream_finish(struct pciem_slot *slot)
{
	struct pciem_stream *s = &slot->stream;
	struct pciem_monitor *m;
	unsigned long flags;

	raw_spin_lock_irqsave(&s->lock, flags);
	s->closed = true;
	raw_spin_unlock_irqrestore(&s->lock, flags);

	/* Who was past the lock may still be copying its payload. */
	synchronize_rcu();
	rcu_read_lock();
	list_for_each_entry_rcu(m, &s->monitors, node)
		pciem_monitor_close(m);
	rcu_read_unlock();
	if (s->ring)
		pciem_ring_close(s->ring);
}
