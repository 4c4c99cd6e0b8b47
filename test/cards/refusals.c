// SPDX-License-Identifier: MIT
/*
 * Every call by the same rules: its state, its pointer, its function, its reserved fields; then
 * all of them from eight threads, without a driver, in a child, and by a file that was sent.
 */
#include "card.h"
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>

enum when { EVER, NEW, DEVICE, NO_SLOT };
#define ONCE	0x10		/* has an effect that ends the rest */

struct row {
	const char *name;
	unsigned long nr;
	uint16_t size;
	uint8_t when;
	struct { uint8_t at, bytes; } func, reserved;
	struct { uint8_t at, bytes; uint64_t value; } set[5];
};

static char scratch[8192];

#define IN(type, field)		{ offsetof(struct type, field), sizeof(((struct type *)0)->field) }
#define SET(type, field, v)	{ offsetof(struct type, field), sizeof(((struct type *)0)->field), v }
#define NONE			{ 0, 0 }
#define CALL(nr, type, when)	#nr, nr, sizeof(struct type), when

static const struct row rows[] = {
	{ CALL(PCIEM_CREATE_DEVICE, pciem_create_device, NO_SLOT | ONCE), NONE, NONE, {} },
	{ CALL(PCIEM_ADD_BAR, pciem_add_bar, NEW), IN(pciem_add_bar, func), NONE,
	  { SET(pciem_add_bar, bar_index, 5), SET(pciem_add_bar, size, 4096) } },
	{ CALL(PCIEM_ADD_CAPABILITY, pciem_add_capability, NEW), IN(pciem_add_capability, func), NONE,
	  { SET(pciem_add_capability, cap_type, PCIEM_CAP_PM) } },
	{ CALL(PCIEM_SET_CONFIG, pciem_set_config, NEW), IN(pciem_set_config, func), NONE,
	  { SET(pciem_set_config, vendor_id, 0x1db7), SET(pciem_set_config, device_id, 0x0e10) } },
	{ CALL(PCIEM_INJECT_IRQ, pciem_inject_irq, DEVICE), NONE, NONE, {} },
	{ CALL(PCIEM_DMA, pciem_dma, DEVICE), IN(pciem_dma, func), NONE,
	  { SET(pciem_dma, length, 4), SET(pciem_dma, flags, PCIEM_DMA_READ), SET(pciem_dma, user_addr, (uintptr_t)scratch) } },
	{ CALL(PCIEM_DMA_ATOMIC, pciem_dma_atomic, DEVICE), IN(pciem_dma_atomic, func), NONE,
	  { SET(pciem_dma_atomic, op_type, PCIEM_ATOMIC_SWAP) } },
	{ CALL(PCIEM_P2P, pciem_p2p, DEVICE), IN(pciem_p2p, func), NONE,
	  { SET(pciem_p2p, length, 4), SET(pciem_p2p, flags, PCIEM_DMA_READ), SET(pciem_p2p, user_addr, (uintptr_t)scratch) } },
	{ CALL(PCIEM_GET_BAR_INFO, pciem_bar_info, EVER), IN(pciem_bar_info, func), NONE, {} },
	{ CALL(PCIEM_SET_WATCHPOINT, pciem_set_watchpoint, EVER), NONE, NONE, { SET(pciem_set_watchpoint, width, 4) } },
	{ CALL(PCIEM_SET_EVENTFD, pciem_set_eventfd, EVER), NONE, NONE, { SET(pciem_set_eventfd, eventfd, -1) } },
	{ CALL(PCIEM_SET_IRQFD, pciem_set_irqfd, EVER), NONE, NONE, { SET(pciem_set_irqfd, eventfd, -1) } },
	{ CALL(PCIEM_DMA_INDIRECT, pciem_dma_indirect, DEVICE), IN(pciem_dma_indirect, func), NONE,
	  { SET(pciem_dma_indirect, length, 4), SET(pciem_dma_indirect, page_size, 4096),
	    SET(pciem_dma_indirect, flags, PCIEM_DMA_READ), SET(pciem_dma_indirect, user_addr, (uintptr_t)scratch) } },
	{ CALL(PCIEM_TRACE_BAR, pciem_trace_bar, EVER), IN(pciem_trace_bar, func), NONE, {} },
	{ CALL(PCIEM_INFO, pciem_info, NO_SLOT), NONE, NONE, {} },
	{ CALL(PCIEM_SLOT_INFO, pciem_slot_info, NO_SLOT), NONE, NONE, {} },
	{ CALL(PCIEM_CONFIG, pciem_config, EVER), IN(pciem_config, func), NONE,
	  { SET(pciem_config, length, 4), SET(pciem_config, data, (uintptr_t)scratch) } },
	{ CALL(PCIEM_BAR_POLICY, pciem_bar_policy, EVER), IN(pciem_bar_policy, func), IN(pciem_bar_policy, reserved), {} },
	{ CALL(PCIEM_RING_CREATE, pciem_ring_create, NEW | ONCE), NONE, NONE, { SET(pciem_ring_create, entries, 64) } },
	{ CALL(PCIEM_MONITOR_CREATE, pciem_monitor_create, NO_SLOT | ONCE), NONE, NONE,
	  { SET(pciem_monitor_create, ring_size, 128 << 10), SET(pciem_monitor_create, slot, PCIEM_SLOT_OWN) } },
	{ CALL(PCIEM_MARK, pciem_mark, EVER), NONE, NONE,
	  { SET(pciem_mark, length, 4), SET(pciem_mark, text, (uintptr_t)scratch) } },
	{ CALL(PCIEM_DMA_MAPS, pciem_dma_maps, DEVICE), IN(pciem_dma_maps, func), IN(pciem_dma_maps, reserved), {} },
	{ CALL(PCIEM_SEQ_START, pciem_seq_start, EVER | ONCE), NONE, NONE,
	  { SET(pciem_seq_start, window, 64) } },
	{ CALL(PCIEM_SEQ_STATUS, pciem_seq_status, EVER), NONE, NONE, {} },
	{ CALL(PCIEM_REMOVE, pciem_remove, EVER | ONCE), NONE, NONE, { SET(pciem_remove, flags, 2) } },
	{ CALL(PCIEM_INTX, pciem_intx_level, DEVICE), IN(pciem_intx_level, func), IN(pciem_intx_level, reserved), {} },
	{ CALL(PCIEM_CAPABILITY_ADD, pciem_capability_add, NEW | ONCE), IN(pciem_capability_add, func),
	  IN(pciem_capability_add, reserved),
	  { SET(pciem_capability_add, length, 8), SET(pciem_capability_add, value, (uintptr_t)"\x09\0\x08\0\0\0\0\0") } },
	{ CALL(PCIEM_AER_INJECT, pciem_aer_inject, DEVICE), IN(pciem_aer_inject, func), IN(pciem_aer_inject, reserved),
	  { SET(pciem_aer_inject, severity, PCIEM_AER_CORRECTABLE), SET(pciem_aer_inject, status, 1) } },
	{ CALL(PCIEM_BAR_REGISTER, pciem_bar_register, EVER), IN(pciem_bar_register, func), IN(pciem_bar_register, reserved),
	  { SET(pciem_bar_register, width, 4), SET(pciem_bar_register, count, 1), SET(pciem_bar_register, writable, 0xffffffff) } },
	{ CALL(PCIEM_BAR_INTERRUPT, pciem_bar_interrupt, EVER), IN(pciem_bar_interrupt, func),
	  IN(pciem_bar_interrupt, reserved), {} },
	{ CALL(PCIEM_BAR_INDEXED, pciem_bar_indexed, EVER), IN(pciem_bar_indexed, func), NONE, {} },
	{ CALL(PCIEM_BAR_PROGRAM, pciem_bar_program, EVER), IN(pciem_bar_program, func), IN(pciem_bar_program, reserved),
	  { SET(pciem_bar_program, length, 4) } },
	{ CALL(PCIEM_BAR_UPDATE, pciem_bar_update, DEVICE), IN(pciem_bar_update, func), NONE, { SET(pciem_bar_update, width, 4) } },
	{ CALL(PCIEM_WATCH, pciem_watch, EVER), IN(pciem_watch, func), NONE, { SET(pciem_watch, width, 4), SET(pciem_watch, offset, 0x8000) } },
	{ CALL(PCIEM_UNWATCH, pciem_unwatch, EVER), NONE, NONE, {} },
	{ CALL(PCIEM_WATCH_INFO, pciem_watch_info, EVER), NONE, NONE, {} },
	{ CALL(PCIEM_ATOMIC, pciem_atomic, DEVICE), IN(pciem_atomic, func), IN(pciem_atomic, reserved),
	  { SET(pciem_atomic, width, 4), SET(pciem_atomic, op_type, PCIEM_ATOMIC_SWAP) } },
	{ CALL(PCIEM_P2P_ALLOW, pciem_p2p_allow, DEVICE), IN(pciem_p2p_allow, func), IN(pciem_p2p_allow, reserved), {} },
	{ CALL(PCIEM_INJECT, pciem_inject, DEVICE), NONE, NONE, { SET(pciem_inject, op, PCIEM_INJECT_LIST) } },
	{ CALL(PCIEM_DMA_HISTORY, pciem_dma_history, DEVICE), IN(pciem_dma_history, func), IN(pciem_dma_history, reserved), {} },
	{ CALL(PCIEM_DMA_MODE, pciem_dma_mode, NO_SLOT), NONE, NONE, { SET(pciem_dma_mode, slot, 99) } },
};

#define NR_ROWS	(sizeof(rows) / sizeof(rows[0]))

static void fill(const struct row *row, char arg[512])
{
	unsigned int i;

	memset(arg, 0, 512);
	if (_IOC_NR(row->nr) >= PCIEM_CMD_BASE)
		*(uint32_t *)arg = row->size;
	for (i = 0; i < 5; i++)
		memcpy(arg + row->set[i].at, &row->set[i].value, row->set[i].bytes);
}

/* The errno of a call, 0 when it succeeds. */
static int attempt(int fd, const struct row *row)
{
	char arg[512];

	fill(row, arg);
	return ioctl(fd, row->nr, arg) < 0 ? errno : 0;
}

static int attempt_with(int fd, const struct row *row, unsigned int at, unsigned int bytes, uint64_t value)
{
	char arg[512];

	fill(row, arg);
	memcpy(arg + at, &value, bytes);
	return ioctl(fd, row->nr, arg) < 0 ? errno : 0;
}

#define ANSWERS(row, call, err) do {					\
	int got_ = (call);						\
	CHECK(got_ == (err), "%s: %d", (row)->name, got_);		\
} while (0)

/* Those that a state forbids: with everything else about them in order. */
static void states(int fd, enum when forbidden, int err)
{
	const struct row *row;

	for (row = rows; row < rows + NR_ROWS; row++)
		if ((row->when & 0xf) == forbidden)
			ANSWERS(row, attempt(fd, row), err);
}

static void pointers(int fd)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct row *row;

	munmap(page + PAGE, PAGE);
	for (row = rows; row < rows + NR_ROWS; row++) {
		char arg[512], *end = page + PAGE - row->size + 1;

		REFUSED(EFAULT, ioctl(fd, row->nr, NULL));
		REFUSED(EFAULT, ioctl(fd, row->nr, (void *)0xffff888000000000UL));
		/* Its last byte is not there. */
		fill(row, arg);
		memcpy(end, arg, row->size - 1);
		REFUSED(EFAULT, ioctl(fd, row->nr, end));
	}
	munmap(page, PAGE);
}

/* In the state that a row needs. */
static void fields(int fd, enum when when)
{
	const struct row *row;

	for (row = rows; row < rows + NR_ROWS; row++) {
		if ((row->when & 0xf) != when)
			continue;
		if (row->func.bytes) {
			ANSWERS(row, attempt_with(fd, row, row->func.at, row->func.bytes, 8), EINVAL);
			ANSWERS(row, attempt_with(fd, row, row->func.at, row->func.bytes, 5), ENOENT);
			if (row->func.bytes > 1)
				ANSWERS(row, attempt_with(fd, row, row->func.at, row->func.bytes, 0x80000000), EINVAL);
		}
		if (row->reserved.bytes)
			ANSWERS(row, attempt_with(fd, row, row->reserved.at, row->reserved.bytes, 1), EINVAL);
	}
}

/* What each call answers in some state; -1 those that are not asked. */
static void answers(int fd, int to[NR_ROWS])
{
	unsigned int i;

	for (i = 0; i < NR_ROWS; i++)
		to[i] = rows[i].when & ONCE || (rows[i].when & 0xf) == NEW ? -1 : attempt(fd, &rows[i]);
}

/* also: what else some of them may answer. */
static void same_answers(int fd, const int before[NR_ROWS], int also, const char *where)
{
	unsigned int i;
	int now[NR_ROWS];

	answers(fd, now);
	for (i = 0; i < NR_ROWS; i++)
		CHECK(now[i] == before[i] || (also && now[i] == also), "%s: %s %d, before %d", where, rows[i].name, now[i], before[i]);
}

static void driver_bind(int fd, const char *what)
{
	struct pciem_info info = card_info(fd);
	char path[64], name[32];
	int file, n = snprintf(name, sizeof(name), "%04x:%02x:%02x.0", info.domain, info.bus, info.device);

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/pciem_test/%s", what);
	file = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(write(file, name, n) == n, "%s", what);
	close(file);
}

static volatile int over;

static void *everything(void *arg)
{
	unsigned int n = (uintptr_t)arg & 0xff;
	int fd = (uintptr_t)arg >> 8;

	for (; !over; n++) {
		const struct row *row = &rows[n * 7 % NR_ROWS];

		if (row->when & ONCE)
			continue;
		attempt(fd, row);
		if (row->func.bytes)
			attempt_with(fd, row, row->func.at, row->func.bytes, n % 10);
	}
	return NULL;
}

/* Eight threads, while the driver goes and comes back, and then the device. */
static void concurrent(int fd)
{
	struct pciem_remove remove = { .size = sizeof(remove) };
	pthread_t thread[8];
	uintptr_t i;

	for (i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, everything, (void *)((uintptr_t)fd << 8 | i * 31));
	msleep(200);
	driver_bind(fd, "unbind");
	msleep(100);
	driver_bind(fd, "bind");
	msleep(200);
	CHECK(!ioctl(fd, PCIEM_REMOVE, &remove), "REMOVE");
	msleep(50);
	over = 1;
	for (i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
}

static void in_a_child(int fd, const int before[NR_ROWS])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		same_answers(fd, before, 0, "in a child");
		_exit(card_failures != 0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "in a child");
}

/* A second device, whose only owner is in the end who got its file through a socket. */
static void sent(const int before[NR_ROWS])
{
	union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec iov = { scratch, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int pair[2], fd, cmd, status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		card_die("socketpair");
	pid = fork();
	if (!pid) {
		close(pair[0]);
		if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) != 1)
			_exit(1);
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
		/* The sender has closed it. */
		if (recv(pair[1], scratch, 1, 0) != 1)
			_exit(1);
		CHECK(card_info(fd).state == PCIEM_STATE_STARTED, "lives");
		same_answers(fd, before, 0, "sent");
		_exit(card_failures != 0);
	}
	fd = card_open();
	card_describe(fd);
	close(card_register(fd));
	cmd = card_start(fd);
	control.header = (struct cmsghdr) { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	CHECK(sendmsg(pair[0], &message, 0) == 1, "sent");
	close(fd);
	driver_write(cmd, 0x1000, 4, 7);
	CHECK(driver_read(cmd, 0x1000, 4) == 7, "alive on its way");
	CHECK(send(pair[0], scratch, 1, 0) == 1, "sent");
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "the receiver");
	CHECK(driver_read(cmd, 0x1000, 4) != 7, "gone with the receiver");
	close(cmd);
	close(pair[0]);
	close(pair[1]);
}

static void closed(int inst, int mon)
{
	struct pciem_info info = { .size = sizeof(info) };
	char *bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);

	REFUSED(ENOTTY, ioctl(inst, PCIEM_INFO, &info));
	REFUSED(ENOTTY, ioctl(mon, PCIEM_INFO, &info));
	CHECK(bar != MAP_FAILED, "the BAR's memory");
	*(volatile char *)bar = 1;
	munmap(bar, PAGE);
}

int main(void)
{
	int fd = card_open(), inst, mon, cmd, before[NR_ROWS];

	states(fd, EVER, EBUSY);
	states(fd, NEW, EBUSY);
	states(fd, DEVICE, EBUSY);
	pointers(fd);
	card_describe(fd);
	states(fd, DEVICE, EBUSY);
	pointers(fd);
	fields(fd, NEW);
	fields(fd, EVER);
	mon = monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_LOSSY, 128 << 10, 0);
	inst = card_register(fd);
	states(fd, NEW, EBUSY);
	pointers(fd);
	cmd = card_start(fd);
	pointers(fd);
	fields(fd, EVER);
	fields(fd, DEVICE);
	answers(fd, before);
	in_a_child(fd, before);
	driver_bind(fd, "unbind");
	/* Nobody lets it be bus master now. */
	same_answers(fd, before, EPERM, "without a driver");
	close(cmd);
	driver_bind(fd, "bind");
	same_answers(fd, before, 0, "with a driver again");
	sent(before);
	concurrent(fd);
	states(fd, NEW, ENODEV);
	states(fd, DEVICE, ENODEV);
	pointers(fd);
	close(fd);
	closed(inst, mon);
	close(inst);
	close(mon);
	return card_done("refusals");
}
