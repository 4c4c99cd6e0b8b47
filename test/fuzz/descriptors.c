// SPDX-License-Identifier: MIT
/* What may become of a descriptor: copied, sent to another process, inherited, waited for, closed in any order. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

void descriptor_close(struct rng *r)
{
	int fd = pool_take(below(r, POOLS), r);

	if (fd >= 0)
		close(fd);
}

/* Into the same pool, or into one that it does not belong to. */
void descriptor_copy(struct rng *r)
{
	enum pool from = below(r, POOLS);

	pool_put(one_in(r, 8) ? below(r, POOLS) : from, r, fcntl(pool_pick(from, r), F_DUPFD_CLOEXEC, 3));
}

/* Through a socket: taken out at the other end, or left in there when both ends close. */
void descriptor_send(struct rng *r)
{
	union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	enum pool pool = below(r, POOLS);
	int pair[2], fd = pool_take(pool, r);

	if (fd < 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) {
		close(fd);
		return;
	}
	control.header = (struct cmsghdr) { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(pair[0], &message, 0) == 1 && !one_in(r, 4) && recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) == 1 &&
	    message.msg_controllen >= CMSG_LEN(sizeof(int))) {
		int received;

		memcpy(&received, CMSG_DATA(&control.header), sizeof(received));
		pool_put(pool, r, received);
	}
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

void descriptor_io(struct rng *r)
{
	int fd = pool_pick_any(r), queue;
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	uint64_t one = 1;

	switch (below(r, 6)) {
	case 0:
		poll(&p, 1, below(r, 3));
		break;
	case 1:
		fd = pool_pick(EVENTS, r);
		if (write(fd, &one, sizeof(one)) < 0)
			return;
		break;
	case 2:
		if (write(fd, buffer(r, 4096), below(r, 8) * 24 + (one_in(r, 4) ? below(r, 24) : 0)) < 0)
			return;
		break;
	case 3:
		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (read(fd, buffer(r, 4096), below(r, 4096)) < 0)
			return;
		break;
	case 4:
		/* Closing the queue while the file lives, or the file while it is queued. */
		queue = epoll_create1(EPOLL_CLOEXEC);
		if (!epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event))
			epoll_wait(queue, &event, 1, 1);
		close(queue);
		break;
	default:
		lseek(fd, border(r), below(r, 3));
	}
}

/* A child has copies of everything, uses some of it, and dies at once, later, or by a signal. */
void descriptor_fork(struct rng *r)
{
	bool kill_it = one_in(r, 2);
	unsigned int calls = below(r, 12), ms = below(r, 20);
	pid_t pid = fork();

	if (pid < 0)
		return;
	if (!pid) {
		while (calls--)
			call_any(r);
		usleep(ms * 1000);
		_exit(0);
	}
	if (kill_it)
		kill(pid, SIGKILL);
	/* Who is not waited for outlives the round's descriptors for a moment. */
	if (one_in(r, 2))
		waitpid(pid, NULL, 0);
}
