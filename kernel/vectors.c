// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI and MSI-X vectors as the device sees them: which exist, which may be sent now,
 * and which wait. How a vector reaches the driver is msi.c's.
 *
 * A vector has one bit of state beyond the kernel's: pending. It is set by an
 * injection and taken by the delivery, at once if the vector is open, else when the
 * mask, the function mask, or Bus Master opens it. As on a real bus, injections that
 * find the bit set, or the CPU not yet at its handler, are one interrupt.
 *
 * A function has one array for both kinds, since a driver enables one at a time. The
 * mask is what the chip's callbacks say: for MSI-X the table in the BAR is written as
 * well, because drivers and owners look at it, but what anybody else writes there does
 * not matter. The mask bits of MSI are config space, and count.
 *
 * Locking in this file: irqs->lock for the vectors, func->cfg_lock inside it for the
 * pending bits of MSI. A vector is sent from an irq_work under irqs->lock alone, so
 * that none is sent after the mask callback has returned. f->irqs outlives the
 * vectors; who looks at it without holding slot->calls does so under RCU.
 */
#include <linux/slab.h>

#include "irq.h"

/* ---------------------------------------------------------------- the capabilities */

u32 pciem_irq_kind(struct pciem_func *f)
{
	const u8 *value = f->cfg->value;

	if (f->cap_msix && READ_ONCE(value[f->cap_msix + PCI_MSIX_FLAGS + 1]) &
	    PCI_MSIX_FLAGS_ENABLE >> 8)
		return PCIEM_IRQ_MSIX;
	if (f->cap_msi && READ_ONCE(value[f->cap_msi + PCI_MSI_FLAGS]) & PCI_MSI_FLAGS_ENABLE)
		return PCIEM_IRQ_MSI;
	return 0;
}

static u16 msi_flags(struct pciem_func *f)
{
	return pciem_cfg_get16(f->cfg, f->cap_msi + PCI_MSI_FLAGS);
}

/* Where the mask bits are; the pending bits follow. 0: this MSI has neither. */
static int msi_mask_register(struct pciem_func *f)
{
	u16 flags = f->cap_msi ? msi_flags(f) : 0;

	if (!(flags & PCI_MSI_FLAGS_MASKBIT))
		return 0;
	return f->cap_msi + (flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static bool msi_masked(const struct pciem_vector *v)
{
	struct pciem_func *f = v->irqs->func;
	int reg = msi_mask_register(f);

	return reg && READ_ONCE(f->cfg->value[reg + v->index / 8]) & 1 << v->index % 8;
}

/* irqs->lock held: a message may be sent. It is a memory write: Bus Master gates it. */
static bool vector_open(const struct pciem_vector *v)
{
	struct pciem_func *f = v->irqs->func;

	if (!v->data || v->masked || READ_ONCE(f->slot->gone) ||
	    !(pciem_config_command(f) & PCI_COMMAND_MASTER))
		return false;
	switch (pciem_irq_kind(f)) {
	case PCIEM_IRQ_MSIX:
		return !(READ_ONCE(f->cfg->value[f->cap_msix + PCI_MSIX_FLAGS + 1]) &
			 PCI_MSIX_FLAGS_MASKALL >> 8);
	case PCIEM_IRQ_MSI:
		return v->index < 32 && !msi_masked(v);
	default:
		return false;
	}
}

/* ---------------------------------------------------------------- pending bits */

/* The PBA is seen only where the BAR's memory is what answers. */
static void pba_show(struct pciem_irqs *irqs, u32 index, bool set)
{
	u64 offset = irqs->pba_offset + index / 8;
	u8 bit = 1 << index % 8;
	u8 *byte;

	if (pciem_bar_range(irqs->pba, offset).policy == PCIEM_BAR_SYNC)
		return;
	byte = irqs->pba->mem + offset;
	WRITE_ONCE(*byte, set ? *byte | bit : *byte & ~bit);
}

static void msi_show(struct pciem_irqs *irqs, u32 index, bool set)
{
	struct pciem_func *f = irqs->func;
	int reg = msi_mask_register(f);
	unsigned long flags;
	u8 *byte;

	if (!reg)
		return;
	byte = &f->cfg->value[reg + 4 + index / 8];
	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	WRITE_ONCE(*byte, set ? *byte | 1 << index % 8 : *byte & ~(1 << index % 8));
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
}

/* irqs->lock held. Set where the enabled capability shows it, cleared wherever it may be. */
static void pending_show(struct pciem_vector *v, bool set)
{
	struct pciem_irqs *irqs = v->irqs;
	u32 kind = pciem_irq_kind(irqs->func);

	if (v->index < irqs->nr_msix && (!set || kind == PCIEM_IRQ_MSIX))
		pba_show(irqs, v->index, set);
	if (v->index < irqs->nr_msi && (!set || kind == PCIEM_IRQ_MSI))
		msi_show(irqs, v->index, set);
}

static void forget_pending(struct pciem_irqs *irqs)
{
	unsigned int i;

	lockdep_assert_held(&irqs->lock);
	for (i = 0; i < irqs->nr; i++) {
		if (!irqs->vector[i].pending)
			continue;
		irqs->vector[i].pending = false;
		pending_show(&irqs->vector[i], false);
	}
}

/* ------------------------------------------------------------- sending, from msi.c */

static void vector_work(struct irq_work *work)
{
	struct pciem_vector *v = container_of(work, struct pciem_vector, work);
	struct pciem_irqs *irqs = v->irqs;
	unsigned long flags;

	raw_spin_lock_irqsave(&irqs->lock, flags);
	if (v->pending && vector_open(v)) {
		v->pending = false;
		pending_show(v, false);
		v->fired = v->injected;
		irq_chip_retrigger_hierarchy(v->data);
	}
	raw_spin_unlock_irqrestore(&irqs->lock, flags);
}

void pciem_vector_set_masked(struct pciem_vector *v, bool masked)
{
	struct pciem_irqs *irqs = v->irqs;
	unsigned long flags;

	raw_spin_lock_irqsave(&irqs->lock, flags);
	v->masked = masked;
	if (v->pending && vector_open(v))
		irq_work_queue(&v->work);
	raw_spin_unlock_irqrestore(&irqs->lock, flags);
}

void pciem_vector_attach(struct pciem_vector *v, struct irq_data *data)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&v->irqs->lock, flags);
	v->data = data;
	v->masked = true;
	raw_spin_unlock_irqrestore(&v->irqs->lock, flags);
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
	in->v->injected = PCIEM_IRQ_SEQ(txn->rec.seq);
	in->open = vector_open(in->v);
	if (!in->open) {
		txn->rec.flags |= PCIEM_RF_PENDING;
		pending_show(in->v, true);
	}
	raw_spin_unlock_irqrestore(&in->irqs->lock, flags);
}

/* Without any, the one of INTx. */
bool pciem_irq_has_vector(struct pciem_func *f, u32 vector)
{
	return vector < (f->irqs ? f->irqs->nr : 1);
}

/* How many vectors the enabled capability has, and how many of them the driver asked for. */
static u32 vectors_of(struct pciem_irqs *irqs, u32 kind, u32 *enabled)
{
	*enabled = irqs->nr_msix;
	if (kind == PCIEM_IRQ_MSIX)
		return irqs->nr_msix;
	*enabled = 1U << ((msi_flags(irqs->func) & PCI_MSI_FLAGS_QSIZE) >> 4);
	return irqs->nr_msi;
}

/*
 * -EINVAL: the table has no such vector. -EBUSY: the driver has not enabled MSI or
 * MSI-X (or fewer vectors), nor asked for the INTx line. A vector that is masked, or that the driver has not asked
 * for (its entry was left masked by the PCI core), becomes pending, as on a real
 * device: that is no error. A driver that has fallen back to INTx gets what each of
 * the vectors would have told it by the one line there is.
 */
static int irq_inject(struct pciem_func *f, u32 vector, u64 cause, bool faults)
{
	struct injection in = { .irqs = f->irqs };
	u32 kind = pciem_irq_kind(f), enabled;
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_IRQ, .func = f->num, .bar = 0xff,
			.addr = vector, .value = kind, .cause = cause,
		},
		.apply = inject_apply,
		.arg = &in,
	};

	if (!pciem_irq_has_vector(f, vector))
		return -EINVAL;
	if (READ_ONCE(f->slot->gone))
		return -ENODEV;
	if (!in.irqs || !kind) {
		if (!f->line)
			return in.irqs ? -EBUSY : -EINVAL;
		return faults && pciem_inject_irq(f, vector) ? 0 : pciem_intx_pulse(f, cause);
	}
	if (vector >= vectors_of(in.irqs, kind, &enabled))
		return -EINVAL;
	if (vector >= enabled)
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

/* ------------------------------------------------------- what the driver's writes do */

void pciem_irq_config_changed(struct pciem_func *f)
{
	struct pciem_irqs *irqs;
	unsigned long flags;
	unsigned int i;

	rcu_read_lock();
	irqs = READ_ONCE(f->irqs);
	if (irqs) {
		raw_spin_lock_irqsave(&irqs->lock, flags);
		if (!pciem_irq_kind(f))
			forget_pending(irqs);
		for (i = 0; i < irqs->nr; i++)
			if (irqs->vector[i].pending && vector_open(&irqs->vector[i]))
				irq_work_queue(&irqs->vector[i].work);
		raw_spin_unlock_irqrestore(&irqs->lock, flags);
	}
	rcu_read_unlock();
	pciem_intx_config_changed(f);
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
	pciem_intx_reset(f);
}

/* ------------------------------------------------------------------ init and exit */

static int pba_init(struct pciem_irqs *irqs, u32 pba)
{
	if (!irqs->nr_msix)
		return 0;
	if (!pciem_caps_inside_bar(irqs->func, pba, DIV_ROUND_UP(irqs->nr_msix, 64) * 8))
		return -EINVAL;
	irqs->pba = &irqs->func->bar[pba & PCI_MSIX_PBA_BIR];
	irqs->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	return 0;
}

int pciem_irq_init(struct pciem_func *f)
{
	unsigned int nr_msix = 0, nr_msi = 0, nr, i;
	struct pciem_irqs *irqs;
	u32 pba = 0;

	/* Once, and checked here: the owner may write its config space while we look. */
	if (f->cap_msix) {
		nr_msix = (pciem_cfg_get16(f->cfg, f->cap_msix + PCI_MSIX_FLAGS) &
			   PCI_MSIX_FLAGS_QSIZE) + 1;
		pba = pciem_cfg_get32(f->cfg, f->cap_msix + PCI_MSIX_PBA);
	}
	if (f->cap_msi)
		nr_msi = min(1U << ((msi_flags(f) & PCI_MSI_FLAGS_QMASK) >> 1), 32U);
	nr = max(nr_msix, nr_msi);
	if (!nr)
		return 0;
	irqs = kvzalloc(struct_size(irqs, vector, nr), GFP_KERNEL_ACCOUNT);
	if (!irqs)
		return -ENOMEM;
	raw_spin_lock_init(&irqs->lock);
	irqs->func = f;
	irqs->nr = nr;
	irqs->nr_msix = nr_msix;
	irqs->nr_msi = nr_msi;
	if (pba_init(irqs, pba)) {
		kvfree(irqs);
		return -EINVAL;
	}
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
