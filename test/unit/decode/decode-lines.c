// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's decoder, for comparison with objdump. Each line of stdin holds the
 * bytes of one instruction in hexadecimal; each line of stdout says what it is:
 *   LEN OP ALU SIZE REGSIZE BASE INDEX SCALE DISP
 * or "refused". BASE and INDEX are register numbers, -1 none, -2 the instruction
 * pointer.
 */
#include <stdio.h>
#include <string.h>

#include "decode.h"

static const char * const ops[] = {
	[PCIEM_OP_LOAD] = "load", [PCIEM_OP_LOAD_SIGNED] = "load-signed", [PCIEM_OP_STORE] = "store",
	[PCIEM_OP_ALU_MEM] = "alu-mem", [PCIEM_OP_ALU_REG] = "alu-reg", [PCIEM_OP_XCHG] = "xchg",
	[PCIEM_OP_XADD] = "xadd", [PCIEM_OP_CMPXCHG] = "cmpxchg", [PCIEM_OP_CMOV] = "cmov",
	[PCIEM_OP_SETCC] = "set", [PCIEM_OP_MOVS] = "movs", [PCIEM_OP_CMPS] = "cmps", [PCIEM_OP_STOS] = "stos",
	[PCIEM_OP_LODS] = "lods", [PCIEM_OP_SCAS] = "scas", [PCIEM_OP_MOVDIR64B] = "movdir64b",
	[PCIEM_OP_FLUSH] = "flush",
};

static const char * const alus[] = {
	"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar",
	"bt", "bts", "btr", "btc", "test", "inc", "dec", "not", "neg", "imul",
};

static int reg(unsigned char number)
{
	return number == PCIEM_NO_REG ? -1 : number == PCIEM_REG_RIP ? -2 : number;
}

static void decode_line(const char *line)
{
	unsigned char bytes[32];
	struct pciem_insn insn;
	unsigned int n = 0;

	while (n < sizeof(bytes) && sscanf(line + 2 * n, "%2hhx", &bytes[n]) == 1)
		n++;
	if (pciem_decode(bytes, n, &insn)) {
		puts("refused");
		return;
	}
	printf("%u %s %s %u %u %d %d %u %lld\n", insn.len, ops[insn.op],
	       insn.op == PCIEM_OP_ALU_MEM || insn.op == PCIEM_OP_ALU_REG ? alus[insn.alu] : "-", insn.size,
	       insn.reg_size, reg(insn.base), reg(insn.index), 1u << insn.scale, (long long)insn.disp);
}

int main(void)
{
	char line[128];

	while (fgets(line, sizeof(line), stdin))
		decode_line(line);
	return 0;
}
