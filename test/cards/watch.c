// SPDX-License-Identifier: MIT
/*
 * Watchpoints on a direct range, which does not trap: what the driver does to the watched
 * bytes, and nothing else, is reported, on every CPU, whichever came first, the watchpoint or
 * the driver's mapping. And the call that existing cards have for it.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "card.h"

#define DIRECT	0x2000
#define AT	(DIRECT + 0x10)

static int watch(int fd, uint64_t offset, uint32_t width, uint32_t flags, uint32_t *id)
{
	struct pciem_watch w = { .size = sizeof(w), .width = width, .offset = offset, .flags = flags };
	int err = ioctl(fd, PCIEM_WATCH, &w);

	*id = w.id;
	return err;
}

static int unwatch(int fd, uint32_t id)
{
	struct pciem_unwatch u = { .size = sizeof(u), .id = id };

	return ioctl(fd, PCIEM_UNWATCH, &u);
}

static struct pciem_watch_info info_of(int fd, uint32_t id)
{
	struct pciem_watch_info info = { .size = sizeof(info), .id = id };

	CHECK(!ioctl(fd, PCIEM_WATCH_INFO, &info) && info.id == id, "info of %u", id);
	return info;
}

static void refusals(int fd)
{
	struct pciem_watch w = { .size = sizeof(w), .width = 4, .offset = AT };
	struct pciem_watch_info info = { .size = sizeof(info) };
	uint32_t id[5], i;

#define WRONG(field, with, err) do {					\
	struct pciem_watch wrong_ = w;					\
	wrong_.field = with;						\
	REFUSED(err, ioctl(fd, PCIEM_WATCH, &wrong_));			\
} while (0)
	WRONG(func, 1, ENOENT);
	WRONG(func, 8, EINVAL);
	WRONG(bar_index, 2, ENOENT);
	WRONG(bar_index, 7, EINVAL);
	WRONG(width, 0, EINVAL);
	WRONG(width, 3, EINVAL);
	WRONG(width, 16, EINVAL);
	WRONG(offset, AT + 2, EINVAL);
	WRONG(offset, 0x1000, EINVAL);
	WRONG(offset, BAR_SIZE, EINVAL);
	WRONG(offset, -4ULL, EINVAL);
	WRONG(flags, 2, EINVAL);
	REFUSED(ENOENT, unwatch(fd, 0));
	REFUSED(ENOENT, unwatch(fd, 0xffffffff));
	REFUSED(ENOENT, ioctl(fd, PCIEM_WATCH_INFO, &info));
	for (i = 0; i < 4; i++)
		CHECK(!watch(fd, AT + 8 * i, 4, 0, &id[i]), "%u of four", i);
	REFUSED(ENOSPC, watch(fd, AT + 64, 4, 0, &id[4]));
	for (i = 0; i < 4; i++)
		CHECK(!unwatch(fd, id[i]), "%u", i);
	REFUSED(ENOENT, unwatch(fd, id[0]));
}

/* The next hit in the ring; others of the driver's life pass by. */
static int next_hit(struct card_ring *ring, struct pciem_event *ev, int ms)
{
	while (ring_next(ring, ev, ms))
		if (ev->type == PCIEM_EVENT_WATCH)
			return 1;
	return 0;
}

static void hits(int fd, int cmd, struct card_ring *ring, uint32_t writes)
{
	struct pciem_event ev;
	uint32_t reads;

	CHECK(info_of(fd, writes).places == 1, "armed when the driver mapped");
	driver_write(cmd, AT, 4, 0x1234);
	CHECK(next_hit(ring, &ev, 5000) && ev.offset == AT && ev.size == 4 && ev.data == 0x1234 && ev.bar == 0 && ev.seq, "a write");
	driver_write(cmd, AT + 1, 1, 0x56);
	CHECK(next_hit(ring, &ev, 5000) && ev.data == 0x5634, "a part: %#llx", (unsigned long long)ev.data);
	driver_read(cmd, AT, 4);
	driver_write(cmd, AT + 4, 4, 1);
	driver_write(cmd, AT - 4, 4, 1);
	CHECK(!next_hit(ring, &ev, 100), "neither reads nor neighbours");

	CHECK(!watch(fd, AT + 0x20, 8, PCIEM_WATCH_READS, &reads), "reads, too");
	CHECK(info_of(fd, reads).places == 1, "armed, as the driver has mapped");
	driver_write(cmd, AT + 0x20, 8, 0x1122334455667788ULL);
	CHECK(next_hit(ring, &ev, 5000) && ev.data == 0x1122334455667788ULL && ev.size == 8, "a write of 8");
	CHECK(driver_read(cmd, AT + 0x24, 4) == 0x11223344, "the memory");
	CHECK(next_hit(ring, &ev, 5000) && ev.offset == AT + 0x20, "a read");
	CHECK(info_of(fd, reads).hits == 2 && info_of(fd, reads).lost == 0, "hits");
	CHECK(!unwatch(fd, reads), "unwatch");
	driver_read(cmd, AT + 0x20, 4);
	CHECK(!next_hit(ring, &ev, 100), "no longer");
}

static void on_every_cpu(int fd, int cmd, struct card_ring *ring, uint32_t id)
{
	uint64_t before = info_of(fd, id).hits;
	int cpu, nr = sysconf(_SC_NPROCESSORS_ONLN), seen = 0, i;
	struct pciem_event ev;
	cpu_set_t set;

	while (next_hit(ring, &ev, 50))
		;
	for (cpu = 0; cpu < nr; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		for (i = 0; i < 5; i++)
			driver_write(cmd, AT, 4, cpu * 100 + i);
	}
	while (seen < 5 * nr && next_hit(ring, &ev, 5000)) {
		CHECK(ev.data == (uint64_t)(seen / 5 * 100 + seen % 5), "%d: %#llx", seen, (unsigned long long)ev.data);
		seen++;
	}
	CHECK(seen == 5 * nr && info_of(fd, id).hits == before + 5 * nr, "%d of %d", seen, 5 * nr);
}

static void in_the_stream(struct card_monitor *m, int cmd)
{
	const struct pciem_record *rec;
	int found = 0;

	while ((rec = monitor_peek(m, 0)))
		monitor_pop(m, rec);
	driver_write(cmd, AT, 4, 0xabc);
	while (!found && (rec = monitor_peek(m, 5000))) {
		if (rec->kind == PCIEM_RECORD_WATCH) {
			found = 1;
			CHECK(rec->addr == AT && rec->value == 0xabc && rec->width == 4, "%#llx", (unsigned long long)rec->value);
			CHECK(rec->pid == (uint32_t)getpid() && rec->context >> PCIEM_CONTEXT_SHIFT == PCIEM_CONTEXT_TASK,
			      "who: %u, context %#x", rec->pid, rec->context);
			CHECK(memmem(rec + 1, rec->data_len, "[pciem_test]", 12), "%.*s", (int)rec->data_len, (const char *)(rec + 1));
		}
		monitor_pop(m, rec);
	}
	CHECK(found, "a record");
}

static void new_calls(void)
{
	struct pciem_remove remove = { .size = sizeof(remove) };
	int fd = card_open(), inst, cmd;
	struct card_monitor m;
	struct card_ring ring;
	uint32_t id, id2;

	REFUSED(EBUSY, watch(fd, AT, 4, 0, &id));
	card_describe(fd);
	CHECK(!card_policy(fd, DIRECT, 0x2000, PCIEM_BAR_DIRECT, 0), "direct");
	refusals(fd);
	CHECK(ring_create(fd, 256, &ring) >= 0, "ring");
	CHECK(!watch(fd, AT, 4, 0, &id) && info_of(fd, id).places == 0, "before there is a driver");
	inst = card_register(fd);
	monitor_map(&m, monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_LOSSY, 1 << 20, 0), 1 << 20);
	cmd = card_start(fd);
	hits(fd, cmd, &ring, id);
	in_the_stream(&m, cmd);
	on_every_cpu(fd, cmd, &ring, id);
	close(cmd);
	CHECK(!ioctl(fd, PCIEM_REMOVE, &remove), "remove");
	REFUSED(ENODEV, watch(fd, AT, 4, 0, &id2));
	REFUSED(ENOENT, unwatch(fd, id));
	close(inst);
	close(fd);
}

/* As an existing card does it: the old ring, no size, and its events are writes. */
static void old_call(void)
{
	struct pciem_set_watchpoint w = { .offset = AT, .width = 4, .flags = PCIEM_WATCHPOINT_FIND };
	int fd = card_open(), inst, cmd;
	struct pciem_event ev = { 0 };
	struct card_ring ring;

	REFUSED(EBUSY, ioctl(fd, PCIEM_SET_WATCHPOINT, &w));
	card_describe(fd);
	CHECK(!card_policy(fd, DIRECT, 0x2000, PCIEM_BAR_DIRECT, 0), "direct");
	ring_map(&ring, fd, PCIEM_RING_ENTRIES);
	CHECK(PCIEM_SET_WATCHPOINT == 0x4010af14, "its number");
	w.bar_index = 1;
	REFUSED(ENOENT, ioctl(fd, PCIEM_SET_WATCHPOINT, &w));
	w.bar_index = 0;
	w.width = 5;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SET_WATCHPOINT, &w));
	w.width = 4;
	w.offset = 0xfffffffc;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SET_WATCHPOINT, &w));
	w.offset = AT;
	CHECK(!ioctl(fd, PCIEM_SET_WATCHPOINT, &w), "on plain memory");
	w.offset = 0x1000;
	CHECK(!ioctl(fd, PCIEM_SET_WATCHPOINT, &w), "on what traps");
	inst = card_register(fd);
	cmd = card_start(fd);
	driver_write(cmd, AT + 4, 4, 1);
	driver_write(cmd, AT, 4, 2);
	CHECK(ring_next(&ring, &ev, 5000) && ev.type == PCIEM_EVENT_MMIO_WRITE && ev.offset == AT && ev.data == 2, "%#llx", (unsigned long long)ev.offset);
	driver_write(cmd, 0x1004, 4, 3);
	driver_write(cmd, 0x1000, 4, 4);
	CHECK(ring_next(&ring, &ev, 5000) && ev.type == PCIEM_EVENT_MMIO_WRITE && ev.offset == 0x1000 && ev.data == 4, "%#llx", (unsigned long long)ev.offset);
	CHECK(!ring_next(&ring, &ev, 100), "nothing else");
	close(cmd);
	/* The owner goes with its watchpoints set and the driver bound. */
	close(inst);
	close(fd);
}

int main(void)
{
	new_calls();
	old_call();
	return card_done("watch");
}
