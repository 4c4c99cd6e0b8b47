/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a fault on a BAR returns to, with interrupts off. The exception's frame is
 * still in place, and %rsp one word inside of it: once that is put right, nothing can
 * be pushed over it. It becomes the frame that the handler works on, and that the last
 * iretq consumes. Nothing is pushed on the driver's stack above it: that is the
 * driver's own.
 *
 * The registers still hold the driver's values, but so does the frame.
 */
#include <linux/linkage.h>
#include <linux/version.h>
#include <asm/ibt.h>
#include <asm/unwind_hints.h>
#include "trap.h"

/* struct pt_regs */
#define ORIG_AX	120
#define IP	128
#define SP	152

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define HINT_NOTHING	UNWIND_HINT_UNDEFINED
#else
#define HINT_NOTHING	UNWIND_HINT_EMPTY
#endif

	.text

SYM_CODE_START(pciem_thunk)
	HINT_NOTHING
	ENDBR
	subq	$8, %rsp
	/* Make the frame the driver's again: ip, sp, and the held flags for later. */
	movslq	(ORIG_AX + PCIEM_FRAME_IP)(%rsp), %rax
	movq	%rax, IP(%rsp)
	movzwl	(ORIG_AX + PCIEM_FRAME_SP)(%rsp), %eax
	addq	%rsp, %rax
	movq	%rax, SP(%rsp)
	movzwl	(ORIG_AX + PCIEM_FRAME_FLAGS)(%rsp), %esi
	movq	$-1, ORIG_AX(%rsp)
	UNWIND_HINT_REGS

	movq	%rsp, %rdi
	subq	$8, %rsp		/* 22 words of frame: the ABI wants an even number */
	UNWIND_HINT_REGS offset=8
	call	pciem_trap_serve
	addq	$8, %rsp
	UNWIND_HINT_REGS

	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	addq	$8, %rsp
	UNWIND_HINT_IRET_REGS
	iretq
SYM_CODE_END(pciem_thunk)
