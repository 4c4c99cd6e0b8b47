/* SPDX-License-Identifier: MIT */
/*
 * What the cards about interrupts share: a device of one or two functions with a model
 * in a thread, and what the driver has counted.
 */
#ifndef IRQ_H
#define IRQ_H

#include <pthread.h>
#include <signal.h>

#include "card.h"

#define EDU_IRQ_RAISE	0x20
#define EDU_IRQ_STATUS	0x24

struct device {
	int fd, inst;
	int functions;
	int cmd[2];			/* the driver's command files */
	volatile uint32_t *bar[2];
	struct card_ring ring;
	volatile int over;
};

/* ---------------------------------------------------------------- config space */

static inline void config_byte(int fd, uint32_t func, uint32_t offset, uint8_t value)
{
	struct pciem_config c = {
		.size = sizeof(c), .func = func, .flags = PCIEM_CONFIG_SET, .offset = offset, .length = 1,
		.data = (uintptr_t)&value,
	};

	if (ioctl(fd, PCIEM_CONFIG, &c))
		card_die("CONFIG");
}

static inline uint32_t config_get(int fd, uint32_t func, uint32_t offset)
{
	uint32_t value = 0;
	struct pciem_config c = {
		.size = sizeof(c), .func = func, .offset = offset, .length = 4, .data = (uintptr_t)&value,
	};

	if (ioctl(fd, PCIEM_CONFIG, &c))
		card_die("CONFIG");
	return value;
}

/* ---------------------------------------------------------------- the device */

static inline void function_add(int fd, uint8_t func)
{
	struct pciem_create_device create = { .func = func };
	struct pciem_set_config ids = {
		.func = func, .vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff },
	};
	struct pciem_add_bar bar = { .bar_index = 0, .flags = 4, .size = BAR_SIZE, .func = func };
	struct pciem_add_capability pcie = { .cap_type = PCIEM_CAP_PCIE, .func = func };

	if (ioctl(fd, PCIEM_CREATE_DEVICE, &create) || ioctl(fd, PCIEM_SET_CONFIG, &ids) ||
	    ioctl(fd, PCIEM_ADD_BAR, &bar) || ioctl(fd, PCIEM_ADD_CAPABILITY, &pcie))
		card_die("describe");
}

/* Function 0 as card_describe() has it, more without MSI-X; all writes are reported. */
static inline void device_describe(struct device *d, int functions)
{
	struct pciem_bar_policy policy = {
		.size = sizeof(policy), .policy = PCIEM_BAR_STORE, .flags = PCIEM_TRACE_WRITES, .length = 0x1000,
	};

	d->fd = card_open();
	d->functions = functions;
	card_describe(d->fd);
	if (functions > 1)
		function_add(d->fd, 1);
	for (policy.func = 0; policy.func < (unsigned int)functions; policy.func++)
		if (ioctl(d->fd, PCIEM_BAR_POLICY, &policy))
			card_die("BAR_POLICY");
	if (ring_create(d->fd, 4096, &d->ring) < 0)
		card_die("RING_CREATE");
}

static inline void device_start(struct device *d)
{
	struct pciem_info info;
	char path[96];
	int f, i;

	d->inst = ioctl(d->fd, PCIEM_REGISTER);
	if (d->inst < 0)
		card_die("REGISTER");
	for (f = 0; f < d->functions; f++) {
		d->bar[f] = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, d->inst, f * 8 * PAGE);
		if (d->bar[f] == MAP_FAILED)
			card_die("mmap of BAR 0");
		d->bar[f][0] = EDU_ID;
	}
	if (ioctl(d->fd, PCIEM_START))
		card_die("START");
	info = card_info(d->fd);
	for (f = 0; f < d->functions; f++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/pciem_test/%04x:%02x:%02x.%x", info.domain, info.bus,
			 info.device, f);
		d->cmd[f] = -1;
		for (i = 0; i < 2000 && d->cmd[f] < 0; i++) {
			d->cmd[f] = open(path, O_RDWR | O_CLOEXEC);
			if (d->cmd[f] < 0)
				msleep(10);
		}
		if (d->cmd[f] < 0)
			card_die("the driver pciem_test did not bind");
	}
}

static inline void card_remove(int fd)
{
	struct pciem_remove remove = { .size = sizeof(remove) };

	CHECK(!ioctl(fd, PCIEM_REMOVE, &remove), "orderly removal");
}

static inline void device_close(struct device *d)
{
	int f;

	for (f = 0; f < d->functions; f++) {
		close(d->cmd[f]);
		munmap((void *)d->bar[f], BAR_SIZE);
	}
	card_remove(d->fd);
	close(d->ring.fd);
	close(d->inst);
	close(d->fd);
}

/* No slot is left, within 20 s. */
static inline int slots_vanish(void)
{
	struct pciem_slot_info info = { .size = sizeof(info) };
	int fd = card_open(), i, gone = 0;

	for (i = 0; i < 2000 && !gone; i++) {
		info.slot = 0;
		gone = ioctl(fd, PCIEM_SLOT_INFO, &info) && errno == ENOENT;
		if (!gone)
			msleep(10);
	}
	close(fd);
	return gone;
}

static inline int intx(int fd, uint32_t func, uint32_t level)
{
	struct pciem_intx_level arg = { .size = sizeof(arg), .func = func, .level = level };

	return ioctl(fd, PCIEM_INTX, &arg);
}

static inline int inject(int fd, uint32_t vector)
{
	struct pciem_inject_irq arg = { .vector = vector };

	return ioctl(fd, PCIEM_INJECT_IRQ, &arg);
}

/* ---------------------------------------------------------------- what arrived */

/* Of the line for this vector that `irq counts` prints; -1 if there is none. */
static inline long irq_number(int cmd, int vector, const char *key)
{
	char out[16384], want[32], *at;
	ssize_t n;

	if (driver_command(cmd, "irq counts"))
		return -1;
	n = pread(cmd, out, sizeof(out) - 1, 0);
	out[n < 0 ? 0 : n] = 0;
	snprintf(want, sizeof(want), "{\"vector\":%d,", vector);
	at = strstr(out, want);
	at = at ? strstr(at, key) : NULL;
	return at ? strtol(at + strlen(key), NULL, 0) : -1;
}

static inline long irq_count(int cmd, int vector)
{
	return irq_number(cmd, vector, "\"count\":");
}

static inline long irq_unhandled(int cmd, int vector)
{
	return irq_number(cmd, vector, "\"unhandled\":");
}

/* On CPU 0 or 1. */
static inline long irq_cpu(int cmd, int vector, int cpu)
{
	char out[16384], want[32], *at;
	ssize_t n;

	driver_command(cmd, "irq counts");
	n = pread(cmd, out, sizeof(out) - 1, 0);
	out[n < 0 ? 0 : n] = 0;
	snprintf(want, sizeof(want), "{\"vector\":%d,", vector);
	at = strstr(out, want);
	at = at ? strstr(at, "\"cpus\":[") : NULL;
	if (!at)
		return -1;
	at += 8;
	for (; cpu > 0 && at; cpu--) {
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return at ? strtol(at, NULL, 10) : -1;
}

static inline void irq_cpus(int cmd, int vector, long cpus[2])
{
	cpus[0] = irq_cpu(cmd, vector, 0);
	cpus[1] = irq_cpu(cmd, vector, 1);
}

/* The count comes to be n within 20 s, and is not more. */
static inline int settles(int cmd, int vector, long n)
{
	int i;

	for (i = 0; i < 2000 && irq_count(cmd, vector) < n; i++)
		msleep(10);
	return irq_count(cmd, vector) == n;
}

static inline int settles_between(int cmd, int vector, long least, long most)
{
	long n;
	int i;

	for (i = 0; i < 2000 && irq_count(cmd, vector) < least; i++)
		msleep(10);
	msleep(50);
	n = irq_count(cmd, vector);
	return n >= least && n <= most;
}

static inline void wait_cpu(int cmd, int vector, int cpu, long n)
{
	int i;

	for (i = 0; i < 2000 && irq_cpu(cmd, vector, cpu) < n; i++)
		msleep(5);
}

/* INTx: nothing comes any more that nobody handles, within 20 s. */
static inline int unhandled_stops(int cmd, int vector)
{
	long before;
	int i;

	for (i = 0; i < 100; i++) {
		before = irq_unhandled(cmd, vector);
		msleep(200);
		if (irq_unhandled(cmd, vector) == before)
			return 1;
	}
	return 0;
}

/* ---------------------------------------------------------------- what is recorded */

/* The kinds (PCIEM_IRQ_*) of the irq records that doing something left behind, at most 64. */
static inline int records_of(struct device *d, void (*act)(struct device *d), struct pciem_record *into)
{
	struct card_monitor m;
	const struct pciem_record *rec;
	int fd = monitor_create(d->fd, PCIEM_SLOT_OWN, 0, 1 << 20, 1ULL << PCIEM_RECORD_IRQ), n = 0;

	if (fd < 0)
		card_die("MONITOR_CREATE");
	monitor_map(&m, fd, 1 << 20);
	act(d);
	while (n < 64 && (rec = monitor_peek(&m, 300))) {
		into[n++] = *rec;
		monitor_pop(&m, rec);
	}
	close(fd);
	return n;
}

#endif /* IRQ_H */
