// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the PCI core meets a slot's functions: config accesses, and what the bus says
 * of their devices and drivers.
 *
 * Locking in this file: none of its own. The notifier runs under the device's lock;
 * func->pdev is valid from the device's addition until its removal.
 */
#include <linux/dma-map-ops.h>
#include <linux/pci.h>

#include "bus.h"

static struct pciem_bridge *bridge_of(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct pciem_bridge, sysdata);
}

/* ------------------------------------------------------------------------- pci_ops */

static struct pciem_func *bridge_func(struct pci_bus *bus, unsigned int devfn)
{
	/* A bus behind a function is one only because the owner's header says so. */
	if (pci_is_root_bus(bus) || !pci_is_root_bus(bus->parent) || PCI_SLOT(devfn))
		return NULL;
	return bridge_of(bus)->slot->func[PCI_FUNC(devfn)];
}

static bool is_port(struct pci_bus *bus, unsigned int devfn)
{
	return pci_is_root_bus(bus) && devfn == PCIEM_PORT_DEVFN;
}

static int bus_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	struct pciem_func *f = bridge_func(bus, devfn);

	*val = ~0U;
	if (f)
		return pciem_config_read(f, where, size, _RET_IP_, val);
	if (is_port(bus, devfn))
		return pciem_port_read(bridge_of(bus), where, size, val);
	return PCIBIOS_DEVICE_NOT_FOUND;
}

static int bus_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	struct pciem_func *f = bridge_func(bus, devfn);

	if (f)
		return pciem_config_write(f, where, size, _RET_IP_, val);
	if (is_port(bus, devfn))
		return pciem_port_write(bridge_of(bus), where, size, val);
	return PCIBIOS_DEVICE_NOT_FOUND;
}

struct pci_ops pciem_pci_ops = {
	.read = bus_read,
	.write = bus_write,
};

/* On a bus of ours, root port included. */
static bool is_ours(struct device *dev)
{
	return dev_is_pci(dev) && to_pci_dev(dev)->bus->ops == &pciem_pci_ops;
}

struct pciem_func *pciem_func_of(struct device *dev)
{
	if (is_ours(dev))
		return bridge_func(to_pci_dev(dev)->bus, to_pci_dev(dev)->devfn);
	return dev_is_pci(dev) ? pciem_attach_func(to_pci_dev(dev)->bus, to_pci_dev(dev)->devfn) : NULL;
}

/* --------------------------------------------------------------------- bus notifier */

/* After a rescan by the user; on the first scan the windows are not claimed yet. */
static void claim_resources(struct pci_dev *pdev)
{
	int i;

	for (i = 0; i <= PCI_ROM_RESOURCE; i++) {
		struct resource *window, *res = &pdev->resource[i];

		if (!res->flags || !res->start || res->parent)
			continue;
		window = pci_find_parent_resource(pdev, res);
		if (window && window->parent)
			pci_claim_resource(pdev, i);
	}
}

static void func_added(struct pciem_func *f, struct pci_dev *pdev)
{
	f->pdev = pdev;
	/* The host's bridge knows nothing of our vectors. */
	if (f->slot->attach)
		dev_set_msi_domain(&pdev->dev, f->slot->bridge->msi_domain);
	/*
	 * ACPI looks for a route of this pin, and complains that there is none. Nor does the
	 * bridge map it: the PCI core would write the irq's number, which is another one in
	 * each run, into Interrupt Line, in the driver's name.
	 */
	pdev->pin = 0;
	pdev->irq = pciem_intx_irq(f);
	claim_resources(pdev);
}

/* The IOMMU layer may have put its own there when the driver was matched. */
static void func_set_dma_ops(struct device *dev)
{
	set_dma_ops(dev, &pciem_dma_ops);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	dev->dma_iommu = false;
#endif
#ifdef CONFIG_DMA_NEED_SYNC
	dev->dma_skip_sync = false;
#endif
}

static void func_note(struct pciem_func *f, u8 kind, u32 event, const char *driver)
{
	struct pciem_txn txn = {
		.rec = {
			.kind = kind, .func = f->num, .bar = 0xff,
			.data_len = driver ? strlen(driver) : 0,
		},
		.data = driver,
		.event = event,
	};

	pciem_stream_emit(f->slot, &txn);
}

static int bus_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;
	struct pciem_func *f = pciem_func_of(dev);

	if (!f) {
		/*
		 * Whoever binds to the port asks for its interrupt. Not earlier: the bus
		 * behind it takes over the domain that the port has when it is scanned.
		 */
		if (action == BUS_NOTIFY_BIND_DRIVER && is_ours(dev) &&
		    is_port(to_pci_dev(dev)->bus, to_pci_dev(dev)->devfn))
			dev_set_msi_domain(dev, bridge_of(to_pci_dev(dev)->bus)->port.domain);
		return NOTIFY_DONE;
	}

	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		func_added(f, to_pci_dev(dev));
		func_set_dma_ops(dev);
		break;
	case BUS_NOTIFY_REMOVED_DEVICE:
		f->pdev = NULL;
		/* Somebody may hold the pci_dev for longer than there are vectors. */
		if (f->slot->attach)
			dev_set_msi_domain(dev, NULL);
		break;
	case BUS_NOTIFY_BIND_DRIVER:
		pciem_iommu_drop(f);
		func_set_dma_ops(dev);
		WRITE_ONCE(f->driver_bound, true);
		break;
	case BUS_NOTIFY_BOUND_DRIVER:
		func_note(f, PCIEM_RECORD_BIND, PCIEM_EVENT_BIND, dev->driver->name);
		/* Last: who waits for it finds the note. */
		WRITE_ONCE(f->probed, true);
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
		WRITE_ONCE(f->probed, false);
		break;
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
		WRITE_ONCE(f->driver_bound, false);
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		WRITE_ONCE(f->driver_bound, false);
		pciem_iommu_drop(f);
		func_note(f, PCIEM_RECORD_UNBIND, PCIEM_EVENT_UNBIND, NULL);
		break;
	}
	return NOTIFY_DONE;
}

/* Last of all, so that what others set for the device does not stay. */
static struct notifier_block bus_nb = {
	.notifier_call = bus_notify,
	.priority = -100,
};

int pciem_bus_init(void)
{
	int err = pciem_host_init();

	if (err)
		return err;
	pciem_config_init();
	err = bus_register_notifier(&pci_bus_type, &bus_nb);
	if (err)
		pciem_host_exit();
	return err;
}

void pciem_bus_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &bus_nb);
	pciem_host_exit();
}
