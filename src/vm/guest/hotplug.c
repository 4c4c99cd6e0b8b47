// SPDX-License-Identifier: MIT
/*
 * A device that appears wants its driver's module. On a full system udev calls modprobe with the device's
 * MODALIAS; a bare guest has no udev, so the first process does that one thing.
 */
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"

#define KERNEL_GROUP 1

int hotplug_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int size = 1 << 20;
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void probe_module(const char *alias)
{
	if (fork() == 0) {
		execl("/sbin/modprobe", "modprobe", "-qb", "--", alias, NULL);
		_exit(127);
	}
}

void hotplug_pump(int fd)
{
	char message[8192];
	ssize_t length;

	while ((length = recv(fd, message, sizeof(message) - 1, 0)) > 0) {
		message[length] = '\0';
		if (strncmp(message, "add@", 4) != 0)
			continue;
		for (char *field = message; field < message + length; field += strlen(field) + 1)
			if (strncmp(field, "MODALIAS=", 9) == 0)
				probe_module(field + 9);
	}
}
