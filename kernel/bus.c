// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI domain of a slot: a host bridge with a root port and the slot's functions
 * below it. REGISTER scans it and claims the addresses that bridge.c programmed; START
 * lets drivers bind; removal takes it all off the bus again.
 *
 * A pci_dev may outlive its removal for as long as somebody holds it, so the bridge
 * is reference-counted, and the slot and the module stay until it is gone.
 *
 * Locking in this file: the PCI core's rescan/remove lock for bridge->bus; the bus
 * notifier runs under the device's lock.
 */
#include <linux/dma-map-ops.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "bus.h"

/* Above what firmware uses; 16 bits, because intel-iommu cuts the segment to that. */
#define DOMAIN_FIRST	0xf000
#define DOMAIN_LAST	0xffff

static DEFINE_IDA(domains);
static struct workqueue_struct *bridge_wq;

static struct pciem_bridge *bridge_of(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct pciem_bridge, sysdata);
}

/* ------------------------------------------------------------------------- pci_ops */

static struct pciem_func *bridge_func(struct pci_bus *bus, unsigned int devfn)
{
	if (pci_is_root_bus(bus) || PCI_SLOT(devfn))
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
		return pciem_bridge_port_read(bridge_of(bus), where, size, val);
	return PCIBIOS_DEVICE_NOT_FOUND;
}

static int bus_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	struct pciem_func *f = bridge_func(bus, devfn);

	if (f)
		return pciem_config_write(f, where, size, _RET_IP_, val);
	if (is_port(bus, devfn))
		return pciem_bridge_port_write(bridge_of(bus), where, size, val);
	return PCIBIOS_DEVICE_NOT_FOUND;
}

static struct pci_ops bridge_ops = {
	.read = bus_read,
	.write = bus_write,
};

static bool is_ours(struct device *dev)
{
	return dev_is_pci(dev) && to_pci_dev(dev)->bus->ops == &bridge_ops;
}

struct pciem_func *pciem_func_of(struct device *dev)
{
	if (!is_ours(dev))
		return NULL;
	return bridge_func(to_pci_dev(dev)->bus, to_pci_dev(dev)->devfn);
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
	/* ACPI looks for a route of this pin, and complains that there is none. */
	pdev->pin = 0;
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

	if (!f)
		return NOTIFY_DONE;

	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		func_added(f, to_pci_dev(dev));
		func_set_dma_ops(dev);
		break;
	case BUS_NOTIFY_REMOVED_DEVICE:
		f->pdev = NULL;
		break;
	case BUS_NOTIFY_BIND_DRIVER:
		pciem_iommu_drop(f);
		func_set_dma_ops(dev);
		WRITE_ONCE(f->driver_bound, true);
		break;
	case BUS_NOTIFY_BOUND_DRIVER:
		func_note(f, PCIEM_RECORD_BIND, PCIEM_EVENT_BIND, dev->driver->name);
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

/* ------------------------------------------------------------------- bridge lifetime */

static void bridge_free(struct pciem_bridge *b)
{
	struct pciem_slot *slot = b->slot;
	int i;

	if (b->msi_domain)
		irq_domain_remove(b->msi_domain);
	if (b->msi_fwnode)
		irq_domain_free_fwnode(b->msi_fwnode);
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		if (slot->func[i]) {
			pciem_irq_exit(slot->func[i]);
			pciem_iommu_exit(slot->func[i]);
		}
	}
	ida_free(&domains, b->sysdata.domain);
	kfree(b);
	pciem_slot_put(slot);
	module_put(THIS_MODULE);
}

static void bridge_free_work(struct work_struct *work)
{
	bridge_free(container_of(work, struct pciem_bridge, free_work));
}

static void bridge_last_put(struct kref *ref)
{
	struct pciem_bridge *b = container_of(ref, struct pciem_bridge, ref);

	/* Whoever let go of the last pci_dev may not be able to sleep. */
	queue_work(bridge_wq, &b->free_work);
}

static void bridge_released(struct pci_host_bridge *host)
{
	struct pciem_bridge *b = host->release_data;

	complete(&b->released);
	kref_put(&b->ref, bridge_last_put);
}

static int domain_alloc(void)
{
	int domain, first = DOMAIN_FIRST;

	for (;;) {
		domain = ida_alloc_range(&domains, first, DOMAIN_LAST, GFP_KERNEL);
		if (domain < 0 || !pci_find_bus(domain, PCIEM_ROOT_BUS))
			return domain;
		ida_free(&domains, domain);
		first = domain + 1;
	}
}

static struct pciem_bridge *bridge_alloc(struct pciem_slot *slot)
{
	struct pciem_bridge *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	int domain;

	if (!b)
		return ERR_PTR(-ENOMEM);
	domain = domain_alloc();
	if (domain < 0) {
		kfree(b);
		return ERR_PTR(domain);
	}
	b->sysdata.domain = domain;
	b->sysdata.node = first_memory_node;
	kref_init(&b->ref);
	raw_spin_lock_init(&b->port_lock);
	init_completion(&b->released);
	INIT_WORK(&b->free_work, bridge_free_work);
	b->busn = (struct resource) {
		.name = "pciem bus", .start = PCIEM_ROOT_BUS, .end = PCIEM_CHILD_BUS,
		.flags = IORESOURCE_BUS,
	};
	pciem_slot_get(slot);
	__module_get(THIS_MODULE);
	b->slot = slot;
	return b;
}

static struct pci_host_bridge *host_alloc(struct pciem_bridge *b)
{
	struct pci_host_bridge *host = pci_alloc_host_bridge(0);

	if (!host)
		return NULL;
	kref_get(&b->ref);
	pci_set_host_bridge_release(host, bridge_released, b);
	host->sysdata = &b->sysdata;
	host->ops = &bridge_ops;
	host->busnr = PCIEM_ROOT_BUS;
	/* The port has neither hotplug nor AER nor PME: nobody shall look for them. */
	host->native_aer = 0;
	host->native_pcie_hotplug = 0;
	host->native_shpc_hotplug = 0;
	host->native_pme = 0;
	host->native_ltr = 0;
	host->native_dpc = 0;
	pci_add_resource(&host->windows, &b->busn);
	if (b->low.parent)
		pci_add_resource(&host->windows, &b->low);
	if (b->high.parent)
		pci_add_resource(&host->windows, &b->high);
	dev_set_msi_domain(&host->dev, b->msi_domain);
	return host;
}

/* ------------------------------------------------------------------ onto the bus */

/* Every function was found, and has every BAR where it was programmed. */
static int check_scan(struct pciem_slot *slot)
{
	int i, j;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		struct pciem_func *f = slot->func[i];

		if (!f)
			continue;
		if (!f->pdev) {
			pr_err("pciem: slot %u: the bus scan did not find function %d\n",
			       slot->id, i);
			return -EINVAL;
		}
		for (j = 0; j <= PCIEM_MAX_BARS; j++) {
			if (!f->bar[j].size || (f->pdev->resource[j].parent &&
						f->pdev->resource[j].start == f->bar[j].window))
				continue;
			pci_err(f->pdev, "BAR %d could not be claimed at %#llx\n", j,
				f->bar[j].window);
			return -ENOSPC;
		}
	}
	return 0;
}

static int bridge_scan(struct pciem_bridge *b)
{
	struct pci_bus *child;
	int err;

	pci_lock_rescan_remove();
	err = pci_scan_root_bus_bridge(b->host);
	if (!err) {
		b->bus = b->host->bus;
		pci_bus_claim_resources(b->bus);
		list_for_each_entry(child, &b->bus->children, node)
			pcie_bus_configure_settings(child);
		err = check_scan(b->slot);
	}
	pci_unlock_rescan_remove();
	return err;
}

static int funcs_init(struct pciem_slot *slot)
{
	int i, err = slot->func[0] ? 0 : -EINVAL;

	if (err)
		pr_err("pciem: slot %u has no function 0, so a scan would find none\n", slot->id);
	for (i = 0; !err && i < PCIEM_MAX_FUNCTIONS; i++) {
		if (!slot->func[i])
			continue;
		err = pciem_irq_init(slot->func[i]);
		if (!err)
			err = pciem_iommu_init(slot->func[i]);
	}
	return err;
}

/* ---------------------------------------------------------------- off the bus */

/* Drivers ask for it before they wait for a device that does not answer. */
static void mark_disconnected(struct pciem_bridge *b)
{
	struct pci_dev *pdev;
	int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		pdev = pci_get_domain_bus_and_slot(b->sysdata.domain, PCIEM_CHILD_BUS,
						   PCI_DEVFN(0, i));
		if (!pdev)
			continue;
		xchg(&pdev->error_state, pci_channel_io_perm_failure);
		pci_dev_put(pdev);
	}
}

static void forget_addresses(struct pciem_slot *slot)
{
	int i, j;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		for (j = 0; slot->func[i] && j <= PCIEM_MAX_BARS; j++)
			WRITE_ONCE(slot->func[i]->bar[j].window, 0);
}

static void bridge_unplug(struct pciem_bridge *b)
{
	pci_lock_rescan_remove();
	if (b->bus) {
		pci_stop_root_bus(b->bus);
		pci_remove_root_bus(b->bus);
		b->bus = NULL;
	}
	pci_unlock_rescan_remove();
	forget_addresses(b->slot);
	pciem_bridge_release_windows(b);
}

static void bridge_drop(struct pciem_slot *slot)
{
	struct pciem_bridge *b = slot->bridge;

	slot->bridge = NULL;
	if (b->host) {
		pci_free_host_bridge(b->host);
		if (!wait_for_completion_timeout(&b->released, HZ))
			pr_info("pciem: slot %u: its PCI device is still held (by an open file?); the rest is freed once it is let go\n",
				slot->id);
	}
	kref_put(&b->ref, bridge_last_put);
	flush_workqueue(bridge_wq);
}

/* ----------------------------------------------------------------------- the calls */

int pciem_bus_register(struct pciem_slot *slot)
{
	struct pciem_bridge *b = bridge_alloc(slot);
	int err;

	if (IS_ERR(b))
		return PTR_ERR(b);
	slot->bridge = b;
	err = funcs_init(slot);
	if (!err)
		err = pciem_bridge_place(b);
	if (!err)
		err = pciem_irq_bridge_init(slot);
	if (err)
		goto fail;
	b->host = host_alloc(b);
	err = b->host ? bridge_scan(b) : -ENOMEM;
	if (err)
		goto fail;
	slot->domain = b->sysdata.domain;
	slot->bus = PCIEM_CHILD_BUS;
	slot->device = 0;
	return 0;

fail:
	bridge_unplug(b);
	bridge_drop(slot);
	return err;
}

void pciem_bus_start(struct pciem_slot *slot)
{
	struct pciem_bridge *b = slot->bridge;

	pci_lock_rescan_remove();
	if (b && b->bus)
		pci_bus_add_devices(b->bus);
	pci_unlock_rescan_remove();
}

void pciem_bus_remove(struct pciem_slot *slot)
{
	if (!slot->bridge)
		return;
	if (READ_ONCE(slot->gone))
		mark_disconnected(slot->bridge);
	bridge_unplug(slot->bridge);
	/* What DMA and interrupts need goes next. */
	pciem_slot_quiesce(slot);
	bridge_drop(slot);
}

int pciem_bus_init(void)
{
	int err;

	pciem_config_init();
	bridge_wq = alloc_workqueue("pciem-bridge", 0, 0);
	if (!bridge_wq)
		return -ENOMEM;
	err = bus_register_notifier(&pci_bus_type, &bus_nb);
	if (err)
		destroy_workqueue(bridge_wq);
	return err;
}

void pciem_bus_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &bus_nb);
	destroy_workqueue(bridge_wq);
	ida_destroy(&domains);
	/* The release callback that dropped the last module reference may not have returned. */
	synchronize_rcu_tasks();
}
