// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs: their memory, their ranges, and which of them decodes an address.
 *
 * Locking in this file: slot->lock for a BAR's description; ranges are read under
 * RCU. bars_lock protects the list of all BARs, which is searched in any context;
 * func->cfg_lock nests inside it. A slot is found only while it has a reference,
 * and leaves the list before it is freed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pciem.h"

#define MIN_SIZE	16
#define MAX_SIZE	SZ_1G

static LIST_HEAD(bars);
static DEFINE_RAW_SPINLOCK(bars_lock);

/* The ROM register's own shape: an enable bit, and no type bits (PCI 3.0, 6.2.5.2). */
#define ROM_MIN_SIZE	SZ_2K
#define ROM_MAX_SIZE	SZ_16M

static bool is_rom(const struct pciem_bar *bar)
{
	return bar->index == PCIEM_MAX_BARS;
}

static bool is_64bit(const struct pciem_bar *bar)
{
	return (bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/* ------------------------------------------------------------------- description */

static int check_description(struct pciem_func *f, u32 index, u32 flags, u64 size)
{
	u32 type = flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK;

	if (index > PCIEM_MAX_BARS || !is_power_of_2(size) || size < MIN_SIZE)
		return -EINVAL;
	if (index == PCIEM_MAX_BARS && (flags & ~PCI_BASE_ADDRESS_MEM_PREFETCH || size < ROM_MIN_SIZE ||
					size > ROM_MAX_SIZE))
		return -EINVAL;
	if (flags & PCI_BASE_ADDRESS_SPACE_IO) {
		pr_notice("I/O BARs are not supported: the kernel's own in and out instructions do not fault; use a memory BAR\n");
		return -EOPNOTSUPP;
	}
	if (type != PCI_BASE_ADDRESS_MEM_TYPE_32 && type != PCI_BASE_ADDRESS_MEM_TYPE_64)
		return -EINVAL;
	if (size > MAX_SIZE) {
		pr_notice("a BAR of %llu bytes is not supported; the most is 1 GiB\n", size);
		return -EOPNOTSUPP;
	}
	if (f->bar[index].size || (index && f->bar[index - 1].size && is_64bit(&f->bar[index - 1])))
		return -EBUSY;
	if (type == PCI_BASE_ADDRESS_MEM_TYPE_64) {
		if (index == PCIEM_MAX_BARS - 1)
			return -EINVAL;
		if (f->bar[index + 1].size)
			return -EBUSY;
	}
	return 0;
}

/* The register: its type bits are constant, its address bits below the size are zero. Sizing follows. */
static void describe_register(struct pciem_bar *bar)
{
	struct pciem_func *f = bar->func;
	unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * bar->index;
	u64 mask = ~(bar->size - 1);
	unsigned long irq_flags;

	/* bridge.c describes it when it places it. */
	if (is_rom(bar))
		return;
	raw_spin_lock_irqsave(&f->cfg_lock, irq_flags);
	put_unaligned_le32(bar->flags, f->cfg->value + reg);
	put_unaligned_le32((u32)mask & PCI_BASE_ADDRESS_MEM_MASK, f->cfg->writable + reg);
	if (is_64bit(bar)) {
		put_unaligned_le32(0, f->cfg->value + reg + 4);
		put_unaligned_le32(mask >> 32, f->cfg->writable + reg + 4);
	}
	raw_spin_unlock_irqrestore(&f->cfg_lock, irq_flags);
}

int pciem_bar_add(struct pciem_func *f, u32 index, u32 flags, u64 size)
{
	struct pciem_ranges *ranges;
	struct pciem_bar *bar;
	unsigned long irq_flags;
	u8 *mem;
	int err;

	err = check_description(f, index, flags, size);
	if (err)
		return err;
	ranges = kzalloc(struct_size(ranges, range, 1), GFP_KERNEL_ACCOUNT);
	/*
	 * Charged to the owner's memory cgroup, and present from the start: a trap cannot allocate.
	 * Too large a BAR is the caller's mistake: nobody shall be killed for it.
	 */
	mem = __vmalloc(PAGE_ALIGN(size), GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	if (!ranges || !mem) {
		kfree(ranges);
		vfree(mem);
		return -ENOMEM;
	}
	ranges->nr = 1;
	ranges->range[0].end = size;
	if (index == PCIEM_MAX_BARS)
		ranges->range[0].flags = PCIEM_TRACE_NO_STORE;

	bar = &f->bar[index];
	bar->func = f;
	bar->index = index;
	bar->flags = flags & (PCI_BASE_ADDRESS_MEM_TYPE_MASK | PCI_BASE_ADDRESS_MEM_PREFETCH);
	bar->mem = mem;
	bar->size = size;
	rcu_assign_pointer(bar->ranges, ranges);
	describe_register(bar);

	raw_spin_lock_irqsave(&bars_lock, irq_flags);
	list_add_tail(&bar->node, &bars);
	raw_spin_unlock_irqrestore(&bars_lock, irq_flags);
	return 0;
}

/* With the slot's last reference: no mapping and no access is left. */
void pciem_bar_free(struct pciem_bar *bar)
{
	unsigned long irq_flags;

	if (!bar->size)
		return;
	raw_spin_lock_irqsave(&bars_lock, irq_flags);
	list_del(&bar->node);
	raw_spin_unlock_irqrestore(&bars_lock, irq_flags);
	kfree(rcu_dereference_protected(bar->ranges, 1));
	pciem_registers_free(bar);
	pciem_programs_free(bar);
	vfree(bar->mem);
	bar->size = 0;
}

/* ------------------------------------------------------------------------ ranges */

struct pciem_range pciem_bar_range(struct pciem_bar *bar, u64 offset)
{
	struct pciem_range range = { .end = bar->size };
	struct pciem_ranges *ranges;
	unsigned int low = 0, high;

	rcu_read_lock();
	ranges = rcu_dereference(bar->ranges);
	high = ranges->nr;
	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (offset < ranges->range[mid].start) {
			high = mid;
		} else if (offset >= ranges->range[mid].end) {
			low = mid + 1;
		} else {
			range = ranges->range[mid];
			break;
		}
	}
	rcu_read_unlock();
	return range;
}

/* Appends a range; one that continues the last is merged with it. */
static void append(struct pciem_ranges *to, u64 start, u64 end, u8 policy, u8 flags)
{
	struct pciem_range *last = to->nr ? &to->range[to->nr - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->policy == policy && last->flags == flags)
		last->end = end;
	else
		to->range[to->nr++] = (struct pciem_range){ start, end, policy, flags };
}

/*
 * Page table entries of live mappings are not changed: what is direct, and what is not, is
 * settled before START, or before a driver that a rescan has let in.
 */
static int check_direct(struct pciem_bar *bar, const struct pciem_ranges *ranges, u64 start, u64 end, u32 policy)
{
	bool started = pciem_slot_state(bar->func->slot) >= PCIEM_STATE_STARTED || READ_ONCE(bar->func->driver_bound);
	unsigned int i;

	if (policy == PCIEM_BAR_DIRECT && !PAGE_ALIGNED(start | end))
		return -EINVAL;
	for (i = 0; started && i < ranges->nr; i++) {
		const struct pciem_range *range = &ranges->range[i];

		if (range->start < end && range->end > start &&
		    (range->policy == PCIEM_BAR_DIRECT) != (policy == PCIEM_BAR_DIRECT))
			return -EBUSY;
	}
	return 0;
}

/* A page is trapped or it is not. */
static bool direct_is_pages(const struct pciem_ranges *ranges)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++)
		if (ranges->range[i].policy == PCIEM_BAR_DIRECT &&
		    !PAGE_ALIGNED(ranges->range[i].start | ranges->range[i].end))
			return false;
	return true;
}

int pciem_bar_set_policy(struct pciem_bar *bar, u64 offset, u64 length, u32 policy, u32 flags)
{
	struct pciem_ranges *old, *new;
	u64 end = length ? offset + length : bar->size;
	unsigned int i;
	int err;

	lockdep_assert_held(&bar->func->slot->lock);
	if (policy > PCIEM_BAR_DIRECT || offset >= bar->size || end <= offset || end > bar->size ||
	    (flags & ~(PCIEM_TRACE_READS | PCIEM_TRACE_WRITES | PCIEM_TRACE_NO_STORE | PCIEM_TRACE_HOLD)) ||
	    (policy == PCIEM_BAR_DIRECT && flags) ||
	    (policy != PCIEM_BAR_SYNC && flags & PCIEM_TRACE_HOLD))
		return -EINVAL;
	old = rcu_dereference_protected(bar->ranges, lockdep_is_held(&bar->func->slot->lock));
	err = check_direct(bar, old, offset, end, policy);
	if (err)
		return err;

	new = kmalloc(struct_size(new, range, old->nr + 2), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->nr = 0;
	for (i = 0; i < old->nr; i++) {
		const struct pciem_range *range = &old->range[i];

		append(new, range->start, min(range->end, offset), range->policy, range->flags);
		if (range->start <= offset && offset < range->end)
			append(new, offset, end, policy, flags);
		append(new, max(range->start, end), range->end, range->policy, range->flags);
	}
	err = new->nr > PCIEM_MAX_RANGES ? -ENOSPC : direct_is_pages(new) ? 0 : -EINVAL;
	if (err) {
		kfree(new);
		return err;
	}
	rcu_assign_pointer(bar->ranges, new);
	kfree_rcu(old, rcu);
	return 0;
}

/* ---------------------------------------------------------------------- addresses */

static u32 rom_register(struct pciem_func *f)
{
	u32 value;

	raw_spin_lock(&f->cfg_lock);
	value = get_unaligned_le32(f->cfg->value + PCI_ROM_ADDRESS);
	raw_spin_unlock(&f->cfg_lock);
	return value;
}

/* Where the config register says that the BAR is; 0 while it has no address. */
static u64 decoded_base(struct pciem_bar *bar)
{
	struct pciem_func *f = bar->func;
	const u8 *reg = f->cfg->value + PCI_BASE_ADDRESS_0 + 4 * bar->index;
	u64 base;

	if (is_rom(bar)) {
		u32 rom = rom_register(f);

		return rom & PCI_ROM_ADDRESS_ENABLE ? rom & PCI_ROM_ADDRESS_MASK : 0;
	}
	raw_spin_lock(&f->cfg_lock);
	base = get_unaligned_le32(reg) & PCI_BASE_ADDRESS_MEM_MASK;
	if (is_64bit(bar))
		base |= (u64)get_unaligned_le32(reg + 4) << 32;
	raw_spin_unlock(&f->cfg_lock);
	/* All ones are written to learn the size, not to move it there; but it may lie there, below a multiple of 4 GiB. */
	return (u32)base == (u32)~(bar->size - 1) && base != READ_ONCE(bar->window) ? 0 : base;
}

bool pciem_bar_decodes(struct pciem_bar *bar)
{
	struct pciem_func *f = bar->func;

	return pciem_config_command(f) & PCI_COMMAND_MEMORY &&
	       (!is_rom(bar) || READ_ONCE(f->cfg->value[PCI_ROM_ADDRESS]) & PCI_ROM_ADDRESS_ENABLE);
}

/* bars_lock */
static struct pciem_bar *find(phys_addr_t phys, u64 *offset)
{
	struct pciem_bar *bar;

	list_for_each_entry(bar, &bars, node) {
		/* Off the bus the register is the owner's text, not an address. */
		u64 base = READ_ONCE(bar->window) ? decoded_base(bar) : 0;

		if (!base || phys < base || phys - base >= bar->size)
			continue;
		*offset = phys - base;
		return bar;
	}
	return NULL;
}

/* Most of the system's mappings are not ours: cheap, any context. */
bool pciem_bar_claims(phys_addr_t phys)
{
	unsigned long irq_flags;
	struct pciem_bar *bar;
	u64 offset;

	if (list_empty(&bars))
		return false;
	raw_spin_lock_irqsave(&bars_lock, irq_flags);
	bar = find(phys, &offset);
	raw_spin_unlock_irqrestore(&bars_lock, irq_flags);
	return bar;
}

struct pciem_bar *pciem_bar_find(phys_addr_t phys, u64 *offset)
{
	unsigned long irq_flags;
	struct pciem_bar *bar;

	raw_spin_lock_irqsave(&bars_lock, irq_flags);
	bar = find(phys, offset);
	if (bar && !kref_get_unless_zero(&bar->func->slot->ref))
		bar = NULL;
	raw_spin_unlock_irqrestore(&bars_lock, irq_flags);
	return bar;
}

/* Pages of the BAR's memory into a userspace mapping. They live as long as that does, whatever happens to the BAR. */
int pciem_bar_insert_pages(struct pciem_bar *bar, u64 offset, struct vm_area_struct *vma, unsigned long addr,
			   unsigned long size)
{
	unsigned long done;
	int err = 0;

	for (done = 0; done < size && !err; done += PAGE_SIZE) {
		err = vm_insert_page(vma, addr + done, vmalloc_to_page(bar->mem + offset + done));
		cond_resched();
	}
	return err;
}

int pciem_bar_mmap(struct pciem_bar *bar, struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start;

	/* A private copy would not be the device's memory. */
	if (size > PAGE_ALIGN(bar->size) || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return pciem_bar_insert_pages(bar, 0, vma, vma->vm_start, size);
}
