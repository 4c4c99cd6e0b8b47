// SPDX-License-Identifier: GPL-2.0-only
/*
 * How MSI and MSI-X vectors reach the driver. Each slot has an MSI domain of its own
 * right on top of the CPU's vectors; to inject is to have the vector sent again (an
 * IPI to the CPU that the vector is routed to), so affinity, managed vectors and CPU
 * hotplug are the kernel's own. Of several MSI vectors each has its own CPU, which the
 * one message of a real device does not allow.
 *
 * Locking in this file: the callbacks run under the irq descriptor's lock; the state
 * behind them is vectors.c's.
 */
#include <linux/interrupt.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <asm/irqdomain.h>

#include "irq.h"

static DEFINE_PER_CPU(u32, irq_current);

/*
 * What handlers do is attributed to the injection that led to them. Device interrupts
 * do not nest on x86, and the mark is gone when the handler returns, so another
 * interrupt of this CPU never sees it. Of injections that became one interrupt, the
 * last is named; a threaded handler has its task's context instead.
 */
void pciem_irq_enter(u32 seq)
{
	this_cpu_write(irq_current, seq);
}

void pciem_irq_leave(void)
{
	this_cpu_write(irq_current, 0);
}

u32 pciem_irq_current(void)
{
	return in_hardirq() ? this_cpu_read(irq_current) : 0;
}

/* ------------------------------------------------------------- the irq chip, the flow */

static void chip_mask(struct irq_data *d)
{
	pciem_vector_set_masked(irq_data_get_irq_chip_data(d), true);
	pci_msi_mask_irq(d);
}

static void chip_unmask(struct irq_data *d)
{
	pci_msi_unmask_irq(d);
	pciem_vector_set_masked(irq_data_get_irq_chip_data(d), false);
}

/* The rest (message, affinity) is the MSI core's. */
static struct irq_chip msi_chip = {
	.name = "pciem-MSI",
	.irq_ack = irq_chip_ack_parent,
	.irq_mask = chip_mask,
	.irq_unmask = chip_unmask,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE | IRQCHIP_AFFINITY_PRE_STARTUP,
};

static void vector_flow(struct irq_desc *desc)
{
	struct pciem_vector *v = irq_data_get_irq_chip_data(irq_desc_get_irq_data(desc));

	/* It may have been freed while it was on its way; who handles it knows. */
	pciem_irq_enter(v ? READ_ONCE(v->fired) : 0);
	handle_edge_irq(desc);
	pciem_irq_leave();
}

/* ---------------------------------------------------------------------- MSI domain */

/* Of either kind: for plain MSI, the vectors of one function would have to be contiguous. */
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

/* All vectors of MSI share one descriptor, and their numbers follow its own. */
static int msi_init(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq,
		    irq_hw_number_t hwirq, msi_alloc_info_t *arg)
{
	struct pciem_func *f = pciem_func_of(arg->desc->dev);
	struct pciem_irqs *irqs = f ? f->irqs : NULL;
	bool msix = arg->desc->pci.msi_attrib.is_msix;
	u32 index = msix ? arg->desc->msi_index : hwirq - arg->hwirq;
	struct pciem_vector *v;

	if (!irqs || index >= (msix ? irqs->nr_msix : irqs->nr_msi))
		return -EINVAL;
	v = &irqs->vector[index];
	irq_domain_set_info(domain, virq, hwirq, info->chip, v, vector_flow, NULL, "edge");
	pciem_vector_attach(v, irq_domain_get_irq_data(domain, virq));
	return 0;
}

static void msi_free(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq)
{
	struct pciem_vector *v = irq_get_chip_data(virq);

	if (v)
		pciem_vector_attach(v, NULL);
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

	b->msi_fwnode = irq_domain_alloc_named_id_fwnode("pciem-MSI", b->sysdata.domain);
	if (!b->msi_fwnode)
		return -ENOMEM;
	b->msi_info = (struct msi_domain_info) {
		.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS |
			 MSI_FLAG_PCI_MSIX | MSI_FLAG_MULTI_PCI_MSI,
		.ops = &msi_ops,
		.chip = &msi_chip,
		.data = b,
	};
	b->msi_domain = pci_msi_create_irq_domain(b->msi_fwnode, &b->msi_info, x86_vector_domain);
	if (!b->msi_domain)
		return -ENOMEM;
	/* Not the token of plain PCI MSI: interrupt remapping would claim the domain. */
	irq_domain_update_bus_token(b->msi_domain, DOMAIN_BUS_VMD_MSI);
	return pciem_intx_init(slot);
}

void pciem_irq_bridge_exit(struct pciem_bridge *b)
{
	pciem_intx_exit(b);
	if (b->msi_domain)
		irq_domain_remove(b->msi_domain);
	if (b->msi_fwnode)
		irq_domain_free_fwnode(b->msi_fwnode);
}
