// SPDX-License-Identifier: MIT
/*
 * When the sequencer's actions run, and when who waits for it goes on: steps by hand, with all accesses
 * ignored but those that a claim is about.
 */
#include "irq.h"

#define WINDOW		64
#define STEPS(array)	(sizeof(array) / sizeof((array)[0]))

/* Config space, and BAR 0 but for [from, to). */
static void sequence_start(int fd, uint64_t from, uint64_t to)
{
	struct pciem_seq_ignore ignores[] = {
		{ .bar_index = PCIEM_SEQ_IGNORE_CONFIG, .length = 4096 },
		{ .offset = to, .length = BAR_SIZE - to },
		{ .offset = 0, .length = from },
	};
	struct pciem_seq_start start = {
		.size = sizeof(start), .window = WINDOW, .nr_ignores = from ? 3 : 2, .ignores = (uintptr_t)ignores,
	};

	CHECK(!ioctl(fd, PCIEM_SEQ_START, &start), "SEQ_START");
}

static void sequence_push(int fd, const struct pciem_seq_step *steps, unsigned int count, uint32_t flags)
{
	struct pciem_seq_push push = {
		.size = sizeof(push), .flags = flags, .count = count, .step_size = sizeof(*steps),
		.steps = (uintptr_t)steps,
	};

	CHECK(!ioctl(fd, PCIEM_SEQ_PUSH, &push), "SEQ_PUSH");
}

static struct pciem_seq_status sequence_status(int fd)
{
	struct pciem_seq_status st = { .size = sizeof(st) };

	CHECK(!ioctl(fd, PCIEM_SEQ_STATUS, &st), "SEQ_STATUS");
	return st;
}

/* The one that pushes is the one that empties the ring. */
static void more_marks_than_room(void)
{
	struct pciem_seq_step steps[WINDOW] = { 0 };
	int fd = card_open();
	struct pciem_event ev = { 0 };
	struct card_ring ring;
	unsigned int i;

	card_describe(fd);
	CHECK(ring_create(fd, 16, &ring) >= 0, "RING_CREATE");
	sequence_start(fd, 0, BAR_SIZE - 8);
	for (i = 0; i < WINDOW; i++)
		steps[i] = (struct pciem_seq_step) { .op = PCIEM_SEQ_DO_MARK, .bar = 0xff, .index = i + 1, .value = i };
	alarm(60);
	sequence_push(fd, steps, WINDOW, PCIEM_SEQ_LAST);
	for (i = 0; i < WINDOW && ring_next(&ring, &ev, 20000); i++)
		CHECK(ev.type == PCIEM_EVENT_SEQ_MARK && ev.data == i, "%u: type %u data %llu", i, ev.type,
		      (unsigned long long)ev.data);
	CHECK(i == WINDOW, "%u marks", i);
	CHECK(ring_next(&ring, &ev, 20000) && ev.type == PCIEM_EVENT_SEQ_DONE, "done: type %u", ev.type);
	alarm(0);
	close(ring.fd);
	close(fd);
}

/* An INTx handler reads its status and clears it; the line falls in between, though an access made it rise. */
static void in_the_handler(void)
{
	const struct pciem_seq_step steps[] = {
		{ .op = PCIEM_SEQ_EXPECT_MMIO_WRITE, .index = 1, .addr = EDU_IRQ_RAISE, .width = 4 },
		{ .op = PCIEM_SEQ_DO_INTX, .bar = 0xff, .index = 2, .cause = 1, .value = 1 },
		{ .op = PCIEM_SEQ_EXPECT_MMIO_READ, .index = 3, .addr = EDU_IRQ_STATUS, .width = 4, .value = 1, .lane = 1 },
		{ .op = PCIEM_SEQ_DO_INTX, .bar = 0xff, .index = 4, .cause = 3 },
		{ .op = PCIEM_SEQ_EXPECT_MMIO_WRITE, .index = 5, .addr = EDU_IRQ_STATUS, .width = 4, .lane = 1 },
	};
	uint64_t kinds = 1ULL << PCIEM_RECORD_IRQ | 1ULL << PCIEM_RECORD_MMIO_WRITE, low = 0, cleared = 0;
	const struct pciem_record *rec;
	struct pciem_seq_status st;
	struct device d = { 0 };
	struct card_monitor m;

	device_describe(&d, 1);
	sequence_start(d.fd, EDU_IRQ_RAISE, EDU_IRQ_STATUS + 4);
	sequence_push(d.fd, steps, STEPS(steps), PCIEM_SEQ_LAST);
	monitor_map(&m, monitor_create(d.fd, PCIEM_SLOT_OWN, 0, 1 << 20, kinds), 1 << 20);
	device_start(&d);
	CHECK(!driver_command(d.cmd[0], "irq request 1 intx"), "INTx");
	driver_command(d.cmd[0], "irq raise 0");
	CHECK(settles(d.cmd[0], 0, 1), "one interrupt: %ld", irq_count(d.cmd[0], 0));
	while ((rec = monitor_peek(&m, 0))) {
		if (rec->kind == PCIEM_RECORD_IRQ && rec->value == PCIEM_IRQ_INTX_DEASSERT)
			low = rec->seq;
		if (rec->kind == PCIEM_RECORD_MMIO_WRITE && rec->addr == EDU_IRQ_STATUS)
			cleared = rec->seq;
		monitor_pop(&m, rec);
	}
	CHECK(low && low < cleared, "low at %llu, cleared at %llu", (unsigned long long)low, (unsigned long long)cleared);
	st = sequence_status(d.fd);
	CHECK(st.state == PCIEM_SEQ_DONE && st.done == 2, "state %u done %llu", st.state, (unsigned long long)st.done);
	driver_command(d.cmd[0], "irq free");
	device_close(&d);
	close(m.fd);
}

/* Mappings alone have emptied half of the window. */
static void low_by_mappings(void)
{
	struct pciem_seq_step steps[WINDOW] = { { .op = PCIEM_SEQ_EXPECT_MMIO_WRITE, .index = 1, .addr = 0x1000, .width = 4 } };
	struct pciem_event ev = { 0 };
	struct device d = { 0 };
	unsigned int i;

	for (i = 1; i < WINDOW; i++)
		steps[i] = (struct pciem_seq_step) {
			.op = PCIEM_SEQ_EXPECT_DMA_MAP, .index = i + 1, .addr = i << 20, .value = 256,
		};
	device_describe(&d, 1);
	sequence_start(d.fd, 0x1000, 0x1004);
	sequence_push(d.fd, steps, WINDOW, 0);
	device_start(&d);
	for (i = 0; i < WINDOW / 2; i++) {
		CHECK(!driver_command(d.cmd[0], "dma alloc 256 both"), "%u", i);
		CHECK(!driver_command(d.cmd[0], "dma free 0"), "%u", i);
	}
	while (ring_next(&d.ring, &ev, 1000) && ev.type != PCIEM_EVENT_SEQ_LOW)
		;
	CHECK(ev.type == PCIEM_EVENT_SEQ_LOW, "type %u", ev.type);
	device_close(&d);
}

static void *late_read(void *arg)
{
	struct device *d = arg;

	driver_read(d->cmd[0], 0x1000, 4);
	return NULL;
}

/* The driver waits for a step that has not been pushed, and the device is taken away: that is not the step's fault. */
static void removed_while_dry(void)
{
	struct pciem_remove remove = { .size = sizeof(remove), .flags = PCIEM_REMOVE_SURPRISE };
	struct pciem_seq_status st;
	struct device d = { 0 };
	pthread_t thread;

	device_describe(&d, 1);
	sequence_start(d.fd, 0x1000, 0x1004);
	device_start(&d);
	pthread_create(&thread, NULL, late_read, &d);
	msleep(300);
	CHECK(!ioctl(d.fd, PCIEM_REMOVE, &remove), "REMOVE");
	pthread_join(thread, NULL);
	st = sequence_status(d.fd);
	CHECK(st.state == PCIEM_SEQ_RUNNING || (st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_REMOVED),
	      "state %u reason %u", st.state, st.reason);
	device_close(&d);
}

int main(void)
{
	more_marks_than_room();
	in_the_handler();
	low_by_mappings();
	removed_while_dry();
	return card_done("sequencer_order");
}
