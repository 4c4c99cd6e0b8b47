// SPDX-License-Identifier: MIT
/* Eight functions and their capabilities by the calls of existing cards; and what PCIEM_CAPABILITY_ADD and PCIEM_AER_INJECT refuse. */
#include "card.h"

static uint32_t config_read(int fd, uint32_t func, uint32_t offset)
{
	uint32_t value = 0;
	struct pciem_config c = {
		.size = sizeof(c), .func = func, .offset = offset, .length = 4, .data = (uintptr_t)&value,
	};

	CHECK(!ioctl(fd, PCIEM_CONFIG, &c), "config 0x%x of function %u", offset, func);
	return value;
}

static void describe(int fd, unsigned int func)
{
	struct pciem_create_device create = { .func = func };
	struct pciem_set_config ids = {
		.func = func, .vendor_id = 0x1db7, .device_id = 0x0e20 + func, .class_code = { 0, 0, 0xff },
	};
	struct pciem_add_bar bar = { .bar_index = 2, .flags = 4, .size = 4096 << func, .func = func };
	struct pciem_add_capability pcie = { .cap_type = PCIEM_CAP_PCIE, .func = func };

	CHECK(!ioctl(fd, PCIEM_CREATE_DEVICE, &create), "function %u", func);
	CHECK(!ioctl(fd, PCIEM_SET_CONFIG, &ids), "ids of %u", func);
	CHECK(!ioctl(fd, PCIEM_ADD_BAR, &bar), "BAR of %u", func);
	CHECK(!ioctl(fd, PCIEM_ADD_CAPABILITY, &pcie), "PCIe of %u", func);
}

static void card_capabilities(int fd)
{
	struct pciem_add_capability vsec = { .cap_type = PCIEM_CAP_VSEC };
	struct pciem_add_capability pasid = {
		.cap_type = PCIEM_CAP_PASID, .func = 1, .pasid = { .max_pasid_width = 21, .privileged = 1 },
	};
	unsigned int i;

	for (i = 0; i < 16; i++)
		vsec.raw[i] = 0xa0 + i;
	CHECK(!ioctl(fd, PCIEM_ADD_CAPABILITY, &vsec), "VSEC");
	CHECK(config_read(fd, 0, 0x100) == 0x0001000b, "%#x", config_read(fd, 0, 0x100));
	CHECK(config_read(fd, 0, 0x104) == 24U << 20, "its length");
	CHECK(config_read(fd, 0, 0x108) == 0xa3a2a1a0 && config_read(fd, 0, 0x114) == 0xafaeadac, "its registers");
	REFUSED(EINVAL, ioctl(fd, PCIEM_ADD_CAPABILITY, &pasid));
	pasid.pasid.max_pasid_width = 20;
	CHECK(!ioctl(fd, PCIEM_ADD_CAPABILITY, &pasid), "PASID");
	CHECK(config_read(fd, 1, 0x100) == 0x0001001b && config_read(fd, 1, 0x104) == 0x1404, "as it was asked for: %#x",
	      config_read(fd, 1, 0x104));
}

static void refusals(int fd)
{
	uint8_t value[16] = { 0x0d }, mask[16] = { 0 };
	struct pciem_capability_add good = {
		.size = sizeof(good), .func = 2, .length = 8, .value = (uintptr_t)value,
	}, c = good;

#define BAD(err, field, bad) do { c = good; c.field = (bad); REFUSED(err, ioctl(fd, PCIEM_CAPABILITY_ADD, &c)); } while (0)
	BAD(EINVAL, func, 8);
	BAD(EINVAL, flags, 2);
	BAD(EINVAL, reserved, 1);
	BAD(EINVAL, length, 1);
	BAD(EINVAL, length, 193);
	BAD(EINVAL, length, 0xffffffff);
	BAD(EINVAL, offset, 0x3c);
	BAD(EINVAL, offset, 0x82);
	BAD(EINVAL, offset, 0xfc);
	BAD(EINVAL, offset, 0xfffffffc);
	BAD(ENOSPC, offset, 0x40);
	BAD(EFAULT, value, 8);
	BAD(EFAULT, value, 0);
	BAD(EFAULT, writable, 8);
	BAD(EFAULT, w1c, -4096ULL);
	/* Extended: the header's four bytes are 0x0d, version 0. */
	c = good;
	c.flags = PCIEM_CAPABILITY_EXTENDED;
	c.length = 3;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CAPABILITY_ADD, &c));
	c.length = 8;
	c.offset = 0xfc;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CAPABILITY_ADD, &c));
	value[3] = 0x10;
	c.offset = 0;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CAPABILITY_ADD, &c));
	value[3] = 0;
	/* The link is the kernel's; there is no capability 0; headers have no masks, and no bit two kinds. */
	value[1] = 0x80;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CAPABILITY_ADD, &good));
	value[1] = 0;
	value[0] = 0;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CAPABILITY_ADD, &good));
	value[0] = 0x0d;
	mask[1] = 1;
	BAD(EINVAL, writable, (uintptr_t)mask);
	mask[1] = 0;
	mask[5] = 0x10;
	c = good;
	c.writable = c.w1c = (uintptr_t)mask;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CAPABILITY_ADD, &c));
	c = good;
	c.w1c = (uintptr_t)mask;
	CHECK(!ioctl(fd, PCIEM_CAPABILITY_ADD, &c), "a good one");
	CHECK(c.offset == 0x7c, "behind the PCIe capability: %#x", c.offset);
	c = good;
	c.offset = c.length = 4 * 20;
	REFUSED(ENOSPC, ioctl(fd, PCIEM_CAPABILITY_ADD, &c));
}

static void errors(int fd, int inst)
{
	struct pciem_aer_inject good = { .size = sizeof(good), .func = 2, .severity = PCIEM_AER_CORRECTABLE, .status = 1 }, c = good;
	struct pciem_capability_add late = { .size = sizeof(late), .length = 8, .value = (uintptr_t)&good };

	/* No function of this device has the capability. */
	REFUSED(ENOENT, ioctl(fd, PCIEM_AER_INJECT, &c));
	c.func = 8;
	REFUSED(EINVAL, ioctl(fd, PCIEM_AER_INJECT, &c));
	c = good;
	c.severity = 0;
	REFUSED(EINVAL, ioctl(fd, PCIEM_AER_INJECT, &c));
	c.severity = 3;
	REFUSED(EINVAL, ioctl(fd, PCIEM_AER_INJECT, &c));
	c = good;
	c.reserved = 1;
	REFUSED(EINVAL, ioctl(fd, PCIEM_AER_INJECT, &c));
	REFUSED(EBUSY, ioctl(fd, PCIEM_CAPABILITY_ADD, &late));
	CHECK(inst >= 0, "it is on the bus");
}

static void on_the_bus(int fd, int inst)
{
	struct pciem_info info = card_info(fd);
	unsigned int func, multi;
	char path[96];

	CHECK(info.functions == 0xff, "%#x", info.functions);
	for (func = 0; func < 8; func++) {
		struct pciem_bar_info bar = { .bar_index = 2, .func = func };
		void *mem = mmap(NULL, 4096 << func, PROT_READ | PROT_WRITE, MAP_SHARED, inst, (func << 3 | 2) * PAGE);

		CHECK(!ioctl(fd, PCIEM_GET_BAR_INFO, &bar) && bar.size == 4096U << func && bar.phys_addr, "BAR of %u", func);
		CHECK(mem != MAP_FAILED, "its memory");
		munmap(mem, 4096 << func);
		multi = config_read(fd, func, 0x0c) >> 23 & 1;
		CHECK(multi, "function %u says that there are several", func);
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%u", info.domain, info.bus, info.device, func);
		CHECK(!access(path, F_OK), "%s", path);
	}
}

int main(void)
{
	int fd = card_open(), inst;
	unsigned int func;
	struct pciem_aer_inject early = { .size = sizeof(early), .severity = 1, .status = 1 };

	for (func = 0; func < 8; func++)
		describe(fd, func);
	card_capabilities(fd);
	refusals(fd);
	REFUSED(EBUSY, ioctl(fd, PCIEM_AER_INJECT, &early));
	inst = ioctl(fd, PCIEM_REGISTER);
	CHECK(inst >= 0, "REGISTER");
	on_the_bus(fd, inst);
	errors(fd, inst);
	close(fd);
	close(inst);
	return card_done("functions");
}
