// SPDX-License-Identifier: MIT
/*
 * What a device does to its driver's memory: atomics of both widths, and transfers over
 * PRP lists, each with what must be refused. The driver fills and checks the memory.
 */
#include "card.h"

struct buffer {
	int num;
	uint64_t iova;
	uint32_t size;
};

static int fd, cmd;

static struct buffer buffer_alloc(uint32_t size, const char *kind)
{
	struct buffer b = { .size = size };
	char line[512] = "";
	const char *at;

	snprintf(line, sizeof(line), "dma alloc %u %s", size, kind);
	if (driver_command(cmd, line))
		card_die("dma alloc");
	memset(line, 0, sizeof(line));
	pread(cmd, line, sizeof(line) - 1, 0);
	at = strstr(line, "\"iova\":\"");
	if (sscanf(line, "{\"buffer\":%d", &b.num) != 1 || !at)
		card_die("what dma alloc says");
	b.iova = strtoull(at + 8, NULL, 0);
	return b;
}

static void buffer_do(const char *verb, struct buffer b, unsigned int value)
{
	char line[64];

	snprintf(line, sizeof(line), "dma %s %d %u", verb, b.num, value);
	CHECK(!driver_command(cmd, line), "%s", line);
}

static int buffer_has(struct buffer b, unsigned int value)
{
	char line[512] = "";

	buffer_do("check", b, value);
	pread(cmd, line, sizeof(line) - 1, 0);
	return strstr(line, "\"wrong\":0}") != NULL;
}

static int dma(uint64_t iova, void *data, uint32_t length, uint32_t flags)
{
	struct pciem_dma arg = {
		.guest_iova = iova, .user_addr = (uintptr_t)data, .length = length, .flags = flags,
	};

	return ioctl(fd, PCIEM_DMA, &arg);
}

/* ------------------------------------------------------------------------ atomics */

static uint64_t expected(uint32_t op, uint64_t old, uint64_t operand, uint64_t compare)
{
	uint64_t all[] = {
		0, old + operand, old - operand, operand, old == compare ? operand : old,
		old & operand, old | operand, old ^ operand,
	};

	return all[op];
}

static int atomic_new(uint32_t op, uint32_t width, uint64_t iova, uint64_t operand, uint64_t compare,
		      uint64_t *old)
{
	struct pciem_atomic a = {
		.size = sizeof(a), .op_type = op, .width = width, .iova = iova,
		.operand = operand, .compare = compare,
	};
	int ret = ioctl(fd, PCIEM_ATOMIC, &a);

	*old = a.result;
	return ret;
}

static int atomic_legacy(uint32_t op, uint64_t iova, uint64_t operand, uint64_t compare, uint64_t *old)
{
	struct pciem_dma_atomic a = {
		.guest_iova = iova, .op_type = op, .operand = operand, .compare = compare,
	};
	int ret = ioctl(fd, PCIEM_DMA_ATOMIC, &a);

	*old = a.result;
	return ret;
}

/* One operation on a word inside a page, between two that must stay as they are. */
static void atomic_one(struct buffer b, uint32_t op, uint32_t width, int legacy, uint64_t operand,
		       uint64_t compare)
{
	uint64_t mask = width == 8 ? ~0ULL : ~0U, was, now, old = 0;
	uint64_t at = b.iova + 0xff0 + (width == 8 ? 8 : 4);
	uint64_t words[4], after[4];

	memset(words, 0x5a, sizeof(words));
	was = 0x8000000112345678ULL & mask;
	memcpy((char *)words + (at - b.iova - 0xff0), &was, width);
	CHECK(!dma(b.iova + 0xff0, words, sizeof(words), PCIEM_DMA_WRITE), "set up");
	if (legacy)
		CHECK(!atomic_legacy(op, at, operand, compare, &old), "op %u", op);
	else
		CHECK(!atomic_new(op, width, at, operand, compare, &old), "op %u width %u", op, width);
	CHECK(old == was, "op %u width %u says %#llx", op, width, (unsigned long long)old);
	now = expected(op, was, operand, compare) & mask;
	memcpy((char *)words + (at - b.iova - 0xff0), &now, width);
	CHECK(!dma(b.iova + 0xff0, after, sizeof(after), PCIEM_DMA_READ), "look");
	CHECK(!memcmp(words, after, sizeof(words)), "op %u width %u", op, width);
}

static void atomics(void)
{
	struct buffer b = buffer_alloc(2 * PAGE, "coherent");
	uint32_t op;

	for (op = PCIEM_ATOMIC_FETCH_ADD; op <= PCIEM_ATOMIC_FETCH_XOR; op++) {
		atomic_one(b, op, 4, 0, 0xf1234567, 0x12345678);
		atomic_one(b, op, 4, 0, 3, 0x12345679);
		atomic_one(b, op, 8, 0, 0xf123456789abcdefULL, 0x8000000112345678ULL);
		atomic_one(b, op, 8, 1, 0xf123456789abcdefULL, 0x8000000112345678ULL);
		atomic_one(b, op, 8, 1, 7, 8);
	}
	buffer_do("free", b, 0);
}

static void atomics_refused(void)
{
	struct buffer to = buffer_alloc(PAGE, "to-device"), from = buffer_alloc(PAGE, "from-device");
	struct pciem_atomic a = {
		.size = sizeof(a), .op_type = PCIEM_ATOMIC_SWAP, .width = 8, .iova = to.iova, .reserved = 1,
	};
	struct pciem_dma_atomic tagged = { .op_type = PCIEM_ATOMIC_SWAP, .guest_iova = to.iova, .pasid = 1 };
	struct pciem_dma plain = {
		.guest_iova = to.iova, .user_addr = (uintptr_t)&a, .length = 4, .flags = PCIEM_DMA_READ, .pasid = 1,
	};
	uint64_t old;

	/* There is one address space: see docs/dma.md. */
	REFUSED(EOPNOTSUPP, ioctl(fd, PCIEM_DMA_ATOMIC, &tagged));
	REFUSED(EOPNOTSUPP, ioctl(fd, PCIEM_DMA, &plain));

	REFUSED(EINVAL, ioctl(fd, PCIEM_ATOMIC, &a));
	a.reserved = 0;
	a.func = 1;
	REFUSED(ENOENT, ioctl(fd, PCIEM_ATOMIC, &a));
	a.func = 8;
	REFUSED(EINVAL, ioctl(fd, PCIEM_ATOMIC, &a));
	REFUSED(EINVAL, atomic_new(0, 8, to.iova, 0, 0, &old));
	REFUSED(EINVAL, atomic_new(8, 8, to.iova, 0, 0, &old));
	REFUSED(EINVAL, atomic_new(1, 2, to.iova, 0, 0, &old));
	REFUSED(EINVAL, atomic_new(1, 16, to.iova, 0, 0, &old));
	REFUSED(EINVAL, atomic_new(1, 260, to.iova, 0, 0, &old));
	REFUSED(EINVAL, atomic_new(1, 4, to.iova, 1ULL << 32, 0, &old));
	REFUSED(EINVAL, atomic_new(4, 4, to.iova, 1, 1ULL << 32, &old));
	REFUSED(EINVAL, atomic_new(1, 8, to.iova + 4, 0, 0, &old));
	REFUSED(EINVAL, atomic_new(1, 4, to.iova + 2, 0, 0, &old));
	REFUSED(EINVAL, atomic_legacy(1, to.iova + 1, 0, 0, &old));
	/* It reads and writes. */
	REFUSED(EACCES, atomic_new(1, 8, to.iova, 0, 0, &old));
	REFUSED(EACCES, atomic_legacy(1, from.iova, 0, 0, &old));
	REFUSED(EFAULT, atomic_new(1, 4, to.iova + PAGE, 0, 0, &old));
	buffer_do("unmap", from, 0);
	REFUSED(EFAULT, atomic_legacy(1, from.iova, 0, 0, &old));
	buffer_do("free", to, 0);
	buffer_do("free", from, 0);
}

/* --------------------------------------------------------------------------- PRP */

static char *data;

static int indirect(uint64_t prp1, uint64_t prp2, uint32_t length, uint32_t flags)
{
	struct pciem_dma_indirect arg = {
		.prp1 = prp1, .prp2 = prp2, .user_addr = (uintptr_t)data, .length = length,
		.page_size = PAGE, .flags = flags,
	};

	return ioctl(fd, PCIEM_DMA_INDIRECT, &arg);
}

static void entry(struct buffer list, uint32_t at, uint64_t value)
{
	CHECK(!dma(list.iova + at, &value, 8, PCIEM_DMA_WRITE), "entry at %#x", at);
}

static int data_is(uint32_t length, unsigned int from)
{
	uint32_t i;

	for (i = 0; i < length; i++)
		if ((unsigned char)data[i] != (unsigned char)(from + i))
			return 0;
	return 1;
}

static void data_fill(uint32_t length, unsigned int from)
{
	uint32_t i;

	for (i = 0; i < length; i++)
		data[i] = from + i;
}

/* Both directions over one description of all of b. */
static void both_ways(struct buffer b, uint64_t prp2, const char *what)
{
	printf("  %s\n", what);
	buffer_do("fill", b, 0x31);
	memset(data, 0, b.size);
	CHECK(!indirect(b.iova, prp2, b.size, PCIEM_DMA_READ), "%s", what);
	CHECK(data_is(b.size, 0x31), "%s", what);
	data_fill(b.size, 0x77);
	CHECK(!indirect(b.iova, prp2, b.size, PCIEM_DMA_WRITE), "%s", what);
	CHECK(buffer_has(b, 0x77), "%s", what);
}

static void prp_short(struct buffer list)
{
	struct buffer one = buffer_alloc(PAGE, "both"), two = buffer_alloc(2 * PAGE, "both");

	both_ways(one, 0xdead, "one page: prp2 does not count");
	both_ways(two, two.iova + PAGE, "two pages: prp2 is the second");
	buffer_do("fill", two, 0);
	CHECK(!indirect(two.iova + 0xf03, two.iova + PAGE, 0x1f0, PCIEM_DMA_READ), "offset");
	CHECK(data_is(0x1f0, 0xf03), "an offset in the first page");
	REFUSED(EINVAL, indirect(two.iova, two.iova + PAGE + 8, 2 * PAGE, PCIEM_DMA_READ));
	/* The second page is first, in memory: pages come in the list's order. */
	entry(list, 0, two.iova + PAGE);
	entry(list, 8, two.iova);
	CHECK(!indirect(one.iova, list.iova, 3 * PAGE, PCIEM_DMA_READ), "out of order");
	CHECK(!memcmp(data + PAGE, "\x00\x01\x02", 3) && (unsigned char)data[2 * PAGE + 5] == 5, "order");
	buffer_do("free", one, 0);
	buffer_do("free", two, 0);
}

/* 20 pages, the list beginning so that just `room` of its entries are in its first page. */
static void prp_chained(struct buffer list, unsigned int room)
{
	struct buffer b = buffer_alloc(20 * PAGE, "both");
	unsigned int page = 1, i, start = PAGE - 8 * room;
	char what[64];

	for (i = 0; i + 1 < room && page < 20; i++)
		entry(list, start + 8 * i, b.iova + PAGE * page++);
	/* The last entry of the list's page: a pointer, unless it is the last one of all. */
	if (page == 19) {
		entry(list, PAGE - 8, b.iova + PAGE * page++);
	} else {
		entry(list, PAGE - 8, list.iova + 2 * PAGE);
		for (i = 0; page < 20; i++)
			entry(list, 2 * PAGE + 8 * i, b.iova + PAGE * page++);
	}
	snprintf(what, sizeof(what), "a list with %u entries in its first page", room);
	both_ways(b, list.iova + start, what);
	buffer_do("free", b, 0);
}

static void prp_long(struct buffer list)
{
	struct buffer b = buffer_alloc(4 << 20, "both");
	unsigned int page = 1, i, at = 0;

	for (i = 0; page < 1024; i++, at += 8) {
		if (at % PAGE == PAGE - 8 && page < 1023)
			entry(list, at, list.iova + at + 8);
		else
			entry(list, at, b.iova + PAGE * page++);
	}
	both_ways(b, list.iova, "4 MiB over a list of three pages");
	buffer_do("free", b, 0);
}

static void prp_refused(struct buffer list)
{
	struct buffer b = buffer_alloc(4 * PAGE, "both");
	struct pciem_dma_indirect arg = {
		.prp1 = b.iova, .user_addr = (uintptr_t)data, .length = 16, .page_size = PAGE, .flags = 1,
	};

	CHECK(!ioctl(fd, PCIEM_DMA_INDIRECT, &arg), "valid");
	arg.flags = 3;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.flags = 1;
	arg.page_size = 0;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.page_size = 5000;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.page_size = 1U << 31;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.page_size = PAGE;
	arg.length = 0;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.length = (1U << 30) + 1;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.length = 16;
	arg.pasid = 1;
	REFUSED(EOPNOTSUPP, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.pasid = 0;
	arg.func = 1;
	REFUSED(ENOENT, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	arg.func = 0;
	arg.user_addr = 16;
	REFUSED(EFAULT, ioctl(fd, PCIEM_DMA_INDIRECT, &arg));
	REFUSED(EFAULT, indirect(b.iova + 4 * PAGE, 0, 16, 1));
	REFUSED(EINVAL, indirect(-16ULL, 0, PAGE, 1));

	/* A list that is not there, one on no entry, and entries that are no pages. */
	REFUSED(EFAULT, indirect(b.iova, 0, 3 * PAGE, 1));
	REFUSED(EINVAL, indirect(b.iova, list.iova + 4, 3 * PAGE, 1));
	entry(list, 0, b.iova + PAGE);
	entry(list, 8, b.iova + 2 * PAGE + 512);
	REFUSED(EINVAL, indirect(b.iova, list.iova, 3 * PAGE, 1));
	entry(list, 8, 0);
	REFUSED(EFAULT, indirect(b.iova, list.iova, 3 * PAGE, 1));
	/* A list whose last entry points to itself would never end; one that points to its page does. */
	entry(list, PAGE - 8, list.iova + PAGE - 8);
	REFUSED(EINVAL, indirect(b.iova, list.iova + PAGE - 8, 3 * PAGE, 1));
	entry(list, PAGE - 8, list.iova);
	entry(list, 8, b.iova + 2 * PAGE);
	CHECK(!indirect(b.iova, list.iova + PAGE - 8, 3 * PAGE, 1), "a list that goes back in its page");
	buffer_do("free", b, 0);
}

/* ------------------------------------------------------------------------ records */

/* The list's fetch and its pages are transactions; what faults is one as well. */
static void records(struct card_monitor *m)
{
	const struct pciem_record *rec;
	unsigned int atomics = 0, reads = 0, faults = 0, wide = 0;
	uint64_t last = 0;

	while ((rec = monitor_peek(m, 0))) {
		CHECK(!last || rec->seq > last, "order");
		last = rec->seq;
		if (rec->kind == PCIEM_RECORD_DMA_ATOMIC) {
			const uint64_t *payload = (void *)(rec + 1);

			atomics++;
			wide += rec->width == 8;
			CHECK(rec->data_len == 24 && payload[0] >= 1 && payload[0] <= 7, "payload");
		}
		reads += rec->kind == PCIEM_RECORD_DMA_READ && rec->data_len == 16;
		faults += rec->kind == PCIEM_RECORD_FAULT;
		monitor_pop(m, rec);
	}
	CHECK(atomics == 35 && wide == 21, "%u atomics, %u of them wide", atomics, wide);
	CHECK(reads > 2, "fetches of two entries: %u", reads);
	CHECK(faults == 7, "%u faults", faults);
	CHECK(!m->page->lost, "lost");
}

/* ------------------------------------------------------------------------- direct */

static int mode(int file, uint32_t slot, uint32_t flags, uint32_t *value)
{
	struct pciem_dma_mode arg = { .size = sizeof(arg), .slot = slot, .mode = *value, .flags = flags };
	int ret = ioctl(file, PCIEM_DMA_MODE, &arg);

	*value = arg.mode;
	return ret;
}

static uint64_t kernel_code(void)
{
	FILE *f = fopen("/proc/iomem", "r");
	char line[256];
	uint64_t at = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "Kernel code"))
			at = strtoull(line, NULL, 16);
	if (f)
		fclose(f);
	return at;
}

/* Bus addresses are physical: what works needs no mapping, and some memory is out of reach all the same. */
static void direct(void)
{
	uint32_t value = PCIEM_DMA_MODE_DIRECT;
	struct buffer b, list;
	char bytes[16];

	fd = card_open();
	REFUSED(EBUSY, mode(fd, PCIEM_SLOT_OWN, 0, &value));
	REFUSED(EBUSY, mode(fd, PCIEM_SLOT_OWN, PCIEM_DMA_MODE_SET, &value));
	card_describe(fd);
	REFUSED(EINVAL, mode(fd, PCIEM_SLOT_OWN, 2, &value));
	REFUSED(EINVAL, mode(fd, card_info(fd).slot, PCIEM_DMA_MODE_SET, &value));
	REFUSED(ENOENT, mode(fd, 31, 0, &value));
	value = 2;
	REFUSED(EINVAL, mode(fd, PCIEM_SLOT_OWN, PCIEM_DMA_MODE_SET, &value));
	value = PCIEM_DMA_MODE_DIRECT;
	CHECK(!mode(fd, PCIEM_SLOT_OWN, PCIEM_DMA_MODE_SET, &value), "set");
	value = 0;
	CHECK(!mode(fd, card_info(fd).slot, 0, &value) && value == PCIEM_DMA_MODE_DIRECT, "as anybody sees it");
	card_register(fd);
	REFUSED(EBUSY, mode(fd, PCIEM_SLOT_OWN, PCIEM_DMA_MODE_SET, &value));
	cmd = card_start(fd);

	atomics();
	list = buffer_alloc(4 * PAGE, "coherent");
	prp_short(list);
	prp_chained(list, 2);
	b = buffer_alloc(PAGE, "to-device");
	buffer_do("fill", b, 0x55);
	buffer_do("unmap", b, 0);
	CHECK(!dma(b.iova, bytes, 16, PCIEM_DMA_READ) && bytes[3] == 0x58, "the memory is there still");
	buffer_do("free", b, 0);
	CHECK(kernel_code(), "/proc/iomem");
	REFUSED(EFAULT, dma(kernel_code() + PAGE, bytes, 16, PCIEM_DMA_READ));
	REFUSED(EFAULT, dma(kernel_code() + PAGE, bytes, 16, PCIEM_DMA_WRITE));
	REFUSED(EFAULT, dma(0xfee00000, bytes, 16, PCIEM_DMA_READ));
	REFUSED(EFAULT, dma(1ULL << 52, bytes, 16, PCIEM_DMA_READ));
	REFUSED(EFAULT, dma(1ULL << 63, bytes, 16, PCIEM_DMA_WRITE));
	close(cmd);
	close(fd);
}

int main(void)
{
	struct card_monitor m;
	struct buffer list;

	data = malloc(4 << 20);
	direct();
	fd = card_open();
	card_describe(fd);
	card_register(fd);
	monitor_map(&m, monitor_create(fd, PCIEM_SLOT_OWN, 0, 64 << 20,
				       1 << PCIEM_RECORD_DMA_ATOMIC | 1 << PCIEM_RECORD_DMA_READ |
				       1 << PCIEM_RECORD_FAULT), 64 << 20);
	cmd = card_start(fd);
	atomics();
	atomics_refused();
	list = buffer_alloc(4 * PAGE, "coherent");
	prp_short(list);
	prp_chained(list, 1);
	prp_chained(list, 2);
	prp_chained(list, 18);
	prp_chained(list, 19);
	prp_chained(list, 20);
	prp_long(list);
	prp_refused(list);
	records(&m);
	return card_done("dma");
}
