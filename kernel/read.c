// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serves trapped accesses, and the reads that the owner answers.
 *
 * A waiting read lives on its reader's stack, on the stream's list, until it is DONE;
 * only who takes it off the list may complete it. A completion gets its number from
 * the owner who answers, before the reader goes on: what the device does next is
 * numbered behind it.
 *
 * Locking in this file: stream->reads_lock protects the list, each read's state and
 * stream->owner_gone. It nests inside stream->lock, because a request must be on the
 * list before its event can be seen.
 */
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

#include "pciem.h"

static unsigned int sync_sleep_ms = 5000;
module_param(sync_sleep_ms, uint, 0644);
MODULE_PARM_DESC(sync_sleep_ms, "how long a driver that may sleep waits for the owner to answer a read");
static unsigned int sync_spin_ms = 200;
module_param(sync_spin_ms, uint, 0644);
MODULE_PARM_DESC(sync_spin_ms, "how long a driver that may not sleep waits");
/* A driver may read a thousand registers under one lock: an owner that is stopped costs it this for each. */
#define LATE_SPIN_MS	2

enum read_state {
	READ_WAITING,
	READ_ANSWERING,			/* off the list; the owner is at work on it */
	READ_ANSWERED,			/* its completion is in the stream */
	READ_ABORTED,			/* all-ones; the reader emits the completion */
};

struct pending_read {
	struct list_head node;
	const struct pciem_access *acc;
	u64 seq;
	u64 value;
	enum read_state state;
	struct pciem_access *store;	/* a held write that changes the BAR's memory */
	struct completion done;
	struct pciem_record request;	/* who reads: the completion is in its name */
};

static u64 all_ones(u8 width)
{
	return width == 8 ? ~0ULL : BIT_ULL(width * 8) - 1;
}

/* ------------------------------------------------------------ the BAR's own memory */

static void apply_load(struct pciem_txn *txn, void *arg)
{
	struct pciem_access *acc = arg;

	acc->value = pciem_registers_load(acc->bar, acc->offset, acc->width, &acc->rose);
	txn->rec.value = acc->value = pciem_access_altered(acc, acc->value);
}

static void apply_store(struct pciem_txn *txn, void *arg)
{
	struct pciem_access *acc = arg;

	pciem_registers_store(acc->bar, acc->offset, acc->width, acc->value, &acc->rose);
}

/* --------------------------------------------------------- what every access is */

static void access_txn(struct pciem_txn *txn, const struct pciem_access *acc)
{
	*txn = (struct pciem_txn) {
		.rec = {
			.kind = acc->write ? PCIEM_RECORD_MMIO_WRITE : PCIEM_RECORD_MMIO_READ,
			.func = acc->bar->func->num,
			.bar = acc->bar->index,
			.width = acc->width,
			.addr = acc->offset,
			.value = acc->value,
			.flags = acc->peer ? PCIEM_RF_PEER : 0,
		},
	};
	/* What the driver wrote; what arrives may have bits flipped. */
	if (acc->write) {
		txn->rec.value ^= acc->flip;
		txn->event_flip = acc->flip;
	}
	/* The peer is a device: whoever plays it happens to run here. */
	if (acc->peer) {
		txn->preset = true;
		txn->rec.context = PCIEM_CONTEXT_DEVICE << PCIEM_CONTEXT_SHIFT;
		txn->rec.cpu = raw_smp_processor_id();
		txn->rec.pid = task_pid_nr(current);
	}
}

/* Nobody decodes the address: a write goes nowhere, a read gets all-ones. */
static void serve_master_abort(struct pciem_access *acc)
{
	struct pciem_txn txn;

	if (!acc->write)
		acc->value = all_ones(acc->width);
	access_txn(&txn, acc);
	pciem_stream_emit(acc->bar->func->slot, &txn);
}

static void serve_store(struct pciem_access *acc, u8 flags)
{
	struct pciem_txn txn;

	access_txn(&txn, acc);
	txn.arg = acc;
	if (!acc->write) {
		txn.apply = apply_load;
		txn.event = flags & PCIEM_TRACE_READS ? PCIEM_EVENT_MMIO_READ : 0;
	} else {
		txn.apply = flags & PCIEM_TRACE_NO_STORE ? NULL : apply_store;
		txn.event = flags & PCIEM_TRACE_WRITES ? PCIEM_EVENT_MMIO_WRITE : 0;
	}
	pciem_stream_emit(acc->bar->func->slot, &txn);
	pciem_registers_send(acc->bar, acc->rose, txn.seq);
}

/* ------------------------------------------------------------ synchronous reads */

/* Under stream->lock: on the list before the event can be seen. */
static void apply_request(struct pciem_txn *txn, void *arg)
{
	struct pending_read *rd = arg;
	struct pciem_stream *s = &rd->acc->bar->func->slot->stream;

	rd->seq = txn->seq;
	rd->request = txn->rec;
	raw_spin_lock(&s->reads_lock);
	if (s->owner_gone)
		rd->state = READ_ABORTED;
	else
		list_add_tail(&rd->node, &s->reads);
	raw_spin_unlock(&s->reads_lock);
}

static void read_wait(struct pciem_stream *s, struct pending_read *rd, bool hold)
{
	unsigned int ms = sync_spin_ms;
	u64 end;

	if (READ_ONCE(rd->state) == READ_ABORTED)
		return;
	if (pciem_may_sleep()) {
		wait_for_completion_killable_timeout(&rd->done, hold ? MAX_SCHEDULE_TIMEOUT :
							msecs_to_jiffies(sync_sleep_ms));
		return;
	}
	if (READ_ONCE(s->owner_late))
		ms = min_t(unsigned int, ms, LATE_SPIN_MS);
	end = ktime_get_mono_fast_ns() + ms * NSEC_PER_MSEC;
	while (!completion_done(&rd->done)) {
		if (ktime_get_mono_fast_ns() > end) {
			WRITE_ONCE(s->owner_late, true);
			return;
		}
		cpu_relax();
	}
}

/* Takes the read back. Whether it still needs a completion from us. */
static bool read_leave(struct pciem_stream *s, struct pending_read *rd)
{
	enum read_state state;
	unsigned long flags;

	for (;;) {
		raw_spin_lock_irqsave(&s->reads_lock, flags);
		state = rd->state;
		if (state == READ_WAITING)
			list_del_init(&rd->node);
		raw_spin_unlock_irqrestore(&s->reads_lock, flags);
		/* The owner's answer is on its way, with preemption off: it is soon done. */
		if (state != READ_ANSWERING)
			return state != READ_ANSWERED;
		cpu_relax();
	}
}

static void emit_completion(struct pciem_slot *slot, struct pending_read *rd)
{
	struct pciem_txn txn = { .preset = true, .rec = rd->request };

	txn.rec.kind = PCIEM_RECORD_MMIO_READ_COMPLETION;
	txn.rec.value = rd->value;
	txn.rec.cause = rd->seq;
	pciem_stream_emit(slot, &txn);
}

static void serve_sync_read(struct pciem_access *acc, bool hold)
{
	struct pciem_slot *slot = acc->bar->func->slot;
	struct pending_read rd = {
		.node = LIST_HEAD_INIT(rd.node),
		.acc = acc,
		.value = all_ones(acc->width),
		.done = COMPLETION_INITIALIZER_ONSTACK(rd.done),
	};
	struct pciem_txn txn;

	access_txn(&txn, acc);
	txn.rec.kind = PCIEM_RECORD_MMIO_READ_REQUEST;
	txn.rec.value = 0;
	txn.event = PCIEM_EVENT_MMIO_READ_REQUEST;
	txn.apply = apply_request;
	txn.arg = &rd;
	pciem_stream_emit(slot, &txn);
	if (!rd.seq) {			/* the stream has ended */
		acc->value = rd.value;
		return;
	}
	if (!txn.event_lost)
		read_wait(&slot->stream, &rd, hold);
	if (read_leave(&slot->stream, &rd)) {
		rd.value = all_ones(acc->width);
		if (rd.state != READ_ABORTED) {
			atomic64_inc(&slot->stream.timeouts);
			pciem_stream_fault(acc->bar->func, PCIEM_FAULT_TIMEOUT, acc->bar->index,
					   acc->width, acc->offset, rd.seq);
		}
		emit_completion(slot, &rd);
	}
	acc->value = rd.value;
}

static void apply_held_store(struct pciem_txn *txn, void *arg)
{
	struct pending_read *rd = arg;

	if (rd->store)
		apply_store(txn, rd->store);
	apply_request(txn, rd);
}

/* A posted write whose driver goes on only when the owner says so, e.g. from a breakpoint. */
static void serve_held_write(struct pciem_access *acc, u8 flags)
{
	struct pciem_slot *slot = acc->bar->func->slot;
	struct pending_read rd = {
		.node = LIST_HEAD_INIT(rd.node),
		.acc = acc,
		.store = flags & PCIEM_TRACE_NO_STORE ? NULL : acc,
		.done = COMPLETION_INITIALIZER_ONSTACK(rd.done),
	};
	struct pciem_txn txn;

	access_txn(&txn, acc);
	txn.event = PCIEM_EVENT_MMIO_WRITE;
	txn.apply = apply_held_store;
	txn.arg = &rd;
	pciem_stream_emit(slot, &txn);
	pciem_registers_send(acc->bar, acc->rose, txn.seq);
	if (!rd.seq)			/* the stream has ended */
		return;
	if (!txn.event_lost)
		read_wait(&slot->stream, &rd, true);
	read_leave(&slot->stream, &rd);
}

int pciem_read_respond(struct pciem_slot *slot, const struct pciem_response *rsp)
{
	struct pciem_stream *s = &slot->stream;
	struct pending_read *rd, *found = NULL;
	unsigned long flags;

	/* The reader may be spinning: nothing may keep us from finishing. */
	preempt_disable();
	raw_spin_lock_irqsave(&s->reads_lock, flags);
	list_for_each_entry(rd, &s->reads, node) {
		if (rd->seq == rsp->seq) {
			found = rd;
			list_del_init(&rd->node);
			rd->state = READ_ANSWERING;
			break;
		}
	}
	raw_spin_unlock_irqrestore(&s->reads_lock, flags);
	if (found) {
		found->value = all_ones(found->acc->width);
		if (!rsp->status)
			found->value &= pciem_access_altered(found->acc, rsp->data);
		if (!found->acc->write)
			emit_completion(slot, found);
		WRITE_ONCE(s->owner_late, false);
		raw_spin_lock_irqsave(&s->reads_lock, flags);
		found->state = READ_ANSWERED;
		complete(&found->done);
		raw_spin_unlock_irqrestore(&s->reads_lock, flags);
	}
	preempt_enable();
	return found ? 0 : -EINVAL;
}

void pciem_read_abort_all(struct pciem_stream *s)
{
	struct pending_read *rd, *next;
	unsigned long flags;

	raw_spin_lock_irqsave(&s->reads_lock, flags);
	s->owner_gone = true;
	list_for_each_entry_safe(rd, next, &s->reads, node) {
		list_del_init(&rd->node);
		rd->state = READ_ABORTED;
		complete(&rd->done);
	}
	raw_spin_unlock_irqrestore(&s->reads_lock, flags);
}

/* ------------------------------------------------------------------- dispatch */

static void serve_sync(struct pciem_access *acc, u8 flags)
{
	bool hold = flags & PCIEM_TRACE_HOLD;

	if (!acc->write)
		serve_sync_read(acc, hold);
	else if (hold && pciem_may_sleep())
		serve_held_write(acc, flags);
	else
		serve_store(acc, flags | PCIEM_TRACE_WRITES);
}

/* The MSI-X table is the interrupt controller's, not the model's. */
static bool access_hits_msix_table(const struct pciem_access *acc)
{
	const struct pciem_func *f = acc->bar->func;
	const u8 *cap;
	u32 table, end;

	if (!f->cap_msix)
		return false;
	cap = f->cfg->value + f->cap_msix;
	table = get_unaligned_le32(cap + PCI_MSIX_TABLE);
	if ((table & PCI_MSIX_TABLE_BIR) != acc->bar->index)
		return false;
	table &= PCI_MSIX_TABLE_OFFSET;
	end = table + ((get_unaligned_le16(cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1) *
		      PCI_MSIX_ENTRY_SIZE;
	return acc->offset < end && acc->offset + acc->width > table;
}

/* Two halves that each lie in one range. */
static void serve_split(struct pciem_access *acc)
{
	struct pciem_access lo = *acc, hi = *acc;
	unsigned int bits = acc->width * 4;

	lo.width = hi.width = acc->width / 2;
	hi.offset += hi.width;
	if (acc->write) {
		lo.value = acc->value & all_ones(lo.width);
		hi.value = acc->value >> bits;
	}
	pciem_access_serve(&lo);
	pciem_access_serve(&hi);
	acc->value = lo.value | hi.value << bits;
}

void pciem_access_serve(struct pciem_access *acc)
{
	struct pciem_bar *bar = acc->bar;
	struct pciem_func *f = bar->func;
	struct pciem_range range;

	if (acc->offset >= bar->size || bar->size - acc->offset < acc->width) {
		pciem_stream_fault(f, PCIEM_FAULT_BEYOND_BAR, bar->index, acc->width,
				   acc->offset, 0);
		acc->value = all_ones(acc->width);
		return;
	}
	acc->value &= all_ones(acc->width);
	if (READ_ONCE(f->slot->gone)) {
		serve_master_abort(acc);
		return;
	}
	/* A recording has the accesses that came while memory decoding was off, too. */
	if (pciem_seq_access(acc) != PCIEM_SEQ_NOT_ACTIVE)
		return;
	if (!pciem_bar_decodes(bar)) {
		serve_master_abort(acc);
		return;
	}
	range = pciem_bar_range(bar, acc->offset);
	if (acc->offset + acc->width > range.end && acc->width > 1) {
		serve_split(acc);
		return;
	}
	if (range.policy != PCIEM_BAR_DIRECT && !pciem_inject_access(acc)) {
		serve_master_abort(acc);
		return;
	}
	if (access_hits_msix_table(acc)) {
		serve_store(acc, 0);
		return;
	}
	switch (range.policy) {
	case PCIEM_BAR_SYNC:
		serve_sync(acc, range.flags);
		break;
	case PCIEM_BAR_DIRECT:
		/* Reached through another range's page: as silent as the rest. */
		if (acc->write)
			pciem_mem_write(bar->mem + acc->offset, acc->width, acc->value);
		else
			acc->value = pciem_mem_read(bar->mem + acc->offset, acc->width);
		break;
	default:
		serve_store(acc, range.flags);
	}
}
