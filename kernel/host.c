// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI domain of a slot: a host bridge with a root port and the slot's functions
 * below it, or (attach.c) a place on a bus of the host's. REGISTER scans it and claims
 * the addresses that bridge.c programmed; START lets drivers bind; removal takes it all
 * off the bus again.
 *
 * A pci_dev may outlive its removal for as long as somebody holds it, so the bridge
 * is reference-counted, and the slot and the module stay until it is gone.
 *
 * Locking in this file: the PCI core's rescan/remove lock for bridge->bus, and bus_lock
 * around our own uses of that.
 */
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

/*
 * The rescan/remove lock cannot be waited for killably, and a probe() that holds it may
 * wait for an answer of the very process whose REGISTER waits for it: that has to be killable.
 */
static DEFINE_MUTEX(bus_lock);

/* ------------------------------------------------------------------- bridge lifetime */

static void bridge_free(struct pciem_bridge *b)
{
	struct pciem_slot *slot = b->slot;
	int i;

	pciem_port_irq_exit(b);
	pciem_irq_bridge_exit(b);
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		if (slot->func[i]) {
			pciem_irq_exit(slot->func[i]);
			pciem_iommu_exit(slot->func[i]);
		}
	}
	ida_free(&domains, b->sysdata.domain);
	kfree(b);
	atomic_dec_return_release(&slot->bridges);
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

void pciem_bridge_put(struct pciem_bridge *b)
{
	kref_put(&b->ref, bridge_last_put);
}

static void bridge_released(struct pci_host_bridge *host)
{
	struct pciem_bridge *b = host->release_data;

	complete(&b->released);
	pciem_bridge_put(b);
}

static bool domain_is_taken(int domain)
{
	bool taken;

	/* The walk over the root buses holds none of them. */
	pci_lock_rescan_remove();
	taken = pci_find_bus(domain, PCIEM_ROOT_BUS);
	pci_unlock_rescan_remove();
	return taken;
}

static int domain_alloc(void)
{
	int domain, first = DOMAIN_FIRST;

	for (;;) {
		domain = ida_alloc_range(&domains, first, DOMAIN_LAST, GFP_KERNEL);
		if (domain < 0 || !domain_is_taken(domain))
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
	pciem_port_setup(b);
	init_completion(&b->released);
	INIT_WORK(&b->free_work, bridge_free_work);
	b->busn = (struct resource) {
		.name = "pciem bus", .start = PCIEM_ROOT_BUS, .end = PCIEM_CHILD_BUS,
		.flags = IORESOURCE_BUS,
	};
	pciem_slot_get(slot);
	atomic_inc(&slot->bridges);
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
	host->ops = &pciem_pci_ops;
	host->busnr = PCIEM_ROOT_BUS;
	/* The port has neither hotplug nor PME: nobody shall look for them. */
	host->native_aer = 1;
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
			const struct resource *res = &f->pdev->resource[j];

			/* The size, too: the owner may have changed the masks meanwhile. */
			if (!f->bar[j].size || (res->parent && res->start == f->bar[j].window &&
						resource_size(res) == f->bar[j].size))
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

void pciem_bus_disconnect(struct pciem_slot *slot)
{
	struct pci_dev *pdev;
	int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		if (!slot->func[i])
			continue;
		pdev = pci_get_domain_bus_and_slot(slot->domain, slot->bus,
						   PCI_DEVFN(slot->device, i));
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
	if (b->bus && b->slot->attach) {
		pciem_detach(b);
		b->bus = NULL;
	} else if (b->bus) {
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
	pciem_bridge_put(b);
	flush_workqueue(bridge_wq);
}

/* ----------------------------------------------------------------------- the calls */

static int own_bus(struct pciem_bridge *b)
{
	int err = pciem_port_irq_init(b);

	if (err)
		return err;
	b->host = host_alloc(b);
	err = b->host ? bridge_scan(b) : -ENOMEM;
	if (err)
		return err;
	b->slot->domain = b->sysdata.domain;
	b->slot->bus = PCIEM_CHILD_BUS;
	b->slot->device = 0;
	return 0;
}

/* bus_lock */
static int register_locked(struct pciem_slot *slot)
{
	struct pciem_bridge *b;
	int err;

	/* Of an attempt that failed: somebody still holds its device, and it frees what the functions have when it goes. */
	if (atomic_read_acquire(&slot->bridges))
		return -EBUSY;
	b = bridge_alloc(slot);
	if (IS_ERR(b))
		return PTR_ERR(b);
	slot->bridge = b;
	err = funcs_init(slot);
	if (!err)
		err = pciem_bridge_place(b);
	if (!err)
		err = pciem_irq_bridge_init(slot);
	if (!err)
		err = slot->attach ? pciem_attach(b) : own_bus(b);
	if (!err)
		return 0;
	bridge_unplug(b);
	/* It may be about to use what is freed now. */
	pciem_seq_stop(slot);
	bridge_drop(slot);
	return err;
}

int pciem_bus_register(struct pciem_slot *slot)
{
	int err = mutex_lock_killable(&bus_lock);

	if (err)
		return err;
	err = register_locked(slot);
	mutex_unlock(&bus_lock);
	return err;
}

/* A rescan may have added it since it was registered; a driver that looked at it then may have found nothing yet. */
static void offer_again(struct pciem_slot *slot)
{
	int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (slot->func[i] && slot->func[i]->pdev && slot->func[i]->pdev->match_driver &&
		    device_attach(&slot->func[i]->pdev->dev) < 0)
			pci_warn(slot->func[i]->pdev, "its driver refuses it\n");
}

void pciem_bus_start(struct pciem_slot *slot)
{
	struct pciem_bridge *b = slot->bridge;

	mutex_lock(&bus_lock);
	pci_lock_rescan_remove();
	if (b && b->bus) {
		offer_again(slot);
		if (slot->attach)
			pciem_attach_start(b);
		else
			pci_bus_add_devices(b->bus);
	}
	pci_unlock_rescan_remove();
	mutex_unlock(&bus_lock);
}

void pciem_bus_remove(struct pciem_slot *slot)
{
	if (!slot->bridge)
		return;
	/* It may have vanished since slot_remove_work() looked. */
	if (READ_ONCE(slot->gone))
		pciem_bus_disconnect(slot);
	mutex_lock(&bus_lock);
	bridge_unplug(slot->bridge);
	mutex_unlock(&bus_lock);
	/* What DMA and interrupts need goes next. */
	pciem_slot_quiesce(slot);
	bridge_drop(slot);
}

int pciem_host_init(void)
{
	bridge_wq = alloc_workqueue("pciem-bridge", 0, 0);
	return bridge_wq ? 0 : -ENOMEM;
}

void pciem_host_exit(void)
{
	destroy_workqueue(bridge_wq);
	ida_destroy(&domains);
	/* The release callback that dropped the last module reference may not have returned. */
	synchronize_rcu_tasks();
}
