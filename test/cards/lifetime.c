// SPDX-License-Identifier: MIT
/* Ends: every order of closing, forked owners, kills under load, and both kinds of removal. */
#include "card.h"
#include <pthread.h>
#include <signal.h>

static void trace_all(int fd)
{
	struct pciem_trace_bar trace = { .flags = PCIEM_TRACE_WRITES };

	if (ioctl(fd, PCIEM_TRACE_BAR, &trace))
		card_die("TRACE_BAR");
}

/* Main, instance, ring and monitor, closed in the nth of 24 orders, with the driver bound. */
static void close_in_order(unsigned int nth)
{
	struct card_ring r = { 0 };
	int fds[4], cmd, i, pick;
	char *bar, *ring;

	fds[0] = card_open();
	card_describe(fds[0]);
	fds[2] = ring_create(fds[0], 64, &r);
	fds[3] = monitor_create(fds[0], PCIEM_SLOT_OWN, 0, 128 << 10, 0);
	trace_all(fds[0]);
	fds[1] = card_register(fds[0]);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
	ring = (char *)r.head;
	cmd = card_start(fds[0]);
	driver_write(cmd, 0x1000, 4, nth);
	close(cmd);
	for (i = 4; i > 0; i--) {
		pick = nth % i;
		nth /= i;
		CHECK(!close(fds[pick]), "close");
		fds[pick] = fds[i - 1];
	}
	bar[0x1000]++;
	CHECK(bar != MAP_FAILED && *(volatile int *)ring <= 64, "mappings stay");
	munmap(bar, BAR_SIZE);
}

static void forked(void)
{
	int fd = card_open(), cmd, status, go[2];
	char c;
	pid_t pid;

	if (pipe(go))
		card_die("pipe");
	card_describe(fd);
	card_register(fd);
	cmd = card_start(fd);
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) < 0)
			_exit(1);
		_exit(card_info(fd).state != PCIEM_STATE_STARTED);
	}
	close(fd);
	driver_write(cmd, 0x1000, 4, 9);
	CHECK(driver_read(cmd, 0x1000, 4) == 9, "the child keeps it");
	close(go[1]);
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "in the child");
	CHECK(driver_read(cmd, 0x1000, 4) != 9, "gone with the last of them");
	close(cmd);
	close(go[0]);
}

static int load_cmd;

static void *load(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < 100000; i++)
		if (driver_write(load_cmd, 0x1000, 4, i))
			break;
	return NULL;
}

/* The owner dies with its own lossless monitor and its ring full: nobody may wait for it. */
static void killed(void)
{
	int info[2], status;
	struct timespec a, b;
	char path[96];
	pthread_t t;
	unsigned int domain;
	pid_t pid;

	if (pipe(info))
		card_die("pipe");
	pid = fork();
	if (!pid) {
		struct card_ring r;
		int fd = card_open();

		card_describe(fd);
		ring_create(fd, 64, &r);
		trace_all(fd);
		card_register(fd);
		close(card_start(fd));
		/* Now: the probe itself would fill neither. */
		monitor_create(fd, PCIEM_SLOT_OWN, 0, 128 << 10, 0);
		domain = card_info(fd).domain;
		if (write(info[1], &domain, sizeof(domain)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(info[0], &domain, sizeof(domain)) != sizeof(domain))
		card_die("the child");
	snprintf(path, sizeof(path), "/sys/kernel/debug/pciem_test/%04x:01:00.0", domain);
	load_cmd = open(path, O_RDWR);
	pthread_create(&t, NULL, load, NULL);
	msleep(300);
	kill(pid, SIGKILL);
	clock_gettime(CLOCK_MONOTONIC, &a);
	waitpid(pid, &status, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK(WIFSIGNALED(status), "killed");
	CHECK(b.tv_sec - a.tv_sec < 20, "and gone soon");
	pthread_join(t, NULL);
	close(load_cmd);
	close(info[0]);
	close(info[1]);
}

enum two { IN_ORDER, SWAPPED, WAITING };

/* The driver of one device is held in its probe, with the bus; the other one is registered, or waits to be. */
static void own_two(enum two kind, int to)
{
	int fds[2] = { card_open(), card_open() };
	int held = fds[kind == SWAPPED], other = fds[kind != SWAPPED];
	unsigned int numbers[2];
	struct pciem_event ev = { 0 };
	struct card_ring r;

	card_describe(held);
	card_describe(other);
	numbers[0] = card_info(held).slot;
	numbers[1] = card_info(other).slot;
	ring_map(&r, held, PCIEM_RING_ENTRIES);
	if (card_policy(held, 0, 0x1000, PCIEM_BAR_SYNC, PCIEM_TRACE_HOLD))
		card_die("HOLD");
	if (kind != WAITING)
		card_register(other);
	card_register(held);
	if (ioctl(held, PCIEM_START))
		card_die("START");
	while (ev.type != PCIEM_EVENT_MMIO_READ_REQUEST && ring_next(&r, &ev, 20000))
		;
	if (write(to, numbers, sizeof(numbers)) < 0)
		_exit(1);
	if (kind == WAITING)
		card_register(other);
	for (;;)
		pause();
}

static int slot_is_there(unsigned int number)
{
	struct pciem_slot_info info = { .size = sizeof(info), .slot = number };
	int fd = card_open(), there;

	there = !ioctl(fd, PCIEM_SLOT_INFO, &info) && info.slot == number;
	close(fd);
	return there;
}

/* Neither of a dying process's devices waits for the other one. */
static void killed_with_two(enum two kind)
{
	int numbers[2], pipes[2], status = 0, i;
	pid_t pid, gone = 0;

	if (pipe(pipes))
		card_die("pipe");
	pid = fork();
	if (!pid)
		own_two(kind, pipes[1]);
	if (read(pipes[0], numbers, sizeof(numbers)) != sizeof(numbers))
		card_die("the child");
	msleep(300);
	CHECK(slot_is_there(numbers[0]) && slot_is_there(numbers[1]), "%d: asking waits for neither", kind);
	kill(pid, SIGKILL);
	for (i = 0; i < 2000 && !gone; i++) {
		gone = waitpid(pid, &status, WNOHANG);
		msleep(10);
	}
	CHECK(gone == pid && WIFSIGNALED(status), "%d: killed, and gone soon", kind);
	CHECK(!slot_is_there(numbers[0]) && !slot_is_there(numbers[1]), "%d: and its devices", kind);
	close(pipes[0]);
	close(pipes[1]);
}

static void removal(uint32_t flags)
{
	struct pciem_remove arg = { .size = sizeof(arg), .flags = flags };
	const struct pciem_record *rec;
	struct card_monitor m;
	int fd = card_open(), inst, cmd, unbound = 0, removed = 0;

	card_describe(fd);
	inst = card_register(fd);
	cmd = card_start(fd);
	monitor_map(&m, monitor_create(fd, PCIEM_SLOT_OWN, 0, 128 << 10, 0), 128 << 10);
	close(cmd);
	CHECK(!ioctl(fd, PCIEM_REMOVE, &arg), "REMOVE");
	while ((rec = monitor_peek(&m, 0))) {
		unbound += rec->kind == PCIEM_RECORD_UNBIND;
		removed += rec->kind == PCIEM_RECORD_REMOVE && rec->value == flags;
		monitor_pop(&m, rec);
	}
	CHECK(unbound == 1 && removed == 1 && m.page->closed, "%d unbound, %d removed", unbound, removed);
	close(inst);
	close(m.fd);
	close(fd);
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < 24; i++)
		close_in_order(i);
	forked();
	killed();
	killed_with_two(IN_ORDER);
	killed_with_two(SWAPPED);
	killed_with_two(WAITING);
	removal(0);
	removal(PCIEM_REMOVE_SURPRISE);
	return card_done("lifetime");
}
