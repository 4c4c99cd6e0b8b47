// SPDX-License-Identifier: MIT
/*
 * A session with a small edu-like device is recorded through a monitor, then played
 * back by the sequencer without the model: as it was, and with one thing changed.
 */
#include "card.h"
#include <linux/pci_regs.h>
#include <pthread.h>

#define MAX_STEPS	4096
#define RAISE		0x20
#define SRC		0x30
#define DST		0x38
#define LEN		0x40
#define CMD		0x44

static struct pciem_seq_step steps[MAX_STEPS];
static unsigned int nr_steps;
static char payloads[4 << 20];
static size_t nr_payload;
static uint32_t lanes[64];
static struct pciem_seq_ignore ignores[2] = { { .offset = 0x4000, .length = 0x2000 } };	/* MSI-X */
static unsigned int nr_ignores = 1;

/* ------------------------------------------------------------------ recording */

struct model {
	int fd;
	struct card_ring ring;
	volatile uint32_t *bar;
	volatile int over;
};

static void *model_run(void *arg)
{
	static char buffer[65536];
	struct model *m = arg;
	struct pciem_event ev;

	while (!m->over) {
		struct pciem_dma dma = { .user_addr = (uintptr_t)buffer };
		struct pciem_dma_atomic atomic = { .op_type = PCIEM_ATOMIC_FETCH_XOR };
		struct pciem_inject_irq irq = { .vector = 1 };

		if (!ring_next(&m->ring, &ev, 50))
			continue;
		if (ev.offset == RAISE) {
			irq.vector = ev.data;
			ioctl(m->fd, PCIEM_INJECT_IRQ, &irq);
		} else if (ev.offset == CMD) {
			dma.flags = ev.data;
			dma.length = m->bar[LEN / 4];
			dma.guest_iova = *(volatile uint64_t *)&m->bar[(ev.data == 1 ? SRC : DST) / 4];
			CHECK(!ioctl(m->fd, PCIEM_DMA, &dma), "DMA");
			/* One that changes nothing: its value before is what counts. */
			atomic.guest_iova = dma.guest_iova;
			if (ev.data == 1)
				CHECK(!ioctl(m->fd, PCIEM_DMA_ATOMIC, &atomic), "DMA_ATOMIC");
			m->bar[CMD / 4] = 0;
		}
	}
	return NULL;
}

/* whole: nothing was changed, so that all of it works. */
static void session_begin(int cmd, int whole)
{
	char out[4096] = "";

	driver_command(cmd, "dma alloc 256 both");
	driver_command(cmd, "dma fill 0 7");
	driver_command(cmd, "dma to-device 0");
	driver_command(cmd, "dma from-device 0");
	driver_command(cmd, "dma check 0 7");
	pread(cmd, out, sizeof(out) - 1, 0);
	CHECK(!whole || strstr(out, "\"wrong\":0"), "the bytes are there: %s", out);
	driver_command(cmd, "irq request 2");
	driver_command(cmd, "irq raise 1");
	memset(out, 0, sizeof(out));
	pread(cmd, out, sizeof(out) - 1, 0);
	CHECK(!whole || strstr(out, "\"arrived\":true"), "the interrupt is: %s", out);
	driver_command(cmd, "irq free");
}

static void session(int cmd, int whole)
{
	session_begin(cmd, whole);
	driver_write(cmd, 0x1000, 4, 0xcafe);
	CHECK(driver_read(cmd, 0x1004, 4) == 0 || !whole, "plain memory");
	driver_command(cmd, "dma free 0");
}

static uint32_t lane_of(uint32_t context)
{
	uint32_t i;

	for (i = 0; i < 63 && lanes[i] && lanes[i] != context; i++)
		;
	lanes[i] = context;
	return i;
}

static struct pciem_seq_step *step_add(const struct pciem_record *rec, uint8_t op)
{
	struct pciem_seq_step *s = &steps[nr_steps++];

	*s = (struct pciem_seq_step) {
		.op = op, .func = rec->func, .bar = rec->bar, .width = rec->width, .index = rec->seq,
		.addr = rec->addr, .value = rec->value, .mask = ~0ULL,
	};
	if (op < PCIEM_SEQ_DO_DMA_WRITE)
		s->lane = lane_of(rec->context);
	else
		s->cause = rec->cause;
	if (rec->data_len) {
		memcpy(payloads + nr_payload, rec + 1, rec->data_len);
		s->data = (uintptr_t)payloads + nr_payload;
		s->data_len = rec->data_len;
		nr_payload += rec->data_len;
	}
	return s;
}

static void compile(const struct pciem_record *rec)
{
	struct pciem_seq_step *last = nr_steps ? &steps[nr_steps - 1] : NULL;

	switch (rec->kind) {
	case PCIEM_RECORD_CFG_WRITE:
		if ((rec->flags & PCIEM_RF_ORIGIN_MASK) == PCIEM_RF_ORIGIN_DRIVER)
			step_add(rec, PCIEM_SEQ_EXPECT_CFG_WRITE);
		break;
	case PCIEM_RECORD_MMIO_READ:
		if (rec->addr >= 0x4000)
			break;
		if (last && last->op == PCIEM_SEQ_EXPECT_MMIO_READ && last->addr == rec->addr &&
		    last->value == rec->value)
			last->flags |= PCIEM_SEQ_REPEAT;
		else
			step_add(rec, PCIEM_SEQ_EXPECT_MMIO_READ);
		break;
	case PCIEM_RECORD_MMIO_WRITE:
		if (rec->addr < 0x4000)
			step_add(rec, PCIEM_SEQ_EXPECT_MMIO_WRITE);
		break;
	case PCIEM_RECORD_DMA_MAP:
		step_add(rec, PCIEM_SEQ_EXPECT_DMA_MAP)->flags = rec->flags;
		break;
	case PCIEM_RECORD_DMA_WRITE:
		step_add(rec, PCIEM_SEQ_DO_DMA_WRITE);
		break;
	case PCIEM_RECORD_DMA_READ:
		step_add(rec, PCIEM_SEQ_DO_DMA_READ);
		break;
	case PCIEM_RECORD_DMA_ATOMIC:
		step_add(rec, PCIEM_SEQ_DO_DMA_ATOMIC);
		break;
	case PCIEM_RECORD_IRQ:
		step_add(rec, PCIEM_SEQ_DO_IRQ);
		break;
	}
}

static void record(void)
{
	struct pciem_trace_bar trace = { .flags = PCIEM_TRACE_WRITES };
	struct pciem_remove remove = { .size = sizeof(remove) };
	struct model model = { .fd = card_open() };
	const struct pciem_record *rec;
	struct card_monitor m;
	pthread_t t;
	int inst, cmd;

	card_describe(model.fd);
	ioctl(model.fd, PCIEM_TRACE_BAR, &trace);
	monitor_map(&m, monitor_create(model.fd, PCIEM_SLOT_OWN, 0, 1 << 20, 0), 1 << 20);
	ring_map(&model.ring, model.fd, PCIEM_RING_ENTRIES);
	inst = card_register(model.fd);
	model.bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);
	pthread_create(&t, NULL, model_run, &model);
	cmd = card_start(model.fd);
	session(cmd, 1);
	close(cmd);
	CHECK(!ioctl(model.fd, PCIEM_REMOVE, &remove), "REMOVE");
	model.over = 1;
	pthread_join(t, NULL);
	while ((rec = monitor_peek(&m, 0))) {
		compile(rec);
		monitor_pop(&m, rec);
	}
	munmap((void *)model.bar, BAR_SIZE);
	close(model.fd);
	close(inst);
	close(m.fd);
}

/* -------------------------------------------------------------------- playing */

static struct pciem_seq_status status_of(int fd, char *stack, unsigned int room)
{
	struct pciem_seq_status st = { .size = sizeof(st), .stack = (uintptr_t)stack, .stack_len = room };

	CHECK(!ioctl(fd, PCIEM_SEQ_STATUS, &st), "SEQ_STATUS");
	return st;
}

static int player(unsigned int count, uint32_t last)
{
	struct pciem_seq_start start = {
		.size = sizeof(start), .window = MAX_STEPS, .hold_ns = 20000000, .nr_ignores = nr_ignores,
		.ignores = (uintptr_t)ignores,
	};
	struct pciem_seq_push push = {
		.size = sizeof(push), .flags = last, .count = count, .step_size = sizeof(steps[0]),
		.steps = (uintptr_t)steps,
	};
	int fd = card_open();

	card_describe(fd);
	CHECK(!ioctl(fd, PCIEM_SEQ_START, &start), "SEQ_START");
	REFUSED(EBUSY, ioctl(fd, PCIEM_SEQ_START, &start));
	push.step_size--;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_PUSH, &push));
	push.step_size++;
	CHECK(!ioctl(fd, PCIEM_SEQ_PUSH, &push), "SEQ_PUSH");
	if (count && !last)
		REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_PUSH, &push));
	ioctl(fd, PCIEM_REGISTER);
	if (ioctl(fd, PCIEM_START))
		card_die("START");
	return fd;
}

static void as_it_was(void)
{
	struct pciem_remove remove = { .size = sizeof(remove) };
	struct pciem_seq_status st;
	int fd = player(nr_steps, PCIEM_SEQ_LAST), cmd = driver_open(fd);

	if (cmd >= 0) {
		session(cmd, 1);
		close(cmd);
	}
	CHECK(!ioctl(fd, PCIEM_REMOVE, &remove), "REMOVE");
	st = status_of(fd, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DONE && !st.pending && !st.unexpected_maps && st.matched && st.done == 4,
	      "state %u reason %u index %llu pending %llu matched %llu done %llu maps %llu", st.state, st.reason,
	      (unsigned long long)st.index, (unsigned long long)st.pending, (unsigned long long)st.matched,
	      (unsigned long long)st.done, (unsigned long long)st.unexpected_maps);
	printf("  matched %llu done %llu folded %llu renamed %llu ignored %llu early %llu\n",
	       (unsigned long long)st.matched, (unsigned long long)st.done, (unsigned long long)st.folded,
	       (unsigned long long)st.renamed, (unsigned long long)st.ignored, (unsigned long long)st.early);
	close(fd);
}

/* Plays the first count steps until it stops, however that is. */
static struct pciem_seq_status play_until(unsigned int count, uint32_t last, char *stack, unsigned int room)
{
	int fd = player(count, last), cmd = driver_open(fd);
	struct pciem_seq_status st;

	if (cmd >= 0) {
		session(cmd, 0);
		close(cmd);
	}
	st = status_of(fd, stack, room);
	close(fd);
	return st;
}

static unsigned int find(uint8_t op, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < nr_steps; i++)
		if (steps[i].op == op && steps[i].addr == addr)
			return i;
	CHECK(0, "op %u at %#llx was recorded", op, (unsigned long long)addr);
	return 0;
}

static void changed(void)
{
	unsigned int write = find(PCIEM_SEQ_EXPECT_MMIO_WRITE, 0x1000), i;
	struct pciem_seq_status st;
	char stack[4096] = "";

	steps[write].value ^= 0x10;
	st = play_until(nr_steps, PCIEM_SEQ_LAST, stack, sizeof(stack) - 1);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_VALUE && st.index == steps[write].index &&
	      st.expected == (0xcafe ^ 0x10) && st.actual == 0xcafe && st.addr == 0x1000 && st.width == 4,
	      "state %u reason %u index %llu", st.state, st.reason, (unsigned long long)st.index);
	CHECK(strstr(stack, "[pciem_test]") && st.pid == (uint32_t)getpid(), "from the driver: %s", stack);
	steps[write].value ^= 0x10;

	steps[write].addr += 8;
	st = play_until(nr_steps, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_ACCESS && st.index == steps[write].index,
	      "state %u reason %u index %llu", st.state, st.reason, (unsigned long long)st.index);
	steps[write].addr -= 8;

	for (i = 0; steps[i].op != PCIEM_SEQ_DO_DMA_READ; i++)
		;
	((char *)(uintptr_t)steps[i].data)[100] ^= 1;
	st = play_until(nr_steps, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_PAYLOAD && st.index == steps[i].index &&
	      st.payload_offset == 100 && st.actual_bytes[4] == 107 && st.expected_bytes[4] == 106,
	      "state %u reason %u index %llu at %llu", st.state, st.reason, (unsigned long long)st.index,
	      (unsigned long long)st.payload_offset);
	((char *)(uintptr_t)steps[i].data)[100] ^= 1;

	for (i = 0; steps[i].op != PCIEM_SEQ_DO_DMA_ATOMIC; i++)
		;
	steps[i].value ^= 0x0100;
	st = play_until(nr_steps, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_PAYLOAD && st.index == steps[i].index &&
	      st.payload_offset == 1 && st.actual_bytes[1] == 8 && st.expected_bytes[1] == 9 && st.payload_bytes == 8,
	      "state %u reason %u index %llu at %llu", st.state, st.reason, (unsigned long long)st.index,
	      (unsigned long long)st.payload_offset);
	steps[i].value ^= 0x0100;

	st = play_until(write, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_PAST_END && st.index == ~0ULL,
	      "state %u reason %u", st.state, st.reason);
	st = play_until(write, 0, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_STATE_DRY, "state %u", st.state);
}

/* Two writes that follow each other, recorded the other way round. */
static void swap(unsigned int i)
{
	uint64_t addr = steps[i].addr, value = steps[i].value;

	steps[i].addr = steps[i + 1].addr;
	steps[i].value = steps[i + 1].value;
	steps[i + 1].addr = addr;
	steps[i + 1].value = value;
}

static void unordered(void)
{
	unsigned int src = find(PCIEM_SEQ_EXPECT_MMIO_WRITE, SRC), len = find(PCIEM_SEQ_EXPECT_MMIO_WRITE, LEN);
	struct pciem_seq_status st;

	CHECK(steps[src + 1].addr == SRC + 4 && steps[len + 1].addr == CMD, "writes follow each other");
	swap(src);
	st = play_until(nr_steps, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_ACCESS && st.index == steps[src].index,
	      "state %u reason %u index %llu", st.state, st.reason, (unsigned long long)st.index);
	steps[src].flags |= PCIEM_SEQ_UNORDERED;
	as_it_was();
	steps[src].flags &= ~PCIEM_SEQ_UNORDERED;
	swap(src);

	/* What makes the device act passes nothing. */
	swap(len);
	steps[len].flags |= PCIEM_SEQ_UNORDERED;
	st = play_until(nr_steps, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_ACCESS && st.index == steps[len].index,
	      "state %u reason %u index %llu", st.state, st.reason, (unsigned long long)st.index);
	steps[len].flags &= ~PCIEM_SEQ_UNORDERED;
	swap(len);
}

/* The command register is left to config space, and the registers beside it are not. */
static void config_ignored(void)
{
	struct pciem_seq_status st;
	unsigned int i, kept = 0, write = 0;

	for (i = 0; i < nr_steps; i++) {
		if (steps[i].op == PCIEM_SEQ_EXPECT_CFG_WRITE && steps[i].addr == PCI_COMMAND)
			continue;
		if (steps[i].op == PCIEM_SEQ_EXPECT_CFG_WRITE)
			write = kept;
		steps[kept++] = steps[i];
	}
	CHECK(kept < nr_steps && write, "the driver writes the command register, and others");
	nr_steps = kept;
	ignores[nr_ignores++] = (struct pciem_seq_ignore) {
		.bar_index = PCIEM_SEQ_IGNORE_CONFIG, .offset = PCI_COMMAND, .length = 2,
	};
	as_it_was();

	steps[write].value ^= 0x8000;
	st = play_until(nr_steps, PCIEM_SEQ_LAST, NULL, 0);
	CHECK(st.state == PCIEM_SEQ_DIVERGED && st.reason == PCIEM_DIVERGED_VALUE && st.index == steps[write].index,
	      "state %u reason %u index %llu", st.state, st.reason, (unsigned long long)st.index);
	steps[write].value ^= 0x8000;
}

/* ------------------------------------------------------------- an index into a ring */

/* From 0 by way of 2 and 5 to 1, of 8; 1 is the answer to what the device does behind 5. */
static unsigned int index_steps(unsigned int at)
{
	uint64_t first = steps[at].index, i;
	struct pciem_seq_step move = {
		.op = PCIEM_SEQ_EXPECT_MMIO_WRITE, .width = 4, .addr = 0x1000, .mask = ~0U,
		.flags = PCIEM_SEQ_COALESCE, .modulo = 8,
	};
	static const uint32_t to[] = { 2, 5, 1 };

	for (i = 0; i < 3; i++) {
		if (i == 2) {
			steps[at] = (struct pciem_seq_step) { .op = PCIEM_SEQ_DO_MARK, .bar = 0xff, .index = first + i };
			move.cause = first + i;
			at++;
		}
		move.index = first + i + (i == 2);
		move.value = to[i];
		steps[at++] = move;
		move.from = to[i];
	}
	return at;
}

static void moved(unsigned int count, const char *values, uint32_t state, uint64_t coalesced)
{
	int fd = player(count, PCIEM_SEQ_LAST), cmd = driver_open(fd);
	struct pciem_seq_status st;
	const char *value;

	if (cmd >= 0) {
		session_begin(cmd, 1);
		for (value = values; *value; value++)
			driver_write(cmd, 0x1000, 4, *value - '0');
		close(cmd);
	}
	st = status_of(fd, NULL, 0);
	CHECK(st.state == state && st.coalesced == coalesced, "%s: state %u coalesced %llu reason %u", values,
	      st.state, (unsigned long long)st.coalesced, st.reason);
	if (state == PCIEM_SEQ_DIVERGED)
		CHECK(st.reason == PCIEM_DIVERGED_VALUE && st.addr == 0x1000, "%s: reason %u", values, st.reason);
	close(fd);
}

static void index_moves(void)
{
	unsigned int count = index_steps(find(PCIEM_SEQ_EXPECT_MMIO_WRITE, 0x1000));

	moved(count, "251", PCIEM_SEQ_DONE, 0);
	moved(count, "51", PCIEM_SEQ_DONE, 1);		/* two taken together */
	moved(count, "124571", PCIEM_SEQ_DONE, 3);	/* and taken apart */
	moved(count, "4501", PCIEM_SEQ_DONE, 3);	/* some of both */
	moved(count, "25", PCIEM_SEQ_RUNNING, 0);
	moved(count, "21", PCIEM_SEQ_DIVERGED, 0);	/* ahead of the device */
	moved(count, "22", PCIEM_SEQ_DIVERGED, 0);	/* no move */
	moved(count, "28", PCIEM_SEQ_DIVERGED, 0);	/* out of the ring */
}

int main(void)
{
	record();
	printf("  %u steps, %zu bytes\n", nr_steps, nr_payload);
	as_it_was();
	as_it_was();
	changed();
	unordered();
	config_ignored();
	index_moves();
	return card_done("sequencer");
}
