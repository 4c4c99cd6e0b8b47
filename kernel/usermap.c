// SPDX-License-Identifier: GPL-2.0-only
/*
 * remap_pfn_range() of a BAR: sysfs resourceN, or a driver's mmap. A range that
 * is `direct` throughout is mapped as the memory that it is. Trapped ranges are
 * refused for now: the program would have to fault at each access, and be served
 * from a vm_ops of ours.
 *
 * No lock of its own; the caller holds mmap_lock for writing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>

#include "trap.h"

int pciem_usermap(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn, unsigned long size,
		  pgprot_t prot)
{
	struct pciem_bar *bar;
	struct pciem_range range;
	u64 offset;
	int err;

	bar = pciem_bar_find(PFN_PHYS(pfn), &offset);
	if (!bar)
		return -ENXIO;
	range = pciem_bar_range(bar, offset);
	if (range.policy != PCIEM_BAR_DIRECT || range.end - offset < size) {
		pr_err_once("%s[%d]: userspace cannot map a trapped range of a BAR; make it `direct`, or access it through the driver\n",
			    current->comm, current->pid);
		err = -EOPNOTSUPP;
		goto put;
	}
	/* Pages are inserted with a reference each, which a mapping made of bare page frames, or in a fault, cannot have. */
	if (vma->vm_flags & VM_PFNMAP) {
		err = -EOPNOTSUPP;
		goto put;
	}
	/* It is RAM, which the kernel maps cached: another type on the user's side would be an alias. */
	vma->vm_page_prot = __pgprot(pgprot_val(prot) & ~_PAGE_CACHE_MASK);
	err = pciem_bar_insert_pages(bar, offset, vma, addr, size);
put:
	pciem_slot_put(bar->func->slot);
	return err;
}
