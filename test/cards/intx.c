// SPDX-License-Identifier: MIT
/*
 * INTx: a level that stays until the owner takes it away. The driver's handler reads
 * IRQ_STATUS and writes 0 there; the card lowers the line when it hears of that.
 */
#include "card.h"
#include "irq.h"

static int redeliver;			/* how often the card finds more to do when the driver has acknowledged */
static volatile int deaf;		/* 1: it is to listen no more, 2: it does not */

static void *model(void *arg)
{
	struct device *d = arg;
	struct pciem_event ev;

	while (!d->over) {
		if (deaf == 1)
			deaf = 2;
		if (deaf) {
			msleep(1);
			continue;
		}
		if (!ring_next(&d->ring, &ev, 20) || ev.type != PCIEM_EVENT_MMIO_WRITE || ev.func)
			continue;
		if (ev.offset == EDU_IRQ_RAISE) {
			d->bar[0][EDU_IRQ_STATUS / 4] = 1;
			CHECK(!intx(d->fd, 0, 1), "assert");
		} else if (ev.offset == EDU_IRQ_STATUS && redeliver > 0) {
			redeliver--;
			d->bar[0][EDU_IRQ_STATUS / 4] = 1;
		} else if (ev.offset == EDU_IRQ_STATUS && redeliver == 0) {
			CHECK(!intx(d->fd, 0, 0), "deassert");
		}
	}
	return NULL;
}

/* ------------------------------------------------------------- what is refused */

static void refused(void)
{
	struct pciem_intx_level arg = { .size = sizeof(arg) };
	int fd = card_open(), inst;

	REFUSED(EBUSY, ioctl(fd, PCIEM_INTX, &arg));
	card_describe(fd);
	REFUSED(EBUSY, ioctl(fd, PCIEM_INTX, &arg));
	config_byte(fd, 0, 0x3d, 5);
	REFUSED(EINVAL, ioctl(fd, PCIEM_REGISTER));
	config_byte(fd, 0, 0x3d, 0);
	inst = card_register(fd);
	REFUSED(ENOENT, ioctl(fd, PCIEM_INTX, &arg));
	close(inst);
	close(fd);

	fd = card_open();
	card_describe(fd);
	inst = card_register(fd);
	arg.func = 8;
	REFUSED(EINVAL, ioctl(fd, PCIEM_INTX, &arg));
	arg.func = 1;
	REFUSED(ENOENT, ioctl(fd, PCIEM_INTX, &arg));
	arg.func = 0;
	arg.level = 2;
	REFUSED(EINVAL, ioctl(fd, PCIEM_INTX, &arg));
	arg.level = 1;
	arg.reserved = 1;
	REFUSED(EINVAL, ioctl(fd, PCIEM_INTX, &arg));
	arg.reserved = 0;
	CHECK(!ioctl(fd, PCIEM_INTX, &arg), "without a driver");
	REFUSED(EBUSY, inject(fd, 0));
	card_remove(fd);
	REFUSED(ENODEV, ioctl(fd, PCIEM_INTX, &arg));
	close(inst);
	close(fd);
}

/* ------------------------------------------------------------------- the level */

/* The model has heard of the acknowledgement, and lowered the line. */
static void low(struct device *d)
{
	int i;

	for (i = 0; i < 2000 && config_get(d->fd, 0, 0x06) & 8; i++)
		msleep(10);
	CHECK(i < 2000, "the line is low");
}

static void status(struct device *d)
{
	CHECK(!(config_get(d->fd, 0, 0x06) & 8), "low");
	CHECK(!intx(d->fd, 0, 1) && config_get(d->fd, 0, 0x06) & 8, "Interrupt Status says so");
	CHECK(!intx(d->fd, 0, 1), "again");
	CHECK(!intx(d->fd, 0, 0) && !(config_get(d->fd, 0, 0x06) & 8), "low again");
}

static void raised(struct device *d)
{
	int i;

	for (i = 1; i <= 50; i++) {
		driver_command(d->cmd[0], "irq raise 0");
		CHECK(settles(d->cmd[0], 0, i), "raise %d arrives once: %ld", i, irq_count(d->cmd[0], 0));
	}
	CHECK(irq_unhandled(d->cmd[0], 0) <= 250, "no storm: %ld", irq_unhandled(d->cmd[0], 0));
	low(d);
	redeliver = 5;
	driver_command(d->cmd[0], "irq raise 0");
	CHECK(settles(d->cmd[0], 0, 56), "a line that stays is delivered again: %ld", irq_count(d->cmd[0], 0));
}

/* How often nobody handled it since there were `before`: half a second later, or when it was `least` times. */
static long unhandled(struct device *d, long before, long least)
{
	long more;
	int i;

	msleep(500);
	for (i = 0; (more = irq_unhandled(d->cmd[0], 0) - before) < least && i < 2000; i++)
		msleep(10);
	return more;
}

/* The owner takes what the driver wrote, or nothing at all, and leaves the line as it is. */
static void left_high(struct device *d)
{
	long before = irq_unhandled(d->cmd[0], 0), start = now_ms(), more;

	redeliver = -1;
	driver_command(d->cmd[0], "irq raise 0");
	CHECK(settles(d->cmd[0], 0, 57), "it arrives");
	more = unhandled(d, before, 3);
	CHECK(more >= 3 && more < (now_ms() - start) * 2 / 5, "again and again, but no storm: %ld", more);
	intx(d->fd, 0, 0);
	before = irq_unhandled(d->cmd[0], 0);
	msleep(100);
	CHECK(irq_unhandled(d->cmd[0], 0) == before, "not when it is low");
	redeliver = 0;

	deaf = 1;
	while (deaf != 2)
		msleep(1);
	before = irq_unhandled(d->cmd[0], 0);
	start = now_ms();
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	intx(d->fd, 0, 1);
	CHECK(settles(d->cmd[0], 0, 58), "it arrives");
	more = unhandled(d, before, 1);
	CHECK(more >= 1 && more < (now_ms() - start) / 40, "an owner that does not listen is waited for: %ld", more);
	deaf = 0;
	CHECK(unhandled_stops(d->cmd[0], 0), "until it does");
	low(d);
}

static void gated(struct device *d)
{
	long n = irq_count(d->cmd[0], 0);

	low(d);
	driver_command(d->cmd[0], "irq intx 0");
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	intx(d->fd, 0, 1);
	CHECK(config_get(d->fd, 0, 0x06) & 8, "Interrupt Status, though disabled");
	msleep(50);
	CHECK(irq_count(d->cmd[0], 0) == n, "Interrupt Disable keeps it");
	driver_command(d->cmd[0], "irq intx 1");
	CHECK(settles(d->cmd[0], 0, n + 1), "and lets it go: %ld", irq_count(d->cmd[0], 0) - n);
	low(d);

	driver_command(d->cmd[0], "irq mask 0");
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	intx(d->fd, 0, 1);
	msleep(50);
	CHECK(irq_count(d->cmd[0], 0) == n + 1, "a masked line");
	driver_command(d->cmd[0], "irq unmask 0");
	CHECK(settles(d->cmd[0], 0, n + 2), "unmasked: %ld", irq_count(d->cmd[0], 0) - n);
	low(d);

	driver_command(d->cmd[0], "irq free");
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	intx(d->fd, 0, 1);
	driver_command(d->cmd[0], "irq request 1 intx");
	CHECK(settles(d->cmd[0], 0, 1), "high before the driver asked");
	low(d);
}

/* Cards of old: one INJECT_IRQ is one interrupt. */
static void pulses(struct device *d)
{
	int i;

	driver_command(d->cmd[0], "irq free");
	driver_command(d->cmd[0], "irq request 1 intx");
	redeliver = -1;
	for (i = 1; i <= 50; i++) {
		d->bar[0][EDU_IRQ_STATUS / 4] = 1;
		CHECK(!inject(d->fd, i % 8), "any vector it would have had");
		CHECK(settles(d->cmd[0], 0, i), "pulse %d arrives once: %ld", i, irq_count(d->cmd[0], 0));
	}
	REFUSED(EINVAL, inject(d->fd, 8));
	driver_command(d->cmd[0], "irq mask 0");
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	CHECK(!inject(d->fd, 0), "masked");
	CHECK(config_get(d->fd, 0, 0x06) & 8, "it is held");
	driver_command(d->cmd[0], "irq unmask 0");
	CHECK(settles(d->cmd[0], 0, 51), "and not lost: %ld", irq_count(d->cmd[0], 0));
	low(d);
	redeliver = 0;
}

static void affinity(struct device *d)
{
	long cpus[2];
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	driver_command(d->cmd[0], "irq affinity 0 1");
	driver_command(d->cmd[0], "irq raise 0");	/* the move takes effect with an interrupt */
	settles(d->cmd[0], 0, irq_count(d->cmd[0], 0));
	irq_cpus(d->cmd[0], 0, cpus);
	for (i = 0; i < 5; i++)
		driver_command(d->cmd[0], "irq raise 0");
	CHECK(irq_cpu(d->cmd[0], 0, 0) == cpus[0] && irq_cpu(d->cmd[0], 0, 1) >= cpus[1] + 5,
	      "on the CPU that it is routed to: %ld, %ld", irq_cpu(d->cmd[0], 0, 0), irq_cpu(d->cmd[0], 0, 1));
}

/* ------------------------------------------------------------------ the records */

static void level_once(struct device *d)
{
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	intx(d->fd, 0, 1);
	intx(d->fd, 0, 1);
	settles(d->cmd[0], 0, irq_count(d->cmd[0], 0));
	intx(d->fd, 0, 0);
	intx(d->fd, 0, 0);
}

static void pulse_once(struct device *d)
{
	long n = irq_count(d->cmd[0], 0);

	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	inject(d->fd, 0);
	CHECK(settles(d->cmd[0], 0, n + 1), "it arrives");
}

static void records(struct device *d)
{
	struct pciem_record rec[64];
	int n;

	redeliver = -1;
	n = records_of(d, level_once, rec);
	CHECK(n == 2 && rec[0].value == PCIEM_IRQ_INTX_ASSERT && rec[1].value == PCIEM_IRQ_INTX_DEASSERT,
	      "each change once: %d", n);
	CHECK(n > 0 && rec[0].addr == 1 && rec[0].bar == 0xff && !(rec[0].flags & PCIEM_RF_PENDING), "INTA");
	n = records_of(d, pulse_once, rec);
	CHECK(n == 2 && rec[0].value == PCIEM_IRQ_INTX_ASSERT && rec[1].value == PCIEM_IRQ_INTX_DEASSERT,
	      "a pulse's two ends: %d", n);
	redeliver = 0;
}

/* ----------------------------------------------------------- two functions, a line */

static void shared_line(void)
{
	struct device d = { 0 };
	int i;

	device_describe(&d, 2);
	device_start(&d);
	driver_command(d.cmd[0], "irq request 1 intx");
	driver_command(d.cmd[1], "irq request 1 intx");
	for (i = 1; i <= 20; i++) {
		d.bar[1][EDU_IRQ_STATUS / 4] = 1;
		intx(d.fd, 1, 1);
		CHECK(settles(d.cmd[1], 0, i), "function 1's");
		intx(d.fd, 1, 0);
	}
	CHECK(irq_count(d.cmd[0], 0) == 0 && irq_unhandled(d.cmd[0], 0) >= 20, "function 0 was asked, too: %ld",
	      irq_unhandled(d.cmd[0], 0));
	/* One goes, the other still holds the line. */
	d.bar[0][EDU_IRQ_STATUS / 4] = d.bar[1][EDU_IRQ_STATUS / 4] = 1;
	intx(d.fd, 0, 1);
	intx(d.fd, 1, 1);
	CHECK(settles(d.cmd[0], 0, 1) && settles(d.cmd[1], 0, 21), "both");
	intx(d.fd, 0, 0);
	d.bar[1][EDU_IRQ_STATUS / 4] = 1;
	CHECK(settles(d.cmd[1], 0, 22), "the other holds the line");
	intx(d.fd, 1, 0);
	device_close(&d);
}

/* An owner that dies with the line high takes it along. */
static void killed(void)
{
	struct device d = { 0 };
	pid_t pid = fork();

	if (!pid) {
		device_describe(&d, 1);
		device_start(&d);
		driver_command(d.cmd[0], "irq request 1 intx");
		intx(d.fd, 0, 1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
	CHECK(slots_vanish(), "its slot is gone");
}

int main(void)
{
	struct device d = { 0 };
	pthread_t thread;

	refused();
	device_describe(&d, 1);
	device_start(&d);
	status(&d);
	pthread_create(&thread, NULL, model, &d);
	CHECK(!driver_command(d.cmd[0], "irq request 1 intx"), "the driver gets INTx");
	raised(&d);
	left_high(&d);
	gated(&d);
	affinity(&d);
	pulses(&d);
	records(&d);
	d.over = 1;
	pthread_join(thread, NULL);
	device_close(&d);
	shared_line();
	killed();
	return card_done("intx");
}
