// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA mode `direct`: a bus address is a physical address, as on a machine without
 * an IOMMU, for drivers that hand out physical addresses of their own making. The
 * mappings are kept for their history, but nothing is checked against them: the device
 * reaches all of the kernel's allocatable memory, page tables included, as far as the
 * kernel itself may read or write it through its direct map. What it does not reach is
 * what never went through the page allocator (the kernel's own image), and what is no
 * RAM.
 *
 * Locking in this file: none. Memory that is unplugged under an access is not guarded
 * against, as little as it is on such a machine.
 */
#include <linux/dma-map-ops.h>
#include <linux/mm.h>
#include <linux/security.h>

#include "bus.h"
#include "dma-ops.h"
#include "iommu.h"

bool pciem_dma_is_direct(struct device *dev)
{
	struct pciem_func *f = pciem_func_of(dev);

	return f && f->slot->dma_mode == PCIEM_DMA_MODE_DIRECT;
}

/* The direct map lets the kernel at it: module text may not be written, secret memory is not there. */
static bool reachable(u64 addr, unsigned int access)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)phys_to_virt(addr), &level);

	return pte && pte_flags(*pte) & _PAGE_PRESENT &&
	       (access != PCIEM_ACCESS_WRITE || pte_flags(*pte) & _PAGE_RW);
}

u64 pciem_direct_translate(u64 addr, u64 len, unsigned int access, void **va, u64 *fault)
{
	unsigned long pfn = PHYS_PFN(addr);
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;

	if (!page || PageReserved(page) || is_zone_device_page(page) || PageHWPoison(page) ||
	    !reachable(addr, access)) {
		*fault = PCIEM_FAULT_IOMMU_UNMAPPED;
		return 0;
	}
	*va = phys_to_virt(addr);
	return min_t(u64, len, PAGE_SIZE - offset_in_page(addr));
}

/* What a device with so few address bits can be given. */
gfp_t pciem_direct_zone(u64 mask)
{
	if (mask <= DMA_BIT_MASK(24))
		return GFP_DMA;
	return mask <= DMA_BIT_MASK(32) ? GFP_DMA32 : 0;
}

/* Where this machine's memory ends is not for modules to know: its CPU's reach is more. */
u64 pciem_direct_required_mask(void)
{
	return DMA_BIT_MASK(boot_cpu_data.x86_phys_bits);
}

static int mode_set(struct pciem_slot *slot, u32 mode)
{
	if (!slot)
		return -EBUSY;
	/* As /dev/mem: it reaches the kernel. */
	if (mode == PCIEM_DMA_MODE_DIRECT && security_locked_down(LOCKDOWN_DEV_MEM))
		return -EPERM;
	mutex_lock(&slot->lock);
	if (slot->state != PCIEM_STATE_NEW) {
		mutex_unlock(&slot->lock);
		return slot->state == PCIEM_STATE_REMOVED ? -ENODEV : -EBUSY;
	}
	slot->dma_mode = mode;
	mutex_unlock(&slot->lock);
	return 0;
}

int pciem_dma_mode(struct pciem_slot *own, struct pciem_dma_mode *arg)
{
	struct pciem_slot *slot = own;
	int err = -ENOENT;

	if (arg->flags & ~PCIEM_DMA_MODE_SET || arg->mode > PCIEM_DMA_MODE_DIRECT)
		return -EINVAL;
	if (arg->flags & PCIEM_DMA_MODE_SET)
		return arg->slot == PCIEM_SLOT_OWN ? mode_set(own, arg->mode) : -EINVAL;
	if (arg->slot == PCIEM_SLOT_OWN) {
		if (!own)
			return -EBUSY;
		arg->mode = READ_ONCE(own->dma_mode);
		return 0;
	}
	slot = pciem_slot_find(arg->slot);
	if (!slot)
		return -ENOENT;
	if (slot->id == arg->slot) {
		arg->mode = READ_ONCE(slot->dma_mode);
		err = 0;
	}
	pciem_slot_put(slot);
	return err;
}
