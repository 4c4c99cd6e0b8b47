// SPDX-License-Identifier: MIT
/*
 * The guest's first process: makes the host's file system its root, then runs the commands that the host
 * sends and reports how they ended. There is no other init.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static uint8_t payload[FRAME_PAYLOAD_MAX];

/* The three standard descriptors must exist, or the port would become one of them. */
static void hold_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/console", O_RDWR);
		if (fd < 0)
			fd = open("/", O_PATH);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int open_child_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void reap(int signals)
{
	struct signalfd_siginfo discarded;
	int status;
	pid_t pid;

	while (read(signals, &discarded, sizeof(discarded)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		session_reap(pid, status);
}

/* The host knows by the mark that it has seen all of the kernel log up to here. */
static void mark_log(const uint8_t *text, size_t length)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (write(fd, text, length) < 0 && errno == EINTR)
		;
	close(fd);
}

static void handle_frames(void)
{
	struct frame_header header;

	while (port_read_frame(&header, payload)) {
		switch (header.type) {
		case FRAME_SETUP:
			guest_setup((char *)payload, header.length);
			port_send(0, FRAME_READY, "", 0);
			break;
		case FRAME_EXEC:
			session_start(header.session, payload, header.length);
			break;
		case FRAME_PING:
			port_send(header.session, FRAME_PONG, "", 0);
			break;
		case FRAME_SYNC:
			sync();
			port_send(header.session, FRAME_SYNCED, "", 0);
			break;
		case FRAME_LOG_MARK:
			mark_log(payload, header.length);
			break;
		default:
			session_frame(&header, payload);
		}
	}
}

int main(void)
{
	struct pollfd fds[256];
	struct utsname name;

	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	hold_standard_streams();
	early_setup();
	int signals = open_child_signals();

	port_open();
	uname(&name);
	port_send(0, FRAME_HELLO, name.release, strlen(name.release));
	int hotplug = hotplug_open();

	for (;;) {
		fds[0] = (struct pollfd){ .fd = port_fd(), .events = POLLIN | (port_wants_to_write() ? POLLOUT : 0) };
		fds[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
		fds[2] = (struct pollfd){ .fd = hotplug, .events = POLLIN };
		size_t count = 3 + session_poll_fds(fds + 3, sizeof(fds) / sizeof(fds[0]) - 3);

		if (poll(fds, count, -1) < 0 && errno != EINTR)
			fail("poll: %s", strerror(errno));
		port_flush();
		if (fds[1].revents)
			reap(signals);
		if (fds[2].revents)
			hotplug_pump(hotplug);
		if (fds[0].revents & (POLLIN | POLLHUP))
			handle_frames();
		session_pump();
		if (batch_mode() && batch_fd() < 0 && !session_any())
			batch_end();
	}
}
