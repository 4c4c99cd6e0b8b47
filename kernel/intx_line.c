// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an INTx line reaches the driver. Lines stand right on top of the CPU's vectors,
 * as MSI does: an interrupt is an IPI to the CPU that the line is routed to. The
 * level is looked at before each one, and again when it arrives, so none comes after
 * the line is low.
 *
 * The owner learns of what a handler wrote only after the handler has returned. So
 * when the line is still high then, it is not delivered again at once, which would be
 * a storm, but when the owner has taken the accesses posted until then and has had a
 * moment to act on them; longer each time that this changed nothing. An owner that
 * says again that the line is high ends that moment. An assertion that came since the
 * handler was called is new, and waits for nothing. A line that a status register in the
 * kernel holds waits for that moment only: at once, it would keep a CPU from anything else.
 *
 * Locking in this file: intx->lock. The chip's callbacks run under the irq
 * descriptor's lock; a vector is sent, and the stream is asked, from an irq_work or
 * the timer, under no descriptor's lock.
 */
#include <linux/interrupt.h>
#include <linux/irqdomain.h>
#include <asm/irqdomain.h>

#include "irq.h"

#define SETTLE_MAX_NS	(100ULL * NSEC_PER_MSEC)	/* for an owner that takes nothing */
#define GRACE_MIN_NS	(1ULL * NSEC_PER_MSEC)		/* after it has taken what was posted */
#define GRACE_MAX_NS	(10ULL * NSEC_PER_MSEC)
#define POLL_NS		(100ULL * NSEC_PER_USEC)

void pciem_line_is_low(struct pciem_line *line)
{
	line->settling = false;
	line->grace = GRACE_MIN_NS;
}

static bool line_settled(struct pciem_line *line, const struct pciem_owner_progress *owner,
			 bool owed)
{
	u64 now = ktime_get_mono_fast_ns();

	if (line->posted == ~0ULL)
		line->posted = owner->posted;
	if (!line->caught_up &&
	    ((owner->taken >= line->posted && !owed) || pciem_intx_line_has_status(line)))
		line->caught_up = now;
	if (line->caught_up && line->confirmed)
		return true;
	if (line->caught_up ? now - line->caught_up < line->grace :
			      now - line->since < SETTLE_MAX_NS)
		return false;
	line->grace = min_t(u64, line->grace * 2, GRACE_MAX_NS);
	return true;
}

/* Sends the vector if it is time; in hard interrupt context. */
static void line_evaluate(struct pciem_line *line)
{
	struct pciem_slot *slot = line->intx->slot;
	struct pciem_owner_progress owner;
	unsigned long flags;
	bool owed;

	pciem_intx_line_end_pulses(line);
	owner = pciem_stream_owner_progress(&slot->stream);
	owed = pciem_seq_owes_deassert(slot);

	raw_spin_lock_irqsave(&line->intx->lock, flags);
	if (!pciem_intx_line_high(line)) {
		pciem_line_is_low(line);
	} else if (line->masked) {
		/* Unmasking looks again. */
	} else if (line->settling && !line_settled(line, &owner, owed)) {
		hrtimer_start(&line->timer, POLL_NS, HRTIMER_MODE_REL);
	} else {
		line->settling = false;
		irq_chip_retrigger_hierarchy(line->data);
	}
	raw_spin_unlock_irqrestore(&line->intx->lock, flags);
}

static void line_work(struct irq_work *work)
{
	line_evaluate(container_of(work, struct pciem_line, work));
}

static enum hrtimer_restart line_timer(struct hrtimer *timer)
{
	line_evaluate(container_of(timer, struct pciem_line, timer));
	return HRTIMER_NORESTART;
}

/* ------------------------------------------------------------- the irq chip, the flow */

static void chip_mask(struct irq_data *d)
{
	struct pciem_line *line = irq_data_get_irq_chip_data(d);
	unsigned long flags;

	raw_spin_lock_irqsave(&line->intx->lock, flags);
	line->masked = true;
	raw_spin_unlock_irqrestore(&line->intx->lock, flags);
}

static void chip_unmask(struct irq_data *d)
{
	struct pciem_line *line = irq_data_get_irq_chip_data(d);
	unsigned long flags;

	raw_spin_lock_irqsave(&line->intx->lock, flags);
	line->masked = false;
	if (line->ran && !line->risen && !pciem_intx_line_has_pulse(line)) {
		line->settling = true;
		line->confirmed = false;
		line->since = ktime_get_mono_fast_ns();
		line->caught_up = 0;
		line->posted = ~0ULL;
	}
	line->ran = false;
	raw_spin_unlock_irqrestore(&line->intx->lock, flags);
	irq_work_queue(&line->work);
}

static unsigned int chip_startup(struct irq_data *d)
{
	struct pciem_line *line = irq_data_get_irq_chip_data(d);

	WRITE_ONCE(line->started, true);
	chip_unmask(d);
	return 0;
}

static void chip_shutdown(struct irq_data *d)
{
	struct pciem_line *line = irq_data_get_irq_chip_data(d);
	unsigned long flags;

	raw_spin_lock_irqsave(&line->intx->lock, flags);
	WRITE_ONCE(line->started, false);
	line->masked = true;
	line->ran = false;
	pciem_line_is_low(line);
	/* One that nobody has taken is not for the next driver. */
	pciem_intx_line_take_pulses(line);
	raw_spin_unlock_irqrestore(&line->intx->lock, flags);
	irq_work_queue(&line->work);
}

static struct irq_chip line_chip = {
	.name = "pciem-INTx",
	.irq_startup = chip_startup,
	.irq_shutdown = chip_shutdown,
	.irq_ack = irq_chip_ack_parent,
	/* Not lazily: the core would take a pulse off the line, and call nobody. */
	.irq_disable = chip_mask,
	.irq_mask = chip_mask,
	.irq_unmask = chip_unmask,
	.irq_set_affinity = irq_chip_set_affinity_parent,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE | IRQCHIP_AFFINITY_PRE_STARTUP,
};

/* The vector has arrived: whether the line is still what it was when it was sent. */
static bool line_take(struct pciem_line *line)
{
	unsigned long flags;
	bool take;

	raw_spin_lock_irqsave(&line->intx->lock, flags);
	take = !line->masked && !line->settling && pciem_intx_line_high(line);
	if (take) {
		line->ran = true;
		line->risen = false;
		pciem_intx_line_take_pulses(line);
	}
	raw_spin_unlock_irqrestore(&line->intx->lock, flags);
	return take;
}

static void line_flow(struct irq_desc *desc)
{
	struct irq_data *d = irq_desc_get_irq_data(desc);
	struct pciem_line *line = irq_data_get_irq_chip_data(d);

	if (!line_take(line)) {
		raw_spin_lock(&desc->lock);
		irq_chip_ack_parent(d);
		raw_spin_unlock(&desc->lock);
		return;
	}
	pciem_irq_enter(READ_ONCE(line->seq));
	handle_level_irq(desc);
	pciem_irq_leave();
}

/* ---------------------------------------------------------------------- the domain */

static int domain_alloc(struct irq_domain *domain, unsigned int virq, unsigned int nr, void *arg)
{
	struct pciem_intx *intx = domain->host_data;
	struct irq_alloc_info *info = arg;
	irq_hw_number_t hwirq = info->hwirq;
	int err = irq_domain_alloc_irqs_parent(domain, virq, nr, arg);

	if (err)
		return err;
	irq_domain_set_info(domain, virq, hwirq, &line_chip, &intx->line[hwirq], line_flow,
			    NULL, "level");
	irq_set_status_flags(virq, IRQ_LEVEL);
	return 0;
}

static const struct irq_domain_ops domain_ops = {
	.alloc = domain_alloc,
	.free = irq_domain_free_irqs_common,
};

int pciem_line_init(struct pciem_line *line, unsigned int index)
{
	struct irq_alloc_info info = { .hwirq = index };
	int virq = irq_domain_alloc_irqs(line->intx->domain, 1, NUMA_NO_NODE, &info);

	if (virq < 0)
		return virq;
	line->virq = virq;
	line->data = irq_domain_get_irq_data(line->intx->domain, virq);
	return 0;
}

int pciem_line_domain_init(struct pciem_intx *intx, int number)
{
	unsigned int i;

	for (i = 0; i < PCI_NUM_INTX; i++) {
		struct pciem_line *line = &intx->line[i];

		line->intx = intx;
		line->masked = true;
		line->grace = GRACE_MIN_NS;
		init_irq_work(&line->work, line_work);
		hrtimer_init(&line->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
		line->timer.function = line_timer;
	}
	intx->fwnode = irq_domain_alloc_named_id_fwnode("pciem-INTx", number);
	if (!intx->fwnode)
		return -ENOMEM;
	intx->domain = irq_domain_create_hierarchy(x86_vector_domain, 0, PCI_NUM_INTX,
						   intx->fwnode, &domain_ops, intx);
	return intx->domain ? 0 : -ENOMEM;
}

/* Nobody queues work any more but the line itself, and that only while it is high. */
void pciem_line_domain_exit(struct pciem_intx *intx)
{
	unsigned int i;

	for (i = 0; i < PCI_NUM_INTX; i++) {
		struct pciem_line *line = &intx->line[i];

		if (line->virq)
			irq_dispose_mapping(line->virq);
		irq_work_sync(&line->work);
		hrtimer_cancel(&line->timer);
	}
	if (intx->domain)
		irq_domain_remove(intx->domain);
	if (intx->fwnode)
		irq_domain_free_fwnode(intx->fwnode);
}
