// SPDX-License-Identifier: MIT
/*
 * An INTx level that follows a status and an enable register in the kernel. The driver's
 * handler reads IRQ_STATUS, which clears it and so lowers the line; nobody answers for
 * the device, and its ring is never read.
 */
#include "irq.h"

#define ICS	0x2c			/* sets causes in IRQ_STATUS */
#define IMS	0x60
#define IMC	0x64
#define ALL	0xffffffffULL

static void set(int fd, uint32_t func, uint64_t offset, uint64_t target, uint64_t w1s, uint64_t w1c, uint64_t rc)
{
	struct pciem_bar_register r = {
		.size = sizeof(r), .func = func, .width = 4, .offset = offset, .target = target, .count = 1,
		.w1s = w1s, .w1c = w1c, .read_clear = rc,
	};

	CHECK(!ioctl(fd, PCIEM_BAR_REGISTER, &r), "register %#llx", (unsigned long long)offset);
}

static int level(int fd, uint32_t func, uint32_t width)
{
	struct pciem_bar_interrupt in = {
		.size = sizeof(in), .func = func, .width = width, .flags = PCIEM_INTERRUPT_INTX, .status = EDU_IRQ_STATUS,
		.enable = IMS, .mask = ALL,
	};

	return ioctl(fd, PCIEM_BAR_INTERRUPT, &in);
}

static void describe(struct device *d, int functions)
{
	int f;

	device_describe(d, functions);
	for (f = 0; f < functions; f++) {
		set(d->fd, f, EDU_IRQ_STATUS, EDU_IRQ_STATUS, 0, 0, ALL);
		set(d->fd, f, ICS, EDU_IRQ_STATUS, ALL, 0, 0);
		set(d->fd, f, IMS, IMS, ALL, 0, 0);
		set(d->fd, f, IMC, IMS, 0, ALL, 0);
		CHECK(!level(d->fd, f, 4), "level");
	}
	device_start(d);
	for (f = 0; f < functions; f++)
		CHECK(!driver_command(d->cmd[f], "irq request 1 intx"), "INTx");
}

static void update(struct device *d, uint32_t func, uint64_t clear, uint64_t bits)
{
	struct pciem_bar_update u = {
		.size = sizeof(u), .func = func, .width = 4, .offset = EDU_IRQ_STATUS, .clear = clear, .set = bits,
	};

	CHECK(!ioctl(d->fd, PCIEM_BAR_UPDATE, &u), "update");
}

static int high(struct device *d, uint32_t func)
{
	return !!(config_get(d->fd, func, 0x06) & 8);
}

/* ----------------------------------------------------------------- one function */

static void arrives(struct device *d)
{
	int i;

	driver_write(d->cmd[0], ICS, 4, 4);
	CHECK(!high(d, 0) && irq_count(d->cmd[0], 0) == 0, "a cause that is masked");
	driver_write(d->cmd[0], IMS, 4, 5);
	CHECK(settles(d->cmd[0], 0, 1) && !high(d, 0), "enabling it: %ld", irq_count(d->cmd[0], 0));
	for (i = 2; i <= 100; i++) {
		update(d, 0, 0, i & 1 ? 1 : 4);
		CHECK(settles(d->cmd[0], 0, i), "cause %d arrives once: %ld", i, irq_count(d->cmd[0], 0));
	}
	CHECK(irq_unhandled(d->cmd[0], 0) == 0, "and never without one: %ld", irq_unhandled(d->cmd[0], 0));
}

/* What lowers the line has lowered it when it is through. */
static void lowered(struct device *d)
{
	long n = irq_count(d->cmd[0], 0);

	driver_command(d->cmd[0], "irq mask 0");
	update(d, 0, 0, 4);
	CHECK(high(d, 0), "high");
	CHECK(driver_read(d->cmd[0], EDU_IRQ_STATUS, 4) == 4 && !high(d, 0), "the driver's read lowers it");
	update(d, 0, 0, 6);
	update(d, 0, 4, 0);
	CHECK(!high(d, 0), "the device takes its cause back");
	update(d, 0, 0, 4);
	driver_write(d->cmd[0], IMC, 4, ALL);
	CHECK(!high(d, 0), "masking lowers it");
	driver_write(d->cmd[0], IMS, 4, 4);
	CHECK(high(d, 0), "unmasking raises it");
	CHECK(!intx(d->fd, 0, 1) && driver_read(d->cmd[0], EDU_IRQ_STATUS, 4) == 6 && high(d, 0), "the owner's own level stays");
	CHECK(!intx(d->fd, 0, 0) && !high(d, 0), "until it goes");
	driver_command(d->cmd[0], "irq unmask 0");
	msleep(20);
	CHECK(irq_count(d->cmd[0], 0) == n, "nothing was left to deliver");

	driver_command(d->cmd[0], "irq mask 0");
	update(d, 0, 0, 4);
	CHECK(high(d, 0) && !level(d->fd, 0, 0) && !high(d, 0), "a level that is no more holds nothing");
	CHECK(!level(d->fd, 0, 4) && !high(d, 0), "a new one is looked at with the next access");
	driver_read(d->cmd[0], IMS, 4);
	driver_write(d->cmd[0], IMS, 4, 4);
	CHECK(high(d, 0), "this one");
	driver_read(d->cmd[0], EDU_IRQ_STATUS, 4);
	driver_command(d->cmd[0], "irq unmask 0");
}

/* A function-level reset lowers the line; the registers are the owner's to reset, and a cause that they keep comes anew. */
static void reset(struct device *d)
{
	struct pciem_info info = card_info(d->fd);
	long n = irq_count(d->cmd[0], 0);
	char path[96];
	int fd;

	driver_command(d->cmd[0], "irq mask 0");
	update(d, 0, 0, 4);
	CHECK(high(d, 0), "high");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.0/reset", info.domain, info.bus, info.device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, "1", 1) == 1, "%s", path);
	close(fd);
	CHECK(!high(d, 0), "the reset lowers it");
	driver_write(d->cmd[0], IMS, 4, 4);
	CHECK(high(d, 0), "the next access finds the cause");
	driver_command(d->cmd[0], "irq unmask 0");
	CHECK(settles(d->cmd[0], 0, n + 1) && !high(d, 0), "which arrives: %ld", irq_count(d->cmd[0], 0) - n);
}

/* A handler that leaves a cause is called again soon, whatever the owner has not taken; but it is no storm. */
static void left_high(struct device *d)
{
	long n = irq_count(d->cmd[0], 0);
	int i;

	set(d->fd, 0, EDU_IRQ_STATUS, EDU_IRQ_STATUS, 0, 0, ALL & ~4);
	update(d, 0, 0, 4);
	for (i = 0; i < 1000 && irq_count(d->cmd[0], 0) < n + 20; i++)
		msleep(1);
	CHECK(irq_count(d->cmd[0], 0) >= n + 20, "again and again: %ld in %d ms", irq_count(d->cmd[0], 0) - n, i);
	CHECK(irq_count(d->cmd[0], 0) < n + 500, "no storm: %ld in %d ms", irq_count(d->cmd[0], 0) - n, i);
	update(d, 0, 4, 0);
	msleep(20);
	n = irq_count(d->cmd[0], 0);
	msleep(20);
	CHECK(irq_count(d->cmd[0], 0) == n, "until it is gone");
	set(d->fd, 0, EDU_IRQ_STATUS, EDU_IRQ_STATUS, 0, 0, ALL);
}

static void once(struct device *d)
{
	long n = irq_count(d->cmd[0], 0);

	update(d, 0, 0, 4);
	settles(d->cmd[0], 0, n + 1);
}

static void records(struct device *d)
{
	struct pciem_record rec[64];
	int n = records_of(d, once, rec);

	CHECK(n == 2 && rec[0].value == PCIEM_IRQ_INTX_ASSERT && rec[1].value == PCIEM_IRQ_INTX_DEASSERT, "its two ends: %d", n);
	CHECK(n == 2 && rec[0].addr == 1 && rec[1].cause > rec[0].seq, "the handler's read ended it");
}

/* ------------------------------------------------------ two functions, one line */

static void shared_line(void)
{
	struct device d = { 0 };
	long spare;
	int i;

	describe(&d, 2);
	driver_write(d.cmd[0], IMS, 4, 1);
	driver_write(d.cmd[1], IMS, 4, 1);
	for (i = 1; i <= 20; i++) {
		update(&d, 1, 0, 1);
		CHECK(settles(d.cmd[1], 0, i), "function 1's");
	}
	CHECK(irq_count(d.cmd[0], 0) == 0 && irq_unhandled(d.cmd[0], 0) == 20, "function 0 was asked each time: %ld",
	      irq_unhandled(d.cmd[0], 0));
	driver_command(d.cmd[0], "irq mask 0");
	update(&d, 0, 0, 1);
	update(&d, 1, 0, 1);
	CHECK(driver_read(d.cmd[0], EDU_IRQ_STATUS, 4) == 1 && !high(&d, 0) && high(&d, 1), "one goes, the other holds the line");
	spare = irq_unhandled(d.cmd[0], 0);
	driver_command(d.cmd[0], "irq unmask 0");
	CHECK(settles(d.cmd[1], 0, 21) && irq_unhandled(d.cmd[0], 0) == spare + 1, "it is delivered");
	device_close(&d);
}

int main(void)
{
	struct device d = { 0 };

	describe(&d, 1);
	arrives(&d);
	lowered(&d);
	reset(&d);
	left_high(&d);
	records(&d);
	device_close(&d);
	shared_line();
	return card_done("intx_status");
}
