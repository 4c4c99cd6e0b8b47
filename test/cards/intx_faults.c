// SPDX-License-Identifier: MIT
/* Injected faults on INTx: levels of the owner's and of a status register, and pulses, lost, late, and once more. */
#include "irq.h"

static void fault(struct device *d, uint32_t action, uint64_t value, uint64_t count)
{
	struct pciem_inject_rule rule = {
		.kind = PCIEM_RECORD_IRQ, .action = action, .bar_index = PCIEM_INJECT_ANY_BAR, .length = 1, .value = value,
		.count = count,
	};
	struct pciem_inject clear = { .size = sizeof(clear), .op = PCIEM_INJECT_CLEAR };
	struct pciem_inject add = { .size = sizeof(add), .op = PCIEM_INJECT_ADD, .count = 1, .rules = (uintptr_t)&rule };

	CHECK(!ioctl(d->fd, PCIEM_INJECT, &clear), "the ones before are gone");
	CHECK(!ioctl(d->fd, PCIEM_INJECT, &add), "a rule");
}

static int high(struct device *d)
{
	return !!(config_get(d->fd, 0, 0x06) & 8);
}

/* The handler finds something to do, once. */
static void raise_level(struct device *d)
{
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	CHECK(!intx(d->fd, 0, 1), "assert");
}

static void lower_level(struct device *d)
{
	CHECK(!intx(d->fd, 0, 0), "deassert");
}

static long counted(struct device *d)
{
	return irq_count(d->cmd[0], 0);
}

static void dropped(struct device *d)
{
	long n = counted(d);

	fault(d, PCIEM_INJECT_DROP, 0, 1);
	raise_level(d);
	CHECK(!high(d), "it has not risen");
	lower_level(d);
	msleep(20);
	CHECK(counted(d) == n, "nobody was called");
	raise_level(d);
	CHECK(settles(d->cmd[0], 0, n + 1), "the next one rises: %ld", counted(d) - n);
	lower_level(d);

	fault(d, PCIEM_INJECT_DROP, 0, 1);
	d->bar[0][EDU_IRQ_STATUS / 4] = 1;
	CHECK(!inject(d->fd, 0), "a pulse that is lost");
	msleep(20);
	CHECK(counted(d) == n + 1 && !high(d), "it is");
	CHECK(!inject(d->fd, 0) && settles(d->cmd[0], 0, n + 2), "the next pulse arrives");
}

#define LATE_MS	300

/* Before then it has not risen, unless the machine stood still meanwhile. */
static int not_yet(struct device *d, long start)
{
	return !high(d) || now_ms() - start >= LATE_MS;
}

static void late(struct device *d)
{
	long n = counted(d), start = now_ms(), stood;

	fault(d, PCIEM_INJECT_DELAY, LATE_MS * 1000000, 2);
	raise_level(d);
	CHECK(not_yet(d, start), "not yet");
	CHECK(settles(d->cmd[0], 0, n + 1) && high(d), "later, and it stays");
	lower_level(d);
	start = now_ms();
	raise_level(d);
	lower_level(d);
	stood = now_ms() - start;
	msleep(2 * LATE_MS);
	CHECK(stood >= LATE_MS || (counted(d) == n + 1 && !high(d)), "one that is over by then never rises: %ld",
	      counted(d) - n);
}

static void once_more(struct device *d)
{
	long n = counted(d), spare = irq_unhandled(d->cmd[0], 0);
	int i;

	fault(d, PCIEM_INJECT_DUPLICATE, 0, 1);
	driver_command(d->cmd[0], "irq mask 0");
	raise_level(d);
	lower_level(d);
	msleep(100);
	driver_command(d->cmd[0], "irq unmask 0");
	for (i = 0; i < 2000 && counted(d) == n; i++)
		msleep(10);
	CHECK(counted(d) == n + 1 && irq_unhandled(d->cmd[0], 0) == spare, "a level that is gone comes once more");
}

static void of_a_status_register(struct device *d)
{
	struct pciem_bar_register reg = {
		.size = sizeof(reg), .width = 4, .offset = EDU_IRQ_STATUS, .target = EDU_IRQ_STATUS, .count = 1, .read_clear = 1,
	};
	struct pciem_bar_interrupt in = {
		.size = sizeof(in), .width = 4, .flags = PCIEM_INTERRUPT_INTX | PCIEM_INTERRUPT_ALWAYS, .status = EDU_IRQ_STATUS,
		.mask = 1,
	};
	struct pciem_bar_update set = { .size = sizeof(set), .width = 4, .offset = EDU_IRQ_STATUS, .set = 1 };
	struct pciem_bar_update clear = { .size = sizeof(clear), .width = 4, .offset = EDU_IRQ_STATUS, .clear = 1 };
	long n = counted(d), start;

	CHECK(!ioctl(d->fd, PCIEM_BAR_REGISTER, &reg) && !ioctl(d->fd, PCIEM_BAR_INTERRUPT, &in), "a status register");
	fault(d, PCIEM_INJECT_DROP, 0, 1);
	CHECK(!ioctl(d->fd, PCIEM_BAR_UPDATE, &set) && !high(d), "a cause whose level is lost");
	CHECK(!ioctl(d->fd, PCIEM_BAR_UPDATE, &clear) && !high(d), "and goes");
	CHECK(!ioctl(d->fd, PCIEM_BAR_UPDATE, &set) && settles(d->cmd[0], 0, n + 1), "the next one arrives");
	fault(d, PCIEM_INJECT_DELAY, LATE_MS * 1000000, 1);
	start = now_ms();
	CHECK(!ioctl(d->fd, PCIEM_BAR_UPDATE, &set) && not_yet(d, start), "a late one");
	CHECK(settles(d->cmd[0], 0, n + 2), "arrives");
	in.width = 0;
	CHECK(!ioctl(d->fd, PCIEM_BAR_INTERRUPT, &in), "no more");
	reg.writable = 0xffffffff;
	reg.read_clear = 0;
	CHECK(!ioctl(d->fd, PCIEM_BAR_REGISTER, &reg), "memory again");
}

static void drop_one(struct device *d)
{
	raise_level(d);
	lower_level(d);
}

static void records(struct device *d)
{
	const struct pciem_record *rec;
	struct card_monitor m;
	int fd = monitor_create(d->fd, PCIEM_SLOT_OWN, 0, 1 << 20, 1ULL << PCIEM_RECORD_IRQ | 1ULL << PCIEM_RECORD_FAULT);

	monitor_map(&m, fd, 1 << 20);
	fault(d, PCIEM_INJECT_DROP, 0, 1);
	drop_one(d);
	rec = monitor_peek(&m, 300);
	CHECK(rec && rec->kind == PCIEM_RECORD_FAULT && rec->value == PCIEM_FAULT_INJECTED && rec->addr == 0, "the fault");
	if (rec)
		monitor_pop(&m, rec);
	CHECK(!monitor_peek(&m, 100), "and nothing else");
	close(fd);
}

int main(void)
{
	struct device d = { 0 };

	device_describe(&d, 1);
	device_start(&d);
	CHECK(!driver_command(d.cmd[0], "irq request 1 intx"), "INTx");
	dropped(&d);
	late(&d);
	once_more(&d);
	of_a_status_register(&d);
	records(&d);
	device_close(&d);
	return card_done("intx_faults");
}
