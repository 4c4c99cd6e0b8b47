// SPDX-License-Identifier: MIT
/* The arrays that calls take: steps of a sequence, injected faults, ignored ranges; and capabilities. */
#include <string.h>

#include "fuzz.h"

static const uint8_t step_ops[] = {
	PCIEM_SEQ_EXPECT_CFG_WRITE, PCIEM_SEQ_EXPECT_MMIO_READ, PCIEM_SEQ_EXPECT_MMIO_WRITE, PCIEM_SEQ_EXPECT_DMA_MAP,
	PCIEM_SEQ_DO_DMA_WRITE, PCIEM_SEQ_DO_DMA_READ, PCIEM_SEQ_DO_IRQ, PCIEM_SEQ_DO_WAIT, PCIEM_SEQ_DO_MARK,
	PCIEM_SEQ_DO_DMA_ATOMIC, PCIEM_SEQ_DO_INTX,
};

static uint64_t step_address(struct rng *r, uint8_t op)
{
	switch (op) {
	case PCIEM_SEQ_EXPECT_CFG_WRITE:
		return below(r, 64) * 4;
	case PCIEM_SEQ_EXPECT_MMIO_READ:
	case PCIEM_SEQ_EXPECT_MMIO_WRITE:
		return below(r, 32) * 4;
	case PCIEM_SEQ_DO_IRQ:
		return below(r, 8);
	case PCIEM_SEQ_EXPECT_DMA_MAP:
	case PCIEM_SEQ_DO_DMA_WRITE:
	case PCIEM_SEQ_DO_DMA_READ:
	case PCIEM_SEQ_DO_DMA_ATOMIC:
		return 0x10000000 + below(r, 24) * 4096;
	default:
		return 0;
	}
}

static void fill_fields(struct rng *r, struct pciem_seq_step *s)
{
	struct pciem_seq_field *f = good_buffer(r, 8 * sizeof(*f));
	unsigned int i, at = 0;

	s->nr_fields = below(r, 9);
	for (i = 0; i < 8; i++) {
		f[i] = (struct pciem_seq_field) { .offset = at, .width = 1 << below(r, 4), .space = below(r, 3) };
		at += f[i].width + below(r, 8);
	}
	s->fields = (uintptr_t)f;
}

/* Mostly what the kernel takes, so that later steps come to run. */
void fill_steps(struct rng *r, char *at)
{
	struct pciem_seq_step *steps = (void *)at;
	uint64_t index = below(r, 4);
	unsigned int i;

	for (i = 0; i < FUZZ_ROWS; i++) {
		struct pciem_seq_step *s = &steps[i];
		bool carries;

		memset(s, 0, sizeof(*s));
		s->op = step_ops[below(r, ARRAY_SIZE(step_ops))];
		s->width = s->op < PCIEM_SEQ_EXPECT_DMA_MAP || s->op == PCIEM_SEQ_DO_DMA_ATOMIC ? 4 : 0;
		s->addr = step_address(r, s->op);
		s->index = index += 1 + below(r, 3);
		s->cause = one_in(r, 3) ? below(r, index) : 0;
		if (s->op < 16)
			s->lane = below(r, 3);
		if (s->op == PCIEM_SEQ_EXPECT_MMIO_READ && one_in(r, 2))
			s->flags = (one_in(r, 2) ? PCIEM_SEQ_REPEAT : 0) | (one_in(r, 2) ? PCIEM_SEQ_OPTIONAL : 0);
		if (s->op == PCIEM_SEQ_EXPECT_CFG_WRITE || s->op == PCIEM_SEQ_EXPECT_MMIO_WRITE)
			s->flags = (one_in(r, 2) ? PCIEM_SEQ_OPTIONAL : 0) | (one_in(r, 2) ? PCIEM_SEQ_UNORDERED : 0);
		if (s->op == PCIEM_SEQ_EXPECT_MMIO_WRITE && one_in(r, 3)) {
			s->flags = PCIEM_SEQ_COALESCE;
			s->modulo = 1 + below(r, 8);
			s->from = below(r, 4);
		}
		s->value = s->flags & PCIEM_SEQ_COALESCE ? below(r, 8) : s->op == PCIEM_SEQ_DO_WAIT ? below(r, 10000000) : s->op == PCIEM_SEQ_DO_INTX ? below(r, 2) : draw(r) & 0xffffffff;
		s->mask = one_in(r, 2) ? 0 : 0xff;
		if (s->op >= 16 && s->op != PCIEM_SEQ_DO_MARK && one_in(r, 4))
			s->delay_us = below(r, 5000);
		carries = s->op == PCIEM_SEQ_DO_DMA_WRITE || s->op == PCIEM_SEQ_DO_DMA_READ;
		if (carries) {
			s->data_len = 1 + below(r, 512);
			if (s->op == PCIEM_SEQ_DO_DMA_READ && one_in(r, 2))
				s->flags |= PCIEM_SEQ_NO_COMPARE;
			if (one_in(r, 3))
				fill_fields(r, s);
		} else if (s->op == PCIEM_SEQ_DO_DMA_ATOMIC) {
			s->data_len = 24;
		}
		if (s->data_len)
			s->data = (uintptr_t)buffer(r, 512);
		if (one_in(r, 48))
			((char *)s)[below(r, sizeof(*s))] = draw(r);
	}
}

void fill_rules(struct rng *r, char *at)
{
	struct pciem_inject_rule *rules = (void *)at;
	static const uint8_t kinds[] = {
		0, PCIEM_RECORD_MMIO_READ, PCIEM_RECORD_MMIO_WRITE, PCIEM_RECORD_IRQ, PCIEM_RECORD_DMA_READ, PCIEM_RECORD_DMA_WRITE,
	};
	unsigned int i;

	for (i = 0; i < FUZZ_ROWS; i++) {
		struct pciem_inject_rule *rule = &rules[i];

		memset(rule, 0, sizeof(*rule));
		rule->kind = kinds[below(r, ARRAY_SIZE(kinds))];
		rule->action = rule->kind ? 1 + below(r, 6) : PCIEM_INJECT_REMOVE;
		rule->bar_index = one_in(r, 2) && rule->kind <= PCIEM_RECORD_MMIO_WRITE ? 0 : PCIEM_INJECT_ANY_BAR;
		if (one_in(r, 2)) {
			rule->addr = below(r, 16) * 4;
			rule->length = 1 + below(r, 4096);
		}
		rule->value = rule->action == PCIEM_INJECT_DELAY ? below(r, 20000000) : draw(r) & 0xff;
		rule->after = below(r, 16);
		rule->count = below(r, 8);
		if (one_in(r, 16))
			((char *)rule)[below(r, sizeof(*rule))] = draw(r);
	}
}

void fill_ignores(struct rng *r, char *at)
{
	struct pciem_seq_ignore *ignores = (void *)at;
	unsigned int i;

	for (i = 0; i < FUZZ_ROWS; i++)
		ignores[i] = (struct pciem_seq_ignore) {
			.bar_index = below(r, 2), .offset = below(r, 64) * 64, .length = 1 + below(r, 64),
			.stride = 64 + below(r, 64), .count = 1 + below(r, 32), .reserved = one_in(r, 32),
		};
}

/* In either list: what the kernel knows, and what it does not. */
void fill_capability(struct rng *r, char *at)
{
	static const uint16_t ids[] = {
		0x01,	/* power management; of the extended: AER */
		0x03, 0x05, 0x09, 0x0b, 0x10, 0x11, 0x1b, 0x24, 0xff,
	};
	unsigned int i;

	for (i = 0; i < CAPABILITY_BYTES; i++)
		at[i] = one_in(r, 3) ? draw(r) : 0;
	at[0] = ids[below(r, ARRAY_SIZE(ids))];
	at[1] = 0;
	at[2] = one_in(r, 8) ? draw(r) : 2;	/* version 2, no link */
	at[3] = 0;
}

/* Of a capability's bits, never of its header's. */
void fill_mask(struct rng *r, char *at)
{
	unsigned int i;

	memset(at, 0, 4);
	for (i = 4; i < CAPABILITY_BYTES; i++)
		at[i] = one_in(r, 2) ? draw(r) : 0;
}
