// SPDX-License-Identifier: MIT
/* A device as the test driver wants it, from open to START, with more of everything that comes before REGISTER. */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define LIVENESS	0x010000ed	/* what the test driver looks for in its first register */

static void add_aer(int fd)
{
	static const uint32_t header[0x48 / 4] = { PCI_EXT_CAP_ID_ERR | 2 << 16 };
	static const uint32_t w1c[0x48 / 4] = { [PCI_ERR_UNCOR_STATUS / 4] = ~0U, [PCI_ERR_COR_STATUS / 4] = ~0U };
	struct pciem_capability_add add = {
		.size = sizeof(add), .flags = PCIEM_CAPABILITY_EXTENDED, .length = sizeof(header),
		.value = (uintptr_t)header, .w1c = (uintptr_t)w1c,
	};

	ioctl(fd, PCIEM_CAPABILITY_ADD, &add);
}

static void describe_more(struct rng *r, int fd)
{
	static const unsigned long calls[] = {
		PCIEM_CREATE_DEVICE, PCIEM_ADD_BAR, PCIEM_ADD_CAPABILITY, PCIEM_CAPABILITY_ADD, PCIEM_CAPABILITY_ADD, PCIEM_CONFIG,
		PCIEM_BAR_POLICY, PCIEM_TRACE_BAR, PCIEM_BAR_REGISTER, PCIEM_BAR_INTERRUPT, PCIEM_BAR_INDEXED, PCIEM_BAR_PROGRAM,
	};
	unsigned int n;

	for (n = below(r, 8); n; n--)
		call_one(r, calls[below(r, ARRAY_SIZE(calls))], fd);
}

static void describe(struct rng *r, int fd)
{
	struct pciem_create_device create = { .flags = one_in(r, 4) };
	struct pciem_set_config ids = { .vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff } };
	struct pciem_add_bar bar = { .flags = one_in(r, 2) ? 4 : 0, .size = BAR_BYTES };
	struct pciem_add_capability pcie = { .cap_type = PCIEM_CAP_PCIE };
	struct pciem_add_capability msi = {
		.cap_type = PCIEM_CAP_MSI, .msi = { .num_vectors_log2 = below(r, 6), .has_64bit = one_in(r, 2), .has_masking = one_in(r, 2) },
	};
	struct pciem_add_capability msix = {
		.cap_type = PCIEM_CAP_MSIX, .msix = { .table_offset = 0x4000, .pba_offset = 0x5000, .table_size = 8 },
	};

	ioctl(fd, PCIEM_CREATE_DEVICE, &create);
	ioctl(fd, PCIEM_SET_CONFIG, &ids);
	ioctl(fd, PCIEM_ADD_BAR, &bar);
	ioctl(fd, PCIEM_ADD_CAPABILITY, &pcie);
	ioctl(fd, PCIEM_ADD_CAPABILITY, one_in(r, 3) ? &msi : &msix);
	if (one_in(r, 3))
		add_aer(fd);
	if (one_in(r, 3))
		describe_more(r, fd);
}

/* One page without traps, one that waits for the owner: small, because a driver that waits is idle. */
static void divide(int fd)
{
	struct pciem_bar_policy direct = {
		.size = sizeof(direct), .policy = PCIEM_BAR_DIRECT, .offset = DIRECT_PAGE, .length = 4096,
	};
	struct pciem_bar_policy sync = { .size = sizeof(sync), .policy = PCIEM_BAR_SYNC, .offset = 0x9000, .length = 16 };

	ioctl(fd, PCIEM_BAR_POLICY, &direct);
	ioctl(fd, PCIEM_BAR_POLICY, &sync);
}

static void befriend(struct rng *r, int fd)
{
	struct pciem_p2p_allow allow = { .size = sizeof(allow), .peer_slot = below(r, 4), .access = 1 + below(r, 3) };

	ioctl(fd, PCIEM_P2P_ALLOW, &allow);
}

/* For a while: what is asked of a device before has nothing to work on. */
static void await_driver(int fd)
{
	char name[16], path[96];
	int tries;

	if (!device_name(fd, name))
		return;
	snprintf(path, sizeof(path), "/sys/kernel/debug/pciem_test/%s", name);
	for (tries = 0; tries < 20 && access(path, F_OK); tries++)
		usleep(20000);
}

void call_device(struct rng *r)
{
	int fd = open("/dev/pciem", O_RDWR | O_CLOEXEC), instance;
	unsigned int steps = below(r, 6);

	describe(r, fd);
	if (one_in(r, 2))
		divide(fd);
	/* The rest of its description, and its bringing up, may be other operations'. */
	if (steps > 0) {
		instance = ioctl(fd, PCIEM_REGISTER);
		if (instance >= 0) {
			uint32_t *at = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, instance, 0);

			if (at != MAP_FAILED) {
				*at = LIVENESS;
				munmap(at, 4096);
			}
			pool_put(INSTANCES, r, instance);
		}
	}
	if (one_in(r, 2))
		befriend(r, fd);
	if (one_in(r, 4)) {
		call_one(r, PCIEM_SEQ_START, fd);
		call_one(r, PCIEM_SEQ_PUSH, fd);
	}
	if (steps > 1 && !ioctl(fd, PCIEM_START) && steps > 2)
		await_driver(fd);
	pool_put(OWNERS, r, fd);
	pool_put(EVENTS, r, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}
