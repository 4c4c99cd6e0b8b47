/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one x86-64 instruction with a memory operand does, taken from its bytes
 * alone: registers are looked at by emulate.c. No kernel interface is used here,
 * so that the decoder can be compared with objdump in userspace.
 */
#ifndef PCIEM_DECODE_H
#define PCIEM_DECODE_H

#include <linux/types.h>

#define PCIEM_INSN_MAX	15	/* bytes, by the architecture */

enum pciem_op {
	PCIEM_OP_NONE,		/* not known */
	PCIEM_OP_LOAD,		/* reg = mem, zero-extended */
	PCIEM_OP_LOAD_SIGNED,	/* reg = mem, sign-extended */
	PCIEM_OP_STORE,		/* mem = src */
	PCIEM_OP_ALU_MEM,	/* mem = mem alu src; CMP, TEST and BT only set flags */
	PCIEM_OP_ALU_REG,	/* reg = reg alu mem */
	PCIEM_OP_XCHG,
	PCIEM_OP_XADD,
	PCIEM_OP_CMPXCHG,
	PCIEM_OP_CMOV,
	PCIEM_OP_SETCC,
	PCIEM_OP_MOVS,		/* from here on: string instructions */
	PCIEM_OP_CMPS,
	PCIEM_OP_STOS,
	PCIEM_OP_LODS,
	PCIEM_OP_SCAS,
	PCIEM_OP_MOVDIR64B,	/* 64 bytes from mem to the address in reg */
	PCIEM_OP_FLUSH,		/* clflush and its kin: names an address, moves nothing */
};

/* The first eight are in the order of the opcode map, the next eight in that of group 2, then group 8. */
enum pciem_alu {
	PCIEM_ALU_ADD, PCIEM_ALU_OR, PCIEM_ALU_ADC, PCIEM_ALU_SBB,
	PCIEM_ALU_AND, PCIEM_ALU_SUB, PCIEM_ALU_XOR, PCIEM_ALU_CMP,
	PCIEM_ALU_ROL, PCIEM_ALU_ROR, PCIEM_ALU_RCL, PCIEM_ALU_RCR,
	PCIEM_ALU_SHL, PCIEM_ALU_SHR, PCIEM_ALU_SAL, PCIEM_ALU_SAR,
	PCIEM_ALU_BT, PCIEM_ALU_BTS, PCIEM_ALU_BTR, PCIEM_ALU_BTC,
	PCIEM_ALU_TEST, PCIEM_ALU_INC, PCIEM_ALU_DEC, PCIEM_ALU_NOT,
	PCIEM_ALU_NEG, PCIEM_ALU_IMUL,
};

enum pciem_src {
	PCIEM_SRC_REG,
	PCIEM_SRC_IMM,
	PCIEM_SRC_CL,
};

#define PCIEM_NO_REG	0xff
#define PCIEM_REG_RIP	0xfe

struct pciem_insn {
	__u8 op;		/* enum pciem_op */
	__u8 alu;		/* enum pciem_alu */
	__u8 src;		/* enum pciem_src */
	__u8 len;		/* bytes of the instruction */
	__u8 size;		/* bytes of the memory operand */
	__u8 reg_size;		/* bytes of the register operand */
	__u8 reg;		/* register operand, 0..15 */
	__u8 cc;		/* condition of CMOV and SETCC */
	__u8 rep;		/* 0, 0xf2 or 0xf3 */
	__u8 base, index;	/* 0..15, PCIEM_REG_RIP, PCIEM_NO_REG */
	__u8 scale;		/* shift */
	_Bool rex;		/* byte registers 4..7 are SPL..DIL, not AH..BH */
	_Bool swap;		/* MOVBE */
	__s64 disp;
	__s64 imm;
};

/* Decodes the instruction that starts at bytes[0]; -1 if it is not one we serve, or longer than n. */
int pciem_decode(const __u8 *bytes, unsigned int n, struct pciem_insn *insn);

static inline _Bool pciem_insn_is_string(const struct pciem_insn *insn)
{
	return insn->op >= PCIEM_OP_MOVS && insn->op <= PCIEM_OP_SCAS;
}

#endif /* PCIEM_DECODE_H */
