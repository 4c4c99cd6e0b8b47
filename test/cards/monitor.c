// SPDX-License-Identifier: MIT
/* Monitors: what may be mapped how, what is in them, back-pressure, losses, and their end. */
#include "card.h"
#include <pthread.h>
#include <stdbool.h>

#define SIZE	(128UL << 10)

static void protections(int fd)
{
	int m = monitor_create(fd, PCIEM_SLOT_OWN, 0, SIZE, 0);
	char *at;

	CHECK(m >= 0, "created");
	REFUSED(EPERM, mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0));
	REFUSED(EPERM, mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m, PAGE));
	REFUSED(EPERM, mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m, 2 * PAGE));
	REFUSED(EINVAL, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, m, PAGE));
	REFUSED(EINVAL, mmap(NULL, 3 * PAGE + 2 * SIZE, PROT_READ, MAP_SHARED, m, 0));
	REFUSED(EINVAL, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, m, 2 * PAGE + 2 * SIZE));
	at = mmap(NULL, 2 * PAGE + 2 * SIZE, PROT_READ, MAP_SHARED, m, 0);
	CHECK(at != MAP_FAILED, "all of it, to read");
	REFUSED(EACCES, mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE));
	REFUSED(EACCES, mprotect(at, PAGE, PROT_READ | PROT_WRITE));
	close(m);
	CHECK(((volatile struct pciem_monitor_page *)(at + PAGE))->ring_size == SIZE, "outlives its file");
	munmap(at, 2 * PAGE + 2 * SIZE);
}

static void contents(int fd, struct card_monitor *m, int cmd)
{
	struct pciem_mark mark = { .size = sizeof(mark), .length = 11, .text = (uintptr_t)"hello, ring" };
	const struct pciem_record *rec;
	uint64_t seq = 0;
	int wrote = 0, marked = 0;

	driver_write(cmd, 0x1000, 2, 0xbeef);
	CHECK(!ioctl(fd, PCIEM_MARK, &mark), "MARK");
	while ((rec = monitor_peek(m, 0))) {
		CHECK(!seq || rec->seq == seq + 1, "no gap: %llu after %llu", (unsigned long long)rec->seq,
		      (unsigned long long)seq);
		seq = rec->seq;
		if (rec->kind == PCIEM_RECORD_MMIO_WRITE && rec->addr == 0x1000) {
			CHECK(rec->width == 2 && rec->value == 0xbeef && rec->bar == 0 && rec->len == 64 &&
			      rec->context == (PCIEM_CONTEXT_TASK << 29 | (uint32_t)getpid()) &&
			      rec->pid == (uint32_t)getpid(), "the write's fields");
			wrote++;
		}
		if (rec->kind == PCIEM_RECORD_MARK) {
			CHECK(rec->data_len == 11 && rec->len == 80 && !memcmp(rec + 1, "hello, ring\0\0\0\0", 16) &&
			      rec->context == 0, "the mark's fields");
			marked++;
		}
		monitor_pop(m, rec);
	}
	CHECK(wrote == 1 && marked == 1, "%d writes, %d marks", wrote, marked);
	CHECK(seq == card_info(fd).seq, "the last one is the newest");
}

static int burst_cmd;

static void *burst(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < 5000; i++)
		driver_write(burst_cmd, 0x1000, 4, i);
	return NULL;
}

/* Bytes that the reader has not been given. */
static uint64_t room(const struct card_monitor *m)
{
	return *m->consumer + SIZE - m->page->producer;
}

/* 5,000 writes into room for 2,048: the lossless one gets all, the lossy one says what it missed. */
static void back_pressure(struct card_monitor *m, struct card_monitor *lossy, int cmd)
{
	const struct pciem_record *rec;
	unsigned int next = 0, tries;
	uint64_t got = 0, told = 0;
	pthread_t t;

	*lossy->consumer = lossy->page->producer;
	burst_cmd = cmd;
	pthread_create(&t, NULL, burst, NULL);
	/* Who may sleep leaves an eighth to those who may not. */
	for (tries = 0; room(m) >= SIZE / 8 + 64 && tries < 300; tries++)
		msleep(100);
	msleep(200);
	CHECK(room(m) >= SIZE / 8 && room(m) < SIZE / 8 + 64, "%llu bytes left", (unsigned long long)room(m));
	while (next < 5000 && (rec = monitor_peek(m, 30000))) {
		if (rec->kind == PCIEM_RECORD_MMIO_WRITE && rec->value == next)
			next++;
		monitor_pop(m, rec);
	}
	CHECK(next == 5000 && !m->page->lost, "all, in order: %u", next);
	pthread_join(t, NULL);
	while ((rec = monitor_peek(lossy, 0))) {
		got += rec->kind == PCIEM_RECORD_MMIO_WRITE;
		monitor_pop(lossy, rec);
	}
	driver_write(cmd, 0x1000, 4, 0);
	while ((rec = monitor_peek(lossy, 0))) {
		told += rec->kind == PCIEM_RECORD_LOST ? rec->value : 0;
		got += rec->kind == PCIEM_RECORD_MMIO_WRITE;
		monitor_pop(lossy, rec);
	}
	CHECK(lossy->page->lost && told == lossy->page->lost, "%llu lost, %llu told",
	      (unsigned long long)lossy->page->lost, (unsigned long long)told);
	CHECK(got + told == 5001, "%llu got", (unsigned long long)got);
}

static void lies(struct card_monitor *m, int cmd)
{
	struct pollfd p = { .fd = m->fd, .events = POLLIN };
	static const uint64_t lie[] = { ~0ULL, 1ULL << 63, 12345, 0 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		*m->consumer = lie[i];
		driver_write(cmd, 0x1000, 4, i);
		poll(&p, 1, 0);
	}
	*m->consumer = m->page->producer;
	CHECK(driver_read(cmd, 0x1000, 4) == 3, "it only lost its records");
	CHECK(monitor_peek(m, 1000), "and goes on");
}

/* A reader that looks by itself is not woken for little, but for much, and for what is left at the end. */
static void batch(const struct card_monitor *m, int cmd)
{
	struct pollfd p = { .fd = m->fd, .events = POLLIN };
	int i;

	*m->consumer = m->page->producer;
	CHECK(poll(&p, 1, 0) == 0, "empty");
	for (i = 0; i < 511; i++)
		driver_write(cmd, 0x1000, 4, i);
	CHECK(poll(&p, 1, 0) == 0 && m->page->producer - *m->consumer == 511 * 64, "511 of 2,048 records are little");
	driver_write(cmd, 0x1000, 4, i);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN, "a quarter is much");
	*m->consumer += 64;
	CHECK(poll(&p, 1, 0) == 0, "it has been read");
}

static void *write_much(void *arg)
{
	int i;

	(void)arg;
	msleep(200);
	for (i = 0; i < 600; i++)
		driver_write(burst_cmd, 0x1000, 4, i);
	return NULL;
}

static void batch_wakes(const struct card_monitor *m)
{
	struct pollfd p = { .fd = m->fd, .events = POLLIN };
	pthread_t t;

	*m->consumer = m->page->producer;
	pthread_create(&t, NULL, write_much, NULL);
	CHECK(poll(&p, 1, 10000) == 1, "much wakes it");
	pthread_join(t, NULL);
}

/* Monitors of a slot that is still to be created. */
static int await(int other)
{
	struct pciem_bar_ranges ranges = { .size = sizeof(ranges) };
	int fds[16], i;

	for (i = 0; i < 16; i++)
		fds[i] = monitor_create(other, PCIEM_SLOT_NEXT, 0, SIZE, 0);
	CHECK(fds[15] >= 0, "sixteen wait");
	REFUSED(ENOSPC, monitor_create(other, PCIEM_SLOT_NEXT, 0, SIZE, 0));
	for (i = 1; i < 16; i++)
		close(fds[i]);
	REFUSED(EBUSY, ioctl(fds[0], PCIEM_BAR_RANGES, &ranges));
	return fds[0];
}

static void awaited(const struct card_monitor *next, int fd, bool registered)
{
	struct pciem_bar_ranges ranges = { .size = sizeof(ranges) };
	struct pollfd p = { .fd = next->fd, .events = POLLIN };
	const struct pciem_record *rec = (void *)next->data;

	CHECK(next->page->slot == card_info(fd).slot, "it is that slot's now");
	if (!registered) {
		REFUSED(EBUSY, ioctl(next->fd, PCIEM_BAR_RANGES, &ranges));
		CHECK(poll(&p, 1, 0) == 0, "nothing has happened");
		return;
	}
	CHECK(!ioctl(next->fd, PCIEM_BAR_RANGES, &ranges) && ranges.bar_size == BAR_SIZE, "BAR 0");
	CHECK(poll(&p, 1, 0) == 1 && rec->seq == 1, "from the very first: %llu", (unsigned long long)rec->seq);
}

int main(void)
{
	int fd = card_open(), other = card_open(), inst, cmd, i, fds[16];
	struct card_monitor m, lossy, next, lazy;
	struct pollfd p;

	monitor_map(&next, await(other), SIZE);
	CHECK(next.page->slot == PCIEM_SLOT_NEXT, "still to come");
	card_describe(fd);
	awaited(&next, fd, false);
	protections(fd);
	monitor_map(&m, monitor_create(fd, PCIEM_SLOT_OWN, 0, SIZE, 0), SIZE);
	/* By number, from a file that owns nothing. */
	monitor_map(&lossy, monitor_create(other, card_info(fd).slot, PCIEM_MONITOR_LOSSY, SIZE,
					   1 << PCIEM_RECORD_MMIO_WRITE), SIZE);
	for (i = 0; i < 13; i++)
		fds[i] = monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_LOSSY, SIZE, 0);
	CHECK(fds[12] >= 0, "sixteen");
	REFUSED(ENOSPC, monitor_create(fd, PCIEM_SLOT_OWN, 0, SIZE, 0));
	for (i = 0; i < 13; i++)
		close(fds[i]);
	inst = card_register(fd);
	awaited(&next, fd, true);
	/* It lives as long as it is mapped, and is not read any more. */
	munmap((void *)next.consumer, PAGE);
	munmap((void *)next.page, PAGE + 2 * SIZE);
	close(next.fd);
	cmd = card_start(fd);
	contents(fd, &m, cmd);
	monitor_map(&lazy, monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_BATCH | PCIEM_MONITOR_LOSSY, SIZE,
					  1 << PCIEM_RECORD_MMIO_WRITE), SIZE);
	batch(&lazy, cmd);
	burst_cmd = cmd;
	batch_wakes(&lazy);
	*m.consumer = m.page->producer;
	back_pressure(&m, &lossy, cmd);
	lies(&m, cmd);
	*m.consumer = m.page->producer;
	*lazy.consumer = lazy.page->producer - 64;
	close(cmd);
	close(fd);
	p = (struct pollfd) { .fd = lazy.fd, .events = POLLIN };
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN, "the last record");
	*lazy.consumer = lazy.page->producer;
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLHUP, "and the end");
	close(lazy.fd);
	CHECK(m.page->closed && lossy.page->closed, "told of the end");
	*m.consumer = m.page->producer;
	p = (struct pollfd) { .fd = m.fd, .events = POLLIN };
	CHECK(poll(&p, 1, 0) == 1 && p.revents & POLLHUP, "poll says so");
	close(inst);
	close(m.fd);
	close(lossy.fd);
	close(other);
	return card_done("monitor");
}
