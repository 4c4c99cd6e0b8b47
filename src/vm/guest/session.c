// SPDX-License-Identifier: MIT
/*
 * One command each: on a terminal of its own, or with its three streams kept apart. Everything is
 * non-blocking and driven from main.c's poll loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define SESSIONS 64
#define STDIN_CAPACITY (256u << 10)

struct session {
	uint32_t id;
	pid_t pid;		/* 0: the slot is free */
	bool exited;
	uint32_t status;
	int in, out, err;	/* -1 when closed; on a terminal in == out */
	int terminal;		/* the command's end, kept open: else the master reads EIO between two users */
	bool in_ended;		/* the host has no more input */
	uint8_t *pending;	/* input that the command has not taken yet */
	size_t pending_length;
};

static struct session sessions[SESSIONS];

static struct session *session_find(uint32_t id)
{
	for (size_t i = 0; i < SESSIONS; i++)
		if (sessions[i].pid && sessions[i].id == id)
			return &sessions[i];
	return NULL;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_input(struct session *session)
{
	if (session->terminal >= 0)
		return; /* the same descriptor still carries the output */
	close_end(&session->in);
}

static void send_exit(uint32_t id, uint32_t status)
{
	port_send(id, FRAME_EXIT, &status, sizeof(status));
}

static void refuse(uint32_t id, const char *what)
{
	char text[512];
	int error = errno;

	snprintf(text, sizeof(text), "pciem vm: %s: %s\n", what, strerror(error));
	port_send(id, FRAME_STDERR, text, strlen(text));
	send_exit(id, error == ENOENT ? 127 : 126);
}

/* The child's side: never returns. */
static void run_command(int in, int out, int err, bool tty, const char *cwd, char **argv, char **env)
{
	sigset_t none;

	setsid();
	if (tty)
		ioctl(in, TIOCSCTTY, 0);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	environ = env;
	if (chdir(cwd) < 0)
		dprintf(2, "pciem vm: no folder %s in the guest, starting in /\n", cwd);
	execvp(argv[0], argv);
	dprintf(2, "pciem vm: cannot run '%s' in the guest: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int open_streams(struct session *session, const struct exec_header *header, int child[3])
{
	int pipes[2];

	if (header->flags & EXEC_TTY) {
		struct winsize size = { .ws_row = header->rows, .ws_col = header->columns };
		int master, slave;

		if (openpty(&master, &slave, NULL, NULL, &size) < 0)
			return -1;
		session->terminal = slave;
		session->in = session->out = master;
		child[0] = child[1] = child[2] = slave;
	} else {
		if (pipe(pipes) < 0)
			return -1;
		child[0] = pipes[0];
		session->in = pipes[1];
		if (pipe(pipes) < 0)
			return -1;
		session->out = pipes[0];
		child[1] = pipes[1];
	}
	if (!(header->flags & EXEC_TTY_STDERR)) {
		if (pipe(pipes) < 0)
			return -1;
		session->err = pipes[0];
		child[2] = pipes[1];
	}
	int ours[] = { session->in, session->out, session->err };

	for (size_t i = 0; i < 3; i++) {
		fcntl(child[i], F_SETFD, FD_CLOEXEC);
		if (ours[i] < 0)
			continue;
		fcntl(ours[i], F_SETFL, fcntl(ours[i], F_GETFL) | O_NONBLOCK);
		fcntl(ours[i], F_SETFD, FD_CLOEXEC);
	}
	return 0;
}

static void close_child_ends(const struct session *session, const int child[3])
{
	for (size_t i = 0; i < 3; i++)
		if (child[i] >= 0 && child[i] != session->terminal)
			close(child[i]);
}

static char **take_strings(char **cursor, char *end, uint32_t count)
{
	char **strings = calloc(count + 1, sizeof(*strings));

	for (uint32_t i = 0; strings && i < count; i++) {
		char *stop = memchr(*cursor, '\0', end - *cursor);

		if (!stop)
			fail("a command message from the host is cut short");
		strings[i] = *cursor;
		*cursor = stop + 1;
	}
	return strings;
}

void session_start(uint32_t id, const uint8_t *payload, size_t length)
{
	struct exec_header header;
	struct session *session = NULL;
	int child[3] = { -1, -1, -1 };

	if (length < sizeof(header))
		fail("a command message from the host is cut short");
	memcpy(&header, payload, sizeof(header));
	for (size_t i = 0; i < SESSIONS && !session; i++)
		if (!sessions[i].pid)
			session = &sessions[i];
	if (!session) {
		errno = EAGAIN;
		refuse(id, "too many commands at once");
		return;
	}
	*session = (struct session){ .id = id, .in = -1, .out = -1, .err = -1, .terminal = -1 };
	session->pending = malloc(STDIN_CAPACITY);
	if (!session->pending || open_streams(session, &header, child) < 0) {
		refuse(id, "cannot make the command's streams");
		return;
	}

	char *cursor = (char *)payload + sizeof(header), *end = (char *)payload + length;
	char **cwd = take_strings(&cursor, end, 1);
	char **argv = take_strings(&cursor, end, header.argc);
	char **env = take_strings(&cursor, end, header.envc);

	session->pid = fork();
	if (session->pid == 0)
		run_command(child[0], child[1], child[2], session->terminal >= 0, cwd[0], argv, env);
	close_child_ends(session, child);
	free(cwd);
	free(argv);
	free(env);
	if (session->pid < 0) {
		session->pid = 0;
		refuse(id, "cannot fork");
	}
}

static void take_input(struct session *session, const uint8_t *payload, size_t length)
{
	if (length == 0) {
		session->in_ended = true;
		if (session->pending_length == 0)
			close_input(session);
		return;
	}
	/* The host sends no more than it was told has been taken, so this fits. */
	if (session->in < 0 || session->pending_length + length > STDIN_CAPACITY) {
		uint32_t taken = length;

		port_send(session->id, FRAME_STDIN_TAKEN, &taken, sizeof(taken));
		return;
	}
	memcpy(session->pending + session->pending_length, payload, length);
	session->pending_length += length;
}

void session_frame(const struct frame_header *header, const uint8_t *payload)
{
	struct session *session = session_find(header->session);
	uint32_t number;
	uint16_t size[2];

	if (!session)
		return; /* it ended while the frame was on its way */
	switch (header->type) {
	case FRAME_STDIN:
		take_input(session, payload, header->length);
		break;
	case FRAME_SIGNAL:
		memcpy(&number, payload, sizeof(number));
		if (!session->exited)
			kill(-session->pid, number);
		break;
	case FRAME_RESIZE:
		memcpy(size, payload, sizeof(size));
		if (session->terminal >= 0 && session->out >= 0)
			ioctl(session->out, TIOCSWINSZ, &(struct winsize){ .ws_row = size[0], .ws_col = size[1] });
		break;
	}
}

/* True when the process was a session's command. */
bool session_reap(int pid, int status)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		if (sessions[i].pid != pid || sessions[i].exited)
			continue;
		sessions[i].exited = true;
		sessions[i].status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return true;
	}
	return false;
}

size_t session_poll_fds(void *pollfds, size_t capacity)
{
	struct pollfd *fds = pollfds;
	size_t count = 0;
	bool host_is_slow = port_wants_to_write();

	for (size_t i = 0; i < SESSIONS && count + 3 <= capacity; i++) {
		struct session *session = &sessions[i];

		if (!session->pid)
			continue;
		if (session->in >= 0 && session->pending_length)
			fds[count++] = (struct pollfd){ .fd = session->in, .events = POLLOUT };
		if (session->out >= 0 && !host_is_slow)
			fds[count++] = (struct pollfd){ .fd = session->out, .events = POLLIN };
		if (session->err >= 0 && !host_is_slow)
			fds[count++] = (struct pollfd){ .fd = session->err, .events = POLLIN };
	}
	return count;
}

static void pump_input(struct session *session)
{
	uint32_t taken;

	if (session->in < 0 || session->pending_length == 0)
		return;
	ssize_t count = write(session->in, session->pending, session->pending_length);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count < 0) {	/* nobody reads it any more */
		count = session->pending_length;
		close_input(session);
	}
	taken = count;
	session->pending_length -= count;
	memmove(session->pending, session->pending + count, session->pending_length);
	port_send(session->id, FRAME_STDIN_TAKEN, &taken, sizeof(taken));
	if (session->pending_length == 0 && session->in_ended)
		close_input(session);
}

static void pump_output(struct session *session, int *fd, enum frame_type type)
{
	static uint8_t buffer[FRAME_PAYLOAD_MAX];

	while (*fd >= 0 && !port_wants_to_write()) {
		ssize_t count = read(*fd, buffer, sizeof(buffer));

		if (count > 0) {
			port_send(session->id, type, buffer, count);
			continue;
		}
		if (count < 0 && errno == EINTR)
			continue;
		/* Descendants may hold the pipe for ever; what the command itself wrote has been read. */
		if (count < 0 && errno == EAGAIN && !session->exited)
			return;
		if (session->terminal >= 0 && fd == &session->out)
			session->in = -1;
		close_end(fd);
	}
}

void session_pump(void)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *session = &sessions[i];

		if (!session->pid)
			continue;
		pump_input(session);
		pump_output(session, &session->out, FRAME_STDOUT);
		pump_output(session, &session->err, FRAME_STDERR);
		if (session->exited && session->out < 0 && session->err < 0) {
			close_end(&session->in);
			close_end(&session->terminal);
			free(session->pending);
			send_exit(session->id, session->status);
			session->pid = 0;
		}
	}
}

bool session_any(void)
{
	for (size_t i = 0; i < SESSIONS; i++)
		if (sessions[i].pid)
			return true;
	return false;
}
