// SPDX-License-Identifier: MIT
/* A session with INTx is recorded through a monitor, then played back by the sequencer without the model. */
#include "irq.h"

#define MAX_STEPS	1024

static struct pciem_seq_step steps[MAX_STEPS];
static unsigned int nr_steps;

static void *model(void *arg)
{
	struct device *d = arg;
	struct pciem_event ev;

	while (!d->over) {
		if (!ring_next(&d->ring, &ev, 20) || ev.type != PCIEM_EVENT_MMIO_WRITE)
			continue;
		if (ev.offset == EDU_IRQ_RAISE) {
			d->bar[0][EDU_IRQ_STATUS / 4] = 1;
			intx(d->fd, 0, 1);
		} else if (ev.offset == EDU_IRQ_STATUS) {
			intx(d->fd, 0, 0);
		}
	}
	return NULL;
}

/* The line is low before the next interrupt, so that the driver sees each of them once. */
static void session(int cmd, int fd)
{
	int i, ms;

	CHECK(!driver_command(cmd, "irq request 1 intx"), "INTx");
	for (i = 1; i <= 5; i++) {
		driver_command(cmd, "irq raise 0");
		CHECK(settles(cmd, 0, i), "interrupt %d: %ld", i, irq_count(cmd, 0));
		for (ms = 0; ms < 2000 && config_get(fd, 0, 0x06) & 8; ms++)
			msleep(10);
		CHECK(!(config_get(fd, 0, 0x06) & 8), "low after it");
	}
	driver_command(cmd, "irq free");
}

static void compile(const struct pciem_record *rec)
{
	struct pciem_seq_step s = {
		.func = rec->func, .bar = rec->bar, .width = rec->width, .index = rec->seq,
		.addr = rec->addr, .value = rec->value, .mask = ~0ULL,
		.lane = rec->context >> PCIEM_CONTEXT_SHIFT == PCIEM_CONTEXT_HARDIRQ,
	};

	switch (rec->kind) {
	case PCIEM_RECORD_CFG_WRITE:
		if ((rec->flags & PCIEM_RF_ORIGIN_MASK) != PCIEM_RF_ORIGIN_DRIVER)
			return;
		s.op = PCIEM_SEQ_EXPECT_CFG_WRITE;
		break;
	case PCIEM_RECORD_MMIO_READ:
		s.op = PCIEM_SEQ_EXPECT_MMIO_READ;
		break;
	case PCIEM_RECORD_MMIO_WRITE:
		s.op = PCIEM_SEQ_EXPECT_MMIO_WRITE;
		break;
	case PCIEM_RECORD_IRQ:
		s = (struct pciem_seq_step) {
			.op = PCIEM_SEQ_DO_INTX, .bar = 0xff, .index = rec->seq, .cause = rec->cause,
			.value = rec->value,
		};
		break;
	default:
		return;
	}
	if (nr_steps < MAX_STEPS)
		steps[nr_steps++] = s;
}

static int recorded_once(void)
{
	const struct pciem_record *rec;
	struct device d = { 0 };
	struct card_monitor m;
	pthread_t thread;
	unsigned int i, irqs = 0, none = 0;

	nr_steps = 0;
	device_describe(&d, 1);
	monitor_map(&m, monitor_create(d.fd, PCIEM_SLOT_OWN, 0, 1 << 20, 0), 1 << 20);
	device_start(&d);
	pthread_create(&thread, NULL, model, &d);
	session(d.cmd[0], d.fd);
	close(d.cmd[0]);
	d.cmd[0] = -1;
	card_remove(d.fd);
	d.over = 1;
	pthread_join(thread, NULL);
	while ((rec = monitor_peek(&m, 0))) {
		compile(rec);
		monitor_pop(&m, rec);
	}
	device_close(&d);
	close(m.fd);
	for (i = 0; i < nr_steps; i++) {
		irqs += steps[i].op == PCIEM_SEQ_DO_INTX;
		none += steps[i].op == PCIEM_SEQ_EXPECT_MMIO_READ && steps[i].addr == EDU_IRQ_STATUS && !steps[i].value;
	}
	CHECK(irqs == 10, "five assertions, five deassertions: %u", irqs);
	return !none;
}

static void played(void)
{
	struct pciem_seq_start start = { .size = sizeof(start), .window = MAX_STEPS, .hold_ns = 20000000 };
	struct pciem_seq_push push = {
		.size = sizeof(push), .flags = PCIEM_SEQ_LAST, .count = nr_steps, .step_size = sizeof(steps[0]),
		.steps = (uintptr_t)steps,
	};
	struct pciem_seq_status st = { .size = sizeof(st) };
	struct device d = { 0 };

	device_describe(&d, 1);
	CHECK(!ioctl(d.fd, PCIEM_SEQ_START, &start), "SEQ_START");
	CHECK(!ioctl(d.fd, PCIEM_SEQ_PUSH, &push), "SEQ_PUSH");
	device_start(&d);
	session(d.cmd[0], d.fd);
	close(d.cmd[0]);
	d.cmd[0] = -1;
	card_remove(d.fd);
	CHECK(!ioctl(d.fd, PCIEM_SEQ_STATUS, &st), "SEQ_STATUS");
	CHECK(st.state == PCIEM_SEQ_DONE && st.done == 10 && !st.pending,
	      "state %u reason %u index %llu addr %#llx expected %llu actual %llu done %llu pending %llu", st.state, st.reason,
	      (unsigned long long)st.index, (unsigned long long)st.addr, (unsigned long long)st.expected,
	      (unsigned long long)st.actual, (unsigned long long)st.done, (unsigned long long)st.pending);
	device_close(&d);
}

static void malformed(void)
{
	struct pciem_seq_start start = { .size = sizeof(start), .window = 64 };
	struct pciem_seq_step step = { .op = PCIEM_SEQ_DO_INTX, .bar = 0xff, .index = 1, .value = 2 };
	struct pciem_seq_push push = {
		.size = sizeof(push), .count = 1, .step_size = sizeof(step), .steps = (uintptr_t)&step,
	};
	int fd = card_open();

	card_describe(fd);
	CHECK(!ioctl(fd, PCIEM_SEQ_START, &start), "SEQ_START");
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_PUSH, &push));
	step.value = 1;
	CHECK(!ioctl(fd, PCIEM_SEQ_PUSH, &push), "SEQ_PUSH");
	close(fd);
}

int main(void)
{
	int tries;

	malformed();
	/* A slow owner makes the driver look once more: that is replayed as well, but not of interest here. */
	for (tries = 0; !recorded_once() && tries < 5; tries++)
		;
	printf("  %u steps\n", nr_steps);
	played();
	played();
	return card_done("intx_replay");
}
