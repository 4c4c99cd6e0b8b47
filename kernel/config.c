// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space of a function: 4 KiB of bytes, each with a mask of the bits that
 * writes change and one of the bits that writing a one clears, so that capabilities
 * are data. What follows from a write is here too: function-level reset, power
 * states, and telling the vectors that their enable bits may have changed.
 *
 * Locking in this file: func->cfg_lock, taken inside the transaction's apply() so
 * that a register and the stream agree. pci_ops may run under the PCI core's own raw
 * lock with interrupts off: nothing here waits for anybody but the stream's readers.
 */
#include <linux/kallsyms.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bus.h"

/* ------------------------------------------------------------ bytes and masks */

u32 pciem_cfg_load(const struct pciem_config_space *cfg, int where, int size)
{
	switch (size) {
	case 1:
		return cfg->value[where];
	case 2:
		return pciem_cfg_get16(cfg, where);
	default:
		return pciem_cfg_get32(cfg, where);
	}
}

void pciem_cfg_store(struct pciem_config_space *cfg, int where, int size, u32 val)
{
	int i;

	for (i = where; i < where + size; i++, val >>= 8) {
		u8 w = cfg->writable[i];
		u8 value = (cfg->value[i] & ~w) | (val & w);

		WRITE_ONCE(cfg->value[i], value & ~(val & cfg->w1c[i]));
	}
}

bool pciem_cfg_touches(int where, int size, int reg, int bytes)
{
	return where < reg + bytes && reg < where + size;
}

u16 pciem_config_command(struct pciem_func *f)
{
	/* No lock: the bits that anybody asks for are all in single bytes. */
	u16 command = READ_ONCE(f->cfg->value[PCI_COMMAND]) |
		      READ_ONCE(f->cfg->value[PCI_COMMAND + 1]) << 8;

	if (f->cap_pm && READ_ONCE(f->cfg->value[f->cap_pm + PCI_PM_CTRL]) & PCI_PM_CTRL_STATE_MASK)
		command &= ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return command;
}

void pciem_config_interrupt_status(struct pciem_func *f, bool set)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	f->cfg->value[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	if (set)
		f->cfg->value[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
}

/* ---------------------------------------------------------------- who accesses */

/*
 * sysfs, proc and the like go through pci_user_*_config_*(), which call pci_ops
 * themselves: the return address of our pci_ops tells. There is no public way to a
 * function's length but through its symbol's text.
 */
static struct text_range {
	unsigned long start, end;
} user_access[6];

void pciem_config_init(void)
{
	void *entry[] = {
		pci_user_read_config_byte, pci_user_read_config_word,
		pci_user_read_config_dword, pci_user_write_config_byte,
		pci_user_write_config_word, pci_user_write_config_dword,
	};
	unsigned long length;
	char text[KSYM_SYMBOL_LEN];
	const char *slash;
	int i;

	for (i = 0; i < ARRAY_SIZE(user_access); i++) {
		user_access[i].start = user_access[i].end = (unsigned long)entry[i];
		sprint_symbol(text, (unsigned long)entry[i]);
		slash = strchr(text, '/');
		if (slash && sscanf(slash, "/0x%lx", &length) == 1)
			user_access[i].end += length;
	}
}

static u16 config_origin(struct pciem_func *f, unsigned long caller)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(user_access); i++)
		if (caller > user_access[i].start && caller <= user_access[i].end)
			return PCIEM_RF_ORIGIN_USER;
	return READ_ONCE(f->driver_bound) ? PCIEM_RF_ORIGIN_DRIVER : PCIEM_RF_ORIGIN_CORE;
}

/* ---------------------------------------------------------------------- resets */

/* Bits that a reset leaves alone: sticky ones, and of some a function-level reset (PCIe 6.6.2). */
static u8 reset_keeps(struct pciem_func *f, u64 kind, int where)
{
	if (f->cap_aer && where >= f->cap_aer + PCI_ERR_UNCOR_STATUS &&
	    where < f->cap_aer + PCI_ERR_ROOT_COMMAND)
		return 0xff;
	if (!f->cap_pcie || kind != PCIEM_RESET_FLR)
		return 0;
	if (where == f->cap_pcie + PCI_EXP_DEVCTL)
		return PCI_EXP_DEVCTL_PAYLOAD;
	if (where == f->cap_pcie + PCI_EXP_LNKCTL)
		return PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB |
		       PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES;
	return 0;
}

static void reset_apply(struct pciem_txn *txn, void *arg)
{
	struct pciem_func *f = arg;
	struct pciem_config_space *cfg = f->cfg;
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	for (i = 0; i < PCIEM_CONFIG_SIZE; i++) {
		u8 mask = (cfg->writable[i] | cfg->w1c[i]) & ~reset_keeps(f, txn->rec.value, i);

		cfg->value[i] = (cfg->value[i] & ~mask) | (cfg->reset[i] & mask);
	}
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
}

void pciem_config_reset(struct pciem_func *f, u64 kind, u64 cause)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_RESET, .func = f->num, .bar = 0xff,
			.value = kind, .cause = cause,
		},
		.event = PCIEM_EVENT_RESET,
		.apply = reset_apply,
		.arg = f,
	};

	if (READ_ONCE(f->slot->gone))
		return;
	pciem_stream_emit(f->slot, &txn);
	pciem_irq_reset(f);
	pciem_registers_reset(f);
}

/* ---------------------------------------------------------- the driver's accesses */

struct config_access {
	struct pciem_func *f;
	int where, size;
	bool write;
	bool done;
	bool flr;			/* out: Initiate Function Level Reset was written */
	u8 old_state, new_state;	/* out: PowerState */
};

static u8 power_state(struct pciem_func *f)
{
	return f->cap_pm ? f->cfg->value[f->cap_pm + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK : 0;
}

/* A state that the function does not have: the write goes through, and changes nothing (PCI PM 3.2.4). */
static void refuse_power_state(struct pciem_func *f, u8 old)
{
	u16 pmc = f->cap_pm ? pciem_cfg_get16(f->cfg, f->cap_pm + PCI_PM_PMC) : 0;
	u8 state = power_state(f);

	if ((state == (__force u8)PCI_D1 && !(pmc & PCI_PM_CAP_D1)) ||
	    (state == (__force u8)PCI_D2 && !(pmc & PCI_PM_CAP_D2)))
		f->cfg->value[f->cap_pm + PCI_PM_CTRL] ^= state ^ old;
}

/* The bit always reads zero, so it cannot simply be a writable one. */
static bool takes_flr(struct pciem_func *f, int where, int size, u32 val)
{
	int reg = f->cap_pcie + PCI_EXP_DEVCTL + 1;

	if (!f->cap_pcie || !pciem_cfg_touches(where, size, reg, 1) ||
	    !(pciem_cfg_get32(f->cfg, f->cap_pcie + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR))
		return false;
	f->cfg->value[reg] &= ~(PCI_EXP_DEVCTL_BCR_FLR >> 8);
	return val >> (8 * (reg - where)) & PCI_EXP_DEVCTL_BCR_FLR >> 8;
}

static void config_apply(struct pciem_txn *txn, void *arg)
{
	struct config_access *a = arg;
	struct pciem_func *f = a->f;
	unsigned long flags;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	if (a->write) {
		a->old_state = power_state(f);
		pciem_cfg_store(f->cfg, a->where, a->size, txn->rec.value);
		refuse_power_state(f, a->old_state);
		a->flr = takes_flr(f, a->where, a->size, txn->rec.value);
		a->new_state = power_state(f);
	} else {
		txn->rec.value = pciem_cfg_load(f->cfg, a->where, a->size);
	}
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
	a->done = true;
}

static void config_emit(struct config_access *a, struct pciem_txn *txn)
{
	txn->apply = config_apply;
	txn->arg = a;
	pciem_stream_emit(a->f->slot, txn);
	/* The stream has ended, but somebody still holds the pci_dev. */
	if (!a->done)
		config_apply(txn, a);
}

static bool config_range_ok(int where, int size)
{
	return where >= 0 && (size == 1 || size == 2 || size == 4) &&
	       where + size <= PCIEM_CONFIG_SIZE;
}

int pciem_config_read(struct pciem_func *f, int where, int size, unsigned long caller, u32 *val)
{
	struct config_access a = { .f = f, .where = where, .size = size };
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_CFG_READ, .func = f->num, .bar = 0xff,
			.width = size, .addr = where, .flags = config_origin(f, caller),
		},
	};

	*val = ~0U;
	if (!config_range_ok(where, size))
		return PCIBIOS_BAD_REGISTER_NUMBER;
	if (READ_ONCE(f->slot->gone))
		return PCIBIOS_SUCCESSFUL;
	config_emit(&a, &txn);
	*val = txn.rec.value;
	return PCIBIOS_SUCCESSFUL;
}

static void note_power(struct pciem_func *f, u8 state, u64 cause)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_POWER, .func = f->num, .bar = 0xff,
			.value = state, .cause = cause,
		},
		.event = PCIEM_EVENT_POWER,
	};

	pciem_stream_emit(f->slot, &txn);
}

/* What the hardware does because of a write, after it. */
static void config_effects(struct config_access *a, u64 seq)
{
	struct pciem_func *f = a->f;

	if (a->old_state != a->new_state)
		note_power(f, a->new_state, seq);
	/* PowerState: D3hot -> D0 is a reset unless the function promises not to. */
	if (a->old_state == (__force u8)PCI_D3hot && a->new_state == (__force u8)PCI_D0 &&
	    !(pciem_cfg_get16(f->cfg, f->cap_pm + PCI_PM_CTRL) & PCI_PM_CTRL_NO_SOFT_RESET))
		pciem_config_reset(f, PCIEM_RESET_PM, seq);
	if (a->flr)
		pciem_config_reset(f, PCIEM_RESET_FLR, seq);
	if (a->old_state != a->new_state || pciem_cfg_touches(a->where, a->size, PCI_COMMAND, 2) ||
	    (f->cap_msi && pciem_cfg_touches(a->where, a->size, f->cap_msi, PCI_MSI_PENDING_64)) ||
	    (f->cap_msix && pciem_cfg_touches(a->where, a->size, f->cap_msix + PCI_MSIX_FLAGS, 2)))
		pciem_irq_config_changed(f);
}

int pciem_config_write(struct pciem_func *f, int where, int size, unsigned long caller, u32 val)
{
	struct config_access a = { .f = f, .where = where, .size = size, .write = true };
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_CFG_WRITE, .func = f->num, .bar = 0xff,
			.width = size, .addr = where, .value = val,
			.flags = config_origin(f, caller),
		},
	};

	if (!config_range_ok(where, size))
		return PCIBIOS_BAD_REGISTER_NUMBER;
	if (READ_ONCE(f->slot->gone))
		return PCIBIOS_SUCCESSFUL;
	if (txn.rec.flags == PCIEM_RF_ORIGIN_DRIVER)
		txn.event = PCIEM_EVENT_CONFIG_WRITE;
	config_emit(&a, &txn);
	config_effects(&a, txn.seq);
	/* Last: what is done upon it may need the bits just written (Bus Master, MSI-X Enable). */
	if (txn.rec.flags == PCIEM_RF_ORIGIN_DRIVER)
		pciem_seq_config_write(f, where, size, val);
	return PCIBIOS_SUCCESSFUL;
}
