// SPDX-License-Identifier: GPL-2.0-only
/*
 * Performs a decoded instruction on the driver's registers.
 *
 * A read-modify-write is a read and a write, as PCI Express has it for memory
 * space; a lock prefix cannot change that.
 *
 * Runs in any context, no lock; the accesses may sleep (access.c).
 */
#include <linux/ptrace.h>
#include <asm/processor-flags.h>

#include "trap.h"

/* Elements of a rep string instruction that one trap does before it lets an interrupt or signal in. */
#define STRING_WORK	64

static unsigned long *reg_slot(struct pt_regs *regs, u8 reg)
{
	static const u8 offset[16] = {
		offsetof(struct pt_regs, ax), offsetof(struct pt_regs, cx),
		offsetof(struct pt_regs, dx), offsetof(struct pt_regs, bx),
		offsetof(struct pt_regs, sp), offsetof(struct pt_regs, bp),
		offsetof(struct pt_regs, si), offsetof(struct pt_regs, di),
		offsetof(struct pt_regs, r8), offsetof(struct pt_regs, r9),
		offsetof(struct pt_regs, r10), offsetof(struct pt_regs, r11),
		offsetof(struct pt_regs, r12), offsetof(struct pt_regs, r13),
		offsetof(struct pt_regs, r14), offsetof(struct pt_regs, r15),
	};

	return (void *)regs + offset[reg & 15];
}

static u64 truncate(u64 value, unsigned int size)
{
	return size >= 8 ? value : value & ((1ULL << (size * 8)) - 1);
}

static s64 sign_extend(u64 value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (s64)(value << shift) >> shift;
}

/* AH, CH, DH and BH: a byte register 4..7 in an instruction without REX. */
static bool is_high_byte(const struct pciem_insn *insn, u8 reg, unsigned int size)
{
	return size == 1 && !insn->rex && reg >= 4 && reg <= 7;
}

static u64 reg_read(struct pt_regs *regs, const struct pciem_insn *insn, u8 reg, unsigned int size)
{
	if (is_high_byte(insn, reg, size))
		return (*reg_slot(regs, reg - 4) >> 8) & 0xff;
	return truncate(*reg_slot(regs, reg), size);
}

/* As the CPU does: 32 bits clear the upper half, 8 and 16 leave the rest alone. */
static void reg_write(struct pt_regs *regs, const struct pciem_insn *insn, u8 reg, unsigned int size, u64 value)
{
	unsigned long *slot = reg_slot(regs, reg);

	value = truncate(value, size);
	if (is_high_byte(insn, reg, size)) {
		slot = reg_slot(regs, reg - 4);
		*slot = (*slot & ~0xff00UL) | value << 8;
	} else if (size >= 4) {
		*slot = value;
	} else {
		*slot = (*slot & ~truncate(~0UL, size)) | value;
	}
}

static unsigned long effective_address(struct pt_regs *regs, const struct pciem_insn *insn)
{
	unsigned long addr = insn->disp;

	if (insn->base == PCIEM_REG_RIP)
		addr += regs->ip + insn->len;
	else if (insn->base != PCIEM_NO_REG)
		addr += *reg_slot(regs, insn->base);
	if (insn->index != PCIEM_NO_REG)
		addr += *reg_slot(regs, insn->index) << insn->scale;
	/* With its bit number in a register, bt and its kin address a bit string of any length. */
	if (insn->op == PCIEM_OP_ALU_MEM && insn->src == PCIEM_SRC_REG &&
	    insn->alu >= PCIEM_ALU_BT && insn->alu <= PCIEM_ALU_BTC) {
		s64 bit = sign_extend(reg_read(regs, insn, insn->reg, insn->size), insn->size);

		addr += (bit >> (ilog2(insn->size) + 3)) * insn->size;
	}
	return addr;
}

static u64 source(struct pt_regs *regs, const struct pciem_insn *insn)
{
	switch (insn->src) {
	case PCIEM_SRC_IMM:
		return insn->imm;
	case PCIEM_SRC_CL:
		return regs->cx & 0xff;
	}
	return reg_read(regs, insn, insn->reg, insn->size);
}

static u64 swap_bytes(u64 value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

/* Instructions that only read their memory operand. */
static int emulate_read(struct pciem_trap *trap, const struct pciem_insn *insn, unsigned long addr)
{
	struct pt_regs *regs = trap->regs;
	u64 value, old;
	int err;

	err = pciem_trap_read(trap, addr, insn->size, &value);
	if (err)
		return err;
	switch (insn->op) {
	case PCIEM_OP_LOAD:
		if (insn->swap)
			value = swap_bytes(value, insn->size);
		break;
	case PCIEM_OP_LOAD_SIGNED:
		value = sign_extend(value, insn->size);
		break;
	case PCIEM_OP_ALU_REG:
		old = reg_read(regs, insn, insn->reg, insn->reg_size);
		if (insn->src == PCIEM_SRC_IMM)		/* imul of three operands */
			value = pciem_alu(regs, insn->alu, insn->size, value, insn->imm);
		else
			value = pciem_alu(regs, insn->alu, insn->size, old, value);
		if (pciem_alu_only_flags(insn->alu))
			return 0;
		break;
	case PCIEM_OP_CMOV:
		if (!pciem_alu_condition(insn->cc, regs->flags))
			value = reg_read(regs, insn, insn->reg, insn->reg_size);
		break;
	}
	reg_write(regs, insn, insn->reg, insn->reg_size, value);
	return 0;
}

/* Instructions that read their memory operand and may write it back. */
static int emulate_modify(struct pciem_trap *trap, const struct pciem_insn *insn, unsigned long addr)
{
	struct pt_regs *regs = trap->regs;
	u64 value, new, operand;
	int err;

	err = pciem_trap_read(trap, addr, insn->size, &value);
	if (err)
		return err;
	operand = source(regs, insn);
	switch (insn->op) {
	case PCIEM_OP_ALU_MEM:
		if (insn->alu >= PCIEM_ALU_BT && insn->alu <= PCIEM_ALU_BTC)
			operand &= insn->size * 8 - 1;
		new = pciem_alu(regs, insn->alu, insn->size, value, operand);
		if (pciem_alu_only_flags(insn->alu))
			return 0;
		return pciem_trap_write(trap, addr, insn->size, new);
	case PCIEM_OP_CMPXCHG:
		pciem_alu(regs, PCIEM_ALU_CMP, insn->size, reg_read(regs, insn, 0, insn->size), value);
		if (regs->flags & X86_EFLAGS_ZF)
			return pciem_trap_write(trap, addr, insn->size, operand);
		reg_write(regs, insn, 0, insn->size, value);
		return 0;
	case PCIEM_OP_XADD:
		new = pciem_alu(regs, PCIEM_ALU_ADD, insn->size, value, operand);
		break;
	default:
		new = operand;
		break;
	}
	err = pciem_trap_write(trap, addr, insn->size, new);
	if (!err)
		reg_write(regs, insn, insn->reg, insn->size, value);
	return err;
}

static int emulate_movdir64b(struct pciem_trap *trap, const struct pciem_insn *insn, unsigned long from)
{
	unsigned long to = *reg_slot(trap->regs, insn->reg);
	u64 data[8];
	int i, err = 0;

	for (i = 0; i < 8 && !err; i++)
		err = pciem_trap_read(trap, from + 8 * i, 8, &data[i]);
	for (i = 0; i < 8 && !err; i++)
		err = pciem_trap_write(trap, to + 8 * i, 8, data[i]);
	return err;
}

static bool uses_si(const struct pciem_insn *insn)
{
	return insn->op == PCIEM_OP_MOVS || insn->op == PCIEM_OP_CMPS || insn->op == PCIEM_OP_LODS;
}

static bool uses_di(const struct pciem_insn *insn)
{
	return insn->op != PCIEM_OP_LODS;
}

/* One element of a string instruction: registers move on only if every access went well. */
static int string_element(struct pciem_trap *trap, const struct pciem_insn *insn)
{
	struct pt_regs *regs = trap->regs;
	long step = regs->flags & X86_EFLAGS_DF ? -(long)insn->size : insn->size;
	u64 value = reg_read(regs, insn, 0, insn->size), other;
	int err = 0;

	if (uses_si(insn))
		err = pciem_trap_read(trap, regs->si, insn->size, &value);
	if (!err && (insn->op == PCIEM_OP_CMPS || insn->op == PCIEM_OP_SCAS))
		err = pciem_trap_read(trap, regs->di, insn->size, &other);
	if (!err && (insn->op == PCIEM_OP_MOVS || insn->op == PCIEM_OP_STOS))
		err = pciem_trap_write(trap, regs->di, insn->size, value);
	if (err)
		return err;

	if (insn->op == PCIEM_OP_CMPS || insn->op == PCIEM_OP_SCAS)
		pciem_alu(regs, PCIEM_ALU_CMP, insn->size, value, other);
	if (insn->op == PCIEM_OP_LODS)
		reg_write(regs, insn, 0, insn->size, value);
	if (uses_si(insn))
		regs->si += step;
	if (uses_di(insn))
		regs->di += step;
	return 0;
}

static int emulate_string(struct pciem_trap *trap, const struct pciem_insn *insn)
{
	struct pt_regs *regs = trap->regs;
	bool compares = insn->op == PCIEM_OP_CMPS || insn->op == PCIEM_OP_SCAS;
	unsigned int work = STRING_WORK;
	int err;

	if (!insn->rep)
		return string_element(trap, insn);
	while (regs->cx) {
		/* Where it no longer touches a BAR the CPU does it faster. */
		if (!work-- || !((uses_si(insn) && pciem_trap_touches(regs->si, insn->size)) ||
				 (uses_di(insn) && pciem_trap_touches(regs->di, insn->size))))
			return 1;
		err = string_element(trap, insn);
		if (err)
			return err;
		regs->cx--;
		if (compares && !(regs->flags & X86_EFLAGS_ZF) != (insn->rep == 0xf2))
			break;
	}
	return 0;
}

int pciem_emulate(struct pciem_trap *trap, const struct pciem_insn *insn)
{
	struct pt_regs *regs = trap->regs;
	unsigned long addr = effective_address(regs, insn);
	u64 value;
	int ret;

	switch (insn->op) {
	case PCIEM_OP_LOAD:
	case PCIEM_OP_LOAD_SIGNED:
	case PCIEM_OP_ALU_REG:
	case PCIEM_OP_CMOV:
		ret = emulate_read(trap, insn, addr);
		break;
	case PCIEM_OP_ALU_MEM:
	case PCIEM_OP_XCHG:
	case PCIEM_OP_XADD:
	case PCIEM_OP_CMPXCHG:
		ret = emulate_modify(trap, insn, addr);
		break;
	case PCIEM_OP_STORE:
		value = source(regs, insn);
		ret = pciem_trap_write(trap, addr, insn->size, insn->swap ? swap_bytes(value, insn->size) : value);
		break;
	case PCIEM_OP_SETCC:
		ret = pciem_trap_write(trap, addr, 1, pciem_alu_condition(insn->cc, regs->flags));
		break;
	case PCIEM_OP_MOVDIR64B:
		ret = emulate_movdir64b(trap, insn, addr);
		break;
	case PCIEM_OP_FLUSH:
		ret = 0;
		break;
	default:
		ret = emulate_string(trap, insn);
		break;
	}
	if (ret == 0) {
		regs->ip += insn->len;
		regs->flags &= ~X86_EFLAGS_RF;
	}
	return ret;
}
