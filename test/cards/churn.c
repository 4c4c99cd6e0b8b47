// SPDX-License-Identifier: MIT
/*
 * Devices made and unmade by four processes at once, each with two threads that call
 * everything while the file is closed under them. Nothing is claimed but that the
 * kernel survives it, and that everything can be closed.
 */
#include "card.h"
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

static volatile int over;

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void *pester(void *arg)
{
	int fd = *(int *)arg;
	uint32_t seed = getpid() ^ fd ^ 0x5eed;
	char bytes[4096];

	while (!over) {
		struct pciem_dma dma = {
			.guest_iova = random_next(&seed), .user_addr = (uintptr_t)bytes,
			.length = 1 + random_next(&seed) % 4096, .flags = 1 + random_next(&seed) % 2,
		};
		struct pciem_inject_irq irq = { .vector = random_next(&seed) % 10 };
		struct pciem_set_eventfd efd = { .eventfd = random_next(&seed) % 2 ? -1 : eventfd(0, 0) };
		struct pciem_trace_bar trace = { .flags = random_next(&seed) % 8 };
		struct pciem_dma_maps maps = {
			.size = sizeof(maps), .count = 8, .entries = (uintptr_t)bytes,
		};
		struct pciem_mark mark = { .size = sizeof(mark), .length = 100, .text = (uintptr_t)bytes };
		struct pciem_seq_status status = { .size = sizeof(status) };
		struct pciem_response rsp = { .seq = random_next(&seed) % 100 };

		ioctl(fd, PCIEM_DMA, &dma);
		ioctl(fd, PCIEM_INJECT_IRQ, &irq);
		ioctl(fd, PCIEM_SET_EVENTFD, &efd);
		ioctl(fd, PCIEM_TRACE_BAR, &trace);
		ioctl(fd, PCIEM_DMA_MAPS, &maps);
		ioctl(fd, PCIEM_MARK, &mark);
		ioctl(fd, PCIEM_SEQ_STATUS, &status);
		if (write(fd, &rsp, sizeof(rsp)) > 0)
			CHECK(0, "a read that nobody made");
		close(monitor_create(fd, PCIEM_SLOT_OWN, PCIEM_MONITOR_LOSSY, 128 << 10, 0));
		if (efd.eventfd >= 0)
			close(efd.eventfd);
	}
	return NULL;
}

static void *registrar(void *arg)
{
	int fd = *(int *)arg, inst;
	struct pciem_create_device create = { 0 };

	while (!over) {
		ioctl(fd, PCIEM_CREATE_DEVICE, &create);
		inst = ioctl(fd, PCIEM_REGISTER);
		if (inst >= 0)
			close(inst);
		ioctl(fd, PCIEM_START);
	}
	return NULL;
}

/* One more function, of a device that is taken down before anybody may have seen it. */
static void describe_second(int fd)
{
	struct pciem_create_device create = { .func = 3 };
	struct pciem_set_config ids = { .func = 3, .vendor_id = 0x1db7, .device_id = 0x0e13, .class_code = { 0, 0, 0xff } };
	struct pciem_add_bar bar = { .bar_index = 0, .flags = 4, .size = 4096, .func = 3 };
	struct pciem_add_capability pcie = { .cap_type = PCIEM_CAP_PCIE, .func = 3 };

	if (ioctl(fd, PCIEM_CREATE_DEVICE, &create) || ioctl(fd, PCIEM_SET_CONFIG, &ids) ||
	    ioctl(fd, PCIEM_ADD_BAR, &bar) || ioctl(fd, PCIEM_ADD_CAPABILITY, &pcie))
		card_die("describe a second function");
}

static void one_round(unsigned int n)
{
	pthread_t a, b;
	int fd = card_open(), nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	over = 0;
	card_describe(fd);
	if (n % 3 == 0)
		describe_second(fd);
	pthread_create(&a, NULL, pester, &fd);
	pthread_create(&b, NULL, registrar, &fd);
	msleep(20 + n * 7 % 60);
	if (n & 1) {
		struct pciem_remove arg = { .size = sizeof(arg), .flags = n >> 1 & 1 };

		ioctl(fd, PCIEM_REMOVE, &arg);
	} else if (n & 2) {
		/*
		 * The calls under way hold the file; the last of them removes the device.
		 * The number stays taken, or it would soon be another file's.
		 */
		dup2(nothing, fd);
	}
	over = 1;
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	close(fd);
	close(nothing);
}

int main(void)
{
	pid_t pid[4];
	unsigned int i, n;
	int status;

	for (i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		for (n = 0; n < 12; n++)
			one_round(n + i);
		if (i == 3) {
			int fd = card_open();

			card_describe(fd);
			card_register(fd);
			raise(SIGKILL);
		}
		_exit(card_failures != 0);
	}
	for (i = 0; i < 4; i++) {
		waitpid(pid[i], &status, 0);
		CHECK(i == 3 ? WIFSIGNALED(status) : WIFEXITED(status) && !WEXITSTATUS(status), "child %u", i);
	}
	return card_done("churn");
}
