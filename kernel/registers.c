// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of a BAR that the kernel plays: what a driver's write changes and what its
 * read clears, and the interrupts that follow from a status and an enable register.
 * They need no answer of the owner, so they are right in any context and on one CPU.
 *
 * A table has one row for an array of equal registers. Its rows are sorted by where
 * they begin, and disjoint.
 *
 * Locking in this file: stream->lock for a table and for the bytes of its registers, so
 * that a value and its place in the stream agree. A BAR gets its table once, and keeps it.
 * Interrupts are sent after the lock is dropped; removal waits in
 * pciem_registers_quiesce() until nobody does, before vectors are freed.
 */
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "registers.h"

/* ---------------------------------------------------------------- plain memory */

u64 pciem_mem_read(const u8 *at, u8 width)
{
	switch (width) {
	case 1:
		return READ_ONCE(*at);
	case 2:
		return get_unaligned_le16(at);
	case 4:
		return get_unaligned_le32(at);
	default:
		return get_unaligned_le64(at);
	}
}

void pciem_mem_write(u8 *at, u8 width, u64 value)
{
	switch (width) {
	case 1:
		WRITE_ONCE(*at, value);
		break;
	case 2:
		put_unaligned_le16(value, at);
		break;
	case 4:
		put_unaligned_le32(value, at);
		break;
	default:
		put_unaligned_le64(value, at);
	}
}

/* ------------------------------------------------------------------ the equation */

/*
 * stream->lock. Which interrupts are to be sent: a bit is pending that was not when they
 * were last looked at; of a level, whether any bit is pending has changed.
 */
static u64 look_at_interrupts(struct pciem_bar *bar, struct pciem_registers *regs)
{
	u64 rose = 0, pending;
	unsigned int i;

	for (i = 0; i < PCIEM_MAX_INTERRUPTS; i++) {
		struct pciem_status *in = &regs->interrupt[i];

		if (!in->width)
			continue;
		pending = pciem_mem_read(bar->mem + in->status, in->width) & in->mask;
		if (!in->always)
			pending &= pciem_mem_read(bar->mem + in->enable, in->width);
		if (in->intx ? !pending != !in->pending : pending & ~in->pending)
			rose |= BIT_ULL(i);
		WRITE_ONCE(in->pending, pending);
	}
	return rose;
}

bool pciem_registers_intx(const struct pciem_func *f)
{
	unsigned int b, i;

	for (b = 0; b < ARRAY_SIZE(f->bar); b++)
		for (i = 0; f->bar[b].registers && i < PCIEM_MAX_INTERRUPTS; i++)
			if (f->bar[b].registers->interrupt[i].intx && READ_ONCE(f->bar[b].registers->interrupt[i].pending))
				return true;
	return false;
}

/* A reset has lowered the function's line: a cause that is still there raises it anew when it is looked at. */
void pciem_registers_reset(struct pciem_func *f)
{
	struct pciem_stream *s = &f->slot->stream;
	unsigned long flags;
	unsigned int b, i;

	raw_spin_lock_irqsave(&s->lock, flags);
	for (b = 0; b < ARRAY_SIZE(f->bar); b++)
		for (i = 0; f->bar[b].registers && i < PCIEM_MAX_INTERRUPTS; i++)
			if (f->bar[b].registers->interrupt[i].intx)
				WRITE_ONCE(f->bar[b].registers->interrupt[i].pending, 0);
	raw_spin_unlock_irqrestore(&s->lock, flags);
}

/*
 * Sends what look_at_interrupts() returned. Any context but NMI, no lock held. A
 * vector that the driver has not enabled is nobody's: the message goes nowhere.
 */
void pciem_registers_send(struct pciem_bar *bar, u64 rose, u64 cause)
{
	struct pciem_func *f = bar->func;
	struct pciem_slot *slot = f->slot;
	struct pciem_stream *s = &slot->stream;
	u32 vector[PCIEM_MAX_INTERRUPTS];
	unsigned long flags;
	unsigned int i, nr = 0;
	bool level = false;

	if (!rose)
		return;
	raw_spin_lock_irqsave(&s->lock, flags);
	for (i = 0; i < PCIEM_MAX_INTERRUPTS; i++) {
		const struct pciem_status *in = &bar->registers->interrupt[i];

		if (!(rose & BIT_ULL(i)) || !in->width)
			continue;
		if (in->intx)
			level = true;
		else
			vector[nr++] = in->vector;
	}
	raw_spin_unlock_irqrestore(&s->lock, flags);

	atomic_inc(&slot->sending);
	/* Pairs with pciem_registers_quiesce(): it waits for us, or we see that the slot is removed. */
	smp_mb__after_atomic();
	if (pciem_slot_state(slot) != PCIEM_STATE_REMOVED) {
		for (i = 0; i < nr; i++)
			pciem_irq_inject(f, vector[i], cause);
		if (level)
			pciem_intx_follow(f, cause);
	}
	/* From here on f and slot may be gone: their address is all that the wakeup needs. */
	if (atomic_dec_and_test(&slot->sending))
		wake_up_var(&slot->sending);
}

void pciem_registers_quiesce(struct pciem_slot *slot)
{
	/* Pairs with pciem_registers_send(). */
	smp_mb();
	wait_var_event(&slot->sending, !atomic_read(&slot->sending));
}

/* ------------------------------------------------------------------- the accesses */

/* The first row that ends behind offset. */
static unsigned int first_row(const struct pciem_registers *regs, u64 offset)
{
	unsigned int low = 0, high = regs->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (regs->row[mid].end <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* One register, and which of its bytes an access touches: from is the access's first byte of them. */
struct piece {
	const struct pciem_row *row;
	u64 reg;
	unsigned int shift;		/* of those bytes in the register, in bits */
	unsigned int from, bytes;
};

/* The piece that has the byte at offset + done, or the first one behind it. */
static bool next_piece(const struct pciem_registers *regs, u64 offset, u8 width, unsigned int done, struct piece *p)
{
	u64 at = offset + done, end = offset + width;
	unsigned int i = first_row(regs, at);
	const struct pciem_row *row = &regs->row[i];

	if (at >= end || i == regs->nr || row->start >= end)
		return false;
	at = max(at, row->start);
	p->row = row;
	p->reg = at - (at - row->start) % row->width;
	p->shift = (at - p->reg) * 8;
	p->from = at - offset;
	p->bytes = min(end, p->reg + row->width) - at;
	return true;
}

bool pciem_row_load(struct pciem_bar *bar, u64 offset, u8 width, u64 *value)
{
	struct pciem_registers *regs = bar->registers;
	bool cleared = false;
	unsigned int done;
	struct piece p;

	*value = pciem_mem_read(bar->mem + offset, width);
	if (pciem_program_run(bar, PCIEM_ON_READ, offset, width, value)) {
		*value &= pciem_ones(width);
		return regs;
	}
	for (done = 0; regs && next_piece(regs, offset, width, done, &p); done = p.from + p.bytes) {
		u64 bits = p.row->rc & pciem_ones(p.bytes) << p.shift;
		u8 *at = bar->mem + p.reg;

		if (!bits)
			continue;
		pciem_mem_write(at, p.row->width, pciem_mem_read(at, p.row->width) & ~bits);
		cleared = true;
	}
	return cleared;
}

/* stream->lock: the value that a read gets, and what the read does. */
u64 pciem_registers_load(struct pciem_bar *bar, u64 offset, u8 width, u64 *rose)
{
	u64 value;

	if (pciem_row_load(bar, offset, width, &value))
		*rose = look_at_interrupts(bar, bar->registers);
	return value;
}

static void store_piece(struct pciem_bar *bar, const struct piece *p, u64 value)
{
	const struct pciem_row *row = p->row;
	u64 lanes = pciem_ones(p->bytes) << p->shift;
	u8 *at = bar->mem + row->target + (p->reg - row->start);
	u64 now = pciem_mem_read(at, row->width);

	value = (value >> p->from * 8) << p->shift;
	now = (now & ~(row->writable & lanes)) | (value & row->writable & lanes);
	now |= value & row->w1s & lanes;
	now &= ~(value & row->w1c & lanes);
	pciem_mem_write(at, row->width, now);
}

void pciem_row_store(struct pciem_bar *bar, u64 offset, u8 width, u64 value)
{
	struct pciem_registers *regs = bar->registers;
	unsigned int done = 0, i;
	struct piece p;

	if (pciem_program_run(bar, PCIEM_ON_WRITE, offset, width, &value)) {
		/* it has stored what is to be stored */
	} else if (!regs || !next_piece(regs, offset, width, 0, &p)) {
		pciem_mem_write(bar->mem + offset, width, value);
	} else {
		do {
			for (i = done; i < p.from; i++)
				bar->mem[offset + i] = value >> i * 8;
			store_piece(bar, &p, value);
			done = p.from + p.bytes;
		} while (next_piece(regs, offset, width, done, &p));
		for (i = done; i < width; i++)
			bar->mem[offset + i] = value >> i * 8;
	}
}

/* stream->lock: what a write does. */
void pciem_registers_store(struct pciem_bar *bar, u64 offset, u8 width, u64 value, u64 *rose)
{
	pciem_row_store(bar, offset, width, value);
	if (!bar->registers)
		return;
	pciem_indexed_written(bar, offset, width, value);
	*rose = look_at_interrupts(bar, bar->registers);
}

/* --------------------------------------------------------------- the owner's calls */

struct pciem_registers *pciem_registers_table(struct pciem_bar *bar)
{
	struct pciem_stream *s = &bar->func->slot->stream;
	struct pciem_registers *regs = bar->registers;

	if (regs)
		return regs;
	regs = kvzalloc(sizeof(*regs), GFP_KERNEL_ACCOUNT);
	if (!regs)
		return NULL;
	raw_spin_lock_irq(&s->lock);
	bar->registers = regs;
	raw_spin_unlock_irq(&s->lock);
	return regs;
}

static bool is_memory(const struct pciem_row *row)
{
	return row->target == row->start && !row->w1c && !row->w1s && !row->rc &&
	       row->writable == pciem_ones(row->width);
}

/* stream->lock. Puts row in its place, over one with the same extent; plain memory needs none. */
static int table_put(struct pciem_registers *regs, const struct pciem_row *row)
{
	unsigned int i = first_row(regs, row->start);
	bool there = i < regs->nr && regs->row[i].start < row->end;

	if (there && (regs->row[i].start != row->start || regs->row[i].end != row->end))
		return -EINVAL;
	if (there && is_memory(row)) {
		regs->nr--;
		memmove(&regs->row[i], &regs->row[i + 1], (regs->nr - i) * sizeof(*row));
		return 0;
	}
	if (is_memory(row))
		return 0;
	if (!there) {
		if (regs->nr == PCIEM_MAX_ROWS)
			return -ENOSPC;
		memmove(&regs->row[i + 1], &regs->row[i], (regs->nr - i) * sizeof(*row));
		regs->nr++;
	}
	regs->row[i] = *row;
	return 0;
}

int pciem_registers_set(struct pciem_bar *bar, const struct pciem_bar_register *arg)
{
	struct pciem_stream *s = &bar->func->slot->stream;
	struct pciem_registers *regs;
	struct pciem_row row;
	u64 length;
	int err;

	lockdep_assert_held(&bar->func->slot->lock);
	if (!pciem_width_ok(arg->width) || !arg->count || arg->count > bar->size / arg->width)
		return -EINVAL;
	length = (u64)arg->width * arg->count;
	if (!pciem_bar_has(bar, arg->offset, length) || !pciem_bar_has(bar, arg->target, length) ||
	    (arg->writable | arg->w1c | arg->w1s | arg->read_clear) & ~pciem_ones(arg->width) ||
	    arg->writable & (arg->w1c | arg->w1s) || arg->w1c & arg->w1s)
		return -EINVAL;
	row = (struct pciem_row) {
		.start = arg->offset, .end = arg->offset + length, .target = arg->target,
		.writable = arg->writable, .w1c = arg->w1c, .w1s = arg->w1s, .rc = arg->read_clear,
		.width = arg->width,
	};
	regs = pciem_registers_table(bar);
	if (!regs)
		return -ENOMEM;
	raw_spin_lock_irq(&s->lock);
	err = table_put(regs, &row);
	raw_spin_unlock_irq(&s->lock);
	return err;
}

int pciem_registers_set_interrupt(struct pciem_bar *bar, const struct pciem_bar_interrupt *arg)
{
	struct pciem_stream *s = &bar->func->slot->stream;
	struct pciem_registers *regs;
	bool intx = arg->flags & PCIEM_INTERRUPT_INTX, level_ends;
	struct pciem_status in = { .always = arg->flags & PCIEM_INTERRUPT_ALWAYS };

	lockdep_assert_held(&bar->func->slot->lock);
	if (arg->index >= PCIEM_MAX_INTERRUPTS || arg->vector >= (intx ? 1 : PCIEM_MAX_VECTORS) || arg->reserved ||
	    arg->flags & ~(PCIEM_INTERRUPT_ALWAYS | PCIEM_INTERRUPT_INTX))
		return -EINVAL;
	if (arg->width) {
		if (!pciem_width_ok(arg->width) || !pciem_bar_has(bar, arg->status, arg->width) ||
		    (!in.always && !pciem_bar_has(bar, arg->enable, arg->width)) ||
		    !arg->mask || arg->mask & ~pciem_ones(arg->width))
			return -EINVAL;
		in.status = arg->status;
		in.enable = arg->enable;
		in.mask = arg->mask;
		in.vector = arg->vector;
		in.width = arg->width;
		in.intx = intx;
	}
	regs = pciem_registers_table(bar);
	if (!regs)
		return -ENOMEM;
	raw_spin_lock_irq(&s->lock);
	level_ends = regs->interrupt[arg->index].intx && regs->interrupt[arg->index].pending;
	regs->interrupt[arg->index] = in;
	raw_spin_unlock_irq(&s->lock);
	/* A new one is looked at with the next access. */
	if (level_ends)
		pciem_intx_follow(bar->func, 0);
	return 0;
}

/* Takes no slot->lock: a driver may be waiting for what the owner does here. */
int pciem_registers_update(struct pciem_bar *bar, struct pciem_bar_update *arg)
{
	struct pciem_stream *s = &bar->func->slot->stream;
	unsigned long flags;
	u64 rose = 0, now;

	if (!pciem_width_ok(arg->width) || !pciem_bar_has(bar, arg->offset, arg->width) ||
	    (arg->clear | arg->set) & ~pciem_ones(arg->width))
		return -EINVAL;
	raw_spin_lock_irqsave(&s->lock, flags);
	arg->value = pciem_mem_read(bar->mem + arg->offset, arg->width);
	now = (arg->value & ~arg->clear) | arg->set;
	pciem_mem_write(bar->mem + arg->offset, arg->width, now);
	pciem_program_run(bar, PCIEM_ON_UPDATE, arg->offset, arg->width, &now);
	if (bar->registers)
		rose = look_at_interrupts(bar, bar->registers);
	raw_spin_unlock_irqrestore(&s->lock, flags);
	pciem_registers_send(bar, rose, 0);
	return 0;
}

void pciem_registers_free(struct pciem_bar *bar)
{
	kvfree(bar->registers);
	bar->registers = NULL;
}
