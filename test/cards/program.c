// SPDX-License-Identifier: MIT
/*
 * Registers that act by a program: what is refused, each instruction, a FIFO that an
 * interrupt handler drains, and programs that are replaced under load.
 */
#include <pthread.h>

#include "card.h"
#include "irq.h"

#define AT	0x1000			/* store, and nobody's */
#define FIFO	(AT + 0x100)		/* 16 words */
#define IN	(AT + 0x200)
#define OUT	(AT + 0x204)
#define READY	(AT + 0x208)
#define ENABLE	(AT + 0x20c)

#define IMM	PCIEM_INSN_IMM
#define LOAD(d, place)		{ PCIEM_INSN_LOAD, d, IMM, 4, 0, place }
#define STORE(place, d)		{ PCIEM_INSN_STORE, d, IMM, 4, 0, place }
#define OP(what, d, value)	{ PCIEM_INSN_##what, d, IMM, 0, 0, value }
#define REG(what, d, s)		{ PCIEM_INSN_##what, d, s, 0, 0, 0 }
#define IF(what, d, value, to)	{ PCIEM_INSN_##what, d, IMM, 0, to, value }

#define SET_PROGRAM(on, offset, length, ...) ({						\
	struct pciem_bar_insn insns_[] = { __VA_ARGS__ };				\
	program(fd, on, offset, length, insns_, sizeof(insns_) / sizeof(insns_[0]));	\
})

static int program(int fd, uint32_t on, uint64_t offset, uint64_t length, struct pciem_bar_insn *insns, uint32_t count)
{
	struct pciem_bar_program p = {
		.size = sizeof(p), .on = on, .offset = offset, .length = length, .insns = (uintptr_t)insns, .count = count,
	};

	return ioctl(fd, PCIEM_BAR_PROGRAM, &p);
}

static int update(int fd, uint64_t offset, uint32_t value)
{
	struct pciem_bar_update u = {
		.size = sizeof(u), .width = 4, .offset = offset, .clear = 0xffffffff, .set = value,
	};

	return ioctl(fd, PCIEM_BAR_UPDATE, &u);
}

static void refused_instructions(int fd)
{
	static const struct pciem_bar_insn wrong[] = {
		{ PCIEM_INSN_NR, 0, IMM, 0, 0, 0 }, { 255, 0, IMM, 0, 0, 0 },
		{ PCIEM_INSN_SET, 8, IMM, 0, 0, 0 }, { PCIEM_INSN_SET, 0, 8, 0, 0, 0 }, { PCIEM_INSN_SET, 0, 254, 0, 0, 0 },
		{ PCIEM_INSN_SET, 0, IMM, 4, 0, 0 }, { PCIEM_INSN_SET, 0, IMM, 0, 1, 0 },
		{ PCIEM_INSN_LOAD, 0, IMM, 0, 0, 0 }, { PCIEM_INSN_LOAD, 0, IMM, 3, 0, 0 }, { PCIEM_INSN_STORE, 0, IMM, 16, 0, 0 },
		{ PCIEM_INSN_LOAD, 0, IMM, 4, 1, 0 },
		/* Backwards, on the spot, and past the end. */
		{ PCIEM_INSN_JEQ, 0, IMM, 0, 0, 0 }, { PCIEM_INSN_JEQ, 0, IMM, 0, 1, 0 }, { PCIEM_INSN_JSET, 0, IMM, 0, 4, 0 },
		{ PCIEM_INSN_JNE, 0, IMM, 0, ~0U, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pciem_bar_insn insns[] = { OP(SET, 0, 1), wrong[i], OP(SET, 0, 2) };

		REFUSED(EINVAL, program(fd, PCIEM_ON_READ, AT, 4, insns, 3));
	}
}

static void refusals(int fd)
{
	struct pciem_bar_insn insn = OP(SET, 0, 1);
	struct pciem_bar_program p = {
		.size = sizeof(p), .offset = AT, .length = 4, .insns = (uintptr_t)&insn, .count = 1,
	};
	int i, err = 0;

#define WRONG(field, with, err) do {					\
	struct pciem_bar_program wrong_ = p;				\
	wrong_.field = with;						\
	REFUSED(err, ioctl(fd, PCIEM_BAR_PROGRAM, &wrong_));		\
} while (0)
	WRONG(func, 1, ENOENT);
	WRONG(func, 8, EINVAL);
	WRONG(bar_index, 2, ENOENT);
	WRONG(bar_index, 7, EINVAL);
	WRONG(on, 3, EINVAL);
	WRONG(reserved, 1, EINVAL);
	WRONG(length, 0, EINVAL);
	WRONG(length, BAR_SIZE, EINVAL);
	WRONG(length, -1ULL, EINVAL);
	WRONG(offset, BAR_SIZE, EINVAL);
	WRONG(offset, -1ULL, EINVAL);
	WRONG(count, 257, EINVAL);
	WRONG(count, ~0U, EINVAL);
	WRONG(insns, 0, EFAULT);
	WRONG(insns, -4096ULL, EFAULT);
	refused_instructions(fd);

	CHECK(!program(fd, PCIEM_ON_READ, AT, 4, &insn, 1), "one");
	CHECK(!program(fd, PCIEM_ON_READ, AT, 4, &insn, 1), "again");
	CHECK(!program(fd, PCIEM_ON_WRITE, AT + 2, 4, &insn, 1), "writes are another matter");
	REFUSED(EINVAL, program(fd, PCIEM_ON_READ, AT + 3, 4, &insn, 1));
	REFUSED(EINVAL, program(fd, PCIEM_ON_READ, AT, 8, &insn, 1));
	REFUSED(EINVAL, program(fd, PCIEM_ON_READ, AT, 2, NULL, 0));
	for (i = 2; i < 100 && !err; i++)
		err = program(fd, PCIEM_ON_READ, AT + 4 * i, 4, &insn, 1);
	CHECK(err && errno == ENOSPC && i == 65, "%d", i);
	CHECK(!program(fd, PCIEM_ON_READ, AT, 4, NULL, 0) && !program(fd, PCIEM_ON_READ, AT, 4, NULL, 0), "none, and again");
	for (i = 2; i < 100; i++)
		program(fd, PCIEM_ON_READ, AT + 4 * i, 4, NULL, 0);
	program(fd, PCIEM_ON_WRITE, AT + 2, 4, NULL, 0);
}

/* What a read of AT gets of one operation on two numbers, the second as a number and in a register. */
static void computes(int fd, int cmd, uint8_t op, uint64_t a, uint64_t b, uint64_t want)
{
	struct pciem_bar_insn insns[] = {
		OP(SET, 3, a), OP(SET, 4, b), { op, 3, IMM, 0, 0, b }, OP(SET, 5, a), { op, 5, 4, 0, 0, 0 },
		REG(SET, 0, 3), REG(XOR, 3, 5), IF(JEQ, 3, 0, 9), OP(SET, 0, 0xbad),
	};
	uint64_t got;

	CHECK(!program(fd, PCIEM_ON_READ, AT, 8, insns, 9), "op %u", op);
	got = driver_read(cmd, AT, 8);
	CHECK(got == want, "op %u of %#llx and %#llx: %#llx", op, (unsigned long long)a, (unsigned long long)b, (unsigned long long)got);
}

/* 1 if the branch is taken. */
static void branches(int fd, int cmd, uint8_t op, uint64_t a, uint64_t b, int taken)
{
	struct pciem_bar_insn insns[] = { OP(SET, 3, a), OP(SET, 0, 1), { op, 3, IMM, 0, 4, b }, OP(SET, 0, 0) };

	CHECK(!program(fd, PCIEM_ON_READ, AT, 8, insns, 4), "branch %u", op);
	CHECK(driver_read(cmd, AT, 8) == (uint64_t)taken, "branch %u of %#llx and %#llx", op, (unsigned long long)a, (unsigned long long)b);
}

static void instructions(int fd, int cmd, volatile uint8_t *bar)
{
	computes(fd, cmd, PCIEM_INSN_SET, 5, 0x123456789abcdef0, 0x123456789abcdef0);
	computes(fd, cmd, PCIEM_INSN_AND, 0xff00ff, 0x0ff0f0, 0x0f00f0);
	computes(fd, cmd, PCIEM_INSN_OR, 0xf00, 0x00f, 0xf0f);
	computes(fd, cmd, PCIEM_INSN_XOR, 0xff, 0x0f, 0xf0);
	computes(fd, cmd, PCIEM_INSN_ADD, ~0ULL, 2, 1);
	computes(fd, cmd, PCIEM_INSN_SUB, 1, 2, ~0ULL);
	computes(fd, cmd, PCIEM_INSN_SHL, 3, 62, 0xc000000000000000);
	computes(fd, cmd, PCIEM_INSN_SHL, 3, 64, 0);
	computes(fd, cmd, PCIEM_INSN_SHR, 0xc000000000000000, 62, 3);
	computes(fd, cmd, PCIEM_INSN_SHR, 3, ~0ULL, 0);
	branches(fd, cmd, PCIEM_INSN_JEQ, 4, 4, 1);
	branches(fd, cmd, PCIEM_INSN_JEQ, 4, 5, 0);
	branches(fd, cmd, PCIEM_INSN_JNE, 4, 5, 1);
	branches(fd, cmd, PCIEM_INSN_JNE, 4, 4, 0);
	branches(fd, cmd, PCIEM_INSN_JLT, 4, ~0ULL, 1);
	branches(fd, cmd, PCIEM_INSN_JLT, 4, 4, 0);
	branches(fd, cmd, PCIEM_INSN_JSET, 6, 4, 1);
	branches(fd, cmd, PCIEM_INSN_JSET, 6, 9, 0);

	/* Beyond the BAR, by itself and by a register that wraps: loads get 0, stores go nowhere. */
	CHECK(!SET_PROGRAM(PCIEM_ON_READ, AT, 8, OP(SET, 3, -1ULL), { PCIEM_INSN_STORE, 3, 3, 4, 0, 0 }, { PCIEM_INSN_STORE, 3, IMM, 8, 0, BAR_SIZE - 7 },
			   OP(SET, 4, 7), { PCIEM_INSN_LOAD, 4, 3, 8, 0, BAR_SIZE }, OP(SET, 5, 7), { PCIEM_INSN_LOAD, 5, IMM, 1, 0, 1ULL << 63 },
			   REG(SET, 0, 4), REG(OR, 0, 5)), "beyond");
	bar[BAR_SIZE - 1] = 0x5a;
	CHECK(driver_read(cmd, AT, 8) == 0 && bar[BAR_SIZE - 1] == 0x5a, "%#x", bar[BAR_SIZE - 1]);
}

/* What it is given, what becomes of it, and accesses that are only partly its own. */
static void accesses(int fd, int cmd, volatile uint8_t *bar)
{
	volatile uint32_t *at = (void *)(bar + AT), *seen = (void *)(bar + AT + 0x40);

	CHECK(!SET_PROGRAM(PCIEM_ON_READ, AT, 8, STORE(AT + 0x40, 0), STORE(AT + 0x44, 1), STORE(AT + 0x48, 2), OP(SET, 0, 0x112233445566)), "read");
	at[0] = 0xcafe0000;
	CHECK(driver_read(cmd, AT + 2, 2) == 0x5566 && seen[0] == 0xcafe && seen[1] == 2 && seen[2] == 2, "%#x %u %u", seen[0], seen[1], seen[2]);
	CHECK(driver_read(cmd, AT + 6, 4) == 0 && driver_read(cmd, AT - 4, 8) == 0xcafe000000000000, "partly outside is memory");
	CHECK(!program(fd, PCIEM_ON_READ, AT, 8, NULL, 0) && driver_read(cmd, AT, 4) == 0xcafe0000, "memory again");

	CHECK(!SET_PROGRAM(PCIEM_ON_WRITE, AT, 4, OP(ADD, 0, 1), STORE(AT + 0x40, 0)), "write");
	driver_write(cmd, AT, 4, 41);
	CHECK(at[0] == 0xcafe0000 && seen[0] == 42, "%#x %u", at[0], seen[0]);
	driver_write(cmd, AT, 8, 7);
	CHECK(at[0] == 7 && seen[0] == 42, "wider than the range: %u", at[0]);
	program(fd, PCIEM_ON_WRITE, AT, 4, NULL, 0);
}

/* Reading AT takes a word out; READY follows, and vector 0 from that. */
#define FOLLOW(n)	LOAD(3, IN), LOAD(4, OUT), OP(SET, 5, 0), { PCIEM_INSN_JEQ, 3, 4, 0, (n) + 5, 0 }, OP(SET, 5, 1), STORE(READY, 5)

static void fifo(int fd, int cmd, volatile uint8_t *bar)
{
	struct pciem_bar_interrupt in = { .size = sizeof(in), .width = 4, .status = READY, .enable = ENABLE, .mask = 1 };
	volatile uint32_t *words = (void *)(bar + FIFO), *ready = (void *)(bar + READY);
	unsigned int i;

	CHECK(!SET_PROGRAM(PCIEM_ON_READ, AT, 4, OP(SET, 0, 0), LOAD(3, IN), LOAD(4, OUT), { PCIEM_INSN_JEQ, 3, 4, 0, 16, 0 },
			   REG(SET, 5, 4), OP(AND, 5, 15), OP(SHL, 5, 2), { PCIEM_INSN_LOAD, 0, 5, 4, 0, FIFO }, OP(ADD, 4, 1), STORE(OUT, 4), FOLLOW(10)), "pop");
	CHECK(!SET_PROGRAM(PCIEM_ON_UPDATE, IN, 4, FOLLOW(0)), "push");
	CHECK(!ioctl(fd, PCIEM_BAR_INTERRUPT, &in), "equation");
	driver_write(cmd, ENABLE, 4, 1);
	for (i = 0; i < 20; i++)
		words[i & 15] = 100 + i;	/* the last ones over the first */
	CHECK(!update(fd, IN, 3) && *ready == 1, "three");
	CHECK(settles(cmd, 0, 1), "an interrupt: %ld", irq_count(cmd, 0));
	CHECK(driver_read(cmd, AT, 4) == 116 && driver_read(cmd, AT, 4) == 117 && *ready == 1, "two of them");
	CHECK(!update(fd, IN, 4), "one more");
	CHECK(driver_read(cmd, AT, 4) == 118 && driver_read(cmd, AT, 4) == 119 && *ready == 0, "and those");
	CHECK(driver_read(cmd, AT, 4) == 0 && irq_count(cmd, 0) == 1, "empty; it was never empty in between");
	CHECK(!update(fd, IN, 20), "sixteen");
	CHECK(settles(cmd, 0, 2), "another: %ld", irq_count(cmd, 0));
	for (i = 4; i < 20; i++)
		CHECK(driver_read(cmd, AT, 4) == 100 + (i < 4 ? i + 16 : i), "word %u", i);
	CHECK(*ready == 0 && driver_read(cmd, OUT, 4) == 20, "all");
}

/* Programs come and go while the driver reads: it gets what one of them, or the memory, has. */
static int replaced_fd;
static volatile int replacing;

static void *replacer(void *arg)
{
	int fd = replaced_fd;

	while (replacing) {
		SET_PROGRAM(PCIEM_ON_READ, AT, 4, OP(SET, 0, 1));
		SET_PROGRAM(PCIEM_ON_READ, AT, 4, OP(SET, 3, 1), OP(SET, 4, 1), REG(SET, 0, 3), REG(ADD, 0, 4));
		program(fd, PCIEM_ON_READ, AT, 4, NULL, 0);
	}
	return arg;
}

static void replaced(int fd, int cmd, volatile uint8_t *bar)
{
	pthread_t thread;
	unsigned int i;
	uint64_t got;

	CHECK(!program(fd, PCIEM_ON_READ, AT, 4, NULL, 0), "none to begin with");
	*(volatile uint32_t *)(bar + AT) = 3;
	replaced_fd = fd;
	replacing = 1;
	pthread_create(&thread, NULL, replacer, NULL);
	for (i = 0; i < 300; i++) {
		got = driver_read(cmd, AT, 4);
		CHECK(got >= 1 && got <= 3, "%#llx", (unsigned long long)got);
	}
	replacing = 0;
	pthread_join(thread, NULL);
}

int main(void)
{
	int fd = card_open(), inst, cmd;
	uint8_t *bar;

	card_describe(fd);
	refusals(fd);
	inst = card_register(fd);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);
	cmd = card_start(fd);
	refusals(fd);
	instructions(fd, cmd, bar);
	accesses(fd, cmd, bar);
	CHECK(!driver_command(cmd, "irq request 8"), "vectors");
	fifo(fd, cmd, bar);
	replaced(fd, cmd, bar);
	driver_command(cmd, "irq free");
	close(cmd);
	close(inst);
	close(fd);
	return card_done("program");
}
