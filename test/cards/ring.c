// SPDX-License-Identifier: MIT
/* The owner ring of existing cards: its mapping, its events, its eventfd, and lies in it. */
#include "card.h"
#include <pthread.h>
#include <sys/eventfd.h>

static void mapping(int fd)
{
	char *at = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(at != MAP_FAILED, "its own size");
	munmap(at, RING_BYTES);
	at = mmap(NULL, RING_BYTES, PROT_READ, MAP_SHARED, fd, 16 * PAGE);
	CHECK(at != MAP_FAILED, "at any offset");
	munmap(at, RING_BYTES);
	REFUSED(EINVAL, mmap(NULL, RING_BYTES + PAGE, PROT_READ, MAP_SHARED, fd, 0));
	REFUSED(EINVAL, mmap(NULL, 1 << 30, PROT_READ, MAP_SHARED, fd, 0));
	REFUSED(EINVAL, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
}

static void bar_mapping(int inst)
{
	char *at = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);

	CHECK(at != MAP_FAILED, "BAR 0");
	munmap(at, BAR_SIZE);
	REFUSED(EINVAL, mmap(NULL, BAR_SIZE + PAGE, PROT_READ, MAP_SHARED, inst, 0));
	REFUSED(ENOENT, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, inst, 2 * PAGE));
	REFUSED(ENOENT, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, inst, 8 * PAGE));
	REFUSED(ENOENT, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, inst, 1UL << 40));
}

static void events(struct card_ring *r, int cmd, int efd)
{
	struct pciem_event ev;
	eventfd_t count = 0;

	while (ring_next(r, &ev, 0))
		;
	eventfd_read(efd, &count);
	driver_write(cmd, 0x1008, 4, 0x12345678);
	CHECK(!eventfd_read(efd, &count) && count == 1, "one signal, %llu", (unsigned long long)count);
	CHECK(ring_next(r, &ev, 1000), "a write");
	CHECK(ev.type == PCIEM_EVENT_MMIO_WRITE && ev.offset == 0x1008 && ev.size == 4 &&
	      ev.data == 0x12345678 && ev.seq == 0 && ev.bar == 0 && ev.func == 0 && ev.timestamp, "its fields");
	CHECK(driver_read(cmd, 0x1008, 4) == 0x12345678, "stored");
	CHECK(ring_next(r, &ev, 1000) && ev.type == PCIEM_EVENT_MMIO_READ && ev.data == 0x12345678, "a read");
	CHECK(!ring_next(r, &ev, 50), "and nothing else");
}

static int burst_cmd;

static void *burst(void *nr)
{
	unsigned long i;

	for (i = 0; i < (unsigned long)nr; i++)
		driver_write(burst_cmd, 0x1000, 4, i);
	return NULL;
}

/* 600 writes into 255 places: the driver waits, nothing is lost. */
static void back_pressure(int fd, struct card_ring *r, int cmd)
{
	uint64_t before = card_info(fd).lost_owner;
	struct pciem_event ev;
	unsigned int i;
	pthread_t t;

	burst_cmd = cmd;
	pthread_create(&t, NULL, burst, (void *)600);
	for (i = 0; i < 2000 && ((*r->tail - *r->head) & 255) != 255; i++)
		msleep(10);
	CHECK(((*r->tail - *r->head) & 255) == 255, "full at 255");
	for (i = 0; i < 600 && ring_next(r, &ev, 5000); i++)
		if (ev.data != i)
			break;
	CHECK(i == 600, "in order, up to %u", i);
	pthread_join(t, NULL);
	CHECK(card_info(fd).lost_owner == before, "none lost");
}

/* What userspace writes there can hurt nobody but itself. */
static void lies(int fd, struct card_ring *r, int cmd)
{
	static const uint32_t lie[] = { 256, 0x7fffffff, 0xffffffff, 12416 };
	struct pciem_event ev;
	unsigned int i, j;

	for (i = 0; i < 4; i++) {
		*r->head = lie[i];
		*r->tail = ~lie[i];
		for (j = 0; j < 3; j++)
			driver_write(cmd, 0x1000, 4, j);
	}
	CHECK(card_info(fd).lost_owner >= 12, "counted");
	*r->head = 0;
	driver_write(cmd, 0x1000, 4, 0);
	*r->head = *r->tail;
	CHECK(*r->tail < 256, "the kernel has its own");
	driver_write(cmd, 0x1000, 4, 77);
	CHECK(ring_next(r, &ev, 1000) && ev.data == 77, "and it goes on");
}

static void eventfds(int fd, struct card_ring *r, int cmd)
{
	struct pciem_set_eventfd arg = { .eventfd = -1 };
	struct pciem_event ev;
	eventfd_t count;
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	driver_write(cmd, 0x1000, 4, 1);
	CHECK(!ioctl(fd, PCIEM_SET_EVENTFD, &arg), "taken away with an event pending");
	CHECK(!ioctl(fd, PCIEM_SET_EVENTFD, &arg), "twice");
	driver_write(cmd, 0x1000, 4, 1);
	arg.eventfd = efd;
	CHECK(!ioctl(fd, PCIEM_SET_EVENTFD, &arg), "put back");
	CHECK(!eventfd_read(efd, &count), "says that events wait");
	arg.eventfd = 12345;
	REFUSED(EBADF, ioctl(fd, PCIEM_SET_EVENTFD, &arg));
	arg.eventfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	REFUSED(EINVAL, ioctl(fd, PCIEM_SET_EVENTFD, &arg));
	close(arg.eventfd);
	close(efd);
	while (ring_next(r, &ev, 0))
		;
	driver_write(cmd, 0x1000, 4, 1);
	CHECK(ring_next(r, &ev, 1000), "closing its file is no matter");
}

int main(void)
{
	int fd = card_open(), inst, cmd, efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct pciem_trace_bar trace = { .flags = PCIEM_TRACE_READS | PCIEM_TRACE_WRITES, .reserved = { 9 } };
	struct pciem_set_eventfd arg = { .eventfd = efd, .reserved = 7 };
	struct card_ring r;

	card_describe(fd);
	CHECK(!ioctl(fd, PCIEM_TRACE_BAR, &trace), "TRACE_BAR");
	CHECK(!ioctl(fd, PCIEM_SET_EVENTFD, &arg), "SET_EVENTFD");
	mapping(fd);
	inst = card_register(fd);
	bar_mapping(inst);
	ring_map(&r, fd, PCIEM_RING_ENTRIES);
	cmd = card_start(fd);
	events(&r, cmd, efd);
	back_pressure(fd, &r, cmd);
	lies(fd, &r, cmd);
	eventfds(fd, &r, cmd);
	close(cmd);
	close(fd);
	close(inst);
	return card_done("ring");
}
