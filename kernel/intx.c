// SPDX-License-Identifier: GPL-2.0-only
/*
 * INTx as the owner sees it: each function has a level of its own, which stays until
 * the owner takes it away, or for as long as a status register in the kernel holds it;
 * a line is the OR of the functions that have its pin. How a line reaches the driver is
 * intx_line.c's.
 *
 * Cards that know only INJECT_IRQ pulse: the line is held until the driver's handlers
 * have run, and a pulse that comes meanwhile is another interrupt.
 *
 * Locking in this file: intx->lock, a raw spinlock with interrupts off; it is taken in
 * the apply() of a transaction, and func->cfg_lock inside it. func->line goes under
 * RCU: config space is reached for as long as anybody holds the pci_dev.
 */
#include <linux/slab.h>

#include "irq.h"

static bool line_has(const struct pciem_line *line, const struct pciem_func *f)
{
	return f && READ_ONCE(f->line) == line;
}

bool pciem_intx_func_high(struct pciem_intx *intx, struct pciem_func *f)
{
	const struct pciem_intx_func *state = &intx->func[f->num];

	return (state->level || state->status || state->pulse) &&
	       !(pciem_config_command(f) & PCI_COMMAND_INTX_DISABLE) &&
	       !pciem_irq_kind(f);
}

bool pciem_intx_line_high(const struct pciem_line *line)
{
	struct pciem_slot *slot = line->intx->slot;
	unsigned int i;

	if (READ_ONCE(slot->gone))
		return false;
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (line_has(line, slot->func[i]) &&
		    pciem_intx_func_high(line->intx, slot->func[i]))
			return true;
	return false;
}

/* Interrupt Status is the function's own, whether or not it may drive the line. */
static void status_update(struct pciem_intx *intx, struct pciem_func *f)
{
	const struct pciem_intx_func *state = &intx->func[f->num];

	pciem_config_interrupt_status(f, state->level || state->status || state->pulse || state->pulsing);
}

/* ------------------------------------------------------------------------- pulses */

bool pciem_intx_line_has_pulse(const struct pciem_line *line)
{
	unsigned int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (line_has(line, line->intx->slot->func[i]) && line->intx->func[i].pulse)
			return true;
	return false;
}

bool pciem_intx_line_has_status(const struct pciem_line *line)
{
	struct pciem_intx *intx = line->intx;
	unsigned int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (line_has(line, intx->slot->func[i]) && intx->func[i].status &&
		    pciem_intx_func_high(intx, intx->slot->func[i]))
			return true;
	return false;
}

void pciem_intx_line_take_pulses(struct pciem_line *line)
{
	struct pciem_intx *intx = line->intx;
	unsigned int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		struct pciem_func *f = intx->slot->func[i];

		if (!line_has(line, f) || !intx->func[i].pulse || !pciem_intx_func_high(intx, f))
			continue;
		intx->func[i].pulse = false;
		intx->func[i].pulsing = true;
	}
}

static void pulse_end_apply(struct pciem_txn *txn, void *arg)
{
	struct pciem_line *line = arg;
	struct pciem_intx *intx = line->intx;
	unsigned long flags;

	raw_spin_lock_irqsave(&intx->lock, flags);
	intx->func[txn->rec.func].ending = false;
	/* Unless the next one has been taken meanwhile. */
	if (!line->ran) {
		intx->func[txn->rec.func].pulsing = false;
		status_update(intx, intx->slot->func[txn->rec.func]);
	}
	raw_spin_unlock_irqrestore(&intx->lock, flags);
}

static void pulse_end(struct pciem_line *line, struct pciem_func *f)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_IRQ, .func = f->num, .bar = 0xff,
			.addr = f->intx_pin, .value = PCIEM_IRQ_INTX_DEASSERT,
		},
		.apply = pulse_end_apply,
		.arg = line,
	};

	pciem_stream_emit(f->slot, &txn);
}

void pciem_intx_line_end_pulses(struct pciem_line *line)
{
	struct pciem_intx *intx = line->intx;
	unsigned long flags;
	unsigned int i;
	bool over;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		struct pciem_func *f = intx->slot->func[i];

		if (!line_has(line, f))
			continue;
		raw_spin_lock_irqsave(&intx->lock, flags);
		over = intx->func[i].pulsing && !intx->func[i].ending && !line->ran;
		intx->func[i].ending |= over;
		raw_spin_unlock_irqrestore(&intx->lock, flags);
		if (over)
			pulse_end(line, f);
	}
}

/* ---------------------------------------------------------------------- the owner */

enum change_kind {
	CHANGE_LEVEL,			/* the owner says so */
	CHANGE_STATUS,			/* the registers say so */
	CHANGE_LATE,			/* both, where a fault had kept it low */
	CHANGE_PULSE,
};

struct change {
	struct pciem_func *f;
	struct pciem_line *line;
	enum change_kind kind;
	bool assert;
};

static void change_apply(struct pciem_txn *txn, void *arg)
{
	struct change *c = arg;
	struct pciem_intx *intx = c->line->intx;
	struct pciem_intx_func *state = &intx->func[c->f->num];
	unsigned long flags;

	raw_spin_lock_irqsave(&intx->lock, flags);
	switch (c->kind) {
	case CHANGE_LEVEL:
		state->level = c->assert;
		break;
	case CHANGE_LATE:
		state->level = READ_ONCE(state->asked);
		fallthrough;
	case CHANGE_STATUS:
		/* As it is now: another CPU's change may have come in between. */
		state->status = pciem_registers_intx(c->f);
		break;
	case CHANGE_PULSE:
		state->pulse = true;
		break;
	}
	if (c->kind != CHANGE_PULSE) {
		c->assert = state->level || state->status;
		txn->rec.value = c->assert ? PCIEM_IRQ_INTX_ASSERT : PCIEM_IRQ_INTX_DEASSERT;
	}
	status_update(intx, c->f);
	if (c->assert) {
		c->line->seq = PCIEM_IRQ_SEQ(txn->rec.seq);
		c->line->risen = true;
		c->line->settling = false;
		if (!c->line->started || !pciem_intx_func_high(intx, c->f))
			txn->rec.flags |= PCIEM_RF_PENDING;
	} else if (!pciem_intx_line_high(c->line)) {
		pciem_line_is_low(c->line);
	}
	raw_spin_unlock_irqrestore(&intx->lock, flags);
}

static int change(struct change *c, u64 cause)
{
	struct pciem_func *f = c->f;
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_IRQ, .func = f->num, .bar = 0xff, .cause = cause,
			.addr = f->intx_pin,
			.value = c->assert ? PCIEM_IRQ_INTX_ASSERT : PCIEM_IRQ_INTX_DEASSERT,
		},
		.apply = change_apply,
		.arg = c,
	};

	if (READ_ONCE(f->slot->gone))
		return -ENODEV;
	pciem_stream_emit(f->slot, &txn);
	irq_work_queue(&c->line->work);
	return 0;
}

static void line_confirm(struct pciem_line *line)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&line->intx->lock, flags);
	line->confirmed = true;
	raw_spin_unlock_irqrestore(&line->intx->lock, flags);
	irq_work_queue(&line->work);
}

int pciem_intx_set(struct pciem_func *f, bool assert, u64 cause)
{
	struct change c = { .f = f, .line = READ_ONCE(f->line), .assert = assert };

	if (!c.line)
		return -ENOENT;
	if (READ_ONCE(f->slot->gone))
		return -ENODEV;
	WRITE_ONCE(c.line->intx->func[f->num].asked, assert);
	if (READ_ONCE(c.line->intx->func[f->num].level) != assert)
		return assert && pciem_inject_intx(f) ? 0 : change(&c, cause);
	/* On the link, too, to say it twice says nothing; but the owner has looked. */
	if (assert)
		line_confirm(c.line);
	return 0;
}

void pciem_intx_follow(struct pciem_func *f, u64 cause)
{
	struct change c = { .f = f, .line = READ_ONCE(f->line), .kind = CHANGE_STATUS };
	bool high = pciem_registers_intx(f);

	if (!c.line)
		return;
	if (!READ_ONCE(c.line->intx->func[f->num].status) && (!high || pciem_inject_intx(f)))
		return;
	change(&c, cause);
}

void pciem_intx_late(struct pciem_func *f, bool again)
{
	struct change c = { .f = f, .line = READ_ONCE(f->line), .kind = CHANGE_LATE };

	if (!c.line)
		return;
	if (again)
		pciem_intx_pulse(f, 0);
	else if (READ_ONCE(c.line->intx->func[f->num].asked) || pciem_registers_intx(f))
		change(&c, 0);
}

int pciem_intx_pulse(struct pciem_func *f, u64 cause)
{
	struct change c = { .f = f, .line = READ_ONCE(f->line), .kind = CHANGE_PULSE, .assert = true };

	if (!c.line)
		return -EINVAL;
	return READ_ONCE(c.line->started) ? change(&c, cause) : -EBUSY;
}

void pciem_intx_config_changed(struct pciem_func *f)
{
	struct pciem_line *line;

	rcu_read_lock();
	line = READ_ONCE(f->line);
	if (line)
		irq_work_queue(&line->work);
	rcu_read_unlock();
}

void pciem_intx_reset(struct pciem_func *f)
{
	struct pciem_line *line;
	unsigned long flags;

	rcu_read_lock();
	line = READ_ONCE(f->line);
	if (line) {
		raw_spin_lock_irqsave(&line->intx->lock, flags);
		memset(&line->intx->func[f->num], 0, sizeof(line->intx->func[f->num]));
		status_update(line->intx, f);
		if (!pciem_intx_line_high(line))
			pciem_line_is_low(line);
		raw_spin_unlock_irqrestore(&line->intx->lock, flags);
	}
	rcu_read_unlock();
}

unsigned int pciem_intx_irq(struct pciem_func *f)
{
	return f->line ? f->line->virq : 0;
}

/* ------------------------------------------------------------------ init and exit */

static int func_init(struct pciem_intx *intx, struct pciem_func *f)
{
	/* Device 0 of its bus: nothing is swizzled. */
	struct pciem_line *line = &intx->line[f->intx_pin - 1];
	int err = line->virq ? 0 : pciem_line_init(line, f->intx_pin - 1);

	if (!err)
		WRITE_ONCE(f->line, line);
	return err;
}

int pciem_intx_init(struct pciem_slot *slot)
{
	struct pciem_intx *intx = kzalloc(sizeof(*intx), GFP_KERNEL_ACCOUNT);
	struct pciem_bridge *b = slot->bridge;
	unsigned int i;
	int err;

	if (!intx)
		return -ENOMEM;
	raw_spin_lock_init(&intx->lock);
	intx->slot = slot;
	b->intx = intx;
	err = pciem_line_domain_init(intx, b->sysdata.domain);
	for (i = 0; !err && i < PCIEM_MAX_FUNCTIONS; i++)
		if (slot->func[i] && slot->func[i]->intx_pin)
			err = func_init(intx, slot->func[i]);
	return err;
}

void pciem_intx_exit(struct pciem_bridge *b)
{
	struct pciem_intx *intx = b->intx;
	unsigned int i;

	if (!intx)
		return;
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (b->slot->func[i])
			WRITE_ONCE(b->slot->func[i]->line, NULL);
	synchronize_rcu();
	pciem_line_domain_exit(intx);
	b->intx = NULL;
	kfree(intx);
}
