// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's mappings of BARs: areas of vmalloc space whose page table entries
 * were never present, so that no TLB of any CPU can hold one, and an access
 * faults. Pages of a `direct` range are the exception: they are the BAR's memory.
 *
 * Lookups happen in any context, NMI included: a sorted array under RCU. Changes
 * copy it under table_lock. An access in flight holds a reference on its mapping,
 * and iounmap() waits for it, so that the slot outlives what is being served.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait_bit.h>
#include <asm/pgtable.h>

#include "trap.h"

#ifndef CONFIG_VMAP_PFN
#error "pciem needs CONFIG_VMAP_PFN (a graphics driver selects it)"
#endif

/* A driver may map more than the BAR, but not without end. */
#define MAX_SIZE	SZ_4G

/* No machine has memory there, which is all that vmap_pfn() wants to know. */
#define NO_PFN	(1UL << (52 - PAGE_SHIFT))

struct mapping_table {
	struct rcu_head rcu;
	unsigned int nr;
	struct pciem_mapping *at[];	/* by start */
};

static struct mapping_table __rcu *table;
static DEFINE_MUTEX(table_lock);

/* RCU */
static struct pciem_mapping *find(unsigned long addr)
{
	struct mapping_table *t = rcu_dereference_check(table, lockdep_is_held(&table_lock));
	unsigned int low = 0, high = t ? t->nr : 0;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		struct pciem_mapping *map = t->at[mid];

		if (addr < map->start)
			high = mid;
		else if (addr >= map->end)
			low = mid + 1;
		else
			return map;
	}
	return NULL;
}

bool pciem_mapping_covers(unsigned long addr, bool *own)
{
	struct pciem_mapping *map;

	rcu_read_lock();
	map = find(addr);
	if (map && own)
		*own = map->own;
	rcu_read_unlock();
	return map;
}

struct pciem_mapping *pciem_mapping_get(unsigned long addr)
{
	struct pciem_mapping *map;

	rcu_read_lock();
	map = find(addr);
	if (map && !refcount_inc_not_zero(&map->users))
		map = NULL;
	rcu_read_unlock();
	return map;
}

void pciem_mapping_put(struct pciem_mapping *map)
{
	if (refcount_dec_and_test(&map->users))
		wake_up_var(&map->users);
}

int pciem_mapping_for_each(int (*fn)(struct pciem_mapping *map, void *arg), void *arg)
{
	struct mapping_table *t;
	unsigned int i;
	int ret = 0;

	mutex_lock(&table_lock);
	t = rcu_dereference_protected(table, lockdep_is_held(&table_lock));
	for (i = 0; t && i < t->nr && !ret; i++)
		ret = fn(t->at[i], arg);
	mutex_unlock(&table_lock);
	return ret;
}

/* Replaces the table by one with map added, or removed. */
static int table_change(struct pciem_mapping *map, bool add)
{
	struct mapping_table *old, *new;
	unsigned int nr, i, n = 0;

	lockdep_assert_held(&table_lock);
	old = rcu_dereference_protected(table, lockdep_is_held(&table_lock));
	nr = old ? old->nr : 0;
	/* Shrinking must not fail: there is always room for one too many. */
	new = kmalloc(struct_size(new, at, nr + 1), GFP_KERNEL | (add ? 0 : __GFP_NOFAIL));
	if (!new)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		if (add && n == i && old->at[i]->start > map->start)
			new->at[n++] = map;
		if (old->at[i] != map)
			new->at[n++] = old->at[i];
	}
	if (add && n == nr)
		new->at[n++] = map;
	new->nr = n;
	if (!n) {
		kfree(new);
		new = NULL;
	}
	rcu_assign_pointer(table, new);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/* The page of the BAR's memory behind a page of the mapping, or NULL if it is to trap. */
static struct page *direct_page(struct pciem_mapping *map, unsigned long addr)
{
	u64 offset = map->offset + (addr - map->start);

	if (!PAGE_ALIGNED(offset) || offset >= map->bar->size ||
	    pciem_bar_range(map->bar, offset).policy != PCIEM_BAR_DIRECT)
		return NULL;
	return vmalloc_to_page(map->bar->mem + offset);
}

/* Leaves every entry empty or present: vunmap() warns about anything else. */
static bool fill_area(struct pciem_mapping *map)
{
	unsigned long addr;
	unsigned int level;
	bool ok = true;

	for (addr = map->start; addr < map->end; addr += PAGE_SIZE) {
		pte_t *pte = lookup_address(addr, &level);
		struct page *page = direct_page(map, addr);

		if (!pte || level != PG_LEVEL_4K)
			ok = false;
		else
			set_pte(pte, page ? mk_pte(page, PAGE_KERNEL) : __pte(0));
	}
	return ok;
}

static void *reserve_area(unsigned long pages)
{
	unsigned long *pfns, i;
	void *area;

	pfns = kvmalloc_array(pages, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return NULL;
	for (i = 0; i < pages; i++)
		pfns[i] = NO_PFN;
	/* vmap_pfn() marks it VM_IOREMAP: /proc/kcore does not read it. */
	area = vmap_pfn(pfns, pages, __pgprot(0));
	kvfree(pfns);
	return area;
}

/*
 * Maps size bytes of bar from offset, which is at phys. Takes over the caller's
 * reference on the slot if it succeeds. Without serve, accesses go to
 * pciem_access_serve().
 */
void __iomem *pciem_mapping_create(struct pciem_bar *bar, u64 offset, phys_addr_t phys, unsigned long size,
				   void (*serve)(struct pciem_access *acc))
{
	unsigned long in_page = offset_in_page(phys);
	unsigned long pages = PAGE_ALIGN(in_page + size) >> PAGE_SHIFT;
	struct pciem_mapping *map;
	void *area;
	int err;

	if (!size || size > MAX_SIZE)
		return NULL;
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	area = map ? reserve_area(pages) : NULL;
	if (!area)
		goto no_area;
	map->start = (unsigned long)area;
	map->end = map->start + (pages << PAGE_SHIFT);
	map->offset = offset - in_page;
	map->bar = bar;
	map->serve = serve ?: pciem_access_serve;
	map->own = serve;
	refcount_set(&map->users, 1);
	if (!fill_area(map))
		goto no_table;
	mutex_lock(&table_lock);
	err = table_change(map, true);
	mutex_unlock(&table_lock);
	if (err)
		goto no_table;
	__module_get(THIS_MODULE);
	pciem_watch_mapped(map);
	return (void __iomem *)(map->start + in_page);

no_table:
	vunmap(area);
no_area:
	kfree(map);
	return NULL;
}

void pciem_mapping_destroy(unsigned long addr)
{
	struct pciem_mapping *map;

	mutex_lock(&table_lock);
	map = find(addr);
	if (map)
		table_change(map, false);
	mutex_unlock(&table_lock);
	if (!map)
		return;
	pciem_watch_unmapped(map);
	/* A driver that unmaps what it still accesses is wrong; it waits for the answer all the same. */
	if (!refcount_dec_and_test(&map->users))
		wait_var_event(&map->users, !refcount_read(&map->users));
	vunmap((void *)map->start);
	if (!map->own)
		pciem_slot_put(map->bar->func->slot);
	kfree_rcu(map, rcu);
	module_put(THIS_MODULE);
}
