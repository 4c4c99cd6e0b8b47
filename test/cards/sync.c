// SPDX-License-Identifier: MIT
/* Reads that the owner answers: answered, refused, never answered, and the owner killed. */
#include "card.h"
#include <pthread.h>
#include <signal.h>

#define REG	0x1010		/* in a sync range */

static int main_fd;
static uint64_t answer_with;
static uint32_t answer_status;
static volatile int answering = 1;
static struct card_ring ring;
static struct pciem_event last_write;

static void *owner(void *arg)
{
	struct pciem_response rsp;
	struct pciem_event ev;

	(void)arg;
	while (answering) {
		if (!ring_next(&ring, &ev, 100))
			continue;
		if (ev.type == PCIEM_EVENT_MMIO_WRITE)
			last_write = ev;
		if (ev.type != PCIEM_EVENT_MMIO_READ_REQUEST || !answer_with)
			continue;
		rsp = (struct pciem_response) { .seq = ev.seq, .data = answer_with++, .status = answer_status };
		CHECK(write(main_fd, &rsp, sizeof(rsp)) == sizeof(rsp), "answers");
		REFUSED(EINVAL, write(main_fd, &rsp, sizeof(rsp)));
	}
	return NULL;
}

static void answers(int cmd)
{
	int i;

	answer_with = 0x100;
	for (i = 0; i < 50; i++)
		CHECK(driver_read(cmd, REG, 4) == 0x100ULL + i, "each read is asked, %d", i);
	answer_with = 0x1122334455667788;
	CHECK(driver_read(cmd, REG, 4) == 0x55667788, "cut to 4 bytes");
	answer_with = 0x1122334455667788;
	CHECK(driver_read(cmd, REG, 8) == 0x1122334455667788, "8 bytes");
	answer_with = 0x1ff;
	CHECK(driver_read(cmd, REG, 1) == 0xff, "1 byte");
	answer_status = 1;
	CHECK(driver_read(cmd, REG, 4) == 0xffffffff, "a status is all-ones");
	answer_status = 0;
	driver_write(cmd, REG, 4, 42);
	CHECK(driver_read(cmd, REG, 4) && last_write.data == 42 && last_write.seq,
	      "a write is there before the next read");
	/* Two halves, of which only one is sync. */
	answer_with = 0xaabbccdd;
	driver_write(cmd, 0x0ffc, 4, 0x11111111);
	CHECK(driver_read(cmd, 0x0ffc, 8) == 0xaabbccdd11111111, "across two ranges");
}

static void timeout(int fd, int cmd)
{
	uint64_t before = card_info(fd).timeouts;
	time_t start = time(NULL);

	answer_with = 0;
	CHECK(driver_read(cmd, REG, 4) == 0xffffffff, "all-ones");
	CHECK(time(NULL) - start >= 4 && time(NULL) - start < 15, "after five seconds");
	CHECK(card_info(fd).timeouts == before + 1, "counted");
	answer_with = 1;
	CHECK(driver_read(cmd, REG, 4) == 1, "the next is answered");
}

/* How long a driver waits for an answer. */
static void patience(const char *ms)
{
	int fd = open("/sys/module/pciem/parameters/sync_sleep_ms", O_WRONLY);

	if (fd < 0 || write(fd, ms, strlen(ms)) < 0)
		card_die("sync_sleep_ms");
	close(fd);
}

/* A child owns a device and is killed while the driver waits for it. */
static void killed_owner(void)
{
	char path[96];
	int pipes[2], cmd, status;
	unsigned int domain;
	long start;
	uint64_t value;
	pid_t pid, killer;

	if (pipe(pipes))
		card_die("pipe");
	pid = fork();
	if (!pid) {
		int fd = card_open();

		card_describe(fd);
		card_policy(fd, 0x1000, 0x1000, PCIEM_BAR_SYNC, 0);
		card_register(fd);
		close(card_start(fd));
		domain = card_info(fd).domain;
		if (write(pipes[1], &domain, sizeof(domain)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pipes[0], &domain, sizeof(domain)) != sizeof(domain))
		card_die("the child");
	snprintf(path, sizeof(path), "/sys/kernel/debug/pciem_test/%04x:01:00.0", domain);
	cmd = open(path, O_RDWR);
	killer = fork();
	if (!killer) {
		msleep(500);
		kill(pid, SIGKILL);
		_exit(0);
	}
	start = now_ms();
	value = driver_read(cmd, REG, 4);
	CHECK(value == 0xffffffff || value == DRIVER_GONE, "all-ones, not %#llx", (unsigned long long)value);
	CHECK(now_ms() - start < 50000, "at once");
	close(cmd);
	waitpid(killer, &status, 0);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status), "killed");
}

int main(void)
{
	int inst, cmd, ring_fd;
	pthread_t t;

	main_fd = card_open();
	card_describe(main_fd);
	CHECK(!card_policy(main_fd, 0x1000, 0x1000, PCIEM_BAR_SYNC, 0), "SYNC");
	ring_fd = ring_create(main_fd, 64, &ring);
	CHECK(ring_fd >= 0, "RING_CREATE");
	REFUSED(EBUSY, ring_create(main_fd, 64, &ring));
	REFUSED(EBUSY, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, main_fd, 0));
	inst = card_register(main_fd);
	pthread_create(&t, NULL, owner, NULL);
	cmd = card_start(main_fd);
	answers(cmd);
	timeout(main_fd, cmd);
	close(cmd);
	answering = 0;
	pthread_join(t, NULL);
	close(main_fd);
	close(inst);
	patience("60000");
	killed_owner();
	patience("5000");
	return card_done("sync");
}
