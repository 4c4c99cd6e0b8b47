// SPDX-License-Identifier: MIT
/*
 * An NVMe controller as existing cards are made: by the numbers, layouts and order of
 * calls that they know, with one ring, one eventfd and one thread. It has no way to tell
 * its slot; who looks for it finds its IDs on the bus. It lives until a signal.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvme_commands.h"

/* BAR 0: registers (3.1), doorbells, the MSI-X table and its pending bits. */
#define REG_CAP		0x00
#define REG_VS		0x08
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define DOORBELLS	0x1000
#define MSIX_TABLE	0x2000
#define MSIX_PBA	0x3000
#define BAR_SIZE	0x4000

#define CC_EN		1U
#define CC_CSS_MPS	0x7f0U		/* NVM command set, pages of 4 KiB: zero */
#define CC_SHN		(3U << 14)
#define CSTS_RDY	1U
#define CSTS_CFS	2U
#define CSTS_SHST_DONE	(2U << 2)

static volatile uint32_t *bar;
static uint32_t csts;

/* -------------------------------------------------------------------------------- queues */

/* A controller reset. */
static void stop(void)
{
	memset(sqs, 0, sizeof(sqs));
	memset(cqs, 0, sizeof(cqs));
	memset(features, 0, sizeof(features));
	held_events = 0;
}

/* Queues that cannot be reached: there is nowhere left to report to. */
static void fatal(void)
{
	stop();
	csts |= CSTS_CFS;
	bar[REG_CSTS / 4] = csts;
}

static bool complete(uint32_t id, const struct command *c, uint32_t result, uint16_t status)
{
	uint32_t to = sqs[id].cq;
	struct completion done = {
		.result = result, .sq_head = sqs[id].head, .sq_id = id, .cid = c->cid,
		.status = status << 1 | cqs[to].phase,
	};

	if (dma(cqs[to].base + cqs[to].tail * sizeof(done), &done, sizeof(done), DMA_TO_DRIVER))
		return false;
	cqs[to].tail = (cqs[to].tail + 1) % cqs[to].entries;
	cqs[to].phase ^= !cqs[to].tail;
	return true;
}

/* While MSI-X is off, or the device is being removed, a message goes nowhere. */
static void interrupt(uint32_t vector)
{
	struct inject_irq arg = { .vector = vector };

	(void)ioctl(fd, INJECT_IRQ, &arg);
}

/* Takes what the driver has put into a queue, as long as completions find room. */
static void serve(uint32_t id)
{
	uint32_t to = sqs[id].cq;
	bool posted = false;

	while (sqs[id].head != sqs[id].tail && (cqs[to].tail + 1) % cqs[to].entries != cqs[to].head) {
		uint32_t result = 0;
		struct command c;
		uint16_t status;

		if (dma(sqs[id].base + sqs[id].head * sizeof(c), &c, sizeof(c), DMA_FROM_DRIVER))
			return fatal();
		sqs[id].head = (sqs[id].head + 1) % sqs[id].entries;
		status = c.fuse_psdt ? INVALID_FIELD : id ? io(&c) : admin(&c, &result);
		if (status == HELD)
			continue;
		if (!complete(id, &c, result, status))
			return fatal();
		posted = true;
	}
	if (posted && cqs[to].interrupts)
		interrupt(cqs[to].vector);
}

static void doorbell(uint32_t offset, uint32_t value)
{
	uint32_t id = (offset - DOORBELLS) / 8, i;

	if (id > IO_QUEUES)
		return;
	if (!(offset & 4)) {
		if (value >= sqs[id].entries)
			return;
		sqs[id].tail = value;
		serve(id);
	} else if (value < cqs[id].entries) {
		cqs[id].head = value;
		for (i = 0; i <= IO_QUEUES; i++)
			if (sqs[i].entries && sqs[i].cq == id)
				serve(i);
	}
}

/* ----------------------------------------------------------------------------- registers */

static uint64_t register64(uint32_t offset)
{
	return bar[offset / 4] | (uint64_t)bar[offset / 4 + 1] << 32;
}

static uint32_t enable(uint32_t cc)
{
	uint32_t aqa = bar[REG_AQA / 4];

	if (cc & CC_CSS_MPS || !(aqa & 0xfff) || !(aqa >> 16 & 0xfff))
		return CSTS_CFS;
	sqs[0].base = register64(REG_ASQ) & ~(PAGE - 1ULL);
	sqs[0].entries = (aqa & 0xfff) + 1;
	cqs[0].base = register64(REG_ACQ) & ~(PAGE - 1ULL);
	cqs[0].entries = (aqa >> 16 & 0xfff) + 1;
	cqs[0].phase = true;
	cqs[0].interrupts = true;
	return CSTS_RDY;
}

static void configure(uint32_t cc)
{
	if (!(cc & CC_EN)) {
		stop();
		csts = 0;
	} else if (!(csts & (CSTS_RDY | CSTS_CFS))) {
		csts = enable(cc);
	}
	csts = cc & CC_SHN ? csts | CSTS_SHST_DONE : csts & ~CSTS_SHST_DONE;
	bar[REG_CSTS / 4] = csts;
}

static void handle(const struct event *ev)
{
	if (ev->type != EVENT_MMIO_WRITE || ev->size != 4)
		return;
	if (ev->offset == REG_CC)
		configure(ev->data);
	else if (ev->offset >= DOORBELLS && ev->offset < MSIX_TABLE)
		doorbell(ev->offset, ev->data);
}

/* -------------------------------------------------------------------------------- the card */

static int must(const char *what, int ret)
{
	if (ret < 0) {
		perror(what);
		exit(2);
	}
	return ret;
}

static void *map(int file, size_t length)
{
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	must("mmap", at == MAP_FAILED ? -1 : 0);
	return at;
}

static void describe(int efd)
{
	struct create_device create = { 0 };
	struct set_config ids = {
		.vendor_id = 0x1db7, .device_id = 0x0e30, .subsys_vendor_id = 0x1db7, .subsys_device_id = 1,
		.revision = 1, .class_code = { 0x02, 0x08, 0x01 },
	};
	struct add_bar registers = { .flags = 4, .size = BAR_SIZE };	/* 64-bit */
	struct add_capability pcie = { .cap_type = CAP_PCIE };
	struct add_capability msix = {
		.cap_type = CAP_MSIX,
		.msix = { .table_offset = MSIX_TABLE, .pba_offset = MSIX_PBA, .table_size = IO_QUEUES + 1 },
	};
	struct trace_bar trace = { .flags = TRACE_WRITES };
	struct set_eventfd wake = { .eventfd = efd };

	must("CREATE_DEVICE", ioctl(fd, CREATE_DEVICE, &create));
	must("SET_CONFIG", ioctl(fd, SET_CONFIG, &ids));
	must("ADD_BAR", ioctl(fd, ADD_BAR, &registers));
	must("ADD_CAPABILITY", ioctl(fd, ADD_CAPABILITY, &pcie));
	must("ADD_CAPABILITY", ioctl(fd, ADD_CAPABILITY, &msix));
	must("TRACE_BAR", ioctl(fd, TRACE_BAR, &trace));
	must("SET_EVENTFD", ioctl(fd, SET_EVENTFD, &wake));
}

int main(void)
{
	int efd = must("eventfd", eventfd(0, EFD_CLOEXEC));
	struct ring *ring;
	eventfd_t count;

	fd = must("/dev/pciem", open("/dev/pciem", O_RDWR | O_CLOEXEC));
	describe(efd);
	bar = map(must("REGISTER", ioctl(fd, REGISTER)), BAR_SIZE);
	ring = map(fd, sizeof(*ring));

	/* CAP: contiguous queues of this depth, 10 s to get ready, the NVM command set. */
	bar[REG_CAP / 4] = (DEPTH - 1) | 1 << 16 | 20 << 24;
	bar[REG_CAP / 4 + 1] = 1 << (37 - 32);
	bar[REG_VS / 4] = VERSION;
	must("START", ioctl(fd, START));

	for (;;) {
		while (ring->head != __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE)) {
			struct event ev = ring->events[ring->head];

			/* Before it is acted on: what the device does next is then put down to it. */
			__atomic_store_n(&ring->head, (ring->head + 1) % RING_ENTRIES, __ATOMIC_RELEASE);
			handle(&ev);
		}
		must("eventfd", eventfd_read(efd, &count));
	}
}
