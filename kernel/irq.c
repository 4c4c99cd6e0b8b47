// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X vectors. Each slot has an MSI domain of its own right on top of the CPU's
 * vectors; to inject is to have the vector sent again (an IPI to the CPU that the
 * vector is routed to), so affinity, managed vectors and CPU hotplug are the
 * kernel's own.
 *
 * A vector has one bit of state beyond the kernel's: pending. It is set by an
 * injection and taken by the delivery, at once if the vector is open, else when the
 * mask, the function mask, or Bus Master opens it. As on a real bus, injections that
 * find the bit set, or the CPU not yet at its handler, are one interrupt.
 *
 * The mask is what the chip's callbacks say: the table in the BAR is written as well,
 * because drivers and owners look at it, but what anybody else writes there does not
 * matter.
 *
 * Locking in this file: irqs->lock for the vectors. The callbacks run under the irq
 * descriptor's lock, and sending a vector takes the vector domain's: it is done from
 * an irq_work under irqs->lock alone, so that none is sent after the mask callback
 * has returned. f->irqs outlives the vectors; who looks at it without holding
 * slot->calls does so under RCU.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/slab.h>
#include <asm/irqdomain.h>

#include "bus.h"

struct pciem_vector {
	struct irq_work work;
	struct pciem_irqs *irqs;
	struct irq_data *data;		/* NULL: the driver has not asked for it */
	u32 index;
	u32 injected, fired;		/* low bits of the irq record's seq */
	bool masked;
	bool pending;
};

struct pciem_irqs {
	raw_spinlock_t lock;
	struct pciem_func *func;
	unsigned int nr;
	struct pciem_bar *pba;
	u64 pba_offset;
	struct pciem_vector vector[];
};

static DEFINE_PER_CPU(u32, irq_current);

/* ------------------------------------------------------------------- vector state */

static bool function_enabled(struct pciem_func *f)
{
	return READ_ONCE(f->cfg->value[f->cap_msix + PCI_MSIX_FLAGS + 1]) &
	       PCI_MSIX_FLAGS_ENABLE >> 8;
}

/* irqs->lock held: a message may be sent. It is a memory write: Bus Master gates it. */
static bool vector_open(const struct pciem_vector *v)
{
	struct pciem_func *f = v->irqs->func;
	u8 control = READ_ONCE(f->cfg->value[f->cap_msix + PCI_MSIX_FLAGS + 1]);

	return v->data && !v->masked && control & PCI_MSIX_FLAGS_ENABLE >> 8 &&
	       !(control & PCI_MSIX_FLAGS_MASKALL >> 8) &&
	       pciem_config_command(f) & PCI_COMMAND_MASTER && !READ_ONCE(f->slot->gone);
}

/* irqs->lock held. The PBA is seen only where the BAR's memory is what answers. */
static void pba_update(struct pciem_irqs *irqs, const struct pciem_vector *v, bool set)
{
	u64 offset = irqs->pba_offset + v->index / 8;
	u8 bit = 1 << v->index % 8;
	u8 *byte;

	if (pciem_bar_range(irqs->pba, offset).policy == PCIEM_BAR_SYNC)
		return;
	byte = irqs->pba->mem + offset;
	WRITE_ONCE(*byte, set ? *byte | bit : *byte & ~bit);
}

static void forget_pending(struct pciem_irqs *irqs)
{
	unsigned int i;

	lockdep_assert_held(&irqs->lock);
	for (i = 0; i < irqs->nr; i++) {
		if (!irqs->vector[i].pending)
			continue;
		irqs->vector[i].pending = false;
		pba_update(irqs, &irqs->vector[i], false);
	}
}

static void vector_work(struct irq_work *work)
{
	struct pciem_vector *v = container_of(work, struct pciem_vector, work);
	struct pciem_irqs *irqs = v->irqs;
	unsigned long flags;

	raw_spin_lock_irqsave(&irqs->lock, flags);
	if (v->pending && vector_open(v)) {
		v->pending = false;
		pba_update(irqs, v, false);
		v->fired = v->injected;
		irq_chip_retrigger_hierarchy(v->data);
	}
	raw_spin_unlock_irqrestore(&irqs->lock, flags);
}

/* ---------------------------------------------------------------------- injection */

struct injection {
	struct pciem_irqs *irqs;
	struct pciem_vector *v;
	bool open;
};

static void inject_apply(struct pciem_txn *txn, void *arg)
{
	struct injection *in = arg;
	unsigned long flags;

	raw_spin_lock_irqsave(&in->irqs->lock, flags);
	in->v->pending = true;
	in->v->injected = txn->rec.seq & ((1U << PCIEM_CONTEXT_SHIFT) - 1);
	in->open = vector_open(in->v);
	if (!in->open) {
		txn->rec.flags |= PCIEM_RF_PENDING;
		pba_update(in->irqs, in->v, true);
	}
	raw_spin_unlock_irqrestore(&in->irqs->lock, flags);
}

/*
 * -EINVAL: the table has no such vector. -EBUSY: the driver has not enabled MSI-X. A
 * vector that is masked, or that the driver has not asked for (its entry was left
 * masked by the PCI core), becomes pending, as on a real device: that is no error.
 */
static int irq_inject(struct pciem_func *f, u32 vector, u64 cause, bool faults)
{
	struct injection in = { .irqs = f->irqs };
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_IRQ, .func = f->num, .bar = 0xff,
			.addr = vector, .value = PCIEM_IRQ_MSIX, .cause = cause,
		},
		.apply = inject_apply,
		.arg = &in,
	};

	if (!in.irqs || vector >= in.irqs->nr)
		return -EINVAL;
	if (READ_ONCE(f->slot->gone))
		return -ENODEV;
	if (!function_enabled(f))
		return -EBUSY;
	if (faults && pciem_inject_irq(f, vector))
		return 0;
	in.v = &in.irqs->vector[vector];
	pciem_stream_emit(f->slot, &txn);
	if (in.open)
		irq_work_queue(&in.v->work);
	return 0;
}

int pciem_irq_inject(struct pciem_func *f, u32 vector, u64 cause)
{
	return irq_inject(f, vector, cause, true);
}

int pciem_irq_raise(struct pciem_func *f, u32 vector, u64 cause)
{
	return irq_inject(f, vector, cause, false);
}

void pciem_irq_config_changed(struct pciem_func *f)
{
	struct pciem_irqs *irqs;
	unsigned long flags;
	unsigned int i;

	rcu_read_lock();
	irqs = READ_ONCE(f->irqs);
	if (irqs) {
		raw_spin_lock_irqsave(&irqs->lock, flags);
		if (!function_enabled(f))
			forget_pending(irqs);
		for (i = 0; i < irqs->nr; i++)
			if (irqs->vector[i].pending && vector_open(&irqs->vector[i]))
				irq_work_queue(&irqs->vector[i].work);
		raw_spin_unlock_irqrestore(&irqs->lock, flags);
	}
	rcu_read_unlock();
}

void pciem_irq_reset(struct pciem_func *f)
{
	struct pciem_irqs *irqs;
	unsigned long flags;

	rcu_read_lock();
	irqs = READ_ONCE(f->irqs);
	if (irqs) {
		raw_spin_lock_irqsave(&irqs->lock, flags);
		forget_pending(irqs);
		raw_spin_unlock_irqrestore(&irqs->lock, flags);
	}
	rcu_read_unlock();
}

/* ------------------------------------------------------------- the irq chip, the flow */

static void vector_set_masked(struct irq_data *d, bool masked)
{
	struct pciem_vector *v = irq_data_get_irq_chip_data(d);
	struct pciem_irqs *irqs = v->irqs;
	unsigned long flags;

	raw_spin_lock_irqsave(&irqs->lock, flags);
	v->masked = masked;
	if (v->pending && vector_open(v))
		irq_work_queue(&v->work);
	raw_spin_unlock_irqrestore(&irqs->lock, flags);
}

static void chip_mask(struct irq_data *d)
{
	vector_set_masked(d, true);
	pci_msi_mask_irq(d);
}

static void chip_unmask(struct irq_data *d)
{
	pci_msi_unmask_irq(d);
	vector_set_masked(d, false);
}

/* The rest (message, affinity) is the MSI core's. */
static struct irq_chip pciem_chip = {
	.name = "pciem-MSIX",
	.irq_ack = irq_chip_ack_parent,
	.irq_mask = chip_mask,
	.irq_unmask = chip_unmask,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE | IRQCHIP_AFFINITY_PRE_STARTUP,
};

/*
 * What handlers do is attributed to the injection that led to them. Device interrupts
 * do not nest on x86, and the mark is gone when the handler returns, so another
 * interrupt of this CPU never sees it. Of injections that became one interrupt, the
 * last is named; a threaded handler has its task's context instead.
 */
static void vector_flow(struct irq_desc *desc)
{
	struct pciem_vector *v = irq_data_get_irq_chip_data(irq_desc_get_irq_data(desc));

	this_cpu_write(irq_current, READ_ONCE(v->fired));
	handle_edge_irq(desc);
	this_cpu_write(irq_current, 0);
}

u32 pciem_irq_current(void)
{
	return in_hardirq() ? this_cpu_read(irq_current) : 0;
}

/* ---------------------------------------------------------------------- MSI domain */

static int msi_prepare(struct irq_domain *domain, struct device *dev, int nvec,
		       msi_alloc_info_t *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->type = X86_IRQ_ALLOC_TYPE_PCI_MSIX;
	return 0;
}

static irq_hw_number_t msi_get_hwirq(struct msi_domain_info *info, msi_alloc_info_t *arg)
{
	return arg->hwirq;
}

static int msi_init(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq,
		    irq_hw_number_t hwirq, msi_alloc_info_t *arg)
{
	struct pciem_func *f = pciem_func_of(arg->desc->dev);
	struct pciem_irqs *irqs = f ? f->irqs : NULL;
	struct pciem_vector *v;
	unsigned long flags;

	if (!irqs || !arg->desc->pci.msi_attrib.is_msix || arg->desc->msi_index >= irqs->nr)
		return -EINVAL;
	v = &irqs->vector[arg->desc->msi_index];
	irq_domain_set_info(domain, virq, hwirq, info->chip, v, vector_flow, NULL, "edge");
	raw_spin_lock_irqsave(&irqs->lock, flags);
	v->data = irq_domain_get_irq_data(domain, virq);
	v->masked = true;
	raw_spin_unlock_irqrestore(&irqs->lock, flags);
	return 0;
}

static void msi_free(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq)
{
	struct pciem_vector *v = irq_get_chip_data(virq);
	unsigned long flags;

	if (!v)
		return;
	raw_spin_lock_irqsave(&v->irqs->lock, flags);
	v->data = NULL;
	v->masked = true;
	raw_spin_unlock_irqrestore(&v->irqs->lock, flags);
}

static struct msi_domain_ops msi_ops = {
	.msi_prepare = msi_prepare,
	.get_hwirq = msi_get_hwirq,
	.msi_init = msi_init,
	.msi_free = msi_free,
};

int pciem_irq_bridge_init(struct pciem_slot *slot)
{
	struct pciem_bridge *b = slot->bridge;

	b->msi_fwnode = irq_domain_alloc_named_id_fwnode("pciem-MSIX", b->sysdata.domain);
	if (!b->msi_fwnode)
		return -ENOMEM;
	b->msi_info = (struct msi_domain_info) {
		.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS |
			 MSI_FLAG_PCI_MSIX,
		.ops = &msi_ops,
		.chip = &pciem_chip,
		.data = b,
	};
	b->msi_domain = pci_msi_create_irq_domain(b->msi_fwnode, &b->msi_info, x86_vector_domain);
	if (!b->msi_domain)
		return -ENOMEM;
	/* Not the token of plain PCI MSI: interrupt remapping would claim the domain. */
	irq_domain_update_bus_token(b->msi_domain, DOMAIN_BUS_VMD_MSI);
	return 0;
}

void pciem_irq_bridge_exit(struct pciem_slot *slot)
{
	struct pciem_bridge *b = slot->bridge;

	if (b->msi_domain)
		irq_domain_remove(b->msi_domain);
	if (b->msi_fwnode)
		irq_domain_free_fwnode(b->msi_fwnode);
	b->msi_domain = NULL;
	b->msi_fwnode = NULL;
}

struct irq_domain *pciem_irq_domain(struct pciem_slot *slot)
{
	return slot->bridge ? slot->bridge->msi_domain : NULL;
}

/* ------------------------------------------------------------------ init and exit */

int pciem_irq_init(struct pciem_func *f)
{
	struct pciem_irqs *irqs;
	unsigned int nr, i;
	u32 pba;

	if (!f->cap_msix)
		return 0;
	nr = (pciem_cfg_get16(f->cfg, f->cap_msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1;
	/* Once, and checked here: the owner may write its config space while we look. */
	pba = pciem_cfg_get32(f->cfg, f->cap_msix + PCI_MSIX_PBA);
	if (!pciem_caps_inside_bar(f, pba, DIV_ROUND_UP(nr, 64) * 8))
		return -EINVAL;
	irqs = kvzalloc(struct_size(irqs, vector, nr), GFP_KERNEL_ACCOUNT);
	if (!irqs)
		return -ENOMEM;
	raw_spin_lock_init(&irqs->lock);
	irqs->func = f;
	irqs->nr = nr;
	irqs->pba = &f->bar[pba & PCI_MSIX_PBA_BIR];
	irqs->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	for (i = 0; i < nr; i++) {
		init_irq_work(&irqs->vector[i].work, vector_work);
		irqs->vector[i].irqs = irqs;
		irqs->vector[i].index = i;
		irqs->vector[i].masked = true;
	}
	WRITE_ONCE(f->irqs, irqs);
	return 0;
}

void pciem_irq_exit(struct pciem_func *f)
{
	struct pciem_irqs *irqs = f->irqs;
	unsigned int i;

	if (!irqs)
		return;
	WRITE_ONCE(f->irqs, NULL);
	synchronize_rcu();
	for (i = 0; i < irqs->nr; i++)
		irq_work_sync(&irqs->vector[i].work);
	kvfree(irqs);
}
