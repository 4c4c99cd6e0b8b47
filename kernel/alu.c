// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic of emulated instructions, done by the same instruction on a register, with
 * the driver's flags loaded, so that every flag comes out as the CPU makes it.
 *
 * Runs in any context, no lock.
 */
#include <linux/ptrace.h>
#include <asm/irqflags.h>
#include <asm/processor-flags.h>

#include "trap.h"

#define ARITHMETIC (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_OF)

/*
 * The flags are loaded and saved around the instruction with those of the CPU
 * (interrupts on or off) kept as they are.
 */
#define RUN(code, type, operands...) do {							\
	type x_ = a;										\
	asm volatile("pushfq; push %[fl]; popfq; " code "; pushfq; pop %[fl]; popfq"		\
		     : [x] "+r" (x_), [fl] "+r" (flags) : operands : "cc", "memory");		\
	a = x_;											\
} while (0)
#define BINARY(name, suffix, type)	RUN(name suffix " %[y], %[x]", type, [y] "r" ((type)b))
#define SHIFT(name, suffix, type)	RUN(name suffix " %%cl, %[x]", type, "c" ((u8)b))
#define UNARY(name, suffix, type)	RUN(name suffix " %[x]", type, [y] "r" (0))

#define ON_WIDE(shape, name) do {								\
	if (size == 2)										\
		shape(name, "w", u16);								\
	else if (size == 4)									\
		shape(name, "l", u32);								\
	else											\
		shape(name, "q", u64);								\
} while (0)
#define ON_ANY(shape, name) do {								\
	if (size == 1)										\
		shape(name, "b", u8);								\
	else											\
		ON_WIDE(shape, name);								\
} while (0)

u64 pciem_alu(struct pt_regs *regs, u8 op, unsigned int size, u64 a, u64 b)
{
	unsigned long flags = (native_save_fl() & ~ARITHMETIC) | (regs->flags & ARITHMETIC);

	switch (op) {
	case PCIEM_ALU_ADD:
		ON_ANY(BINARY, "add");
		break;
	case PCIEM_ALU_OR:
		ON_ANY(BINARY, "or");
		break;
	case PCIEM_ALU_ADC:
		ON_ANY(BINARY, "adc");
		break;
	case PCIEM_ALU_SBB:
		ON_ANY(BINARY, "sbb");
		break;
	case PCIEM_ALU_AND:
		ON_ANY(BINARY, "and");
		break;
	case PCIEM_ALU_SUB:
		ON_ANY(BINARY, "sub");
		break;
	case PCIEM_ALU_XOR:
		ON_ANY(BINARY, "xor");
		break;
	case PCIEM_ALU_CMP:
		ON_ANY(BINARY, "cmp");
		break;
	case PCIEM_ALU_TEST:
		ON_ANY(BINARY, "test");
		break;
	case PCIEM_ALU_IMUL:
		ON_WIDE(BINARY, "imul");
		break;
	case PCIEM_ALU_ROL:
		ON_ANY(SHIFT, "rol");
		break;
	case PCIEM_ALU_ROR:
		ON_ANY(SHIFT, "ror");
		break;
	case PCIEM_ALU_RCL:
		ON_ANY(SHIFT, "rcl");
		break;
	case PCIEM_ALU_RCR:
		ON_ANY(SHIFT, "rcr");
		break;
	case PCIEM_ALU_SHL:
	case PCIEM_ALU_SAL:
		ON_ANY(SHIFT, "shl");
		break;
	case PCIEM_ALU_SHR:
		ON_ANY(SHIFT, "shr");
		break;
	case PCIEM_ALU_SAR:
		ON_ANY(SHIFT, "sar");
		break;
	case PCIEM_ALU_BT:
		ON_WIDE(BINARY, "bt");
		break;
	case PCIEM_ALU_BTS:
		ON_WIDE(BINARY, "bts");
		break;
	case PCIEM_ALU_BTR:
		ON_WIDE(BINARY, "btr");
		break;
	case PCIEM_ALU_BTC:
		ON_WIDE(BINARY, "btc");
		break;
	case PCIEM_ALU_INC:
		ON_ANY(UNARY, "inc");
		break;
	case PCIEM_ALU_DEC:
		ON_ANY(UNARY, "dec");
		break;
	case PCIEM_ALU_NOT:
		ON_ANY(UNARY, "not");
		break;
	case PCIEM_ALU_NEG:
		ON_ANY(UNARY, "neg");
		break;
	}
	regs->flags = (regs->flags & ~ARITHMETIC) | (flags & ARITHMETIC);
	return a;
}

/* Whether the operation leaves its destination as it was. */
bool pciem_alu_only_flags(u8 op)
{
	return op == PCIEM_ALU_CMP || op == PCIEM_ALU_TEST || op == PCIEM_ALU_BT;
}

/* Condition codes in pairs: the second of each is the opposite of the first. */
bool pciem_alu_condition(u8 cc, unsigned long flags)
{
	static const unsigned long tested[8] = {
		X86_EFLAGS_OF, X86_EFLAGS_CF, X86_EFLAGS_ZF, X86_EFLAGS_CF | X86_EFLAGS_ZF,
		X86_EFLAGS_SF, X86_EFLAGS_PF, 0, X86_EFLAGS_ZF,
	};
	unsigned int pair = cc >> 1 & 7;
	bool is = flags & tested[pair];

	/* l, le: signed, less */
	if (pair >= 6)
		is |= !(flags & X86_EFLAGS_SF) != !(flags & X86_EFLAGS_OF);
	return is != (cc & 1);
}
