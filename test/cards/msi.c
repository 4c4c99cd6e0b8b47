// SPDX-License-Identifier: MIT
/* MSI and MSI-X: every vector on its own, masks and pending bits, what gates them, and load. */
#include "irq.h"

#define CAP_AT		0x40		/* the MSI capability, the first one */
#define COMMAND		0x04

static int bare(struct device *d, uint8_t log2, uint8_t has_64bit, uint8_t has_masking)
{
	struct pciem_create_device create = { 0 };
	struct pciem_set_config ids = { .vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff } };
	struct pciem_add_bar bar = { .bar_index = 0, .flags = 4, .size = BAR_SIZE };
	struct pciem_add_capability msi = {
		.cap_type = PCIEM_CAP_MSI,
		.msi = { .num_vectors_log2 = log2, .has_64bit = has_64bit, .has_masking = has_masking },
	};

	memset(d, 0, sizeof(*d));
	d->functions = 1;
	d->fd = card_open();
	if (ioctl(d->fd, PCIEM_CREATE_DEVICE, &create) || ioctl(d->fd, PCIEM_SET_CONFIG, &ids) ||
	    ioctl(d->fd, PCIEM_ADD_BAR, &bar))
		card_die("describe");
	return ioctl(d->fd, PCIEM_ADD_CAPABILITY, &msi);
}

static void request(struct device *d, const char *line, long wanted)
{
	char out[256] = "", want[64];

	CHECK(!driver_command(d->cmd[0], line), "%s", line);
	pread(d->cmd[0], out, sizeof(out) - 1, 0);
	snprintf(want, sizeof(want), "{\"vectors\":%ld}", wanted);
	CHECK(strstr(out, want), "%s gives: %s", line, out);
}

/* The driver's side of config space, as setpci writes it. */
static void poke(struct device *d, int offset, int width, uint32_t value)
{
	struct pciem_info info = card_info(d->fd);
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.0/config", info.domain, info.bus, info.device);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0 && pwrite(fd, &value, width, offset) == width, "write to config");
	close(fd);
}

static void each_vector(struct device *d, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		CHECK(!inject(d->fd, i), "vector %d", i);
	for (i = 0; i < nr; i++)
		CHECK(settles(d->cmd[0], i, 1), "vector %d arrives once: %ld", i, irq_count(d->cmd[0], i));
}

/* ------------------------------------------------------------------------- MSI */

static void shapes(void)
{
	struct device d;
	int log2, bits;
	char line[64];

	CHECK(bare(&d, 6, 1, 1) == -1 && errno == EINVAL, "64 vectors");
	close(d.fd);
	for (log2 = 0; log2 <= 5; log2 += log2 ? 2 : 1) {
		bits = log2 & 3;
		CHECK(!bare(&d, log2, bits & 1, bits & 2), "MSI without PCIe");
		device_start(&d);
		CHECK((config_get(d.fd, 0, CAP_AT) >> 16 & 0x18e) == (uint32_t)(log2 << 1 | (bits & 1) << 7 | (bits & 2) << 7),
		      "Message Control: %#x", config_get(d.fd, 0, CAP_AT));
		REFUSED(EINVAL, inject(d.fd, 1 << log2));
		REFUSED(EBUSY, inject(d.fd, 0));
		snprintf(line, sizeof(line), "irq request %d msi", 1 << log2);
		request(&d, line, 1 << log2);
		each_vector(&d, 1 << log2);
		device_close(&d);
	}
}

static void some_of_them(void)
{
	struct device d;

	CHECK(!bare(&d, 5, 1, 1), "32");
	device_start(&d);
	request(&d, "irq request 4 msi", 4);
	each_vector(&d, 4);
	REFUSED(EBUSY, inject(d.fd, 4));
	driver_command(d.cmd[0], "irq free");
	REFUSED(EBUSY, inject(d.fd, 0));
	request(&d, "irq request 32 msi", 32);
	each_vector(&d, 32);
	device_close(&d);
}

static void msi_masks(void)
{
	struct device d;
	int i;

	CHECK(!bare(&d, 3, 1, 1), "8, maskable");
	device_start(&d);
	request(&d, "irq request 8 msi", 8);
	/* The core masks a disabled interrupt when one comes. */
	driver_command(d.cmd[0], "irq mask 3");
	CHECK(!inject(d.fd, 3), "the first one finds it disabled");
	for (i = 0; i < 2000 && config_get(d.fd, 0, CAP_AT + 16) != 8; i++)
		msleep(10);
	CHECK(config_get(d.fd, 0, CAP_AT + 16) == 8, "mask bits: %#x", config_get(d.fd, 0, CAP_AT + 16));
	CHECK(!inject(d.fd, 3) && !inject(d.fd, 3), "masked");
	CHECK(config_get(d.fd, 0, CAP_AT + 20) == 8, "pending bits: %#x", config_get(d.fd, 0, CAP_AT + 20));
	msleep(50);
	CHECK(irq_count(d.cmd[0], 3) == 0, "nothing yet");
	driver_command(d.cmd[0], "irq unmask 3");
	CHECK(settles_between(d.cmd[0], 3, 1, 2), "it comes: %ld", irq_count(d.cmd[0], 3));
	CHECK(config_get(d.fd, 0, CAP_AT + 20) == 0, "and is no longer pending");

	/* Whoever writes the mask register masks. */
	poke(&d, CAP_AT + 16, 4, 0x20);
	CHECK(!inject(d.fd, 5), "vector 5");
	CHECK(config_get(d.fd, 0, CAP_AT + 20) == 0x20, "pending: %#x", config_get(d.fd, 0, CAP_AT + 20));
	msleep(50);
	CHECK(irq_count(d.cmd[0], 5) == 0, "masked by a write");
	poke(&d, CAP_AT + 16, 4, 0);
	CHECK(settles(d.cmd[0], 5, 1), "and opened by one");
	device_close(&d);
}

/* ------------------------------------------------------------------------- gates */

static void bus_master(struct device *d)
{
	long n = irq_count(d->cmd[0], 0);
	uint32_t command = config_get(d->fd, 0, COMMAND) & 0xffff;

	poke(d, COMMAND, 2, command & ~4U);
	CHECK(!inject(d->fd, 0), "a message that may not be sent waits");
	msleep(50);
	CHECK(irq_count(d->cmd[0], 0) == n, "Bus Master is off");
	poke(d, COMMAND, 2, command);
	CHECK(settles(d->cmd[0], 0, n + 1), "and on again");
}

static void function_mask(struct device *d, int cap)
{
	uint16_t control = config_get(d->fd, 0, cap) >> 16;
	volatile uint8_t *pba = (volatile uint8_t *)d->bar[0] + 0x5000;
	long n = irq_count(d->cmd[0], 2);

	poke(d, cap + 2, 2, control | 0x4000);
	CHECK(!inject(d->fd, 2) && !inject(d->fd, 2), "masked");
	CHECK(*pba == 4, "PBA: %#x", *pba);
	msleep(50);
	CHECK(irq_count(d->cmd[0], 2) == n, "nothing yet");
	poke(d, cap + 2, 2, control);
	CHECK(settles(d->cmd[0], 2, n + 1), "once: %ld", irq_count(d->cmd[0], 2) - n);
	CHECK(*pba == 0, "PBA: %#x", *pba);
}

static void moved(struct device *d)
{
	long before;
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	driver_command(d->cmd[0], "irq affinity 1 1");
	before = irq_count(d->cmd[0], 1);
	inject(d->fd, 1);			/* the move takes effect with an interrupt */
	settles(d->cmd[0], 1, before + 1);
	before = irq_cpu(d->cmd[0], 1, 1);
	for (i = 1; i <= 20; i++) {
		inject(d->fd, 1);
		wait_cpu(d->cmd[0], 1, 1, before + i);
	}
	CHECK(irq_cpu(d->cmd[0], 1, 1) == before + 20, "all of them on CPU 1: %ld", irq_cpu(d->cmd[0], 1, 1) - before);
}

/* -------------------------------------------------------------------------- load */

struct load {
	struct device *d;
	int vector;
	long sent;
	pthread_t thread;
};

#define ROUNDS	2000

/* Bursts, then one that must be seen: what came is at least one, and no more than was sent. */
static void *load_run(void *arg)
{
	struct load *l = arg;

	for (l->sent = 0; l->sent < ROUNDS; l->sent++)
		if (inject(l->d->fd, l->vector))
			break;
	return NULL;
}

/* On all vectors. */
static long arrived(struct device *d, int nr)
{
	long sum = 0;
	int i;

	for (i = 0; i < nr; i++)
		sum += irq_count(d->cmd[0], i);
	return sum;
}

static void load(struct device *d, int nr)
{
	struct load loads[8];
	long first[8], came, last;
	int i;

	for (i = 0; i < nr; i++) {
		loads[i] = (struct load) { .d = d, .vector = i };
		first[i] = irq_count(d->cmd[0], i);
		pthread_create(&loads[i].thread, NULL, load_run, &loads[i]);
	}
	for (i = 0; i < nr; i++)
		pthread_join(loads[i].thread, NULL);
	do {
		came = arrived(d, nr);
		msleep(500);
	} while (arrived(d, nr) != came);
	for (i = 0; i < nr; i++) {
		CHECK(loads[i].sent == ROUNDS, "vector %d: %ld", i, loads[i].sent);
		last = irq_count(d->cmd[0], i);
		came = last - first[i];
		CHECK(came >= 1 && came <= ROUNDS, "vector %d: %ld of %d", i, came, ROUNDS);
		inject(d->fd, i);
		CHECK(settles(d->cmd[0], i, last + 1), "the next one: %ld", irq_count(d->cmd[0], i) - last);
	}
}

/* One after the other, each seen before the next is sent: none is lost, none comes twice. */
static void *exact_run(void *arg)
{
	struct load *l = arg;
	long first = irq_count(l->d->cmd[0], l->vector);
	int i;

	for (i = 1; i <= 60; i++) {
		inject(l->d->fd, l->vector);
		if (!settles(l->d->cmd[0], l->vector, first + i))
			break;
	}
	l->sent = i - 1;
	return NULL;
}

/* -------------------------------------------------------------------------- MSI-X */

static void msix(void)
{
	struct device d = { 0 };

	device_describe(&d, 1);
	device_start(&d);
	request(&d, "irq request 8", 8);
	each_vector(&d, 8);
	bus_master(&d);
	function_mask(&d, 0x40 + 0x3c);
	moved(&d);
	load(&d, 8);
	device_close(&d);
}

/* The last of 2048, and one in the middle. */
static void msix_2048(void)
{
	struct pciem_create_device create = { 0 };
	struct pciem_set_config ids = { .vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff } };
	struct pciem_add_bar bar = { .bar_index = 0, .flags = 4, .size = BAR_SIZE };
	struct pciem_add_capability cap = {
		.cap_type = PCIEM_CAP_MSIX,
		.msix = { .table_offset = 0x4000, .pba_offset = 0x3000, .table_size = 2048 },
	};
	struct device d = { .functions = 1, .fd = card_open() };

	if (ioctl(d.fd, PCIEM_CREATE_DEVICE, &create) || ioctl(d.fd, PCIEM_SET_CONFIG, &ids) ||
	    ioctl(d.fd, PCIEM_ADD_BAR, &bar) || ioctl(d.fd, PCIEM_ADD_CAPABILITY, &cap))
		card_die("describe");
	device_start(&d);
	request(&d, "irq sparse 0 1000 2047", 3);
	CHECK(!inject(d.fd, 2047) && settles(d.cmd[0], 2, 1), "the last");
	CHECK(!inject(d.fd, 1000) && settles(d.cmd[0], 1, 1), "one in the middle");
	CHECK(irq_count(d.cmd[0], 0) == 0, "and no other");
	CHECK(!inject(d.fd, 1001), "one that the driver did not ask for waits");
	CHECK(((volatile uint8_t *)d.bar[0])[0x3000 + 1001 / 8] == 1 << 1001 % 8, "in the PBA");
	REFUSED(EINVAL, inject(d.fd, 2048));
	device_close(&d);
}

static void exact(void)
{
	struct device d = { 0 };
	struct load loads[4];
	int i;

	device_describe(&d, 1);
	device_start(&d);
	request(&d, "irq request 4", 4);
	for (i = 0; i < 4; i++) {
		loads[i] = (struct load) { .d = &d, .vector = i };
		pthread_create(&loads[i].thread, NULL, exact_run, &loads[i]);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(loads[i].thread, NULL);
		CHECK(loads[i].sent == 60, "vector %d: %ld of 60", i, loads[i].sent);
	}
	device_close(&d);
}

static void one_each(struct device *d)
{
	inject(d->fd, 1);
}

static void records(void)
{
	struct pciem_record rec[64];
	struct device d;
	int n;

	CHECK(!bare(&d, 1, 1, 0), "2");
	device_start(&d);
	request(&d, "irq request 2 msi", 2);
	n = records_of(&d, one_each, rec);
	CHECK(n == 1 && rec[0].value == PCIEM_IRQ_MSI && rec[0].addr == 1, "the record says MSI");
	device_close(&d);
}

int main(void)
{
	shapes();
	some_of_them();
	msi_masks();
	records();
	msix();
	msix_2048();
	exact();
	return card_done("msi");
}
