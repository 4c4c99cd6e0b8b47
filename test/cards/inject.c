// SPDX-License-Identifier: MIT
/*
 * Injected faults: each does what it says to the transaction that it fits, to no other,
 * and says so in the stream; what the driver got is what its record has.
 */
#include "card.h"
#include <pthread.h>
#include <signal.h>

#define SYNC_AT	0x200
#define ANY	PCIEM_INJECT_ANY_BAR

static int fd, cmd;
static struct card_monitor mon;
static struct card_ring ring;
static volatile uint32_t *bar;
static volatile int over;

static int inject(struct pciem_inject_rule rule, uint32_t *id)
{
	struct pciem_inject arg = {
		.size = sizeof(arg), .op = PCIEM_INJECT_ADD, .count = 1, .rules = (uintptr_t)&rule,
	};
	int ret = ioctl(fd, PCIEM_INJECT, &arg);

	if (id)
		*id = arg.id;
	return ret;
}

static int clear(uint32_t id)
{
	struct pciem_inject arg = { .size = sizeof(arg), .op = PCIEM_INJECT_CLEAR, .id = id };

	return ioctl(fd, PCIEM_INJECT, &arg);
}

/* The counters of the only rule; then there is none. */
static void expect_hits(uint64_t seen, uint64_t hits)
{
	struct pciem_inject_rule rule[2];
	struct pciem_inject arg = {
		.size = sizeof(arg), .op = PCIEM_INJECT_LIST, .count = 2, .rules = (uintptr_t)rule,
	};

	CHECK(!ioctl(fd, PCIEM_INJECT, &arg) && arg.count == 1, "count %u", arg.count);
	CHECK(rule[0].seen == seen && rule[0].hits == hits, "seen %llu hits %llu",
	      (unsigned long long)rule[0].seen, (unsigned long long)rule[0].hits);
	CHECK(!clear(0), "clear");
	arg.count = 2;
	CHECK(!ioctl(fd, PCIEM_INJECT, &arg) && !arg.count, "empty");
}

/* The next record of that kind. */
static struct pciem_record record_of(uint8_t kind, uint64_t *data)
{
	struct pciem_record found = { 0 };
	const struct pciem_record *rec;

	while ((rec = monitor_peek(&mon, 5000))) {
		found = *rec;
		if (data && rec->data_len >= 8)
			memcpy(data, rec + 1, 8);
		monitor_pop(&mon, rec);
		if (found.kind == kind)
			return found;
	}
	CHECK(0, "a record of kind %u", kind);
	return found;
}

static void drain(void)
{
	const struct pciem_record *rec;

	while ((rec = monitor_peek(&mon, 0)))
		monitor_pop(&mon, rec);
}

static void expect_fault(uint32_t action, uint64_t addr)
{
	struct pciem_record rec = record_of(PCIEM_RECORD_FAULT, NULL);

	CHECK(rec.value == PCIEM_FAULT_INJECTED && rec.flags == action && rec.addr == addr,
	      "fault %llu flags %u at %#llx", (unsigned long long)rec.value, rec.flags,
	      (unsigned long long)rec.addr);
}

/* ------------------------------------------------------------------------------ MMIO */

static void reads(void)
{
	struct pciem_inject_rule r = {
		.kind = PCIEM_RECORD_MMIO_READ, .action = PCIEM_INJECT_VALUE, .bar_index = 0,
		.addr = 0x100, .length = 4, .value = ~0ULL, .count = 1,
	};
	struct timespec a, b;

	bar[0x100 / 4] = 0x12345678;
	bar[0x104 / 4] = 0xaabbccdd;
	drain();
	CHECK(!inject(r, NULL), "value");
	CHECK(driver_read(cmd, 0x104, 4) == 0xaabbccdd, "another register");
	CHECK(driver_read(cmd, 0x100, 4) == 0xffffffff, "the value");
	CHECK(driver_read(cmd, 0x100, 4) == 0x12345678, "once");
	record_of(PCIEM_RECORD_MMIO_READ, NULL);
	expect_fault(PCIEM_INJECT_VALUE, 0x100);
	CHECK(record_of(PCIEM_RECORD_MMIO_READ, NULL).value == 0xffffffff, "as the driver got it");
	expect_hits(2, 1);

	r.action = PCIEM_INJECT_FLIP;
	r.value = 0xff00000081ULL;
	r.after = 1;
	CHECK(!inject(r, NULL), "flip");
	CHECK(driver_read(cmd, 0x100, 4) == 0x12345678, "the first passes");
	CHECK(driver_read(cmd, 0x103, 1) == (0x12 ^ 0x81), "a byte of it: the bits are the access's");
	expect_hits(2, 1);
	CHECK(!inject(r, NULL), "flip");
	driver_read(cmd, 0x100, 4);
	CHECK(driver_read(cmd, 0x100, 4) == (0x12345678 ^ 0x81), "bits");
	CHECK(driver_read(cmd, 0x100, 4) == 0x12345678, "once");
	expect_hits(3, 1);

	r.action = PCIEM_INJECT_DROP;
	r.after = r.count = r.value = 0;
	CHECK(!inject(r, NULL), "drop");
	CHECK(driver_read(cmd, 0x100, 4) == 0xffffffff && driver_read(cmd, 0x100, 4) == 0xffffffff, "dropped");
	expect_hits(2, 2);

	r.action = PCIEM_INJECT_DELAY;
	r.value = 100000000;
	CHECK(!inject(r, NULL), "delay");
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK(driver_read(cmd, 0x100, 4) == 0x12345678, "late");
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 100, "100 ms later");
	expect_hits(1, 1);

	r = (struct pciem_inject_rule) {
		.kind = PCIEM_RECORD_MMIO_READ, .action = PCIEM_INJECT_FLIP, .bar_index = ANY, .value = 1,
		.addr = SYNC_AT, .length = 16,
	};
	drain();
	CHECK(!inject(r, NULL), "sync");
	CHECK(driver_read(cmd, SYNC_AT, 4) == (0x1111 ^ 1), "what the owner answers");
	CHECK(record_of(PCIEM_RECORD_MMIO_READ_COMPLETION, NULL).value == (0x1111 ^ 1), "its record");
	expect_hits(1, 1);
}

static void writes(void)
{
	struct pciem_inject_rule r = {
		.kind = PCIEM_RECORD_MMIO_WRITE, .action = PCIEM_INJECT_FLIP, .bar_index = 0,
		.addr = 0x100, .length = 4, .value = 0xf0,
	};

	drain();
	CHECK(!inject(r, NULL), "flip");
	driver_write(cmd, 0x100, 4, 0x1234);
	CHECK(bar[0x100 / 4] == (0x1234 ^ 0xf0), "what arrives: %#x", bar[0x100 / 4]);
	CHECK(record_of(PCIEM_RECORD_MMIO_WRITE, NULL).value == 0x1234, "what the driver wrote");
	expect_hits(1, 1);
	r.action = PCIEM_INJECT_DROP;
	CHECK(!inject(r, NULL), "drop");
	driver_write(cmd, 0x100, 4, 0x5555);
	CHECK(bar[0x100 / 4] == (0x1234 ^ 0xf0), "nothing arrives: %#x", bar[0x100 / 4]);
	CHECK(record_of(PCIEM_RECORD_MMIO_WRITE, NULL).value == 0x5555, "what the driver wrote");
	expect_hits(1, 1);
}

/* ------------------------------------------------------------------------ interrupts */

static unsigned int irq_count(void)
{
	char out[1024] = "";
	const char *at;

	driver_command(cmd, "irq counts");
	pread(cmd, out, sizeof(out) - 1, 0);
	at = strstr(out, "\"count\":");
	return at ? atoi(at + 8) : 0;
}

static void expect_at_least(unsigned int count)
{
	unsigned int i;

	for (i = 0; i < 1000 && irq_count() < count; i++)
		msleep(10);
	CHECK(irq_count() >= count, "%u interrupts, not %u", irq_count(), count);
}

static void expect_count(unsigned int count)
{
	expect_at_least(count);
	CHECK(irq_count() == count, "%u interrupts, not %u", irq_count(), count);
}

static void raise_vector(unsigned int vector)
{
	struct pciem_inject_irq irq = { .vector = vector };

	CHECK(!ioctl(fd, PCIEM_INJECT_IRQ, &irq), "INJECT_IRQ");
}

static void irqs(void)
{
	struct pciem_inject_rule r = {
		.kind = PCIEM_RECORD_IRQ, .action = PCIEM_INJECT_DROP, .bar_index = ANY, .length = 1, .count = 1,
	};
	struct pciem_inject_irq far = { .vector = 8 };
	unsigned int raised, base;

	CHECK(!driver_command(cmd, "irq request 2"), "irq request");
	CHECK(!inject(r, NULL), "drop");
	REFUSED(EINVAL, ioctl(fd, PCIEM_INJECT_IRQ, &far));
	raise_vector(1);
	raise_vector(0);
	drain();
	raise_vector(0);
	expect_count(1);
	CHECK(record_of(PCIEM_RECORD_IRQ, NULL).addr == 0, "the one that came");
	expect_hits(2, 1);

	/* Two that find the CPU not at its handler yet are one, on a busy machine as on a real bus. */
	r.action = PCIEM_INJECT_DUPLICATE;
	r.count = 0;
	CHECK(!inject(r, NULL), "duplicate");
	for (raised = 0; raised < 20 && irq_count() < 1 + raised + 1; raised++) {
		base = irq_count();
		raise_vector(0);
		expect_at_least(base + 1);
		msleep(200);
	}
	base = irq_count();
	CHECK(base > 1 + raised && base <= 1 + 2 * raised, "%u of %u raised", base - 1, raised);
	expect_hits(raised, raised);
	r.count = 1;

	r.action = PCIEM_INJECT_DELAY;
	r.value = 50000000;
	CHECK(!inject(r, NULL), "delay");
	drain();
	raise_vector(0);
	expect_fault(PCIEM_INJECT_DELAY, 0);
	expect_count(base + 1);
	record_of(PCIEM_RECORD_IRQ, NULL);
	expect_hits(1, 1);
	/* A rule that goes takes what it holds back with it. */
	r.value = 5000000000;
	CHECK(!inject(r, NULL), "delay");
	raise_vector(0);
	expect_hits(1, 1);
	raise_vector(0);
	expect_count(base + 2);
	driver_command(cmd, "irq free");
}

/* ------------------------------------------------------------------------------- DMA */

static int dma(uint64_t iova, void *data, uint32_t length, uint32_t flags)
{
	struct pciem_dma arg = {
		.guest_iova = iova, .user_addr = (uintptr_t)data, .length = length, .flags = flags,
	};

	return ioctl(fd, PCIEM_DMA, &arg);
}

static void dmas(void)
{
	uint64_t iova, word = 0x1122334455667788, back = 0, recorded = 0;
	struct pciem_inject_rule r = {
		.kind = PCIEM_RECORD_DMA_WRITE, .action = PCIEM_INJECT_DROP, .bar_index = ANY, .count = 1,
	};
	char out[512] = "";

	driver_command(cmd, "dma alloc 4096 coherent");
	pread(cmd, out, sizeof(out) - 1, 0);
	iova = strtoull(strstr(out, "\"iova\":\"") + 8, NULL, 0);
	CHECK(!inject(r, NULL), "drop");
	CHECK(!dma(iova, &word, 8, PCIEM_DMA_WRITE), "as if it had gone well");
	CHECK(!dma(iova, &back, 8, PCIEM_DMA_READ) && !back, "it has not");
	CHECK(!dma(iova, &word, 8, PCIEM_DMA_WRITE), "the next one");
	CHECK(!dma(iova, &back, 8, PCIEM_DMA_READ) && back == word, "arrives");
	expect_hits(2, 1);

	r.action = PCIEM_INJECT_FLIP;
	r.addr = iova + 2;
	r.length = 2;
	r.value = 0xff01;
	CHECK(!inject(r, NULL), "flip");
	drain();
	CHECK(!dma(iova, &word, 8, PCIEM_DMA_WRITE), "flipped");
	record_of(PCIEM_RECORD_DMA_WRITE, &recorded);
	CHECK(!dma(iova, &back, 8, PCIEM_DMA_READ) && back == (word ^ 0xff010000) && recorded == back,
	      "%#llx, recorded %#llx", (unsigned long long)back, (unsigned long long)recorded);
	expect_hits(1, 1);

	r.kind = PCIEM_RECORD_DMA_READ;
	CHECK(!inject(r, NULL), "flip");
	drain();
	CHECK(!dma(iova, &back, 8, PCIEM_DMA_READ) && back == word, "flipped back: %#llx", (unsigned long long)back);
	record_of(PCIEM_RECORD_DMA_READ, &recorded);
	CHECK(recorded == (word ^ 0xff010000), "the record has what is in the memory");
	expect_hits(1, 1);
	driver_command(cmd, "dma free 0");
}

/* Sixteen chunks that take five seconds each: who is killed does not stay for them. */
static void killed(void)
{
	struct pciem_inject_rule r = {
		.kind = PCIEM_RECORD_DMA_WRITE, .action = PCIEM_INJECT_DELAY, .bar_index = ANY, .value = 5000000000,
	};
	struct timespec a, b;
	char out[512] = "";
	uint64_t iova;
	pid_t child;

	driver_command(cmd, "dma alloc 1048576 both");
	pread(cmd, out, sizeof(out) - 1, 0);
	iova = strtoull(strstr(out, "\"iova\":\"") + 8, NULL, 0);
	CHECK(!inject(r, NULL), "delay");
	drain();
	child = fork();
	if (!child) {
		dma(iova, calloc(1, 1 << 20), 1 << 20, PCIEM_DMA_WRITE);
		_exit(0);
	}
	expect_fault(PCIEM_INJECT_DELAY, iova);
	clock_gettime(CLOCK_MONOTONIC, &a);
	kill(child, SIGKILL);
	CHECK(waitpid(child, NULL, 0) == child, "waitpid");
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK(b.tv_sec - a.tv_sec < 40, "%ld s", (long)(b.tv_sec - a.tv_sec));
	CHECK(!clear(0), "clear");
	driver_command(cmd, "dma free 0");
}

/* ---------------------------------------------------------------------- what is refused */

static void refused(void)
{
	const struct pciem_inject_rule good = {
		.kind = PCIEM_RECORD_MMIO_READ, .action = PCIEM_INJECT_FLIP, .bar_index = 0,
		.addr = 0x100, .length = 4, .value = 1,
	};
	struct pciem_inject arg = { .size = sizeof(arg), .op = 3 };
	struct pciem_inject_rule r;
	uint32_t id, first;
	int i;

#define BAD(err, field, v) do { r = good; r.field = (v); REFUSED(err, inject(r, NULL)); } while (0)
	BAD(EINVAL, func, 8);
	BAD(ENOENT, func, 1);
	BAD(EINVAL, kind, PCIEM_RECORD_CFG_READ);
	BAD(EINVAL, kind, PCIEM_RECORD_MMIO_READ + 256);
	BAD(EINVAL, kind, PCIEM_RECORD_IRQ);
	BAD(EINVAL, kind, 0);
	BAD(EINVAL, action, 0);
	BAD(EINVAL, action, 7);
	BAD(EINVAL, action, PCIEM_INJECT_DUPLICATE);
	BAD(EINVAL, bar_index, 6);
	BAD(EINVAL, reserved, 1);
	BAD(EINVAL, length, 0);
	BAD(EINVAL, addr, -2ULL);
	BAD(EINVAL, value, 0);
	r = good;
	r.action = PCIEM_INJECT_DELAY;
	r.value = 10000000001ULL;
	REFUSED(EINVAL, inject(r, NULL));
	r.action = PCIEM_INJECT_DROP;
	r.bar_index = ANY;
	r.kind = PCIEM_RECORD_DMA_READ;
	REFUSED(EINVAL, inject(r, NULL));
	REFUSED(EINVAL, ioctl(fd, PCIEM_INJECT, &arg));
	arg = (struct pciem_inject) { .size = sizeof(arg), .op = PCIEM_INJECT_ADD, .count = 1, .rules = 16 };
	REFUSED(EFAULT, ioctl(fd, PCIEM_INJECT, &arg));
	arg.count = 2;
	REFUSED(EINVAL, ioctl(fd, PCIEM_INJECT, &arg));
	arg.count = 1;
	arg.id = 1;
	REFUSED(EINVAL, ioctl(fd, PCIEM_INJECT, &arg));
	arg.op = PCIEM_INJECT_LIST;
	REFUSED(EINVAL, ioctl(fd, PCIEM_INJECT, &arg));
	REFUSED(ENOENT, clear(4711));
	CHECK(!inject(good, &first), "room");
	for (i = 1; i < 64; i++)
		CHECK(!inject(good, &id) && id == first + i, "rule %d", i);
	REFUSED(ENOSPC, inject(good, NULL));
	CHECK(!clear(first + 7), "one");
	REFUSED(ENOENT, clear(first + 7));
	CHECK(!inject(good, NULL), "room again");
	arg = (struct pciem_inject) { .size = sizeof(arg), .op = PCIEM_INJECT_LIST, .count = 1, .rules = 16 };
	REFUSED(EFAULT, ioctl(fd, PCIEM_INJECT, &arg));
	CHECK(!clear(0), "all");
}

static void removal(void)
{
	struct pciem_inject_rule r = {
		.action = PCIEM_INJECT_REMOVE, .bar_index = ANY, .after = 3, .count = 1,
	};
	uint64_t last;
	int i;

	bar[0x100 / 4] = 5;
	CHECK(!inject(r, NULL), "remove");
	for (i = 0; i < 3; i++)
		CHECK(driver_read(cmd, 0x100, 4) == 5, "access %d", i);
	last = driver_read(cmd, 0x100, 4);
	CHECK(last == 0xffffffff || last == DRIVER_GONE, "pulled out: %#llx", (unsigned long long)last);
	for (i = 0; i < 1000 && card_info(fd).state != PCIEM_STATE_REMOVED; i++)
		msleep(10);
	CHECK(card_info(fd).state == PCIEM_STATE_REMOVED, "removed");
	REFUSED(ENODEV, inject(r, NULL));
}

static void *answer(void *arg)
{
	struct pciem_event ev;

	while (!over) {
		struct pciem_response rsp = { .data = 0x1111 };

		if (!ring_next(&ring, &ev, 50) || ev.type != PCIEM_EVENT_MMIO_READ_REQUEST)
			continue;
		rsp.seq = ev.seq;
		write(fd, &rsp, sizeof(rsp));
	}
	return arg;
}

int main(void)
{
	struct pciem_inject_rule early = { .kind = PCIEM_RECORD_IRQ, .action = PCIEM_INJECT_DROP, .bar_index = ANY };
	pthread_t t;
	int inst;

	fd = card_open();
	card_describe(fd);
	REFUSED(EBUSY, inject(early, NULL));
	card_policy(fd, SYNC_AT, 16, PCIEM_BAR_SYNC, 0);
	ring_create(fd, 256, &ring);
	inst = card_register(fd);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);
	monitor_map(&mon, monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_LOSSY, 4 << 20,
					 ~(1ULL << PCIEM_RECORD_CFG_READ)), 4 << 20);
	pthread_create(&t, NULL, answer, NULL);
	cmd = card_start(fd);
	refused();
	reads();
	writes();
	irqs();
	dmas();
	killed();
	removal();
	over = 1;
	pthread_join(t, NULL);
	return card_done("inject");
}
