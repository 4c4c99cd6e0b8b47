// SPDX-License-Identifier: MIT
/*
 * The virtio-serial port to the host. Frames out go through one buffer; while it holds anything, the
 * sessions do not read more output, so a host that reads slowly slows the command down and nothing grows.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "guest.h"

#define PORT_PATH "/dev/vport0p1"
#define OUT_CAPACITY (1u << 20)

static int fd = -1;
static uint8_t out[OUT_CAPACITY];
static size_t out_start, out_end;
static uint8_t in[2 * (FRAME_PAYLOAD_MAX + sizeof(struct frame_header))];
static size_t in_length;

void port_open(void)
{
	if (batch_open())
		return;
	/* The port's node appears when the host has announced it, a moment after the driver. */
	for (int tries = 0; tries < 5000; tries++) {
		fd = open(PORT_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			return;
		usleep(2000);
	}
	fail("the virtio-serial port " PORT_PATH " did not appear: %s", strerror(errno));
}

int port_fd(void)
{
	return batch_mode() ? batch_fd() : fd;
}

static ssize_t port_read(void *buffer, size_t length)
{
	return batch_mode() ? batch_read(buffer, length) : read(fd, buffer, length);
}

/* Without the host there is nobody to work for. */
static void host_is_gone(void)
{
	reboot(RB_POWER_OFF);
	_exit(0);
}

/* True with a whole frame, false when more bytes have to come first. */
bool port_read_frame(struct frame_header *header, uint8_t *payload)
{
	for (;;) {
		if (in_length >= sizeof(*header)) {
			memcpy(header, in, sizeof(*header));
			if (header->length > FRAME_PAYLOAD_MAX)
				fail("a frame of %u bytes from the host", header->length);
			size_t whole = sizeof(*header) + header->length;

			if (in_length >= whole) {
				memcpy(payload, in + sizeof(*header), header->length);
				memmove(in, in + whole, in_length - whole);
				in_length -= whole;
				return true;
			}
		}
		ssize_t count = port_read(in + in_length, sizeof(in) - in_length);

		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (count <= 0)
			host_is_gone();
		in_length += count;
	}
}

bool port_wants_to_write(void)
{
	return out_start < out_end;
}

void port_flush(void)
{
	if (batch_mode()) {
		batch_write(out + out_start, out_end - out_start);
		out_start = out_end;
	}
	while (out_start < out_end) {
		ssize_t count = write(fd, out + out_start, out_end - out_start);

		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (count <= 0)
			host_is_gone();
		out_start += count;
	}
	out_start = out_end = 0;
}

void port_send(uint32_t session, enum frame_type type, const void *payload, size_t length)
{
	struct frame_header header = { .length = length, .session = session, .type = type };

	/* Small replies may pile up behind a slow host; waiting is right when the buffer is full. */
	while (out_end + sizeof(header) + length > OUT_CAPACITY) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };

		poll(&ready, 1, -1);
		port_flush();
	}
	memcpy(out + out_end, &header, sizeof(header));
	memcpy(out + out_end + sizeof(header), payload, length);
	out_end += sizeof(header) + length;
	port_flush();
}
