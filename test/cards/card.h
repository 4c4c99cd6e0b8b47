/* SPDX-License-Identifier: MIT */
/*
 * What the test cards share: a device that the driver pciem_test binds to, and that
 * driver's command file, through which a card has it access its BAR.
 *
 * A card prints each claim that does not hold, and exits with 1 if there was one.
 */
#ifndef CARD_H
#define CARD_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/pciem.h>

#define PAGE		4096UL
#define BAR_SIZE	0x10000UL
#define EDU_ID		0x010000edU	/* the driver looks for it at offset 0 */
#define RING_BYTES	(PCIEM_RING_EVENTS + PCIEM_RING_ENTRIES * sizeof(struct pciem_event))

static int card_failures;

#define CHECK(claim, ...) do {						\
	if (!(claim)) {							\
		int saved_ = errno;					\
		card_failures++;					\
		printf("%s:%d: not so: %s", __FILE__, __LINE__, #claim);	\
		printf(" (" __VA_ARGS__);				\
		printf("; errno %d %s)\n", saved_, strerror(saved_));	\
		fflush(stdout);						\
	}								\
} while (0)

/* The call fails with just this errno. */
#define REFUSED(err, call) do {						\
	errno = 0;							\
	long ret_ = (long)(call);					\
	CHECK(ret_ == -1 && errno == (err), "wanted %s, returned %ld", #err, ret_);	\
} while (0)

static inline int card_done(const char *name)
{
	printf("%s: %s\n", name, card_failures ? "FAILED" : "ok");
	return card_failures ? 1 : 0;
}

static inline void card_die(const char *what)
{
	perror(what);
	exit(2);
}

static inline int card_open(void)
{
	int fd = open("/dev/pciem", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		card_die("/dev/pciem (is the module loaded?)");
	return fd;
}

/* Function 0 with one BAR; state NEW. */
static inline void card_describe(int fd)
{
	struct pciem_create_device create = { 0 };
	struct pciem_set_config ids = {
		.vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff },
	};
	struct pciem_add_bar bar = { .bar_index = 0, .flags = 4, .size = BAR_SIZE };
	struct pciem_add_capability pcie = { .cap_type = PCIEM_CAP_PCIE };
	struct pciem_add_capability msix = {
		.cap_type = PCIEM_CAP_MSIX,
		.msix = { .table_offset = 0x4000, .pba_offset = 0x5000, .table_size = 8 },
	};

	if (ioctl(fd, PCIEM_CREATE_DEVICE, &create) || ioctl(fd, PCIEM_SET_CONFIG, &ids) ||
	    ioctl(fd, PCIEM_ADD_BAR, &bar) || ioctl(fd, PCIEM_ADD_CAPABILITY, &pcie) ||
	    ioctl(fd, PCIEM_ADD_CAPABILITY, &msix))
		card_die("describe");
}

static inline int card_policy(int fd, uint64_t offset, uint64_t length, uint32_t policy, uint32_t flags)
{
	struct pciem_bar_policy p = {
		.size = sizeof(p), .policy = policy, .flags = flags, .offset = offset, .length = length,
	};

	return ioctl(fd, PCIEM_BAR_POLICY, &p);
}

/* Onto the bus, with the driver's ID in place. Returns the instance fd. */
static inline int card_register(int fd)
{
	int inst = ioctl(fd, PCIEM_REGISTER);
	uint32_t *bar;

	if (inst < 0)
		card_die("REGISTER");
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);
	if (bar == MAP_FAILED)
		card_die("mmap of BAR 0");
	bar[0] = EDU_ID;
	munmap(bar, BAR_SIZE);
	return inst;
}

static inline struct pciem_info card_info(int fd)
{
	struct pciem_info info = { .size = sizeof(info) };

	if (ioctl(fd, PCIEM_INFO, &info))
		card_die("INFO");
	return info;
}

static inline void msleep(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Of a clock that only goes on. */
static inline long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- the driver */

/* Its command file, once it has bound; -1 after 20 s. */
static inline int driver_open(int fd)
{
	struct pciem_info info = card_info(fd);
	char path[96];
	int i, cmd = -1;

	snprintf(path, sizeof(path), "/sys/kernel/debug/pciem_test/%04x:%02x:%02x.0",
		 info.domain, info.bus, info.device);
	for (i = 0; i < 2000 && cmd < 0; i++) {
		cmd = open(path, O_RDWR | O_CLOEXEC);
		if (cmd < 0)
			msleep(10);
	}
	return cmd;
}

static inline int card_start(int fd)
{
	int cmd;

	if (ioctl(fd, PCIEM_START))
		card_die("START");
	cmd = driver_open(fd);
	if (cmd < 0)
		card_die("the driver pciem_test did not bind");
	return cmd;
}

static inline int driver_command(int cmd, const char *line)
{
	return pwrite(cmd, line, strlen(line), 0) == (ssize_t)strlen(line) ? 0 : -1;
}

/* What driver_read() returns when the driver, and its file, are gone before it could tell. */
#define DRIVER_GONE	0xdeadbeefdeadbeefULL

static inline uint64_t driver_read(int cmd, unsigned int offset, unsigned int width)
{
	char line[256];
	const char *at;
	ssize_t n;

	snprintf(line, sizeof(line), "access r %u %u", offset, width);
	if (driver_command(cmd, line))
		return DRIVER_GONE;
	n = pread(cmd, line, sizeof(line) - 1, 0);
	line[n < 0 ? 0 : n] = 0;
	at = strstr(line, "\"value\":\"");
	return at ? strtoull(at + 9, NULL, 0) : DRIVER_GONE;
}

static inline int driver_write(int cmd, unsigned int offset, unsigned int width, uint64_t value)
{
	char line[96];

	snprintf(line, sizeof(line), "access w %u %u %#llx", offset, width, (unsigned long long)value);
	return driver_command(cmd, line);
}

/* ------------------------------------------------------------- the owner ring */

struct card_ring {
	volatile uint32_t *head, *tail;
	struct pciem_event *events;
	uint32_t entries;
	int fd;
};

static inline void ring_map(struct card_ring *r, int fd, uint32_t entries)
{
	size_t bytes = (PCIEM_RING_EVENTS + entries * sizeof(struct pciem_event) + PAGE - 1) & ~(PAGE - 1);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		card_die("mmap of the ring");
	r->head = (void *)(at + PCIEM_RING_HEAD);
	r->tail = (void *)(at + PCIEM_RING_TAIL);
	r->events = (void *)(at + PCIEM_RING_EVENTS);
	r->entries = entries;
	r->fd = fd;
}

/* The next event; 0 after ms without one. */
static inline int ring_next(struct card_ring *r, struct pciem_event *ev, int ms)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	while (*r->head == __atomic_load_n(r->tail, __ATOMIC_ACQUIRE)) {
		if (poll(&p, 1, ms) <= 0)
			return 0;
		if (p.revents & POLLHUP && *r->head == *r->tail)
			return 0;
	}
	*ev = r->events[*r->head];
	__atomic_store_n(r->head, (*r->head + 1) & (r->entries - 1), __ATOMIC_RELEASE);
	return 1;
}

static inline int ring_create(int fd, uint32_t entries, struct card_ring *r)
{
	struct pciem_ring_create arg = { .size = sizeof(arg), .entries = entries };
	int ring = ioctl(fd, PCIEM_RING_CREATE, &arg);

	if (ring >= 0)
		ring_map(r, ring, entries);
	return ring;
}

/* ----------------------------------------------------------------- a monitor */

struct card_monitor {
	int fd;
	volatile uint64_t *consumer;
	const volatile struct pciem_monitor_page *page;
	const char *data;
	uint64_t size;
};

static inline int monitor_create(int fd, uint32_t slot, uint32_t flags, uint32_t size, uint64_t kinds)
{
	struct pciem_monitor_create arg = {
		.size = sizeof(arg), .flags = flags, .slot = slot, .ring_size = size, .kinds = kinds,
	};

	return ioctl(fd, PCIEM_MONITOR_CREATE, &arg);
}

static inline void monitor_map(struct card_monitor *m, int fd, uint64_t size)
{
	char *at;

	m->fd = fd;
	m->size = size;
	m->consumer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	at = mmap(NULL, PAGE + 2 * size, PROT_READ, MAP_SHARED, fd, PAGE);
	if (m->consumer == MAP_FAILED || at == MAP_FAILED)
		card_die("mmap of the monitor");
	m->page = (void *)at;
	m->data = at + PAGE;
}

/* The next record, in place until monitor_pop(); NULL after ms without one. */
static inline const struct pciem_record *monitor_peek(struct card_monitor *m, int ms)
{
	struct pollfd p = { .fd = m->fd, .events = POLLIN };
	const struct pciem_record *rec;

	for (;;) {
		rec = (void *)(m->data + (*m->consumer & (m->size - 1)));
		if (__atomic_load_n(&m->page->producer, __ATOMIC_ACQUIRE) != *m->consumer &&
		    !(__atomic_load_n(&rec->len, __ATOMIC_ACQUIRE) & PCIEM_RECORD_BUSY))
			return rec;
		if (poll(&p, 1, ms) <= 0 || p.revents & (POLLHUP | POLLERR))
			return NULL;
	}
}

static inline void monitor_pop(struct card_monitor *m, const struct pciem_record *rec)
{
	__atomic_store_n(m->consumer, *m->consumer + rec->len, __ATOMIC_RELEASE);
}

#endif /* CARD_H */
