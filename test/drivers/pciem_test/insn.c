// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each instruction form runs twice on equal state, once on the BAR, once on
 * memory. Registers, flags and both memories have to come out the same.
 */
#include <linux/irqflags.h>
#include <linux/slab.h>

#include "pciem_test.h"

#define IMAGE	1024		/* bytes that take part */
#define OPERAND	128		/* where in them */
#define ROUNDS	4
#define REPORTS	20
#define FLAGS	0x8d5UL

/* The order is insn_forms.S's. */
struct insn_state {
	u64 ax, cx, dx, bx, bp, si, di, r8, r9, flags;
};

struct insn_form {
	void (*run)(struct insn_state *state);
	const char *text;
	u64 flags;
};

extern const struct insn_form insn_forms[];

struct memories {
	u8 pages[2][2 * PAGE_SIZE];	/* first: at the start of a page */
	u8 initial[IMAGE], twin[IMAGE], bar[IMAGE];
	u8 *side_twin, *side_bar;	/* in pages */
};

static void prepare(struct memories *m, void __iomem *at, unsigned int form, unsigned int round)
{
	/* The operand there begins 1..4 bytes before the page's end. */
	unsigned int side = PAGE_SIZE - OPERAND - 1 - round % 4, i;

	m->side_twin = m->pages[0] + side;
	m->side_bar = m->pages[1] + side;
	for (i = 0; i < IMAGE; i++) {
		m->initial[i] = (i * 37 + round * 101 + form * 13) ^ (i >> 3);
		m->side_twin[i] = m->side_bar[i] = i * 3 + 1;
	}
	/* Something for the comparing forms to agree on. */
	if (round & 1)
		memcpy(m->initial + OPERAND, m->side_bar, 6);
	memcpy(m->twin, m->initial, IMAGE);
	memcpy_toio(at, m->initial, IMAGE);
}

static void initial_state(struct insn_state *s, unsigned int round)
{
	*s = (struct insn_state){
		.ax = 0x1122334455667788ULL * (round + 1),
		.cx = round & 1 ? 11 : 40,
		.dx = round == 2 ? 0xffffffff80000021ULL : 0x0102030405060708ULL >> round,
		.r8 = round + 1,
		.r9 = ~0ULL - round,
		.flags = (native_save_fl() & ~FLAGS) | (round & 1 ? 0x001 : 0) | (round & 2 ? 0x040 : 0),
	};
}

static void point(struct insn_state *s, void *operand, void *side)
{
	s->si = s->bp = (u64)operand;
	s->di = (u64)side;
}

/* Pointers into either memory become comparable. */
static u64 place(u64 value, const void *operand, const void *side)
{
	u64 in_operand = value - (u64)operand + OPERAND, in_side = value - (u64)side + OPERAND;

	if (in_operand < IMAGE)
		return in_operand;
	return in_side < IMAGE ? IMAGE + in_side : value;
}

static void place_all(struct insn_state *s, const void *operand, const void *side, u64 flags)
{
	s->si = place(s->si, operand, side);
	s->di = place(s->di, operand, side);
	s->bp = place(s->bp, operand, side);
	s->flags &= flags;
}

static void report(struct test_device *dev, const struct insn_form *form, unsigned int round,
		   const struct insn_state *twin, const struct insn_state *bar, const struct memories *m)
{
	say(dev, "{\"wrong\":\"%s\",\"round\":%u,\"memory\":%d,\"side\":%d}", form->text, round,
	    memcmp(m->bar, m->twin, IMAGE), memcmp(m->side_bar, m->side_twin, IMAGE));
	say(dev, "{\"should\":\"ax %llx cx %llx dx %llx bp %llx si %llx di %llx r9 %llx flags %llx\"}",
	    twin->ax, twin->cx, twin->dx, twin->bp, twin->si, twin->di, twin->r9, twin->flags);
	say(dev, "{\"is\":\"ax %llx cx %llx dx %llx bp %llx si %llx di %llx r9 %llx flags %llx\"}",
	    bar->ax, bar->cx, bar->dx, bar->bp, bar->si, bar->di, bar->r9, bar->flags);
}

/* Forms that this CPU may not have. */
static bool can_run(const struct insn_form *form)
{
	return strncmp(form->text, "movbe", 5) || boot_cpu_has(X86_FEATURE_MOVBE);
}

static bool run_form(struct test_device *dev, struct memories *m, void __iomem *at, unsigned int n,
		     unsigned int round, bool quiet)
{
	const struct insn_form *form = &insn_forms[n];
	void *operand = (__force void *)at + OPERAND;
	struct insn_state twin, bar;

	prepare(m, at, n, round);
	initial_state(&twin, round);
	bar = twin;
	point(&twin, m->twin + OPERAND, m->side_twin + OPERAND);
	point(&bar, operand, m->side_bar + OPERAND);
	form->run(&twin);
	form->run(&bar);
	memcpy_fromio(m->bar, at, IMAGE);
	place_all(&twin, m->twin + OPERAND, m->side_twin + OPERAND, form->flags);
	place_all(&bar, operand, m->side_bar + OPERAND, form->flags);
	if (!memcmp(&twin, &bar, sizeof(twin)) && !memcmp(m->bar, m->twin, IMAGE) &&
	    !memcmp(m->side_bar, m->side_twin, IMAGE))
		return true;
	if (!quiet)
		report(dev, form, round, &twin, &bar, m);
	return false;
}

/* By default three places: behind traps, and across the edge to memory without, even and odd. */
int test_insn(struct test_device *dev, int argc, char **argv)
{
	u64 places[] = { EDU_SCRATCH + 0x100, EDU_DIRECT - OPERAND - 2, EDU_DIRECT - OPERAND - 3 };
	unsigned int nr_places = argc ? 1 : ARRAY_SIZE(places);
	unsigned int cases = 0, bad = 0, n, round, i;
	struct memories *m;

	if (test_arg(argc, argv, 0, places[0], &places[0]) || places[0] > EDU_BAR_SIZE - IMAGE)
		return -EINVAL;
	m = kmalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	for (i = 0; i < nr_places; i++) {
		for (n = 0; insn_forms[n].run; n++) {
			for (round = 0; round < ROUNDS && can_run(&insn_forms[n]); round++, cases++)
				bad += !run_form(dev, m, dev->bar + places[i], n, round, bad >= REPORTS);
			cond_resched();
		}
	}
	kfree(m);
	say(dev, "{\"test\":\"insn\",\"cases\":%u,\"bad\":%u}", cases, bad);
	return 0;
}
