// SPDX-License-Identifier: GPL-2.0-only
/*
 * Indexed registers: one through which the driver reaches an array of others, as it
 * reaches a PHY through the MDIC of a network card. Drivers do so under spinlocks, where
 * nobody could be asked.
 *
 * Locking in this file: stream->lock, as in registers.c.
 */
#include "registers.h"

static u64 extract(u64 value, u64 mask)
{
	return mask ? (value & mask) >> __ffs64(mask) : 0;
}

static void act(struct pciem_bar *bar, const struct pciem_bar_indexed *ix, u64 value)
{
	u64 nr = extract(value, ix->select) - ix->first;
	u64 at = ix->array + nr * ix->element_width;
	bool reads = (value & ix->command) == ix->read;
	u64 data;

	if (!reads && (value & ix->command) != ix->write)
		return;
	value |= ix->done;
	if (nr >= ix->count) {
		value |= ix->data | ix->failed;
	} else if (reads) {
		pciem_row_load(bar, at, ix->element_width, &data);
		value = (value & ~ix->data) | (data << __ffs64(ix->data) & ix->data);
	} else {
		pciem_row_store(bar, at, ix->element_width, extract(value, ix->data));
	}
	pciem_mem_write(bar->mem + ix->offset, ix->width, value);
}

void pciem_indexed_written(struct pciem_bar *bar, u64 offset, u8 width, u64 value)
{
	const struct pciem_registers *regs = bar->registers;
	unsigned int i;

	for (i = 0; i < regs->nr_indexed; i++)
		if (regs->indexed[i].width == width && regs->indexed[i].offset == offset)
			act(bar, &regs->indexed[i], value & pciem_ones(width));
}

/* One or more bits, side by side. */
static bool is_field(u64 mask)
{
	u64 low = mask >> (mask ? __ffs64(mask) : 0);

	return low && !(low & (low + 1));
}

static bool valid(const struct pciem_bar *bar, const struct pciem_bar_indexed *arg)
{
	u64 ones = pciem_ones(arg->width), length = (u64)arg->count * arg->element_width;
	u64 all = arg->select | arg->data | arg->command | arg->done | arg->failed;

	if (!pciem_width_ok(arg->width) || !pciem_width_ok(arg->element_width) || !arg->count || all & ~ones)
		return false;
	if (!pciem_bar_has(bar, arg->offset, arg->width) || !pciem_bar_has(bar, arg->array, length) ||
	    (arg->offset < arg->array + length && arg->array < arg->offset + arg->width))
		return false;
	if (!is_field(arg->data) || hweight64(arg->data) != arg->element_width * 8 ||
	    !is_field(arg->select) || hweight64(arg->select) > 32)
		return false;
	if (arg->select & (arg->data | arg->command) || arg->data & arg->command)
		return false;
	return arg->read != arg->write && !((arg->read | arg->write) & ~arg->command);
}

int pciem_registers_set_indexed(struct pciem_bar *bar, const struct pciem_bar_indexed *arg)
{
	struct pciem_stream *s = &bar->func->slot->stream;
	struct pciem_registers *regs;

	lockdep_assert_held(&bar->func->slot->lock);
	if (arg->index >= PCIEM_MAX_INDEXED || (arg->width && !valid(bar, arg)))
		return -EINVAL;
	regs = pciem_registers_table(bar);
	if (!regs)
		return -ENOMEM;
	raw_spin_lock_irq(&s->lock);
	regs->indexed[arg->index] = *arg;
	regs->nr_indexed = max(regs->nr_indexed, arg->index + 1);
	raw_spin_unlock_irq(&s->lock);
	return 0;
}
