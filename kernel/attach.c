// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices on a bus that the machine has already: at a device number that nobody has,
 * with their config accesses taken out of the bus's own pci_ops and all others passed
 * on. The PCI core gives them addresses out of the host bridge's windows.
 *
 * Locking in this file: the PCI core's rescan/remove lock for changes. Accesses find a
 * slot under RCU, and hold its bridge while they run, as they may wait for a reader of
 * the stream.
 */
#include <linux/pci.h>
#include <linux/rcupdate.h>

#include "bus.h"

/* A hooked bus. Its entry stays after the last user: an access may have fetched our ops before they went. */
static struct host_bus {
	struct pci_bus *bus;
	struct pci_ops *original;
	struct pci_ops ops;
	unsigned int users;		/* rescan/remove lock */
} host_buses[PCIEM_MAX_SLOTS];

static struct pciem_bridge __rcu *attached[PCIEM_MAX_SLOTS];	/* by the slot's number */
static int nr_attached;

/* ---------------------------------------------------------------------- who is there */

/* RCU. Most accesses on this machine are not ours. */
static struct pciem_bridge *attach_find(struct pci_bus *bus, unsigned int device)
{
	struct pciem_bridge *b;
	int i;

	if (!READ_ONCE(nr_attached))
		return NULL;
	for (i = 0; i < PCIEM_MAX_SLOTS; i++) {
		b = rcu_dereference(attached[i]);
		if (b && b->bus == bus && b->device == device)
			return b;
	}
	return NULL;
}

static struct pciem_bridge *attach_get(struct pci_bus *bus, unsigned int devfn)
{
	struct pciem_bridge *b;

	rcu_read_lock();
	b = attach_find(bus, PCI_SLOT(devfn));
	if (b && !kref_get_unless_zero(&b->ref))
		b = NULL;
	rcu_read_unlock();
	return b;
}

/* The device is on the bus, so its slot stays. */
struct pciem_func *pciem_attach_func(struct pci_bus *bus, unsigned int devfn)
{
	struct pciem_func *f = NULL;
	struct pciem_bridge *b;

	rcu_read_lock();
	b = attach_find(bus, PCI_SLOT(devfn));
	if (b)
		f = b->slot->func[PCI_FUNC(devfn)];
	rcu_read_unlock();
	return f;
}

/* --------------------------------------------------------------------------- pci_ops */

static struct pci_ops *original_of(const struct pci_bus *bus)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(host_buses); i++)
		if (READ_ONCE(host_buses[i].bus) == bus)
			return host_buses[i].original;
	return NULL;
}

/* A bus has the ops of the one above it, as they were when it was found. */
static struct pci_ops *original_ops(const struct pci_bus *bus)
{
	struct pci_ops *ops = NULL;

	for (; bus && !ops; bus = bus->parent)
		ops = original_of(bus);
	return ops;
}

static int host_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	struct pci_ops *ops = original_ops(bus);

	return ops ? ops->read(bus, devfn, where, size, val) : PCIBIOS_DEVICE_NOT_FOUND;
}

static int host_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	struct pci_ops *ops = original_ops(bus);

	return ops ? ops->write(bus, devfn, where, size, val) : PCIBIOS_DEVICE_NOT_FOUND;
}

static int attach_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	struct pciem_bridge *b = attach_get(bus, devfn);
	int ret = PCIBIOS_DEVICE_NOT_FOUND;
	struct pciem_func *f;

	if (!b)
		return host_read(bus, devfn, where, size, val);
	*val = ~0U;
	f = b->slot->func[PCI_FUNC(devfn)];
	if (f)
		ret = pciem_config_read(f, where, size, _RET_IP_, val);
	pciem_bridge_put(b);
	return ret;
}

static int attach_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	struct pciem_bridge *b = attach_get(bus, devfn);
	int ret = PCIBIOS_DEVICE_NOT_FOUND;
	struct pciem_func *f;

	if (!b)
		return host_write(bus, devfn, where, size, val);
	f = b->slot->func[PCI_FUNC(devfn)];
	if (f)
		ret = pciem_config_write(f, where, size, _RET_IP_, val);
	pciem_bridge_put(b);
	return ret;
}

static struct host_bus *host_bus_entry(struct pci_bus *bus)
{
	struct host_bus *free = NULL;
	int i;

	for (i = 0; i < ARRAY_SIZE(host_buses); i++) {
		if (host_buses[i].bus == bus)
			return &host_buses[i];
		if (!free && !host_buses[i].users)
			free = &host_buses[i];
	}
	return free;
}

static int host_bus_hook(struct pci_bus *bus)
{
	struct host_bus *h = host_bus_entry(bus);

	if (!h)
		return -ENOSPC;
	if (h->users++)
		return 0;
	get_device(&bus->dev);
	h->original = bus->ops;
	h->ops = *bus->ops;
	h->ops.read = attach_read;
	h->ops.write = attach_write;
	/* attach_read() and attach_write() come only once the ops below are there. */
	smp_store_release(&h->bus, bus);
	pci_bus_set_ops(bus, &h->ops);
	return 0;
}

/* Buses that were found below it meanwhile, too. */
static void host_bus_restore(struct pci_bus *bus, struct host_bus *h)
{
	struct pci_bus *child;

	if (bus->ops == &h->ops)
		pci_bus_set_ops(bus, h->original);
	list_for_each_entry(child, &bus->children, node)
		host_bus_restore(child, h);
}

static void host_bus_unhook(struct pci_bus *bus)
{
	struct host_bus *h = host_bus_entry(bus);

	if (--h->users)
		return;
	host_bus_restore(bus, h);
	put_device(&bus->dev);
}

/* -------------------------------------------------------------------------- a place */

static bool device_is_free(struct pci_bus *bus, unsigned int device)
{
	struct pci_dev *pdev;
	unsigned int i;
	u32 id;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		pdev = pci_get_slot(bus, PCI_DEVFN(device, i));
		if (pdev) {
			pci_dev_put(pdev);
			return false;
		}
	}
	if (pci_bus_read_config_dword(bus, PCI_DEVFN(device, 0), PCI_VENDOR_ID, &id))
		return true;
	return id == ~0U || !id;
}

/* From above: what firmware and hypervisors add comes from below. */
static int find_place(struct pciem_bridge *b)
{
	struct pci_bus *bus = NULL;
	int device;

	while ((bus = pci_find_next_bus(bus))) {
		if (bus->ops == &pciem_pci_ops)
			continue;
		for (device = 31; device; device--) {
			if (!device_is_free(bus, device))
				continue;
			b->bus = bus;
			b->device = device;
			return 0;
		}
	}
	pr_err("pciem: slot %u: no device number is free on any root bus of this machine\n",
	       b->slot->id);
	return -ENOSPC;
}

/* ------------------------------------------------------------------- on and off it */

static int assign_bars(struct pciem_func *f)
{
	int i, err;

	for (i = 0; i <= PCIEM_MAX_BARS; i++) {
		struct resource *res = &f->pdev->resource[i];

		if (!f->bar[i].size)
			continue;
		/* The owner may have changed the masks since. */
		if (resource_size(res) != f->bar[i].size)
			return -EINVAL;
		err = res->parent ? 0 : pci_assign_resource(f->pdev, i);
		if (err)
			return err;
		WRITE_ONCE(f->bar[i].window, res->start);
	}
	return 0;
}

static int attach_scan(struct pciem_bridge *b)
{
	struct pciem_slot *slot = b->slot;
	int i, err = 0;

	pci_scan_slot(b->bus, PCI_DEVFN(b->device, 0));
	for (i = 0; !err && i < PCIEM_MAX_FUNCTIONS; i++) {
		if (!slot->func[i])
			continue;
		if (slot->func[i]->pdev) {
			err = assign_bars(slot->func[i]);
		} else {
			pr_err("pciem: slot %u: the bus scan did not find function %d\n",
			       slot->id, i);
			err = -EINVAL;
		}
	}
	return err;
}

int pciem_attach(struct pciem_bridge *b)
{
	struct pciem_slot *slot = b->slot;
	int err;

	pci_lock_rescan_remove();
	err = find_place(b);
	if (!err)
		err = host_bus_hook(b->bus);
	if (err) {
		b->bus = NULL;
	} else {
		rcu_assign_pointer(attached[slot->id], b);
		WRITE_ONCE(nr_attached, nr_attached + 1);
		err = attach_scan(b);
	}
	if (!err) {
		slot->domain = pci_domain_nr(b->bus);
		slot->bus = b->bus->number;
		slot->device = b->device;
	}
	pci_unlock_rescan_remove();
	return err;
}

/* rescan/remove lock */
void pciem_attach_start(struct pciem_bridge *b)
{
	struct pci_dev *pdev;
	int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		pdev = b->slot->func[i] ? b->slot->func[i]->pdev : NULL;
		if (pdev && !pdev->match_driver)
			pci_bus_add_device(pdev);
	}
}

void pciem_detach(struct pciem_bridge *b)
{
	int i;

	for (i = PCIEM_MAX_FUNCTIONS - 1; i >= 0; i--)
		if (b->slot->func[i] && b->slot->func[i]->pdev)
			pci_stop_and_remove_bus_device(b->slot->func[i]->pdev);
	RCU_INIT_POINTER(attached[b->slot->id], NULL);
	WRITE_ONCE(nr_attached, nr_attached - 1);
	host_bus_unhook(b->bus);
	/* Whoever found it holds it from now on. */
	synchronize_rcu();
}
