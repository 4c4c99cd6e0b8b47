// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root port above a slot's functions: bridge windows, resets of the bus behind it,
 * and the errors that come up from there. It has an interrupt of its own, so that the
 * kernel's port driver serves it as any other.
 *
 * Locking in this file: port->lock for its registers and its vector; nothing else is
 * taken under it but what sending a vector takes, and that from an irq_work alone.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <asm/irqdomain.h>

#include "bus.h"

#define MSI_LENGTH	14		/* with a 64-bit address, without masks */
#define AER_LENGTH	0x48

/* ----------------------------------------------------------------------- registers */

void pciem_port_windows(struct pciem_bridge *b)
{
	struct pciem_config_space *cfg = &b->port.cfg;
	u32 base = PCI_MEMORY_RANGE_MASK & 0xffff, limit = 0;

	/* base > limit: no such window; nor can there be one for I/O. */
	pciem_cfg_set16(cfg, PCI_IO_BASE, PCI_IO_RANGE_MASK & 0xff, 0);
	if (b->low.parent) {
		base = b->low.start >> 16 & 0xfff0;
		limit = b->low.end >> 16 & 0xfff0;
	}
	pciem_cfg_set32(cfg, PCI_MEMORY_BASE, limit << 16 | base, 0xfff0fff0);

	base = PCI_PREF_RANGE_MASK & 0xffff;
	limit = 0;
	if (b->high.parent) {
		base = b->high.start >> 16 & 0xfff0;
		limit = b->high.end >> 16 & 0xfff0;
	}
	pciem_cfg_set32(cfg, PCI_PREF_MEMORY_BASE,
			limit << 16 | base | PCI_PREF_RANGE_TYPE_64 << 16 | PCI_PREF_RANGE_TYPE_64,
			0xfff0fff0);
	pciem_cfg_set32(cfg, PCI_PREF_BASE_UPPER32,
			b->high.parent ? b->high.start >> 32 : 0, ~0U);
	pciem_cfg_set32(cfg, PCI_PREF_LIMIT_UPPER32,
			b->high.parent ? b->high.end >> 32 : 0, ~0U);
}

static void add_msi(struct pciem_port *port)
{
	int pos = pciem_caps_place(&port->cfg, 0, PCI_CAP_ID_MSI, MSI_LENGTH);

	port->msi = pos;
	pciem_cfg_set16(&port->cfg, pos + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT,
			PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	pciem_cfg_set32(&port->cfg, pos + PCI_MSI_ADDRESS_LO, 0, ~3U);
	pciem_cfg_set32(&port->cfg, pos + PCI_MSI_ADDRESS_HI, 0, ~0U);
	pciem_cfg_set16(&port->cfg, pos + PCI_MSI_DATA_64, 0, 0xffff);
}

static void add_aer(struct pciem_port *port)
{
	struct pciem_config_space *cfg = &port->cfg;
	int pos = pciem_caps_place_extended(cfg, 0, PCI_EXT_CAP_ID_ERR | 2 << 16, AER_LENGTH);

	port->aer = pos;
	/* The errors that a port may have by itself never happen here. */
	pciem_cfg_set32(cfg, pos + PCI_ERR_UNCOR_SEVER, 0x00462030, 0);
	pciem_cfg_set32(cfg, pos + PCI_ERR_ROOT_COMMAND, 0, PCI_ERR_ROOT_CMD_COR_EN |
			PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN);
	put_unaligned_le32(0x7f, &cfg->w1c[pos + PCI_ERR_ROOT_STATUS]);
}

void pciem_port_init(struct pciem_bridge *b)
{
	struct pciem_config_space *cfg = &b->port.cfg;
	int exp;

	pciem_cfg_set16(cfg, PCI_VENDOR_ID, PCI_VENDOR_ID_REDHAT, 0);
	pciem_cfg_set16(cfg, PCI_DEVICE_ID, 0x000c, 0);	/* a generic root port */
	pciem_cfg_set32(cfg, PCI_CLASS_REVISION, PCI_CLASS_BRIDGE_PCI << 16, 0);
	cfg->value[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
	pciem_cfg_set16(cfg, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
			PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	cfg->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	cfg->writable[PCI_INTERRUPT_LINE] = 0xff;
	pciem_cfg_set32(cfg, PCI_PRIMARY_BUS,
			PCIEM_ROOT_BUS | PCIEM_CHILD_BUS << 8 | PCIEM_CHILD_BUS << 16, 0xffffff);
	pciem_cfg_set16(cfg, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR, PCI_BRIDGE_CTL_PARITY |
			PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_BUS_RESET);
	exp = pciem_caps_port(cfg);
	pciem_cfg_set16(cfg, exp + PCI_EXP_RTCTL, 0, PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE |
			PCI_EXP_RTCTL_SEFEE);
	add_msi(&b->port);
	add_aer(&b->port);
}

/* ------------------------------------------------------------------- the interrupt */

/* port->lock held. */
static bool port_open(const struct pciem_port *port)
{
	return port->data && !port->masked &&
	       port->cfg.value[port->msi + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE &&
	       port->cfg.value[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static void port_work(struct irq_work *work)
{
	struct pciem_port *port = container_of(work, struct pciem_port, work);
	unsigned long flags;

	raw_spin_lock_irqsave(&port->lock, flags);
	if (port->pending && port_open(port)) {
		port->pending = false;
		irq_chip_retrigger_hierarchy(port->data);
	}
	raw_spin_unlock_irqrestore(&port->lock, flags);
}

static void port_set_masked(struct irq_data *d, bool masked)
{
	struct pciem_port *port = irq_data_get_irq_chip_data(d);
	unsigned long flags;

	raw_spin_lock_irqsave(&port->lock, flags);
	port->masked = masked;
	if (port->pending && port_open(port))
		irq_work_queue(&port->work);
	raw_spin_unlock_irqrestore(&port->lock, flags);
}

static void port_mask(struct irq_data *d)
{
	port_set_masked(d, true);
}

static void port_unmask(struct irq_data *d)
{
	port_set_masked(d, false);
}

static struct irq_chip port_chip = {
	.name = "pciem-port",
	.irq_ack = irq_chip_ack_parent,
	.irq_mask = port_mask,
	.irq_unmask = port_unmask,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE | IRQCHIP_AFFINITY_PRE_STARTUP,
};

static int msi_prepare(struct irq_domain *domain, struct device *dev, int nvec,
		       msi_alloc_info_t *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->type = X86_IRQ_ALLOC_TYPE_PCI_MSI;
	return 0;
}

static irq_hw_number_t msi_get_hwirq(struct msi_domain_info *info, msi_alloc_info_t *arg)
{
	return arg->hwirq;
}

static void port_set_data(struct pciem_port *port, struct irq_data *data)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&port->lock, flags);
	port->data = data;
	port->masked = true;
	raw_spin_unlock_irqrestore(&port->lock, flags);
}

static int msi_init(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq,
		    irq_hw_number_t hwirq, msi_alloc_info_t *arg)
{
	struct pciem_port *port = info->data;

	if (port->data)
		return -EBUSY;
	irq_domain_set_info(domain, virq, hwirq, info->chip, port, handle_edge_irq, NULL, "edge");
	port_set_data(port, irq_domain_get_irq_data(domain, virq));
	return 0;
}

static void msi_free(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq)
{
	/* Also called for one that msi_init() refused. */
	if (irq_get_chip_data(virq))
		port_set_data(info->data, NULL);
}

static struct msi_domain_ops msi_ops = {
	.msi_prepare = msi_prepare,
	.get_hwirq = msi_get_hwirq,
	.msi_init = msi_init,
	.msi_free = msi_free,
};

int pciem_port_irq_init(struct pciem_bridge *b)
{
	struct pciem_port *port = &b->port;

	port->fwnode = irq_domain_alloc_named_id_fwnode("pciem-port", b->sysdata.domain);
	if (!port->fwnode)
		return -ENOMEM;
	port->info = (struct msi_domain_info) {
		.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
		.ops = &msi_ops,
		.chip = &port_chip,
		.data = port,
	};
	port->domain = pci_msi_create_irq_domain(port->fwnode, &port->info, x86_vector_domain);
	if (!port->domain)
		return -ENOMEM;
	/* As in irq.c: interrupt remapping shall not claim the domain. */
	irq_domain_update_bus_token(port->domain, DOMAIN_BUS_VMD_MSI);
	return 0;
}

void pciem_port_irq_exit(struct pciem_bridge *b)
{
	irq_work_sync(&b->port.work);
	if (b->port.domain)
		irq_domain_remove(b->port.domain);
	if (b->port.fwnode)
		irq_domain_free_fwnode(b->port.fwnode);
}

void pciem_port_setup(struct pciem_bridge *b)
{
	raw_spin_lock_init(&b->port.lock);
	init_irq_work(&b->port.work, port_work);
	b->port.masked = true;
}

/* --------------------------------------------------------------------------- errors */

/* port->lock held. Which errors received are those that the root command asks to be told of. */
static u32 error_level(const struct pciem_port *port)
{
	u32 command = pciem_cfg_get32(&port->cfg, port->aer + PCI_ERR_ROOT_COMMAND);
	u32 status = pciem_cfg_get32(&port->cfg, port->aer + PCI_ERR_ROOT_STATUS);
	u32 level = 0;

	if (command & PCI_ERR_ROOT_CMD_COR_EN)
		level |= status & PCI_ERR_ROOT_COR_RCV;
	if (command & PCI_ERR_ROOT_CMD_NONFATAL_EN)
		level |= status & PCI_ERR_ROOT_NONFATAL_RCV;
	if (command & PCI_ERR_ROOT_CMD_FATAL_EN)
		level |= status & PCI_ERR_ROOT_FATAL_RCV;
	return level;
}

/* port->lock held: one message for each condition that has become true (PCIe 6.2.4.1.2). */
static void error_edge(struct pciem_port *port, u32 before)
{
	if (error_level(port) & ~before) {
		port->pending = true;
		if (port_open(port))
			irq_work_queue(&port->work);
	}
}

static u32 root_status_after(u32 status, u32 message)
{
	if (message == PCIEM_AER_CORRECTABLE)
		return status | (status & PCI_ERR_ROOT_COR_RCV ? PCI_ERR_ROOT_MULTI_COR_RCV :
								 PCI_ERR_ROOT_COR_RCV);
	if (status & PCI_ERR_ROOT_UNCOR_RCV)
		status |= PCI_ERR_ROOT_MULTI_UNCOR_RCV;
	else if (message == PCIEM_AER_FATAL)
		status |= PCI_ERR_ROOT_FIRST_FATAL;
	return status | PCI_ERR_ROOT_UNCOR_RCV |
	       (message == PCIEM_AER_FATAL ? PCI_ERR_ROOT_FATAL_RCV : PCI_ERR_ROOT_NONFATAL_RCV);
}

void pciem_port_error(struct pciem_bridge *b, u8 devfn, u32 message)
{
	struct pciem_port *port = &b->port;
	struct pciem_config_space *cfg = &port->cfg;
	bool correctable = message == PCIEM_AER_CORRECTABLE;
	u32 before, status;
	unsigned long flags;

	raw_spin_lock_irqsave(&port->lock, flags);
	before = error_level(port);
	status = pciem_cfg_get32(cfg, port->aer + PCI_ERR_ROOT_STATUS);
	/* The source is that of the first error. */
	if (!(status & (correctable ? PCI_ERR_ROOT_COR_RCV : PCI_ERR_ROOT_UNCOR_RCV)))
		put_unaligned_le16(cfg->value[PCI_SECONDARY_BUS] << 8 | devfn,
				   &cfg->value[port->aer + PCI_ERR_ROOT_ERR_SRC + (correctable ? 0 : 2)]);
	put_unaligned_le32(root_status_after(status, message),
			   &cfg->value[port->aer + PCI_ERR_ROOT_STATUS]);
	error_edge(port, before);
	raw_spin_unlock_irqrestore(&port->lock, flags);
}

/* ------------------------------------------------------------------ config accesses */

int pciem_port_read(struct pciem_bridge *b, int where, int size, u32 *val)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&b->port.lock, flags);
	*val = pciem_cfg_load(&b->port.cfg, where, size);
	raw_spin_unlock_irqrestore(&b->port.lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

int pciem_port_write(struct pciem_bridge *b, int where, int size, u32 val)
{
	struct pciem_port *port = &b->port;
	unsigned long flags;
	u16 before, after;
	u32 level;
	int i;

	raw_spin_lock_irqsave(&port->lock, flags);
	before = pciem_cfg_get16(&port->cfg, PCI_BRIDGE_CONTROL);
	level = error_level(port);
	pciem_cfg_store(&port->cfg, where, size, val);
	after = pciem_cfg_get16(&port->cfg, PCI_BRIDGE_CONTROL);
	error_edge(port, level);
	if (port->pending && port_open(port))
		irq_work_queue(&port->work);
	raw_spin_unlock_irqrestore(&port->lock, flags);

	/* A hot reset of everything below begins when the bit rises. */
	if (~before & after & PCI_BRIDGE_CTL_BUS_RESET)
		for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
			if (b->slot->func[i])
				pciem_config_reset(b->slot->func[i], PCIEM_RESET_BUS, 0);
	return PCIBIOS_SUCCESSFUL;
}
