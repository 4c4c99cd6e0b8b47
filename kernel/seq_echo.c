// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identifiers that a driver chooses anew in each run and the device only hands back:
 * block drivers take their tags from a random place. The recorded completion must
 * carry the live command's tag, so what a dma-read finds in such a field is kept
 * under the recorded value until a dma-write asks for it.
 *
 * Locking in this file: seq->lock.
 */
#include <linux/hash.h>

#include "sequencer.h"

static u64 field_get(const u8 *bytes, const struct pciem_seq_field *field)
{
	u64 value = 0;

	memcpy(&value, bytes + field->offset, field->width);
	return value;
}

static struct hlist_head *echo_bucket(struct pciem_seq *seq, u16 space, u64 recorded)
{
	return &seq->echoes[hash_64(recorded ^ (u64)space << 48, SEQ_ECHO_BITS)];
}

static struct seq_echo *echo_find(struct pciem_seq *seq, u16 space, u64 recorded)
{
	struct seq_echo *echo;

	hlist_for_each_entry(echo, echo_bucket(seq, space, recorded), node)
		if (echo->recorded == recorded && echo->space == space)
			return echo;
	return NULL;
}

bool pciem_seq_fields_valid(const struct seq_data *data)
{
	const struct pciem_seq_field *field;
	u32 end = 0;

	for (field = data->fields; field < data->fields + data->nr_fields; field++) {
		if (field->width > 8 || !is_power_of_2(field->width) || field->offset < end ||
		    field->offset > data->len || data->len - field->offset < field->width)
			return false;
		end = field->offset + field->width;
	}
	return true;
}

/* The newest use of a recorded identifier counts; when all are on their way, the oldest is forgotten. */
void pciem_seq_echo_learn(struct pciem_seq *seq, const struct seq_data *recorded, const u8 *live)
{
	const struct pciem_seq_field *field;
	struct seq_echo *echo;
	u64 was;

	for (field = recorded->fields; field < recorded->fields + recorded->nr_fields; field++) {
		was = field_get(recorded->bytes, field);
		echo = echo_find(seq, field->space, was);
		if (!echo) {
			echo = list_first_entry(&seq->echo_use, struct seq_echo, use);
			hlist_del_init(&echo->node);
			echo->recorded = was;
			echo->space = field->space;
			hlist_add_head(&echo->node, echo_bucket(seq, field->space, was));
		}
		list_move_tail(&echo->use, &seq->echo_use);
		echo->live = field_get(live, field);
		seq->renamed += echo->live != was;
	}
}

void pciem_seq_echo_apply(struct pciem_seq *seq, struct seq_data *data)
{
	const struct pciem_seq_field *field;
	struct seq_echo *echo;

	for (field = data->fields; field < data->fields + data->nr_fields; field++) {
		echo = echo_find(seq, field->space, field_get(data->bytes, field));
		if (!echo)
			continue;
		memcpy(data->bytes + field->offset, &echo->live, field->width);
		hlist_del_init(&echo->node);
		list_move(&echo->use, &seq->echo_use);
	}
}

/* Where the field that holds byte at ends; 0 if none does. */
u32 pciem_seq_field_end(const struct seq_data *data, u32 at)
{
	const struct pciem_seq_field *field;

	for (field = data->fields; field < data->fields + data->nr_fields; field++)
		if (at >= field->offset && at < field->offset + field->width)
			return field->offset + field->width;
	return 0;
}
