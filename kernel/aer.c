// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors that a function reports: its own registers first, then a message to the root
 * port, if neither a mask nor a missing enable bit is in the way (PCIe 6.2.5).
 *
 * Locking in this file: func->cfg_lock, inside the transaction's apply(); the port has
 * its own, taken after it.
 */
#include <linux/pci.h>

#include "bus.h"

struct error {
	struct pciem_func *f;
	const struct pciem_aer_inject *arg;
	u32 severity;			/* PCIEM_AER_* of the message that it is */
	bool sent;
};

/* cfg_lock held: whether Device Control, or SERR of the old kind, lets the message out. */
static bool may_report(struct pciem_func *f, u32 severity)
{
	u16 control = pciem_cfg_get16(f->cfg, f->cap_pcie + PCI_EXP_DEVCTL);
	u16 command = pciem_cfg_get16(f->cfg, PCI_COMMAND);

	if (severity == PCIEM_AER_CORRECTABLE)
		return control & PCI_EXP_DEVCTL_CERE;
	return command & PCI_COMMAND_SERR ||
	       control & (severity == PCIEM_AER_FATAL ? PCI_EXP_DEVCTL_FERE : PCI_EXP_DEVCTL_NFERE);
}

/* cfg_lock held: the header of the first error that is not masked is kept. */
static void log_header(struct pciem_config_space *cfg, int aer, const struct error *e, u32 told, u32 pending)
{
	u32 cap = pciem_cfg_get32(cfg, aer + PCI_ERR_CAP);
	int i;

	if (pending)
		return;
	cap = (cap & ~PCI_ERR_CAP_FEP(~0)) | PCI_ERR_CAP_FEP(__ffs(told));
	put_unaligned_le32(cap, &cfg->value[aer + PCI_ERR_CAP]);
	for (i = 0; i < ARRAY_SIZE(e->arg->header); i++)
		put_unaligned_le32(e->arg->header[i], &cfg->value[aer + PCI_ERR_HEADER_LOG + 4 * i]);
}

static void error_apply(struct pciem_txn *txn, void *arg)
{
	struct error *e = arg;
	struct pciem_func *f = e->f;
	struct pciem_config_space *cfg = f->cfg;
	bool correctable = e->arg->severity == PCIEM_AER_CORRECTABLE;
	int status = f->cap_aer + (correctable ? PCI_ERR_COR_STATUS : PCI_ERR_UNCOR_STATUS);
	int mask = f->cap_aer + (correctable ? PCI_ERR_COR_MASK : PCI_ERR_UNCOR_MASK);
	u32 bits = e->arg->status, masked, told, old;
	unsigned long flags;
	bool fatal;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	masked = pciem_cfg_get32(cfg, mask);
	told = bits & ~masked;
	/* Of several errors the message is of those that are not masked. */
	fatal = !correctable && (told ?: bits) & pciem_cfg_get32(cfg, f->cap_aer + PCI_ERR_UNCOR_SEVER);
	if (!correctable)
		e->severity = fatal ? PCIEM_AER_FATAL : PCIEM_AER_NONFATAL;
	old = pciem_cfg_get32(cfg, status);
	put_unaligned_le32(old | bits, &cfg->value[status]);
	cfg->value[f->cap_pcie + PCI_EXP_DEVSTA] |= correctable ? PCI_EXP_DEVSTA_CED :
						    fatal ? PCI_EXP_DEVSTA_FED : PCI_EXP_DEVSTA_NFED;
	if (told) {
		if (!correctable)
			log_header(cfg, f->cap_aer, e, told, old & ~masked);
		e->sent = may_report(f, e->severity);
	}
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
	txn->rec.value = PCIEM_FAULT_AER_CORRECTABLE + e->severity - PCIEM_AER_CORRECTABLE;
}

/* -ENOENT: it reports no such errors. -EINVAL: no bit, or one that its status register does not have. */
int pciem_aer_inject(struct pciem_func *f, struct pciem_aer_inject *arg)
{
	struct error e = { .f = f, .arg = arg, .severity = arg->severity };
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_FAULT, .func = f->num, .bar = 0xff,
			.addr = arg->status, .value = PCIEM_FAULT_AER_CORRECTABLE,
		},
		.apply = error_apply,
		.arg = &e,
	};
	bool correctable = arg->severity == PCIEM_AER_CORRECTABLE;
	u32 known;

	if (arg->reserved || (arg->severity != PCIEM_AER_CORRECTABLE && arg->severity != PCIEM_AER_UNCORRECTABLE))
		return -EINVAL;
	if (!f->cap_aer || !f->cap_pcie)
		return -ENOENT;
	known = get_unaligned_le32(&f->cfg->w1c[f->cap_aer + (correctable ? PCI_ERR_COR_STATUS :
								 PCI_ERR_UNCOR_STATUS)]);
	if (!arg->status || arg->status & ~known)
		return -EINVAL;
	pciem_stream_emit(f->slot, &txn);
	arg->sent = 0;
	/* Beside the root ports there is no event collector that would take the message. */
	if (e.sent && !f->slot->attach) {
		arg->sent = e.severity;
		pciem_port_error(f->slot->bridge, PCI_DEVFN(0, f->num), e.severity);
	}
	return 0;
}
