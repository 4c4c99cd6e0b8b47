// SPDX-License-Identifier: GPL-2.0-only
/*
 * The addresses of everything: windows
 * are found in the machine's own address space, then BARs and bridge windows are
 * programmed as firmware does, so that the PCI core only has to claim them.
 *
 * A root port's window for memory that is not prefetchable ends at 4 GiB: such BARs,
 * whatever their width, come out of the first host bus's own window. Prefetchable
 * 64-bit BARs go into a hole of the physical address space.
 *
 * Locking in this file: none; placement runs once, before the bus exists.
 */
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/sort.h>
#include <asm/processor.h>

#include "bus.h"

#define BRIDGE_GRANULE	SZ_1M		/* of a memory window */

/* ------------------------------------------------------------------- BAR registers */

static int bar_register(const struct pciem_bar *bar)
{
	return bar->index < PCIEM_MAX_BARS ? PCI_BASE_ADDRESS_0 + 4 * bar->index :
					     PCI_ROM_ADDRESS;
}

static bool bar_is_64(const struct pciem_bar *bar)
{
	return bar->index < PCIEM_MAX_BARS &&
	       (bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

static bool bar_is_high(const struct pciem_bar *bar)
{
	return bar_is_64(bar) && bar->flags & PCI_BASE_ADDRESS_MEM_PREFETCH;
}

/* Address bits below the size read zero: that is how the core learns the size. */
static void bar_program(struct pciem_bar *bar, u64 address)
{
	struct pciem_config_space *cfg = bar->func->cfg;
	int reg = bar_register(bar);
	u64 mask = ~(bar->size - 1);

	if (bar->index == PCIEM_MAX_BARS)
		pciem_cfg_set32(cfg, reg, address,
				(mask & PCI_ROM_ADDRESS_MASK) | PCI_ROM_ADDRESS_ENABLE);
	else
		pciem_cfg_set32(cfg, reg, address | (bar->flags & ~PCI_BASE_ADDRESS_MEM_MASK & 0xf),
				mask & PCI_BASE_ADDRESS_MEM_MASK);
	if (bar_is_64(bar))
		pciem_cfg_set32(cfg, reg + 4, address >> 32, mask >> 32);
}

/* --------------------------------------------------------------------- placement */

#define MAX_PLACED	(PCIEM_MAX_FUNCTIONS * (PCIEM_MAX_BARS + 1))

/* The BARs of one window, in the order in which they are placed. */
struct placement {
	struct pciem_bar *bar[MAX_PLACED];
	unsigned int nr;
	u64 size;
};

/* Accesses are told apart by page, so no two BARs share one. */
static u64 bar_room(const struct pciem_bar *bar)
{
	return max_t(u64, bar->size, PAGE_SIZE);
}

/* Biggest first: everything is then aligned to its own size without a gap. */
static int bigger_first(const void *a, const void *b)
{
	const struct pciem_bar *x = *(struct pciem_bar * const *)a;
	const struct pciem_bar *y = *(struct pciem_bar * const *)b;

	if (bar_room(x) != bar_room(y))
		return bar_room(x) < bar_room(y) ? 1 : -1;
	if (x->func->num != y->func->num)
		return x->func->num - y->func->num;
	return x->index - y->index;
}

static void collect(struct pciem_slot *slot, bool high, struct placement *p)
{
	int i, j;

	p->nr = 0;
	p->size = 0;
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		for (j = 0; slot->func[i] && j <= PCIEM_MAX_BARS; j++) {
			struct pciem_bar *bar = &slot->func[i]->bar[j];

			if (!bar->size || bar_is_high(bar) != high)
				continue;
			p->bar[p->nr++] = bar;
			/* No overflow: 56 powers of two, checked again by the allocation. */
			p->size = min_t(u64, p->size + bar_room(bar), 1ULL << 62);
		}
	}
	p->size = ALIGN(p->size, BRIDGE_GRANULE);
	sort(p->bar, p->nr, sizeof(p->bar[0]), bigger_first, NULL);
}

static u64 placement_align(const struct placement *p)
{
	return max_t(u64, bar_room(p->bar[0]), BRIDGE_GRANULE);
}

static void assign(const struct placement *p, u64 address)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		WRITE_ONCE(p->bar[i]->window, address);
		bar_program(p->bar[i], address);
		address += bar_room(p->bar[i]);
	}
}

static int place_high(struct pciem_bridge *b, const struct placement *p)
{
	u64 top = 1ULL << min_t(u8, boot_cpu_data.x86_phys_bits, 52);

	b->high = (struct resource) {
		.name = "pciem prefetchable memory",
		.flags = IORESOURCE_MEM | IORESOURCE_MEM_64 | IORESOURCE_PREFETCH,
	};
	if (p->size > top / 2)
		return -ENOSPC;
	/* The upper half: no RAM will be added there. Not marked busy: drivers request it. */
	return allocate_resource(&iomem_resource, &b->high, p->size, top / 2, top - 1,
				 placement_align(p), NULL, NULL);
}

/* Memory windows of the first host bus, but not the legacy one below 1 MiB. */
static int alloc_below_4g(struct pci_bus *host, struct resource *res, u64 size, u64 align)
{
	struct resource *window;
	int i;

	pci_bus_for_each_resource(host, window, i) {
		if (!window || resource_type(window) != IORESOURCE_MEM ||
		    window->flags & IORESOURCE_PREFETCH || window->start < SZ_1M ||
		    window->start > U32_MAX)
			continue;
		if (!allocate_resource(window, res, size, window->start,
				       min_t(u64, window->end, U32_MAX), align, NULL, NULL))
			return 0;
	}
	return -ENOSPC;
}

static int place_low(struct pciem_bridge *b, const struct placement *p)
{
	struct pci_bus *host;
	int err = -ENOSPC;

	b->low = (struct resource) {
		.name = "pciem memory",
		.flags = IORESOURCE_MEM,
	};
	if (p->size > SZ_2G)
		return -ENOSPC;
	pci_lock_rescan_remove();
	host = pci_find_bus(0, 0);
	if (host)
		err = alloc_below_4g(host, &b->low, p->size, placement_align(p));
	pci_unlock_rescan_remove();
	return err;
}

static int no_room(struct pciem_bridge *b, const char *where, u64 size)
{
	pr_err("pciem: slot %u: no room for %llu MiB of BARs %s\n", b->slot->id,
	       size / SZ_1M, where);
	return -ENOSPC;
}

void pciem_bridge_release_windows(struct pciem_bridge *b)
{
	if (b->low.parent)
		release_resource(&b->low);
	if (b->high.parent)
		release_resource(&b->high);
}

/* ------------------------------------------------------------------------ together */

/* What a reset brings back: the image, with BARs that decode nothing yet. */
static int prepare_functions(struct pciem_slot *slot)
{
	unsigned int i, j, nr = 0;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		nr += !!slot->func[i];
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		struct pciem_func *f = slot->func[i];

		if (!f)
			continue;
		for (j = 0; j <= PCIEM_MAX_BARS; j++) {
			if (f->bar[j].size && f->bar[j].flags & PCI_BASE_ADDRESS_SPACE_IO)
				return -EOPNOTSUPP;
			if (f->bar[j].size)
				bar_program(&f->bar[j], 0);
		}
		f->cfg->value[PCI_HEADER_TYPE] &= 0x7f;
		if (nr > 1)
			f->cfg->value[PCI_HEADER_TYPE] |= 0x80;
		memcpy(f->cfg->reset, f->cfg->value, sizeof(f->cfg->reset));
	}
	return 0;
}

int pciem_bridge_place(struct pciem_bridge *b)
{
	struct placement p;
	int err;

	err = prepare_functions(b->slot);
	if (err || b->slot->attach)
		return err;

	collect(b->slot, false, &p);
	if (p.nr) {
		if (place_low(b, &p))
			return no_room(b, "below 4 GiB (64-bit prefetchable ones go above)", p.size);
		assign(&p, b->low.start);
	}
	collect(b->slot, true, &p);
	if (p.nr) {
		if (place_high(b, &p))
			return no_room(b, "in the physical address space", p.size);
		assign(&p, b->high.start);
	}
	pciem_port_init(b);
	pciem_port_windows(b);
	return 0;
}
