/* SPDX-License-Identifier: GPL-2.0-only */
/* What registers.c (registers of a BAR, and their interrupts) and indexed.c share. */
#ifndef PCIEM_REGISTERS_H
#define PCIEM_REGISTERS_H

#include "pciem.h"

#define PCIEM_MAX_ROWS		256
#define PCIEM_MAX_INTERRUPTS	64
#define PCIEM_MAX_INDEXED	8

struct pciem_row {
	u64 start, end;			/* end exclusive */
	u64 target;			/* where writes have their effect; start: on itself */
	u64 writable, w1c, w1s, rc;
	u8 width;
};

struct pciem_status {
	u64 status, enable;		/* offsets */
	u64 mask;
	u64 pending;			/* status & enable & mask when last looked at */
	u32 vector;
	u8 width;			/* 0: not in use */
	bool always;			/* there is no enable register */
	bool intx;			/* it holds the function's line */
};

struct pciem_registers {
	unsigned int nr;
	struct pciem_row row[PCIEM_MAX_ROWS];
	struct pciem_status interrupt[PCIEM_MAX_INTERRUPTS];
	unsigned int nr_indexed;
	struct pciem_bar_indexed indexed[PCIEM_MAX_INDEXED];	/* width 0: not in use */
};

static inline u64 pciem_ones(unsigned int bytes)
{
	return bytes >= 8 ? ~0ULL : BIT_ULL(bytes * 8) - 1;
}

static inline bool pciem_width_ok(u32 width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static inline bool pciem_bar_has(const struct pciem_bar *bar, u64 offset, u64 length)
{
	return offset < bar->size && length <= bar->size - offset;
}

/* The BAR's table, made when it is first needed; NULL: no memory. slot->lock */
struct pciem_registers *pciem_registers_table(struct pciem_bar *bar);
/* One access, without what follows from it for interrupts and for others. stream->lock. Load: true if the read changed something. */
bool pciem_row_load(struct pciem_bar *bar, u64 offset, u8 width, u64 *value);
void pciem_row_store(struct pciem_bar *bar, u64 offset, u8 width, u64 value);
/* After a write of value to offset. stream->lock */
void pciem_indexed_written(struct pciem_bar *bar, u64 offset, u8 width, u64 value);

#endif /* PCIEM_REGISTERS_H */
