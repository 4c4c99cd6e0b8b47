/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction forms of the decoder's test. Each is a function of a struct
 * insn_state: it loads the registers and flags from there, runs the form, and
 * stores them back. rsi and rbp point at the operand, rdi at a buffer in memory.
 *
 * FORM flags, instructions: the flags are those that the instruction defines.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/ibt.h>

#define CF	0x001
#define PF	0x004
#define AF	0x010
#define ZF	0x040
#define SF	0x080
#define OF	0x800
#define ARITH	(CF | PF | AF | ZF | SF | OF)
#define LOGIC	(CF | PF | ZF | SF | OF)
#define SHIFT	(CF | PF | ZF | SF)

	.section .rodata
	.balign 8
SYM_DATA_START(insn_forms)
	.text

.macro FORM flags:req, text:req
	.text
	.balign	16
	.type	insn_form_\@, STT_FUNC
insn_form_\@:
	ENDBR
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	movq	%rdi, %r12
	pushq	72(%r12)
	popfq
	movq	0(%r12), %rax
	movq	8(%r12), %rcx
	movq	16(%r12), %rdx
	movq	24(%r12), %rbx
	movq	32(%r12), %rbp
	movq	40(%r12), %rsi
	movq	48(%r12), %rdi
	movq	56(%r12), %r8
	movq	64(%r12), %r9
	\text
	movq	%rax, 0(%r12)
	movq	%rcx, 8(%r12)
	movq	%rdx, 16(%r12)
	movq	%rbx, 24(%r12)
	movq	%rbp, 32(%r12)
	movq	%rsi, 40(%r12)
	movq	%rdi, 48(%r12)
	movq	%r8, 56(%r12)
	movq	%r9, 64(%r12)
	pushfq
	popq	72(%r12)
	popq	%r12
	popq	%rbp
	popq	%rbx
	RET
	.size	insn_form_\@, . - insn_form_\@
	.section .rodata.str1.1, "aMS", @progbits, 1
.Ltext_\@:
	.asciz	"\text"
	.section .rodata
	.quad	insn_form_\@, .Ltext_\@, (\flags)
	.text
.endm

/* moves, in every width, register and addressing mode */
	FORM ARITH, "movb (%rsi), %al"
	FORM ARITH, "movw (%rsi), %ax"
	FORM ARITH, "movl (%rsi), %eax"
	FORM ARITH, "movq (%rsi), %rax"
	FORM ARITH, "movb %al, (%rsi)"
	FORM ARITH, "movw %ax, (%rsi)"
	FORM ARITH, "movl %eax, (%rsi)"
	FORM ARITH, "movq %rax, (%rsi)"
	FORM ARITH, "movb %ah, 3(%rsi)"
	FORM ARITH, "movb 5(%rsi), %ch"
	FORM ARITH, "movb (%rsi), %r9b"
	FORM ARITH, "movb %r9b, 1(%rsi)"
	FORM ARITH, "xchgq %rax, %rbp; movb %bpl, (%rsi); xchgq %rax, %rbp"
	FORM ARITH, "movl %r9d, 0x100(%rsi)"
	FORM ARITH, "movl (%rsi, %r8, 4), %eax"
	FORM ARITH, "movl %edx, 8(%rsi, %r8, 8)"
	FORM ARITH, "movl (%rbp), %eax"
	FORM ARITH, "movl %eax, 4(%rbp)"
	FORM ARITH, "movl (%rbp, %r8, 1), %r9d"
	FORM ARITH, "movl (%rbx, %rsi), %eax"
	FORM ARITH, "movl -0x40(%rsi), %edx"
	FORM ARITH, "movb $0x7a, (%rsi)"
	FORM ARITH, "movw $0x1234, 2(%rsi)"
	FORM ARITH, "movl $0x89abcdef, 4(%rsi)"
	FORM ARITH, "movq $-5, 8(%rsi)"
	FORM ARITH, "movzbl (%rsi), %eax"
	FORM ARITH, "movzwl (%rsi), %eax"
	FORM ARITH, "movzbw 7(%rsi), %ax"
	FORM ARITH, "movzwq (%rsi), %rax"
	FORM ARITH, "movsbl (%rsi), %eax"
	FORM ARITH, "movsbw (%rsi), %ax"
	FORM ARITH, "movswl 2(%rsi), %eax"
	FORM ARITH, "movslq 4(%rsi), %rax"
	FORM ARITH, "movsbq 1(%rsi), %rax"
	FORM ARITH, "movswq 2(%rsi), %r9"
	FORM ARITH, "movntil %eax, (%rsi)"
	FORM ARITH, "movntiq %rax, (%rsi)"
	FORM ARITH, "movbel (%rsi), %eax"
	FORM ARITH, "movbew %ax, (%rsi)"
	FORM ARITH, "movbeq %rax, (%rsi)"
	FORM ARITH, "cmovel (%rsi), %eax"
	FORM ARITH, "cmovnel (%rsi), %eax"
	FORM ARITH, "cmovbq (%rsi), %rdx"
	FORM ARITH, "cmovaw (%rsi), %dx"
	FORM ARITH, "setc (%rsi)"
	FORM ARITH, "setne 1(%rsi)"
	FORM ARITH, "clflush (%rsi)"

/* arithmetic with memory as destination, and as source */
	FORM ARITH, "addl $1, (%rsi)"
	FORM ARITH, "subq $3, (%rsi)"
	FORM ARITH, "adcl %edx, (%rsi)"
	FORM ARITH, "sbbl $7, (%rsi)"
	FORM ARITH, "sbbb %dl, (%rsi)"
	FORM ARITH, "adcw $0x1234, (%rsi)"
	FORM LOGIC, "orl %edx, (%rsi)"
	FORM LOGIC, "orb $0x81, (%rsi)"
	FORM LOGIC, "andl $0xf0f0f0f0, (%rsi)"
	FORM LOGIC, "xorw %dx, (%rsi)"
	FORM LOGIC, "testb $0x10, (%rsi)"
	FORM LOGIC, "testw $0x8001, (%rsi)"
	FORM LOGIC, "testl %edx, (%rsi)"
	FORM LOGIC, "testl $0x80000000, (%rsi)"
	FORM LOGIC, "testq $-2, (%rsi)"
	FORM ARITH, "cmpl $0x1234, (%rsi)"
	FORM ARITH, "cmpb %dl, (%rsi)"
	FORM ARITH, "cmpl (%rsi), %edx"
	FORM ARITH, "cmpq $-1, (%rsi)"
	FORM ARITH, "cmpb $0, 3(%rsi)"
	FORM LOGIC, "andl (%rsi), %edx"
	FORM ARITH, "addq (%rsi), %rdx"
	FORM LOGIC, "orw (%rsi), %dx"
	FORM LOGIC, "xorb (%rsi), %dl"
	FORM LOGIC, "xorb (%rsi), %dh"
	FORM ARITH, "subl (%rsi), %eax"
	FORM ARITH, "adcq (%rsi), %rax"
	FORM ARITH, "incl (%rsi)"
	FORM ARITH, "incb (%rsi)"
	FORM ARITH, "decw (%rsi)"
	FORM ARITH, "notl (%rsi)"
	FORM ARITH, "negq (%rsi)"
	FORM ARITH, "negb (%rsi)"
	FORM (CF | OF), "imull (%rsi), %eax"
	FORM (CF | OF), "imulq $-7, (%rsi), %rdx"
	FORM (CF | OF), "imulw $0x1234, (%rsi), %dx"
	FORM SHIFT, "shll $3, (%rsi)"
	FORM (PF | ZF | SF), "shrb %cl, (%rsi)"
	FORM (SHIFT | OF), "sarl $1, (%rsi)"
	FORM (PF | AF | ZF | SF | CF), "roll $9, (%rsi)"
	FORM (PF | AF | ZF | SF | CF), "rorw %cl, (%rsi)"
	FORM (PF | AF | ZF | SF | CF | OF), "rcll $1, (%rsi)"
	FORM (PF | AF | ZF | SF | CF | OF), "rcrq $1, (%rsi)"

/* bits: with a register, the number may reach beyond the operand */
	FORM CF, "btl $5, (%rsi)"
	FORM CF, "btsl $31, (%rsi)"
	FORM CF, "btrw $2, (%rsi)"
	FORM CF, "btrl %r8d, (%rsi)"
	FORM CF, "btcq %r8, (%rsi)"
	FORM CF, "btl %ecx, (%rsi)"
	FORM CF, "btsq %rcx, -8(%rsi)"
	FORM CF, "lock; btsl %ecx, (%rsi)"

/* exchanges; QEMU loses the flags of an xchg that faults across a page */
	FORM 0, "xchgl %eax, (%rsi)"
	FORM 0, "xchgb %ah, (%rsi)"
	FORM 0, "xchgq %r9, (%rsi)"
	FORM ARITH, "lock; xaddl %eax, (%rsi)"
	FORM ARITH, "xaddb %dl, (%rsi)"
	FORM ARITH, "lock; cmpxchgl %edx, (%rsi)"
	FORM ARITH, "lock; cmpxchgq %rdx, (%rsi)"
	FORM ARITH, "movl (%rsi), %eax; lock; cmpxchgl %edx, (%rsi)"
	FORM ARITH, "movb (%rsi), %al; cmpxchgb %dl, (%rsi)"

/* strings: from the operand, to it, within it, backwards, long, not at all */
	FORM ARITH, "movsl"
	FORM ARITH, "rep; movsb"
	FORM ARITH, "rep; movsw"
	FORM ARITH, "rep; movsl"
	FORM ARITH, "rep; movsq"
	FORM ARITH, "lodsb"
	FORM ARITH, "lodsl"
	FORM ARITH, "rep; lodsb"
	FORM ARITH, "xchgq %rsi, %rdi; movsw"
	FORM ARITH, "xchgq %rsi, %rdi; rep; movsl"
	FORM ARITH, "xchgq %rsi, %rdi; movl $200, %ecx; rep; movsb"
	FORM ARITH, "xchgq %rsi, %rdi; rep; stosb"
	FORM ARITH, "xchgq %rsi, %rdi; rep; stosq"
	FORM ARITH, "xchgq %rsi, %rdi; stosw"
	FORM ARITH, "xchgq %rsi, %rdi; repne; scasb"
	FORM ARITH, "xchgq %rsi, %rdi; repe; scasl"
	FORM ARITH, "xchgq %rsi, %rdi; scasw"
	FORM ARITH, "movl $200, %ecx; rep; movsb"
	FORM ARITH, "leaq 0x80(%rsi), %rdi; rep; movsb"
	FORM ARITH, "leaq 3(%rsi), %rdi; movl $100, %ecx; rep; movsb"
	FORM ARITH, "leaq 0x40(%rsi), %rsi; leaq 0x50(%rdi), %rdi; std; rep; movsb; cld"
	FORM ARITH, "xchgq %rsi, %rdi; leaq 0x40(%rdi), %rdi; std; rep; stosl; cld"
	FORM ARITH, "xorl %ecx, %ecx; rep; movsb"
	FORM ARITH, "repe; cmpsb"
	FORM ARITH, "repne; cmpsl"
	FORM ARITH, "leaq 8(%rsi), %rdi; cmpsq"

	.section .rodata
	.quad	0, 0, 0
SYM_DATA_END(insn_forms)
