// SPDX-License-Identifier: MIT
/* The other side: the test driver's accesses, and what an administrator does to a device in sysfs. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

bool device_name(int owner, char name[16])
{
	struct pciem_info info = { .size = sizeof(info) };

	if (ioctl(owner, PCIEM_INFO, &info) || info.domain > 0xffff)
		return false;
	snprintf(name, 16, "%04x:%02x:%02x.0", info.domain, info.bus & 0xff, info.device & 0x1f);
	return true;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0) {
		/* Refused: as good an answer as any. */
	}
	close(fd);
}

static void command_text(struct rng *r, char *text, size_t room)
{
	unsigned int width = 1U << below(r, 4), offset = below(r, 0x10000) & -width;

	switch (below(r, 20)) {
	case 0:
	case 18:
		snprintf(text, room, "irq request %u %s", 1 + (unsigned int)below(r, 8), one_in(r, 3) ? "intx" : one_in(r, 2) ? "msi" : "msix");
		break;
	case 1:
		snprintf(text, room, "irq free");
		break;
	case 2:
		snprintf(text, room, "irq %s %u", one_in(r, 2) ? "mask" : "unmask", (unsigned int)below(r, 8));
		break;
	case 3:
		snprintf(text, room, "irq affinity %u %u", (unsigned int)below(r, 8), (unsigned int)below(r, 2));
		break;
	case 4:
	case 5:
	case 16:
	case 17:
		snprintf(text, room, "dma alloc %u %s", 1 + (unsigned int)below(r, 65536),
			 (const char *[]) { "coherent", "to-device", "from-device", "both" }[below(r, 4)]);
		break;
	case 6:
		snprintf(text, room, "dma %s %u", (const char *[]) { "free", "unmap", "to-device", "from-device" }[below(r, 4)],
			 (unsigned int)below(r, 16));
		break;
	case 7:
		snprintf(text, room, "maps");
		break;
	case 8:
		snprintf(text, room, "power %u", (unsigned int)below(r, 4));
		break;
	case 9:
		snprintf(text, room, "runtime %s", one_in(r, 2) ? "put" : "get");
		break;
	case 10:
		snprintf(text, room, "hammer 50 2 %u", (unsigned int)below(r, 1000));
		break;
	default:
		/* Registers that other operations know are close to 0. */
		offset = one_in(r, 3) ? offset : offset & 0x7f & -width;
		snprintf(text, room, "access %s %u %u %#llx", one_in(r, 2) ? "r" : "w", offset, width, (unsigned long long)draw(r));
	}
}

void driver_command(struct rng *r)
{
	char name[16], path[96], text[128];

	command_text(r, text, sizeof(text));
	if (!device_name(pool_pick(OWNERS, r), name))
		return;
	snprintf(path, sizeof(path), "/sys/kernel/debug/pciem_test/%s", name);
	write_file(path, text);
}

void device_sysfs(struct rng *r)
{
	static const struct { const char *path, *text; } files[] = {
		{ "/sys/bus/pci/drivers/pciem_test/unbind", NULL },
		{ "/sys/bus/pci/drivers/pciem_test/bind", NULL },
		{ "/sys/bus/pci/drivers_probe", NULL },
		{ "reset", "1" },
		/*
		 * Not a device's own rescan: Linux holds that file while it waits for the lock under which the file is removed with the
		 * device. Nor its remove: behind the same lock Linux uses the device, to which it has no reference then.
		 */
		{ "/sys/bus/pci/rescan", "1" },
		{ "power/control", "auto" },
		{ "power/control", "on" },
		{ "enable", "0" },
		{ "enable", "1" },
		{ "msi_bus", "0" },
		{ "msi_bus", "1" },
		{ "d3cold_allowed", "0" },
	};
	unsigned int n = below(r, ARRAY_SIZE(files));
	char name[16], path[128];

	if (!device_name(pool_pick(OWNERS, r), name))
		return;
	if (files[n].path[0] == '/')
		snprintf(path, sizeof(path), "%s", files[n].path);
	else
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", name, files[n].path);
	write_file(path, files[n].text ?: name);
}

void device_config(struct rng *r)
{
	unsigned int width = 1U << below(r, 3);
	off_t at = below(r, one_in(r, 4) ? 4096 : 256) & -width;
	uint32_t value = border(r);
	char name[16], path[96];
	int fd;

	if (!device_name(pool_pick(OWNERS, r), name))
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if ((one_in(r, 2) ? pwrite(fd, &value, width, at) : pread(fd, &value, width, at)) < 0) {
		/* Refused. */
	}
	close(fd);
}

static void touch(struct rng *r, char *at)
{
	if (one_in(r, 2))
		*(volatile uint32_t *)at = draw(r);
	else
		(void)*(volatile uint32_t *)at;
}

/* A BAR in a process that is not the owner. */
void device_resource(struct rng *r)
{
	char name[16], path[96], *at;
	size_t bytes = (1 + below(r, 16)) * 4096;
	int fd;

	if (!device_name(pool_pick(OWNERS, r), name))
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u", name, (unsigned int)below(r, 2));
	fd = open(path, O_RDWR | O_CLOEXEC);
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED) {
		guarded(touch, r, at + (below(r, bytes - 4) & ~3UL));
		munmap(at, bytes);
	}
	close(fd);
}
