// SPDX-License-Identifier: MIT
/* REGISTER: what it has checked stays so, and what a failed one leaves behind; and who has probed what was registered. */
#include <pthread.h>

#include "card.h"

#define HEADER_TYPE	0x0e
#define BAR0		0x10
#define ROUNDS		20

static int config_set(int fd, uint32_t plane, uint32_t offset, const void *bytes, uint32_t length)
{
	struct pciem_config c = {
		.size = sizeof(c), .plane = plane, .flags = PCIEM_CONFIG_SET, .offset = offset, .length = length,
		.data = (uintptr_t)bytes,
	};

	return ioctl(fd, PCIEM_CONFIG, &c);
}

/* ------------------------------------------------------------- masks meanwhile */

/* Another size of BAR 0 and its own one, in turns, for as long as that is allowed. */
static void *change_masks(void *arg)
{
	static const uint32_t half = ~(uint32_t)(BAR_SIZE / 2 - 1), own = ~(uint32_t)(BAR_SIZE - 1);
	int fd = *(int *)arg;

	for (;;) {
		if (config_set(fd, PCIEM_CONFIG_WRITABLE, BAR0, &half, 4) ||
		    config_set(fd, PCIEM_CONFIG_WRITABLE, BAR0, &own, 4))
			return NULL;
	}
}

static void masks_stay(void)
{
	uint32_t mask = 0;
	struct pciem_config c = {
		.size = sizeof(c), .plane = PCIEM_CONFIG_WRITABLE, .offset = BAR0, .length = 4, .data = (uintptr_t)&mask,
	};
	int fd = card_open(), inst;
	pthread_t changer;

	card_describe(fd);
	pthread_create(&changer, NULL, change_masks, &fd);
	do {
		inst = ioctl(fd, PCIEM_REGISTER);	/* fails with the other size */
	} while (inst < 0 && errno != EBUSY);
	pthread_join(changer, NULL);
	CHECK(inst >= 0, "REGISTER");
	CHECK(!ioctl(fd, PCIEM_CONFIG, &c), "reads");
	CHECK(mask == ~(uint32_t)(BAR_SIZE - 1), "the mask is %#x", mask);
	close(inst);
	close(fd);
}

/* -------------------------------------------------------- a header that says bridge */

static void sysfs_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, "1", 1) == 1, "%s", path);
	close(fd);
}

/* Refused at REGISTER; later the bus is scanned again with it, and must come to an end. */
static void says_bridge(uint32_t flags)
{
	struct pciem_create_device create = { .flags = flags };
	struct pciem_set_config ids = { .vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff } };
	const uint8_t bridge = 1, normal = 0;
	struct pciem_info info;
	int fd = card_open(), inst;
	char path[96];

	CHECK(!ioctl(fd, PCIEM_CREATE_DEVICE, &create), "CREATE_DEVICE");
	CHECK(!ioctl(fd, PCIEM_SET_CONFIG, &ids), "SET_CONFIG");
	CHECK(!config_set(fd, PCIEM_CONFIG_VALUE, HEADER_TYPE, &bridge, 1), "the header's type");
	REFUSED(EINVAL, ioctl(fd, PCIEM_REGISTER));
	CHECK(!config_set(fd, PCIEM_CONFIG_VALUE, HEADER_TYPE, &normal, 1), "the header's type");
	inst = ioctl(fd, PCIEM_REGISTER);
	CHECK(inst >= 0, "REGISTER");
	CHECK(!config_set(fd, PCIEM_CONFIG_VALUE, HEADER_TYPE, &bridge, 1), "the header's type");
	info = card_info(fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.0/remove", info.domain, info.bus, info.device);
	sysfs_write(path);
	sysfs_write("/sys/bus/pci/rescan");
	close(inst);
	close(fd);
}

/* ------------------------------------------------------------------- a failed one */

/* No function 0, so a scan would find nothing. With a sequence, that is the end of it, and of the device. */
static void failed(void)
{
	struct pciem_create_device create = { .func = 1 };
	struct pciem_set_config ids = {
		.func = 1, .vendor_id = 0x1db7, .device_id = 0x0e10, .class_code = { 0, 0, 0xff },
	};
	struct pciem_seq_start start = { .size = sizeof(start), .window = 64 };
	struct pciem_seq_status status = { .size = sizeof(status) };
	struct pciem_seq_step step = { .op = PCIEM_SEQ_DO_MARK, .bar = 0xff, .index = 1 };
	struct pciem_seq_push push = {
		.size = sizeof(push), .count = 1, .step_size = sizeof(step), .steps = (uintptr_t)&step,
	};
	int fd = card_open(), inst;

	CHECK(!ioctl(fd, PCIEM_CREATE_DEVICE, &create), "CREATE_DEVICE");
	CHECK(!ioctl(fd, PCIEM_SET_CONFIG, &ids), "SET_CONFIG");
	REFUSED(EINVAL, ioctl(fd, PCIEM_REGISTER));
	CHECK(!ioctl(fd, PCIEM_SEQ_START, &start), "SEQ_START");
	REFUSED(EINVAL, ioctl(fd, PCIEM_REGISTER));
	CHECK(!ioctl(fd, PCIEM_SEQ_STATUS, &status), "SEQ_STATUS");
	CHECK(status.state == PCIEM_SEQ_DIVERGED && status.reason == PCIEM_DIVERGED_REMOVED, "state %u, reason %u",
	      status.state, status.reason);
	REFUSED(ENODEV, ioctl(fd, PCIEM_SEQ_PUSH, &push));
	REFUSED(ENODEV, ioctl(fd, PCIEM_START));
	close(fd);

	/* Without one it may be tried again. */
	fd = card_open();
	CHECK(!ioctl(fd, PCIEM_CREATE_DEVICE, &create), "CREATE_DEVICE");
	CHECK(!ioctl(fd, PCIEM_SET_CONFIG, &ids), "SET_CONFIG");
	REFUSED(EINVAL, ioctl(fd, PCIEM_REGISTER));
	REFUSED(EBUSY, ioctl(fd, PCIEM_START));
	create.func = ids.func = 0;
	CHECK(!ioctl(fd, PCIEM_CREATE_DEVICE, &create), "function 0");
	CHECK(!ioctl(fd, PCIEM_SET_CONFIG, &ids), "SET_CONFIG");
	inst = ioctl(fd, PCIEM_REGISTER);
	CHECK(inst >= 0, "REGISTER, once that is mended");
	close(inst);
	close(fd);
}

/* ------------------------------------------------------------------ who has probed */

static void driver_file(const struct pciem_info *info, const char *file)
{
	int fd = -1;
	char path[64], name[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/pciem_test/%s", file);
	snprintf(name, sizeof(name), "%04x:%02x:%02x.0", info->domain, info->bus, info->device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name), "%s %s", file, name);
	close(fd);
}

static void probed(void)
{
	int fd = card_open(), inst, cmd;
	struct pciem_info info;

	card_describe(fd);
	inst = card_register(fd);
	info = card_info(fd);
	CHECK(info.functions == 1 && !info.probed, "functions %#x, probed %#x", info.functions, info.probed);
	cmd = card_start(fd);
	close(cmd);
	/* The command file appears in the middle of the probe; a write to sysfs waits for its end. */
	driver_file(&info, "unbind");
	CHECK(!card_info(fd).probed, "after remove()");
	driver_file(&info, "bind");
	CHECK(card_info(fd).probed == 1, "after probe()");
	driver_file(&info, "unbind");
	close(inst);
	close(fd);
}

/* A rescan lets a driver in before START: its mapping is as the BAR was. */
static void bound_early(void)
{
	int fd = card_open(), inst, cmd;

	card_describe(fd);
	inst = card_register(fd);
	CHECK(!card_policy(fd, 0x8000, 0x1000, PCIEM_BAR_DIRECT, 0), "not bound yet");
	sysfs_write("/sys/bus/pci/rescan");
	cmd = driver_open(fd);
	CHECK(cmd >= 0 && card_info(fd).state == PCIEM_STATE_REGISTERED, "bound, not started");
	REFUSED(EBUSY, card_policy(fd, 0x9000, 0x1000, PCIEM_BAR_DIRECT, 0));
	REFUSED(EBUSY, card_policy(fd, 0x8000, 0x1000, PCIEM_BAR_STORE, 0));
	CHECK(!card_policy(fd, 0x9000, 0x1000, PCIEM_BAR_SYNC, 0), "what traps in any case");
	CHECK(!ioctl(fd, PCIEM_START), "START");
	close(cmd);
	close(inst);
	close(fd);
}

int main(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		masks_stay();
	says_bridge(0);
	says_bridge(PCIEM_CREATE_ATTACH);
	failed();
	probed();
	bound_early();
	return card_done("registration");
}
