// SPDX-License-Identifier: MIT
/* irqfds: a signal is an interrupt, at whatever time it comes and whatever ends first. */
#include "irq.h"
#include <sys/eventfd.h>

static int irqfd(int fd, int eventfd, uint32_t vector, uint32_t flags)
{
	struct pciem_set_irqfd arg = { .eventfd = eventfd, .vector = vector, .flags = flags, .reserved = { 1, 2, 3 } };

	return ioctl(fd, PCIEM_SET_IRQFD, &arg);
}

static int event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		card_die("eventfd");
	return fd;
}

static int signal_it(int eventfd)
{
	uint64_t one = 1;

	return write(eventfd, &one, 8) == 8;
}

static void refused(void)
{
	int fd = card_open(), inst, ev = event(), null = open("/dev/null", O_RDWR);

	REFUSED(EBUSY, irqfd(fd, ev, 0, 0));
	card_describe(fd);
	REFUSED(EINVAL, irqfd(fd, ev, 0, 4));
	REFUSED(EINVAL, irqfd(fd, ev, 2048, 0));
	REFUSED(EINVAL, irqfd(fd, null, 0, 0));
	REFUSED(EBADF, irqfd(fd, 4000, 0, 0));
	REFUSED(EBADF, irqfd(fd, -2, 0, 0));
	REFUSED(ENOENT, irqfd(fd, -1, 0, 0));
	config_byte(fd, 0, 0x3d, 0);
	CHECK(!irqfd(fd, ev, 3, 0) && signal_it(ev), "before REGISTER");
	CHECK(!irqfd(fd, ev, 3, 0), "replaced by itself");
	inst = card_register(fd);
	CHECK(signal_it(ev), "before START");
	REFUSED(EINVAL, irqfd(fd, ev, 8, 0));
	REFUSED(ENOENT, irqfd(fd, ev, 0, PCIEM_IRQFD_LEVEL));
	CHECK(!irqfd(fd, -1, 3, 0), "taken away");
	REFUSED(ENOENT, irqfd(fd, -1, 3, 0));
	CHECK(!irqfd(fd, ev, 0, 0), "one that stays");
	card_remove(fd);
	CHECK(signal_it(ev), "after removal");
	REFUSED(ENODEV, irqfd(fd, ev, 0, 0));
	close(inst);
	close(fd);
	CHECK(signal_it(ev), "after the device");
	close(ev);
	close(null);
}

static void edge(struct device *d)
{
	int ev = event(), i;
	uint64_t count;

	CHECK(!irqfd(d->fd, ev, 5, 0), "set");
	CHECK(signal_it(ev), "nobody has asked for interrupts yet");
	driver_command(d->cmd[0], "irq request 8");
	for (i = 1; i <= 50; i++) {
		CHECK(signal_it(ev), "signal");
		CHECK(settles(d->cmd[0], 5, i), "signal %d arrives once: %ld", i, irq_count(d->cmd[0], 5));
	}
	CHECK(read(ev, &count, 8) == -1 && errno == EAGAIN, "the count is taken");
	CHECK(!irqfd(d->fd, -1, 5, 0), "taken away");
	CHECK(signal_it(ev), "signal");
	msleep(50);
	CHECK(irq_count(d->cmd[0], 5) == 50, "none after it");
	/* Set again with the count above zero: that signal counts. */
	CHECK(!irqfd(d->fd, ev, 5, 0), "set");
	CHECK(settles(d->cmd[0], 5, 51), "the signal that was there: %ld", irq_count(d->cmd[0], 5));
	/* The last file goes: so does the irqfd. */
	close(ev);
	ev = event();
	CHECK(!irqfd(d->fd, ev, 5, 0) && signal_it(ev), "a new one");
	CHECK(settles(d->cmd[0], 5, 52), "it works");
	close(ev);
	driver_command(d->cmd[0], "irq free");
}

static void level(struct device *d)
{
	int up = event(), down = event(), i;

	CHECK(!irqfd(d->fd, up, 0, PCIEM_IRQFD_LEVEL), "LEVEL");
	CHECK(!irqfd(d->fd, down, 0, PCIEM_IRQFD_LEVEL | PCIEM_IRQFD_DEASSERT), "DEASSERT");
	driver_command(d->cmd[0], "irq request 1 intx");
	for (i = 1; i <= 20; i++) {
		d->bar[0][EDU_IRQ_STATUS / 4] = 1;
		signal_it(up);
		CHECK(settles(d->cmd[0], 0, i), "it arrives: %ld", irq_count(d->cmd[0], 0));
		CHECK(config_get(d->fd, 0, 6) & 8, "and stays");
		signal_it(down);
		CHECK(!(config_get(d->fd, 0, 6) & 8), "until it is taken away");
	}
	close(up);
	close(down);
	driver_command(d->cmd[0], "irq free");
}

/* ------------------------------------------------------------------- all at once */

struct churn {
	struct device *d;
	int eventfd;
	int over;
};

static void *churn_set(void *arg)
{
	struct churn *c = arg;
	int i, ev;

	for (i = 0; i < 100; i++) {
		irqfd(c->d->fd, c->eventfd, i % 8, 0);
		ev = event();
		irqfd(c->d->fd, ev, i % 8, 0);
		signal_it(ev);
		if (i % 3)
			irqfd(c->d->fd, -1, i % 8, 0);
		close(ev);
	}
	return NULL;
}

static void *churn_signal(void *arg)
{
	struct churn *c = arg;

	while (!__atomic_load_n(&c->over, __ATOMIC_RELAXED))
		signal_it(c->eventfd);
	return NULL;
}

static void at_once(struct device *d)
{
	struct churn c = { .d = d, .eventfd = event() };
	pthread_t set[8], signals;
	int i;

	driver_command(d->cmd[0], "irq request 8");
	pthread_create(&signals, NULL, churn_signal, &c);
	for (i = 0; i < 8; i++)
		pthread_create(&set[i], NULL, churn_set, &c);
	for (i = 0; i < 8; i++)
		pthread_join(set[i], NULL);
	__atomic_store_n(&c.over, 1, __ATOMIC_RELAXED);
	pthread_join(signals, NULL);
	close(c.eventfd);
}

/* The owner dies with irqfds set; its eventfd is somebody else's, or nobody's. */
static void killed(int shared)
{
	int ev = event();
	pid_t pid = fork();

	if (!pid) {
		struct device d = { 0 };

		device_describe(&d, 1);
		irqfd(d.fd, ev, 0, 0);
		irqfd(d.fd, event(), 1, 0);
		device_start(&d);
		driver_command(d.cmd[0], "irq request 8");
		signal_it(ev);
		kill(getpid(), SIGKILL);
	}
	if (!shared)
		close(ev);
	waitpid(pid, NULL, 0);
	CHECK(slots_vanish(), "its slot is gone");
	if (shared) {
		CHECK(signal_it(ev), "nobody listens");
		close(ev);
	}
}

int main(void)
{
	struct device d = { 0 };

	refused();
	device_describe(&d, 1);
	device_start(&d);
	edge(&d);
	level(&d);
	at_once(&d);
	device_close(&d);
	killed(0);
	killed(1);
	return card_done("irqfd");
}
