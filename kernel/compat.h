/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels we build for (6.1 to 6.12), in one place.
 */
#ifndef PCIEM_COMPAT_H
#define PCIEM_COMPAT_H

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "pciem needs Linux 6.1 or newer"
#endif
#ifndef CONFIG_X86_64
#error "pciem needs x86-64"
#endif
#if !IS_ENABLED(CONFIG_DMA_OPS) && !IS_ENABLED(CONFIG_ARCH_HAS_DMA_OPS)
#error "pciem needs a kernel with per-device dma_map_ops (CONFIG_DMA_OPS, or CONFIG_ARCH_HAS_DMA_OPS since 6.12)"
#endif
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_REGS
#error "pciem needs CONFIG_DYNAMIC_FTRACE_WITH_REGS"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

static inline void pciem_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

#endif /* PCIEM_COMPAT_H */
