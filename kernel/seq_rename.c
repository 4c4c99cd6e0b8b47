// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVAs of the recording and of now. An expected dma-map is paired with the first
 * live one of its kind; the live one gets the recorded IOVA if it is free, so that
 * the pointers a driver writes repeat exactly. Where it is not, a pair remembers the
 * renaming; the newest pairing of a recorded address wins, because recordings use
 * an address again after its unmap.
 *
 * Locking in this file: seq->lock.
 */
#include "sequencer.h"

#define MAP_DEPTH	256		/* expected maps that one live map is compared with */
#define MAP_BEHIND	32768U		/* events after which an expected map does not come any more */

/* ---------------------------------------------------------------------- pairs */

/* The linked pair with the highest start at or below recorded. */
static struct seq_pair *pair_below(struct pciem_seq *seq, u64 recorded)
{
	struct rb_node *at = seq->pairs.rb_node;
	struct seq_pair *pair, *best = NULL;

	while (at) {
		pair = rb_entry(at, struct seq_pair, node);
		if (pair->recorded <= recorded) {
			best = pair;
			at = at->rb_right;
		} else {
			at = at->rb_left;
		}
	}
	return best;
}

static void pair_unlink(struct pciem_seq *seq, struct seq_pair *pair)
{
	if (!pair->linked)
		return;
	rb_erase(&pair->node, &seq->pairs);
	pair->linked = false;
	list_move(&pair->use, &seq->pair_use);
}

static void pair_link(struct pciem_seq *seq, struct seq_pair *pair)
{
	struct rb_node **at = &seq->pairs.rb_node, *parent = NULL;

	while (*at) {
		parent = *at;
		if (pair->recorded < rb_entry(parent, struct seq_pair, node)->recorded)
			at = &parent->rb_left;
		else
			at = &parent->rb_right;
	}
	rb_link_node(&pair->node, parent, at);
	rb_insert_color(&pair->node, &seq->pairs);
	pair->linked = true;
	list_move_tail(&pair->use, &seq->pair_use);
}

/* From now on recorded means live. */
static void pair_set(struct pciem_seq *seq, u64 recorded, u64 live, u64 len)
{
	struct seq_pair *old;

	while ((old = pair_below(seq, recorded + len - 1)) && old->recorded + old->len > recorded)
		pair_unlink(seq, old);
	if (recorded == live)
		return;
	old = list_first_entry(&seq->pair_use, struct seq_pair, use);
	pair_unlink(seq, old);
	old->recorded = recorded;
	old->live = live;
	old->len = len;
	pair_link(seq, old);
}

u64 pciem_seq_translate(struct pciem_seq *seq, u64 recorded)
{
	struct seq_pair *pair = pair_below(seq, recorded);

	if (!pair || recorded - pair->recorded >= pair->len)
		return recorded;
	list_move_tail(&pair->use, &seq->pair_use);
	return pair->live + (recorded - pair->recorded);
}

bool pciem_seq_same_address(struct pciem_seq *seq, u64 recorded, u64 live)
{
	return recorded != live && pciem_seq_translate(seq, recorded) == live;
}

/* Half an address in a 32-bit register: any pair will do, since the other half is not known. */
bool pciem_seq_same_half(struct pciem_seq *seq, u32 recorded, u32 live)
{
	struct seq_pair *pair;
	struct rb_node *node;
	u32 offset;

	for (node = rb_first(&seq->pairs); node; node = rb_next(node)) {
		pair = rb_entry(node, struct seq_pair, node);
		offset = recorded - lower_32_bits(pair->recorded);
		if (offset < pair->len && lower_32_bits(pair->live) + offset == live)
			return true;
		if (upper_32_bits(pair->recorded) == recorded && upper_32_bits(pair->live) == live)
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------------- maps */

static bool map_fits(const struct seq_step *step, u64 len, u32 flags)
{
	u32 mask = PCIEM_RF_DIR_MASK | PCIEM_RF_COHERENT;

	return step->value == len && (step->flags & mask) == (flags & mask);
}

static struct seq_step *map_find(struct pciem_seq *seq, struct list_head *maps, u64 len,
				 u32 flags, u32 page_offset)
{
	struct seq_step *step, *loose = NULL;
	unsigned int depth = 0;

	list_for_each_entry(step, maps, queue) {
		if (step->promised)
			continue;
		if (map_fits(step, len, flags)) {
			if (offset_in_page(step->addr) == page_offset)
				return step;
			if (!loose)
				loose = step;
		}
		if (++depth == MAP_DEPTH)
			break;
	}
	return loose;
}

/* Expected maps that the driver passed by long ago would fill the window in the end. */
static void maps_expire(struct pciem_seq *seq, struct list_head *maps)
{
	const struct seq_step *oldest = pciem_seq_oldest(seq);
	u32 behind = min(seq->window / 2, MAP_BEHIND);
	struct seq_step *step, *next;

	if (!oldest)
		return;
	list_for_each_entry_safe(step, next, maps, queue) {
		if (step->index + behind >= oldest->index)
			break;
		list_del_init(&step->queue);
		pciem_seq_step_free(seq, step);
	}
}

u64 pciem_seq_map_hint(struct pciem_func *f, u64 len, u32 flags, u32 page_offset, u64 *token)
{
	struct pciem_seq *seq = pciem_slot_seq(f->slot);
	struct seq_step *step;
	unsigned long irqflags;
	u64 hint = 0;

	*token = 0;
	if (!seq)
		return 0;
	raw_spin_lock_irqsave(&seq->lock, irqflags);
	if (pciem_seq_running(seq)) {
		maps_expire(seq, &seq->maps[f->num]);
		step = map_find(seq, &seq->maps[f->num], len, flags, page_offset);
		if (step) {
			hint = step->addr & PAGE_MASK;
			*token = step->index;
			step->promised = true;
		} else {
			seq->unexpected_maps++;
		}
	}
	raw_spin_unlock_irqrestore(&seq->lock, irqflags);
	return hint;
}

static struct seq_step *map_promised(struct pciem_seq *seq, struct pciem_func *f, u64 token)
{
	struct seq_step *step;

	list_for_each_entry(step, &seq->maps[f->num], queue)
		if (step->promised && step->index == token)
			return step;
	return NULL;
}

void pciem_seq_mapped(struct pciem_func *f, u64 token, u64 iova)
{
	struct pciem_seq *seq = pciem_slot_seq(f->slot);
	struct seq_step *step;
	unsigned long irqflags;

	if (!seq)
		return;
	raw_spin_lock_irqsave(&seq->lock, irqflags);
	step = map_promised(seq, f, token);
	if (step && iova == DMA_MAPPING_ERROR) {
		step->promised = false;
	} else if (step) {
		list_del_init(&step->queue);
		pair_set(seq, step->addr, iova, step->value);
		pciem_seq_step_free(seq, step);
	}
	raw_spin_unlock_irqrestore(&seq->lock, irqflags);
	pciem_seq_tell(seq);
}
