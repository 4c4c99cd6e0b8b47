// SPDX-License-Identifier: MIT
/*
 * Registers that the kernel plays: what reads and writes do, whole and in part, the
 * interrupts that follow, and an interrupt handler that reads its cause to clear it, as
 * e1000's does with ICR.
 */
#include <pthread.h>

#include "card.h"

#define MDIC	(AT + 0x20)		/* data 15:0, register 20:16, PHY 25:21, 1 write 2 read 27:26, ready 28, error 30 */
#define PHY	(AT + 0x200)		/* its registers: 32 of 2 bytes */
#define AT	0x1000			/* store, and nobody's */
#define ICR	(AT + 0xc0)
#define ICS	(AT + 0xc8)
#define IMS	(AT + 0xd0)
#define IMC	(AT + 0xd8)
#define ALL	0xffffffffULL

static struct pciem_bar_register reg(uint64_t offset, uint32_t width)
{
	return (struct pciem_bar_register) {
		.size = sizeof(struct pciem_bar_register), .width = width, .offset = offset, .target = offset, .count = 1,
	};
}

static int set(int fd, struct pciem_bar_register r)
{
	return ioctl(fd, PCIEM_BAR_REGISTER, &r);
}

static int update(int fd, uint64_t offset, uint64_t clear, uint64_t bits, uint64_t *before)
{
	struct pciem_bar_update u = {
		.size = sizeof(u), .width = 4, .offset = offset, .clear = clear, .set = bits,
	};
	int err = ioctl(fd, PCIEM_BAR_UPDATE, &u);

	if (before)
		*before = u.value;
	return err;
}

static int interrupt(int fd, uint32_t index, uint64_t status, uint64_t enable, uint64_t mask, uint32_t vector)
{
	struct pciem_bar_interrupt in = {
		.size = sizeof(in), .index = index, .width = 4, .vector = vector, .status = status,
		.enable = enable, .mask = mask,
	};

	return ioctl(fd, PCIEM_BAR_INTERRUPT, &in);
}

/* MDIC of an e1000, whose PHY is number 1. */
static struct pciem_bar_indexed mdic(void)
{
	return (struct pciem_bar_indexed) {
		.size = sizeof(struct pciem_bar_indexed), .width = 4, .element_width = 2, .first = 32, .count = 32,
		.offset = MDIC, .array = PHY, .select = 0x3ff0000, .data = 0xffff, .command = 0xc000000, .read = 0x8000000,
		.write = 0x4000000, .done = 1 << 28, .failed = 1 << 30,
	};
}

static void refusals(int fd, int on_the_bus)
{
	struct pciem_bar_indexed x = mdic();
	struct pciem_bar_register r = reg(AT, 4);
	struct pciem_bar_interrupt in = { .size = sizeof(in), .width = 4, .status = AT, .enable = AT, .mask = 1 };
	struct pciem_bar_update u = { .size = sizeof(u), .width = 4, .offset = AT };

#define WRONG(call, arg, field, with, err) do {				\
	__typeof__(arg) wrong_ = arg;					\
	wrong_.field = with;						\
	REFUSED(err, ioctl(fd, call, &wrong_));				\
} while (0)
	WRONG(PCIEM_BAR_REGISTER, r, func, 1, ENOENT);
	WRONG(PCIEM_BAR_REGISTER, r, func, 8, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, bar_index, 2, ENOENT);
	WRONG(PCIEM_BAR_REGISTER, r, bar_index, 7, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, width, 3, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, width, 0, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, count, 0, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, count, ~0U, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, reserved, 1, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, offset, BAR_SIZE - 2, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, offset, -2ULL, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, target, BAR_SIZE - 2, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, writable, 1ULL << 32, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, read_clear, 1ULL << 32, EINVAL);
	r.w1c = 2;
	WRONG(PCIEM_BAR_REGISTER, r, writable, 3, EINVAL);
	WRONG(PCIEM_BAR_REGISTER, r, w1s, 3, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, func, 1, ENOENT);
	WRONG(PCIEM_BAR_INTERRUPT, in, bar_index, 5, ENOENT);
	WRONG(PCIEM_BAR_INTERRUPT, in, index, 64, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, width, 5, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, vector, 2048, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, flags, 4, EINVAL);
	in.flags = PCIEM_INTERRUPT_INTX;
	WRONG(PCIEM_BAR_INTERRUPT, in, vector, 1, EINVAL);
	in.flags = 0;
	WRONG(PCIEM_BAR_INTERRUPT, in, reserved, 1, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, status, BAR_SIZE - 1, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, enable, -1ULL, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, mask, 0, EINVAL);
	WRONG(PCIEM_BAR_INTERRUPT, in, mask, 1ULL << 32, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, func, 1, ENOENT);
	WRONG(PCIEM_BAR_INDEXED, x, func, 8, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, bar_index, 3, ENOENT);
	WRONG(PCIEM_BAR_INDEXED, x, bar_index, 7, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, index, 8, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, width, 3, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, element_width, 0, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, element_width, 4, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, count, 0, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, count, ~0U, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, offset, BAR_SIZE - 2, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, offset, -1ULL, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, offset, PHY + 62, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, array, BAR_SIZE - 62, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, array, -4ULL, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, array, MDIC - 62, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, select, 0, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, select, 0x2ff0000 & ~0x40000, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, select, 0xff8000, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, data, 0x7fff, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, data, 0x1fffe, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, command, 0x4000000, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, command, 0xe000000, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, read, x.write, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, write, 1 << 28, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, done, 1ULL << 32, EINVAL);
	WRONG(PCIEM_BAR_INDEXED, x, failed, 1ULL << 32, EINVAL);
	if (!on_the_bus)
		return;
	WRONG(PCIEM_BAR_UPDATE, u, func, 1, ENOENT);
	WRONG(PCIEM_BAR_UPDATE, u, bar_index, 1, ENOENT);
	WRONG(PCIEM_BAR_UPDATE, u, width, 16, EINVAL);
	WRONG(PCIEM_BAR_UPDATE, u, offset, BAR_SIZE, EINVAL);
	WRONG(PCIEM_BAR_UPDATE, u, set, 1ULL << 32, EINVAL);
	WRONG(PCIEM_BAR_UPDATE, u, clear, 1ULL << 32, EINVAL);
}

static void table(int fd)
{
	struct pciem_bar_register r = reg(AT + 0x400, 4);
	int i, err = 0;

	r.count = 4;
	CHECK(!set(fd, r), "an array");
	CHECK(!set(fd, r), "the same again");
	REFUSED(EINVAL, set(fd, reg(AT + 0x408, 4)));
	REFUSED(EINVAL, set(fd, reg(AT + 0x3fe, 4)));
	r.writable = ALL;
	CHECK(!set(fd, r), "plain memory");
	CHECK(!set(fd, reg(AT + 0x408, 4)), "room again");
	for (i = 0; i < 300 && !err; i++)
		err = set(fd, reg(AT + 0x800 + 4 * i, 4));
	CHECK(err && errno == ENOSPC && i == 256, "%d rows", i);
	while (i-- > 0) {
		r = reg(AT + 0x800 + 4 * i, 4);
		r.writable = ALL;
		set(fd, r);
	}
	r = reg(AT + 0x408, 4);
	r.writable = ALL;
	CHECK(!set(fd, r), "memory again");
}

/* Whole registers, parts of them, and accesses that cross them, against what each bit should do. */
static void accesses(int fd, int cmd, volatile uint8_t *bar)
{
	volatile uint32_t *a = (void *)(bar + AT), *b = (void *)(bar + AT + 4);
	struct pciem_bar_register r = reg(AT, 4);

	r.writable = 0x000000ff;
	r.w1c = 0x0000ff00;
	r.w1s = 0x00ff0000;
	CHECK(!set(fd, r), "AT");
	*a = 0x1200ff00;
	driver_write(cmd, AT, 4, 0xffaa0f55);
	CHECK(*a == 0x12aaf055, "%#x", *a);
	driver_write(cmd, AT + 1, 1, 0xf0);
	CHECK(*a == 0x12aa0055, "%#x: a byte clears its own bits", *a);
	driver_write(cmd, AT + 2, 2, 0x3455);
	CHECK(*a == 0x12ff0055, "%#x: read-only bits stay", *a);

	r = reg(AT + 4, 4);
	r.read_clear = 0xffff00ff;
	CHECK(!set(fd, r), "AT + 4");
	*b = 0x12345678;
	CHECK(driver_read(cmd, AT + 4, 1) == 0x78 && *b == 0x12345600, "%#x: a byte's read", *b);
	CHECK(driver_read(cmd, AT + 4, 4) == 0x12345600 && *b == 0x5600, "%#x", *b);
	*b = 0x11111111;
	CHECK(driver_read(cmd, AT, 8) == 0x1111111112ff0055ULL && *b == 0x1100 && *a == 0x12ff0055, "both: %#x %#x", *a, *b);
	/* From the middle of one register into memory behind another. */
	bar[AT + 8] = 0;
	driver_write(cmd, AT + 2, 8, 0xeedd776655443322ULL);
	CHECK(*a == 0x12ff0055 && *b == 0x1100 && bar[AT + 8] == 0xdd && bar[AT + 9] == 0xee, "%#x %#x %#x", *a, *b, bar[AT + 8]);
}

/* Through one register to an array of others, each of which does what it does. */
static void indexed(int fd, int cmd, volatile uint8_t *bar)
{
	volatile uint16_t *phy = (void *)(bar + PHY);
	struct pciem_bar_register status = reg(PHY + 2, 2);
	struct pciem_bar_indexed x = mdic();
	int i;

	status.read_clear = 0x4;
	CHECK(!set(fd, status) && !ioctl(fd, PCIEM_BAR_INDEXED, &x), "MDIC and a status register");
	for (i = 0; i < 32; i++)
		phy[i] = 0x1000 + i;
	phy[1] = 0x796d;
	driver_write(cmd, MDIC, 4, 0x8220000);
	CHECK(driver_read(cmd, MDIC, 4) == 0x18221002, "a read of register 2: %#x", *(volatile uint32_t *)(bar + MDIC));
	driver_write(cmd, MDIC, 4, 0x8210000);
	CHECK(driver_read(cmd, MDIC, 4) == 0x1821796d && phy[1] == 0x7969, "reading clears: %#x", phy[1]);
	driver_write(cmd, MDIC, 4, 0x4210000);
	CHECK(driver_read(cmd, MDIC, 4) == 0x14210000 && phy[1] == 0x7969, "it is read-only");
	driver_write(cmd, MDIC, 4, 0x43fbeef);
	CHECK(driver_read(cmd, MDIC, 4) == 0x143fbeef && phy[31] == 0xbeef && phy[30] == 0x101e, "the last one is written");
	driver_write(cmd, MDIC, 4, 0x8400000);
	CHECK(driver_read(cmd, MDIC, 4) == 0x5840ffff, "none behind it");
	driver_write(cmd, MDIC, 4, 0x81f0000);
	CHECK(driver_read(cmd, MDIC, 4) == 0x581fffff, "none before the first");
	driver_write(cmd, MDIC, 4, 0xc220000);
	CHECK(driver_read(cmd, MDIC, 4) == 0xc220000, "no command");
	driver_write(cmd, MDIC + 2, 2, 0x0822);
	CHECK(driver_read(cmd, MDIC, 4) == 0x8220000, "a part of it is memory");
	x.width = 0;
	CHECK(!ioctl(fd, PCIEM_BAR_INDEXED, &x), "none any more");
	driver_write(cmd, MDIC, 4, 0x8220000);
	CHECK(driver_read(cmd, MDIC, 4) == 0x8220000, "memory again");
}

static unsigned int count_of(int cmd, unsigned int vector)
{
	char text[2048], name[32], *at;
	ssize_t n;

	if (driver_command(cmd, "irq counts"))
		return ~0U;
	n = pread(cmd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = 0;
	snprintf(name, sizeof(name), "{\"vector\":%u,", vector);
	at = strstr(text, name);
	at = at ? strstr(at, "\"count\":") : NULL;
	return at ? strtoul(at + 8, NULL, 0) : ~0U;
}

static int arrives(int cmd, unsigned int vector, unsigned int count)
{
	int i;

	for (i = 0; i < 1000 && count_of(cmd, vector) != count; i++)
		msleep(5);
	return count_of(cmd, vector) == count;
}

/* As in e1000: ICS sets causes, IMS and IMC set and clear the mask, reading ICR clears it. */
static void describe_e1000(int fd)
{
	struct pciem_bar_register icr = reg(ICR, 4), ics = reg(ICS, 4), ims = reg(IMS, 4), imc = reg(IMC, 4);

	icr.read_clear = icr.w1c = ALL;
	ics.target = ICR;
	ics.w1s = ALL;
	ims.w1s = ALL;
	imc.target = IMS;
	imc.w1c = ALL;
	CHECK(!set(fd, icr) && !set(fd, ics) && !set(fd, ims) && !set(fd, imc), "registers");
}

static void equation(int fd, int cmd)
{
	uint64_t before;

	driver_write(cmd, ICS, 4, 0x4);
	CHECK(driver_read(cmd, IMS, 4) == 0 && count_of(cmd, 3) == 0, "a cause that is masked");
	driver_write(cmd, IMS, 4, 0x5);
	CHECK(arrives(cmd, 3, 1), "enabling it: %u", count_of(cmd, 3));
	driver_write(cmd, ICS, 4, 0x4);
	driver_write(cmd, ICS, 4, 0x2);
	CHECK(count_of(cmd, 3) == 1, "no new cause that is enabled");
	CHECK(!update(fd, ICR, 0, 0x1, &before) && before == 0x6, "the device's side: %#llx", (unsigned long long)before);
	CHECK(arrives(cmd, 3, 2), "a new one: %u", count_of(cmd, 3));
	CHECK(driver_read(cmd, ICR, 4) == 0x7 && driver_read(cmd, ICR, 4) == 0, "read to clear");
	driver_write(cmd, IMC, 4, 0x1);
	CHECK(driver_read(cmd, IMS, 4) == 0x4, "IMC clears bits of IMS");
	update(fd, ICR, 0, 0x1, NULL);
	CHECK(count_of(cmd, 3) == 2, "masked again");
	update(fd, ICR, 0, 0x4, NULL);
	CHECK(arrives(cmd, 3, 3), "and the other is not: %u", count_of(cmd, 3));
}

/* The device raises a cause until the driver's handler has been there. */
static volatile int asked;
static int device_fd;

static void *device(void *arg)
{
	(void)arg;
	while (asked) {
		/* A cause that came before the handler was told to read is still there: it has to come anew. */
		update(device_fd, ICR, 0x80, 0, NULL);
		update(device_fd, ICR, 0, 0x80, NULL);
		msleep(2);
	}
	return NULL;
}

static void handler(int fd, int cmd)
{
	char line[64], text[256];
	unsigned long value;
	pthread_t thread;
	const char *at;
	ssize_t n;
	int i;

	CHECK(!interrupt(fd, 0, ICR, IMS, ALL, 0), "vector 0, whose handler reads");
	driver_write(cmd, IMS, 4, 0x80);
	snprintf(line, sizeof(line), "irq read %u", ICR);
	device_fd = fd;
	for (i = 0; i < 10; i++) {
		asked = 1;
		pthread_create(&thread, NULL, device, NULL);
		CHECK(!driver_command(cmd, line), "irq read");
		asked = 0;
		pthread_join(thread, NULL);
		n = pread(cmd, text, sizeof(text) - 1, 0);
		text[n < 0 ? 0 : n] = 0;
		at = strstr(text, "\"value\":\"");
		value = at ? strtoul(at + 9, NULL, 0) : ~0UL;
		CHECK(strstr(text, "\"arrived\":true") && value & 0x80 && value != ALL, "%s", text);
		driver_read(cmd, ICR, 4);
	}
}

/* What the driver's writes raise is named by the access that did it, in the order it happened. */
static void in_the_stream(struct card_monitor *m, int cmd)
{
	const struct pciem_record *rec;
	uint64_t cause = 0;
	int found = 0;

	while ((rec = monitor_peek(m, 0)))
		monitor_pop(m, rec);
	driver_read(cmd, ICR, 4);
	driver_write(cmd, ICS, 4, 0x80);
	while (!found && (rec = monitor_peek(m, 2000))) {
		if (rec->kind == PCIEM_RECORD_MMIO_WRITE && rec->addr == ICS)
			cause = rec->seq;
		if (rec->kind == PCIEM_RECORD_IRQ)
			found = cause && rec->cause == cause && rec->addr == 0;
		monitor_pop(m, rec);
	}
	CHECK(found, "an irq whose cause is the write");
}

int main(void)
{
	int fd = card_open(), inst, cmd;
	struct card_monitor m;
	uint8_t *bar;

	card_describe(fd);
	refusals(fd, 0);
	table(fd);
	REFUSED(EBUSY, update(fd, ICR, 0, 1, NULL));
	inst = card_register(fd);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);
	monitor_map(&m, monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_LOSSY, 1 << 20, 0), 1 << 20);
	cmd = card_start(fd);
	refusals(fd, 1);
	accesses(fd, cmd, bar);
	indexed(fd, cmd, bar);
	describe_e1000(fd);
	CHECK(!interrupt(fd, 0, ICR, IMS, ALL, 3), "equation");
	CHECK(!driver_command(cmd, "irq request 8"), "vectors");
	equation(fd, cmd);
	handler(fd, cmd);
	in_the_stream(&m, cmd);
	driver_command(cmd, "irq free");
	close(cmd);
	close(inst);
	close(fd);
	return card_done("registers");
}
