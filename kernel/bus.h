/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bus.c, host.c, bridge.c, config.c, caps.c, iommu.c and the files about interrupts share: the host
 * bridge of a slot, with one root port and the slot's functions below it.
 */
#ifndef PCIEM_BUS_H
#define PCIEM_BUS_H

#include <linux/kref.h>
#include <linux/msi.h>

#include "pciem.h"

#define PCIEM_ROOT_BUS		0
#define PCIEM_PORT_DEVFN	PCI_DEVFN(1, 0)
#define PCIEM_CHILD_BUS		1	/* behind the root port: the functions, device 0 */

struct pciem_port {
	raw_spinlock_t lock;		/* all below */
	struct pciem_config_space cfg;
	u16 msi, aer;			/* its capabilities; constant */
	struct fwnode_handle *fwnode;
	struct irq_domain *domain;	/* of its one vector */
	struct msi_domain_info info;
	struct irq_work work;
	struct irq_data *data;		/* NULL: nobody has asked for the vector */
	bool masked, pending;
};

/*
 * Lives as long as anybody holds a pci_dev of the slot, for which an open file on
 * the driver's side is enough; until then it keeps the slot and the module.
 */
struct pciem_bridge {
	struct pci_sysdata sysdata;	/* first: pci_domain_nr() and our pci_ops look here */
	struct kref ref;		/* slot->bridge, and the host bridge's device */
	struct pciem_slot *slot;
	struct pci_host_bridge *host;
	struct pci_bus *bus;		/* the root bus, or the host's that it is attached to; pci rescan/remove lock */
	u8 device;			/* attached: its number there; constant once bus is set */
	struct pciem_port port;
	struct resource busn;
	struct resource low, high;	/* windows below 4 GiB and above; no parent: not allocated */
	struct fwnode_handle *msi_fwnode;
	struct irq_domain *msi_domain;
	struct msi_domain_info msi_info;
	struct pciem_intx *intx;
	struct completion released;	/* the last pci_dev is gone */
	struct work_struct free_work;
};

/* ------------------------------------------------------------------- bus.c */
extern struct pci_ops pciem_pci_ops;

/* ------------------------------------------------------------------ host.c */
void pciem_bridge_put(struct pciem_bridge *b);	/* any context */
int pciem_host_init(void);
void pciem_host_exit(void);

/* ---------------------------------------------------------------- config.c */
static inline u16 pciem_cfg_get16(const struct pciem_config_space *cfg, int where)
{
	return get_unaligned_le16(&cfg->value[where]);
}

static inline u32 pciem_cfg_get32(const struct pciem_config_space *cfg, int where)
{
	return get_unaligned_le32(&cfg->value[where]);
}

static inline void pciem_cfg_set16(struct pciem_config_space *cfg, int where, u16 value, u16 writable)
{
	put_unaligned_le16(value, &cfg->value[where]);
	put_unaligned_le16(writable, &cfg->writable[where]);
}

static inline void pciem_cfg_set32(struct pciem_config_space *cfg, int where, u32 value, u32 writable)
{
	put_unaligned_le32(value, &cfg->value[where]);
	put_unaligned_le32(writable, &cfg->writable[where]);
}

u32 pciem_cfg_load(const struct pciem_config_space *cfg, int where, int size);
/* A write as hardware takes it: writable bits change, write-1-to-clear bits clear. */
void pciem_cfg_store(struct pciem_config_space *cfg, int where, int size, u32 val);
bool pciem_cfg_touches(int where, int size, int reg, int bytes);
/* Emits the reset, and brings back what it brings back. */
void pciem_config_reset(struct pciem_func *f, u64 kind, u64 cause);
void pciem_config_init(void);

/* ----------------------------------------------------- caps.c, caps_list.c */
/* The root port's PM and PCIe capabilities; returns where the latter is. */
int pciem_caps_port(struct pciem_config_space *cfg);
/* Where it was placed (at, or the next free place if that is 0), or -ENOSPC. The header alone is written. */
int pciem_caps_place(struct pciem_config_space *cfg, int at, u8 id, int length);
int pciem_caps_place_extended(struct pciem_config_space *cfg, int at, u32 header, int length);
/* caps_msi.c. The length, or -EINVAL; what is wrong with the one in the image, or NULL. */
int pciem_caps_msi_length(const struct pciem_cap_msi *msi);
void pciem_caps_msi_write(struct pciem_config_space *cfg, int pos, const struct pciem_cap_msi *msi);
const char *pciem_caps_msi_parse(struct pciem_func *f, int pos);
/* where: a table's or PBA's offset with its BAR in the low bits */
bool pciem_caps_inside_bar(struct pciem_func *f, u32 where, u64 length);

/* ---------------------------------------------------------------- bridge.c */
/* Finds room for every BAR, and programs BARs and the root port as firmware does. */
int pciem_bridge_place(struct pciem_bridge *b);
void pciem_bridge_release_windows(struct pciem_bridge *b);

/* ---------------------------------------------------------------- attach.c */
int pciem_attach(struct pciem_bridge *b);		/* a place on a host bus, the scan, addresses */
/* The next two with the PCI core's rescan/remove lock. */
void pciem_attach_start(struct pciem_bridge *b);
void pciem_detach(struct pciem_bridge *b);
struct pciem_func *pciem_attach_func(struct pci_bus *bus, unsigned int devfn);	/* NULL: nobody of ours */

/* ------------------------------------------------------------------ port.c */
void pciem_port_setup(struct pciem_bridge *b);		/* its locks, before anything else */
void pciem_port_init(struct pciem_bridge *b);		/* its registers, and then its windows */
void pciem_port_windows(struct pciem_bridge *b);
int pciem_port_irq_init(struct pciem_bridge *b);
void pciem_port_irq_exit(struct pciem_bridge *b);
int pciem_port_read(struct pciem_bridge *b, int where, int size, u32 *val);
int pciem_port_write(struct pciem_bridge *b, int where, int size, u32 val);
/* An error message (PCIEM_AER_*) from the function behind it. Any context. */
void pciem_port_error(struct pciem_bridge *b, u8 devfn, u32 message);

/* ------------------------------------------------------------------- vectors.c, msi.c, intx.c */
int pciem_irq_init(struct pciem_func *f);
void pciem_irq_exit(struct pciem_func *f);
void pciem_irq_bridge_exit(struct pciem_bridge *b);	/* no pci_dev is left */
unsigned int pciem_intx_irq(struct pciem_func *f);	/* of its line, 0 none */
void pciem_irq_reset(struct pciem_func *f);	/* pending vectors are forgotten, INTx is low */

/* ----------------------------------------------------------------- iommu.c */
/* What a driver left mapped is unmapped, with one log line: the memory may be anybody's now. */
void pciem_iommu_drop(struct pciem_func *f);

#endif /* PCIEM_BUS_H */
