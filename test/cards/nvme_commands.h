/* SPDX-License-Identifier: MIT */
/*
 * What the controller of nvme.c does with a command: identify, features, queues, reads and
 * writes of a namespace in memory. Sections are of the NVM Express Base Specification 1.4.
 */
#ifndef NVME_COMMANDS_H
#define NVME_COMMANDS_H

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "old_abi.h"

#define PAGE		4096U
#define VERSION		0x00010400U
#define IO_QUEUES	4U
#define DEPTH		16U		/* of an I/O queue: short, so that it goes round soon */
#define MDTS		5		/* the longest transfer, a power of two in pages */
#define NSID		1U
#define ALL_NAMESPACES	0xffffffffU
#define LBA_SHIFT	9
#define DISK_SIZE	(16U << 20)
#define ASYNC_EVENTS	4U

/* Status field without the phase bit (4.6.1); the host is told not to retry. */
#define DNR		0x4000
enum {
	SUCCESS = 0,
	INVALID_OPCODE = DNR | 0x001,
	INVALID_FIELD = DNR | 0x002,
	TRANSFER_ERROR = DNR | 0x004,
	INVALID_NAMESPACE = DNR | 0x00b,
	LBA_OUT_OF_RANGE = DNR | 0x080,
	INVALID_CQ = DNR | 0x100,
	INVALID_QID = DNR | 0x101,
	INVALID_QSIZE = DNR | 0x102,
	TOO_MANY_EVENTS = DNR | 0x105,
	INVALID_VECTOR = DNR | 0x108,
	INVALID_LOG = DNR | 0x109,
	CQ_IN_USE = DNR | 0x10c,
	HELD = 0xffff,			/* completes later, if ever */
};

enum {
	DELETE_SQ = 0x00,
	CREATE_SQ = 0x01,
	GET_LOG_PAGE = 0x02,
	DELETE_CQ = 0x04,
	CREATE_CQ = 0x05,
	IDENTIFY = 0x06,
	ABORT = 0x08,
	SET_FEATURES = 0x09,
	GET_FEATURES = 0x0a,
	ASYNC_EVENT = 0x0c,
	/* of I/O queues */
	FLUSH = 0x00,
	WRITE = 0x01,
	READ = 0x02,
};

struct command {
	uint8_t opcode, fuse_psdt;
	uint16_t cid;
	uint32_t nsid;
	uint64_t reserved, metadata, prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct command) == 64, "submission queue entry");

struct completion {
	uint32_t result, reserved;
	uint16_t sq_head, sq_id, cid, status;
};
_Static_assert(sizeof(struct completion) == 16, "completion queue entry");

/* Number 0 is the admin pair; one without entries does not exist. */
static struct {
	uint64_t base;
	uint32_t entries, head, tail, cq;
} sqs[IO_QUEUES + 1];

static struct {
	uint64_t base;
	uint32_t entries, head, tail, vector;
	bool phase, interrupts;
} cqs[IO_QUEUES + 1];

static int fd;
static uint32_t held_events, features[12];
static uint8_t disk[DISK_SIZE];

/* ------------------------------------------------------------------- the driver's memory */

static int dma(uint64_t iova, void *at, uint32_t length, uint32_t flags)
{
	struct dma arg = {
		.guest_iova = iova, .user_addr = (uintptr_t)at, .length = length, .flags = flags,
	};

	return ioctl(fd, DMA, &arg);
}

/* The data of a command. */
static uint16_t transfer(const struct command *c, void *at, uint32_t length, uint32_t flags)
{
	struct dma_indirect arg = {
		.prp1 = c->prp1, .prp2 = c->prp2, .user_addr = (uintptr_t)at,
		.length = length, .page_size = PAGE, .flags = flags,
	};

	return ioctl(fd, DMA_INDIRECT, &arg) ? TRANSFER_ERROR : SUCCESS;
}

/* ------------------------------------------------------------------------ admin commands */

static const uint8_t eui64[8] = { 0x52, 0x54, 0x00, 'c', 'a', 'r', 'd', 1 };

static void put(uint8_t *at, uint64_t value, size_t width)
{
	memcpy(at, &value, width);
}

/* ASCII with spaces behind it. */
static void text(uint8_t *at, size_t length, const char *value)
{
	memset(at, ' ', length);
	memcpy(at, value, strlen(value));
}

/* 5.15.2.2 */
static void identify_controller(uint8_t *page)
{
	put(&page[0], 0x1db7, 2);
	text(&page[4], 20, "card");
	text(&page[24], 40, "pciem NVMe card");
	text(&page[64], 8, "1.0");
	page[77] = MDTS;
	put(&page[80], VERSION, 4);
	put(&page[92], 1 << 8, 4);		/* OAES: namespace attribute notices */
	page[111] = 1;				/* an I/O controller */
	page[258] = 3;				/* aborts at a time, less one */
	page[259] = ASYNC_EVENTS - 1;
	page[512] = 0x66;			/* entries of 64 and of 16 bytes */
	page[513] = 0x44;
	put(&page[516], NSID, 4);
	page[525] = 1;				/* a volatile cache: flush means something */
	strcpy((char *)&page[768], "nqn.2014-08.org.nvmexpress:uuid:63617264-0000-8000-8000-000000000001");
}

/* 5.15.2.1 */
static void identify_namespace(uint8_t *page)
{
	int i;

	for (i = 0; i < 3; i++)			/* size, capacity, use */
		put(&page[8 * i], DISK_SIZE >> LBA_SHIFT, 8);
	memcpy(&page[120], eui64, sizeof(eui64));
	page[128 + 2] = LBA_SHIFT;
}

static uint16_t identify(const struct command *c)
{
	static uint8_t page[PAGE];
	uint8_t what = c->cdw10 & 0xff;

	memset(page, 0, sizeof(page));
	if ((what == 0x00 || what == 0x03) && c->nsid != NSID)
		return INVALID_NAMESPACE;
	switch (what) {
	case 0x00:
		identify_namespace(page);
		break;
	case 0x01:
		identify_controller(page);
		break;
	case 0x02:				/* active namespaces above this one */
		put(page, c->nsid < NSID ? NSID : 0, 4);
		break;
	case 0x03:				/* a namespace's identifiers */
		page[0] = 1;
		page[1] = sizeof(eui64);
		memcpy(&page[4], eui64, sizeof(eui64));
		break;
	case 0x06:				/* limits of the NVM command set: none reported */
		if (!(c->cdw11 >> 24))
			break;
		/* fallthrough */
	default:
		return INVALID_FIELD;
	}
	return transfer(c, page, sizeof(page), DMA_TO_DRIVER);
}

/* SMART / Health Information (5.14.1.2): at room temperature, all spare blocks left. */
static uint16_t get_log_page(const struct command *c)
{
	uint8_t page[512] = { [1] = 300 & 0xff, [2] = 300 >> 8, [3] = 100, [4] = 10 };
	uint32_t dwords = ((c->cdw11 & 0xffff) << 16 | c->cdw10 >> 16) + 1;

	if ((c->cdw10 & 0xff) != 0x02)
		return INVALID_LOG;
	if (dwords > sizeof(page) / 4 || c->cdw12 || c->cdw13)
		return INVALID_FIELD;
	return transfer(c, page, 4 * dwords, DMA_TO_DRIVER);
}

/* What a queue of either kind has to be (5.3, 5.4). */
static uint16_t check_queue(const struct command *c, uint32_t id, uint32_t entries, uint32_t taken)
{
	if (!id || id > IO_QUEUES || taken)
		return INVALID_QID;
	if (entries < 2 || entries > DEPTH)
		return INVALID_QSIZE;
	return !(c->cdw11 & 1) || c->prp1 % PAGE ? INVALID_FIELD : SUCCESS;
}

static uint16_t create_cq(const struct command *c)
{
	uint32_t id = c->cdw10 & 0xffff, entries = (c->cdw10 >> 16) + 1, vector = c->cdw11 >> 16;
	uint16_t status = check_queue(c, id, entries, id <= IO_QUEUES ? cqs[id].entries : 0);

	if (status)
		return status;
	if (vector > IO_QUEUES)
		return INVALID_VECTOR;
	memset(&cqs[id], 0, sizeof(cqs[id]));
	cqs[id].base = c->prp1;
	cqs[id].entries = entries;
	cqs[id].vector = vector;
	cqs[id].phase = true;
	cqs[id].interrupts = c->cdw11 & 2;
	return SUCCESS;
}

static uint16_t create_sq(const struct command *c)
{
	uint32_t id = c->cdw10 & 0xffff, entries = (c->cdw10 >> 16) + 1, cq = c->cdw11 >> 16;
	uint16_t status = check_queue(c, id, entries, id <= IO_QUEUES ? sqs[id].entries : 0);

	if (status)
		return status;
	if (!cq || cq > IO_QUEUES || !cqs[cq].entries)
		return INVALID_CQ;
	memset(&sqs[id], 0, sizeof(sqs[id]));
	sqs[id].base = c->prp1;
	sqs[id].entries = entries;
	sqs[id].cq = cq;
	return SUCCESS;
}

static uint16_t delete_cq(uint32_t id)
{
	unsigned int i;

	if (!id || id > IO_QUEUES || !cqs[id].entries)
		return INVALID_QID;
	for (i = 1; i <= IO_QUEUES; i++)
		if (sqs[i].entries && sqs[i].cq == id)
			return CQ_IN_USE;
	cqs[id].entries = 0;
	return SUCCESS;
}

static uint16_t delete_sq(uint32_t id)
{
	if (!id || id > IO_QUEUES || !sqs[id].entries)
		return INVALID_QID;
	sqs[id].entries = 0;
	return SUCCESS;
}

/* Values that change nothing here, but for the number of queues, which is what it is. */
static uint16_t feature(const struct command *c, bool set, uint32_t *result)
{
	uint32_t id = c->cdw10 & 0xff;

	if (!id || id >= sizeof(features) / sizeof(features[0]))
		return INVALID_FIELD;
	if (set)
		features[id] = c->cdw11;
	if (id == 0x07)
		*result = (IO_QUEUES - 1) << 16 | (IO_QUEUES - 1);
	else if (!set)
		*result = features[id];
	return SUCCESS;
}

static uint16_t admin(const struct command *c, uint32_t *result)
{
	switch (c->opcode) {
	case DELETE_SQ:
		return delete_sq(c->cdw10 & 0xffff);
	case CREATE_SQ:
		return create_sq(c);
	case GET_LOG_PAGE:
		return get_log_page(c);
	case DELETE_CQ:
		return delete_cq(c->cdw10 & 0xffff);
	case CREATE_CQ:
		return create_cq(c);
	case IDENTIFY:
		return identify(c);
	case ABORT:
		*result = 1;		/* too late: what was fetched has completed, or waits for an event */
		return SUCCESS;
	case SET_FEATURES:
	case GET_FEATURES:
		return feature(c, c->opcode == SET_FEATURES, result);
	case ASYNC_EVENT:
		return held_events++ < ASYNC_EVENTS ? HELD : TOO_MANY_EVENTS;
	default:
		return INVALID_OPCODE;
	}
}

/* -------------------------------------------------------------------------- I/O commands */

static uint16_t io(const struct command *c)
{
	uint64_t lba = c->cdw10 | (uint64_t)c->cdw11 << 32, blocks = (c->cdw12 & 0xffff) + 1;
	bool flush = c->opcode == FLUSH;

	if (c->opcode > READ)
		return INVALID_OPCODE;
	if (c->nsid != NSID && !(flush && c->nsid == ALL_NAMESPACES))
		return INVALID_NAMESPACE;
	if (flush)
		return SUCCESS;
	if (lba >= DISK_SIZE >> LBA_SHIFT || blocks > (DISK_SIZE >> LBA_SHIFT) - lba)
		return LBA_OUT_OF_RANGE;
	if (blocks << LBA_SHIFT > PAGE << MDTS)
		return INVALID_FIELD;
	return transfer(c, &disk[lba << LBA_SHIFT], blocks << LBA_SHIFT,
			c->opcode == WRITE ? DMA_FROM_DRIVER : DMA_TO_DRIVER);
}

#endif /* NVME_COMMANDS_H */
