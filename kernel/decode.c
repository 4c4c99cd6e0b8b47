// SPDX-License-Identifier: GPL-2.0-only
/*
 * From bytes to struct pciem_insn, by tables. What is not in a table is refused:
 * the caller reports it, and no value is ever made up. Refused on purpose: any
 * SSE or AVX move (a driver would have to own the FPU), push, pop, call and jmp
 * through memory, and operands with an FS or GS base or a 32-bit address, which
 * cannot point at a BAR.
 *
 * Pure code, no lock.
 */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif
#include "decode.h"

/* How an opcode's operands are encoded. */
#define BYTE_IF_EVEN	0x001	/* bit 0 of the opcode clear: 8 bits wide */
#define MEM8		0x002	/* the memory operand has a size of its own */
#define MEM16		0x004
#define MEM32		0x008
#define IMM8		0x010	/* an immediate byte, sign-extended */
#define IMM		0x020	/* as wide as the operand, at most 32 bits, sign-extended */
#define BY_ONE		0x040	/* shift count */
#define BY_CL		0x080
#define NO_MODRM	0x100
#define ABSOLUTE	0x200	/* a 64-bit address instead of ModRM */
#define GROUP		0x400	/* ModRM.reg is part of the opcode */
#define SWAP		0x800

struct opcode {
	__u8 op, alu;
	__u16 how;
};

#define ALU_ROW(base, operation)							\
	[(base) + 0 ... (base) + 1] = { PCIEM_OP_ALU_MEM, operation, BYTE_IF_EVEN },	\
	[(base) + 2 ... (base) + 3] = { PCIEM_OP_ALU_REG, operation, BYTE_IF_EVEN }

static const struct opcode one_byte[256] = {
	ALU_ROW(0x00, PCIEM_ALU_ADD), ALU_ROW(0x08, PCIEM_ALU_OR),
	ALU_ROW(0x10, PCIEM_ALU_ADC), ALU_ROW(0x18, PCIEM_ALU_SBB),
	ALU_ROW(0x20, PCIEM_ALU_AND), ALU_ROW(0x28, PCIEM_ALU_SUB),
	ALU_ROW(0x30, PCIEM_ALU_XOR), ALU_ROW(0x38, PCIEM_ALU_CMP),
	[0x63] = { PCIEM_OP_LOAD_SIGNED, 0, MEM32 },
	[0x69] = { PCIEM_OP_ALU_REG, PCIEM_ALU_IMUL, IMM },
	[0x6b] = { PCIEM_OP_ALU_REG, PCIEM_ALU_IMUL, IMM8 },
	[0x80 ... 0x81] = { PCIEM_OP_ALU_MEM, 0, BYTE_IF_EVEN | IMM | GROUP },
	[0x83] = { PCIEM_OP_ALU_MEM, 0, IMM8 | GROUP },
	[0x84 ... 0x85] = { PCIEM_OP_ALU_MEM, PCIEM_ALU_TEST, BYTE_IF_EVEN },
	[0x86 ... 0x87] = { PCIEM_OP_XCHG, 0, BYTE_IF_EVEN },
	[0x88 ... 0x89] = { PCIEM_OP_STORE, 0, BYTE_IF_EVEN },
	[0x8a ... 0x8b] = { PCIEM_OP_LOAD, 0, BYTE_IF_EVEN },
	[0xa0 ... 0xa1] = { PCIEM_OP_LOAD, 0, BYTE_IF_EVEN | ABSOLUTE },
	[0xa2 ... 0xa3] = { PCIEM_OP_STORE, 0, BYTE_IF_EVEN | ABSOLUTE },
	[0xa4 ... 0xa5] = { PCIEM_OP_MOVS, 0, BYTE_IF_EVEN | NO_MODRM },
	[0xa6 ... 0xa7] = { PCIEM_OP_CMPS, 0, BYTE_IF_EVEN | NO_MODRM },
	[0xaa ... 0xab] = { PCIEM_OP_STOS, 0, BYTE_IF_EVEN | NO_MODRM },
	[0xac ... 0xad] = { PCIEM_OP_LODS, 0, BYTE_IF_EVEN | NO_MODRM },
	[0xae ... 0xaf] = { PCIEM_OP_SCAS, 0, BYTE_IF_EVEN | NO_MODRM },
	[0xc0 ... 0xc1] = { PCIEM_OP_ALU_MEM, 0, BYTE_IF_EVEN | IMM8 | GROUP },
	[0xc6 ... 0xc7] = { PCIEM_OP_STORE, 0, BYTE_IF_EVEN | IMM | GROUP },
	[0xd0 ... 0xd1] = { PCIEM_OP_ALU_MEM, 0, BYTE_IF_EVEN | BY_ONE | GROUP },
	[0xd2 ... 0xd3] = { PCIEM_OP_ALU_MEM, 0, BYTE_IF_EVEN | BY_CL | GROUP },
	[0xf6 ... 0xf7] = { PCIEM_OP_ALU_MEM, 0, BYTE_IF_EVEN | GROUP },
	[0xfe ... 0xff] = { PCIEM_OP_ALU_MEM, 0, BYTE_IF_EVEN | GROUP },
};

static const struct opcode two_byte[256] = {
	[0x40 ... 0x4f] = { PCIEM_OP_CMOV, 0, 0 },
	[0x90 ... 0x9f] = { PCIEM_OP_SETCC, 0, MEM8 },
	[0xa3] = { PCIEM_OP_ALU_MEM, PCIEM_ALU_BT, 0 },
	[0xab] = { PCIEM_OP_ALU_MEM, PCIEM_ALU_BTS, 0 },
	[0xae] = { PCIEM_OP_FLUSH, 0, MEM8 | GROUP },
	[0xaf] = { PCIEM_OP_ALU_REG, PCIEM_ALU_IMUL, 0 },
	[0xb0 ... 0xb1] = { PCIEM_OP_CMPXCHG, 0, BYTE_IF_EVEN },
	[0xb3] = { PCIEM_OP_ALU_MEM, PCIEM_ALU_BTR, 0 },
	[0xb6] = { PCIEM_OP_LOAD, 0, MEM8 },
	[0xb7] = { PCIEM_OP_LOAD, 0, MEM16 },
	[0xba] = { PCIEM_OP_ALU_MEM, 0, IMM8 | GROUP },
	[0xbb] = { PCIEM_OP_ALU_MEM, PCIEM_ALU_BTC, 0 },
	[0xbe] = { PCIEM_OP_LOAD_SIGNED, 0, MEM8 },
	[0xbf] = { PCIEM_OP_LOAD_SIGNED, 0, MEM16 },
	[0xc0 ... 0xc1] = { PCIEM_OP_XADD, 0, BYTE_IF_EVEN },
	[0xc3] = { PCIEM_OP_STORE, 0, 0 },		/* movnti */
};

/* The 0F 38 map holds three of interest. */
static struct opcode three_byte(__u8 code, _Bool opsize16)
{
	switch (code) {
	case 0xf0:
		return (struct opcode){ PCIEM_OP_LOAD, 0, SWAP };
	case 0xf1:
		return (struct opcode){ PCIEM_OP_STORE, 0, SWAP };
	case 0xf8:
		if (opsize16)
			return (struct opcode){ PCIEM_OP_MOVDIR64B, 0, 0 };
		break;
	case 0xf9:
		if (!opsize16)
			return (struct opcode){ PCIEM_OP_STORE, 0, 0 };	/* movdiri */
		break;
	}
	return (struct opcode){ PCIEM_OP_NONE, 0, 0 };
}

/* Completes an opcode whose operation is in ModRM.reg. Returns -1 for one we do not serve. */
static int decode_group(__u8 code, __u8 reg, _Bool opsize16, struct opcode *opcode)
{
	switch (code) {
	case 0x80 ... 0x83:
		opcode->alu = PCIEM_ALU_ADD + reg;
		return 0;
	case 0xc0 ... 0xc1:
	case 0xd0 ... 0xd3:
		opcode->alu = PCIEM_ALU_ROL + reg;
		return 0;
	case 0xba:
		opcode->alu = PCIEM_ALU_BT + reg - 4;
		return reg >= 4 ? 0 : -1;
	case 0xc6 ... 0xc7:
		return reg == 0 ? 0 : -1;
	case 0xf6 ... 0xf7:
		if (reg <= 1)
			opcode->how |= IMM;
		opcode->alu = reg <= 1 ? PCIEM_ALU_TEST : reg == 2 ? PCIEM_ALU_NOT : PCIEM_ALU_NEG;
		return reg <= 3 ? 0 : -1;	/* mul and div use two registers more */
	case 0xfe ... 0xff:
		opcode->alu = reg ? PCIEM_ALU_DEC : PCIEM_ALU_INC;
		return reg <= 1 ? 0 : -1;
	case 0xae:				/* clflush; with 66: clflushopt, clwb */
		return reg == 7 || (reg == 6 && opsize16) ? 0 : -1;
	}
	return -1;
}

struct cursor {
	const __u8 *bytes;
	unsigned int pos, end;
	_Bool short_of;			/* ran off the end */
};

static __u8 next(struct cursor *c)
{
	if (c->pos >= c->end) {
		c->short_of = 1;
		return 0;
	}
	return c->bytes[c->pos++];
}

static __s64 next_signed(struct cursor *c, unsigned int size)
{
	__u64 v = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		v |= (__u64)next(c) << (8 * i);
	if (size < 8)
		v = (__u64)((__s64)(v << (64 - 8 * size)) >> (64 - 8 * size));
	return (__s64)v;
}

/* Everything of the address that ModRM, SIB and displacement say. -1: the operand is a register. */
static int decode_address(struct cursor *c, __u8 modrm, __u8 rex, struct pciem_insn *insn)
{
	__u8 mod = modrm >> 6, rm = modrm & 7;

	if (mod == 3)
		return -1;
	insn->base = rm | (rex & 1) << 3;
	if (rm == 4) {
		__u8 sib = next(c);
		__u8 index = ((sib >> 3) & 7) | (rex & 2) << 2;

		insn->base = (sib & 7) | (rex & 1) << 3;
		insn->scale = sib >> 6;
		if (index != 4)
			insn->index = index;
		if ((sib & 7) == 5 && mod == 0) {
			insn->base = PCIEM_NO_REG;
			mod = 2;
		}
	} else if (rm == 5 && mod == 0) {
		insn->base = PCIEM_REG_RIP;
		mod = 2;
	}
	if (mod == 1)
		insn->disp = next_signed(c, 1);
	else if (mod == 2)
		insn->disp = next_signed(c, 4);
	return 0;
}

struct prefixes {
	__u8 rex, rep;
	_Bool opsize16, refused;
};

static __u8 decode_prefixes(struct cursor *c, struct prefixes *p)
{
	__u8 byte;

	for (;;) {
		byte = next(c);
		switch (byte) {
		case 0x66:
			p->opsize16 = 1;
			continue;
		case 0xf2:
		case 0xf3:
			p->rep = byte;
			continue;
		case 0x64:		/* FS, GS, 32-bit address: never ours */
		case 0x65:
		case 0x67:
			p->refused = 1;
			continue;
		case 0xf0:		/* lock: a root complex has no locked access to a BAR */
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			continue;
		}
		break;
	}
	if ((byte & 0xf0) == 0x40) {
		p->rex = byte;
		byte = next(c);
	}
	return byte;
}

static void decode_sizes(__u8 code, const struct opcode *opcode, const struct prefixes *p, struct pciem_insn *insn)
{
	__u8 size = p->rex & 8 ? 8 : p->opsize16 ? 2 : 4;

	if ((opcode->how & BYTE_IF_EVEN) && !(code & 1))
		size = 1;
	insn->reg_size = size;
	if (opcode->how & MEM8)
		size = 1;
	else if (opcode->how & MEM16)
		size = 2;
	else if (opcode->how & MEM32)
		size = 4;
	insn->size = size;
	if (opcode->op == PCIEM_OP_MOVDIR64B) {
		insn->reg_size = 8;
		insn->size = 64;
	}
	/* movslq without REX.W is a plain move, and with 66 one of 16 bits */
	if (opcode->op == PCIEM_OP_LOAD_SIGNED && insn->reg_size < insn->size)
		insn->size = insn->reg_size;
}

static void decode_source(struct cursor *c, const struct opcode *opcode, struct pciem_insn *insn)
{
	if (opcode->how & (IMM | IMM8)) {
		unsigned int size = opcode->how & IMM8 ? 1 : insn->reg_size;

		insn->src = PCIEM_SRC_IMM;
		insn->imm = next_signed(c, size > 4 ? 4 : size);
	} else if (opcode->how & BY_ONE) {
		insn->src = PCIEM_SRC_IMM;
		insn->imm = 1;
	} else if (opcode->how & BY_CL) {
		insn->src = PCIEM_SRC_CL;
	}
}

int pciem_decode(const __u8 *bytes, unsigned int n, struct pciem_insn *insn)
{
	struct cursor c = { .bytes = bytes, .end = n < PCIEM_INSN_MAX ? n : PCIEM_INSN_MAX };
	struct prefixes p = { 0 };
	struct opcode opcode;
	__u8 code, modrm;

	memset(insn, 0, sizeof(*insn));
	insn->base = insn->index = PCIEM_NO_REG;
	code = decode_prefixes(&c, &p);
	if (code != 0x0f) {
		opcode = one_byte[code];
	} else {
		code = next(&c);
		if (code == 0x38) {
			code = next(&c);
			opcode = three_byte(code, p.opsize16);
		} else {
			opcode = two_byte[code];
		}
	}
	/* F2 and F3 make another instruction of all but the string ones. */
	if (p.refused || opcode.op == PCIEM_OP_NONE || (p.rep && !(opcode.how & NO_MODRM)))
		return -1;

	insn->rex = p.rex != 0;
	insn->rep = p.rep;
	insn->cc = code & 15;
	insn->swap = (opcode.how & SWAP) != 0;
	if (opcode.how & ABSOLUTE) {
		insn->disp = next_signed(&c, 8);
	} else if (!(opcode.how & NO_MODRM)) {
		modrm = next(&c);
		insn->reg = ((modrm >> 3) & 7) | (p.rex & 4) << 1;
		if (decode_address(&c, modrm, p.rex, insn))
			return -1;
		if ((opcode.how & GROUP) && decode_group(code, (modrm >> 3) & 7, p.opsize16, &opcode))
			return -1;
	}
	insn->op = opcode.op;
	insn->alu = opcode.alu;
	decode_sizes(code, &opcode, &p, insn);
	decode_source(&c, &opcode, insn);
	insn->len = c.pos;
	return c.short_of ? -1 : 0;
}
