// SPDX-License-Identifier: MIT
/* Every call, with what it must refuse: sizes, states, indexes, pointers, reserved fields. */
#include <stdbool.h>

#include "card.h"

static const struct newcall {
	const char *name;
	unsigned long nr;
	uint32_t size;
} news[] = {
	{ "INFO", PCIEM_INFO, sizeof(struct pciem_info) },
	{ "SLOT_INFO", PCIEM_SLOT_INFO, sizeof(struct pciem_slot_info) },
	{ "CONFIG", PCIEM_CONFIG, sizeof(struct pciem_config) },
	{ "BAR_POLICY", PCIEM_BAR_POLICY, sizeof(struct pciem_bar_policy) },
	{ "RING_CREATE", PCIEM_RING_CREATE, sizeof(struct pciem_ring_create) },
	{ "MONITOR_CREATE", PCIEM_MONITOR_CREATE, sizeof(struct pciem_monitor_create) },
	{ "MARK", PCIEM_MARK, sizeof(struct pciem_mark) },
	{ "DMA_MAPS", PCIEM_DMA_MAPS, sizeof(struct pciem_dma_maps) },
	{ "SEQ_START", PCIEM_SEQ_START, sizeof(struct pciem_seq_start) },
	{ "SEQ_PUSH", PCIEM_SEQ_PUSH, sizeof(struct pciem_seq_push) },
	{ "SEQ_STATUS", PCIEM_SEQ_STATUS, sizeof(struct pciem_seq_status) },
	{ "ATOMIC", PCIEM_ATOMIC, sizeof(struct pciem_atomic) },
	{ "P2P_ALLOW", PCIEM_P2P_ALLOW, sizeof(struct pciem_p2p_allow) },
	{ "INJECT", PCIEM_INJECT, sizeof(struct pciem_inject) },
	{ "DMA_HISTORY", PCIEM_DMA_HISTORY, sizeof(struct pciem_dma_history) },
	{ "DMA_MODE", PCIEM_DMA_MODE, sizeof(struct pciem_dma_mode) },
	{ "REMOVE", PCIEM_REMOVE, sizeof(struct pciem_remove) },
	{ "CAPABILITY_ADD", PCIEM_CAPABILITY_ADD, sizeof(struct pciem_capability_add) },
	{ "AER_INJECT", PCIEM_AER_INJECT, sizeof(struct pciem_aer_inject) },
	{ "BAR_REGISTER", PCIEM_BAR_REGISTER, sizeof(struct pciem_bar_register) },
	{ "BAR_INTERRUPT", PCIEM_BAR_INTERRUPT, sizeof(struct pciem_bar_interrupt) },
	{ "BAR_INDEXED", PCIEM_BAR_INDEXED, sizeof(struct pciem_bar_indexed) },
	{ "BAR_UPDATE", PCIEM_BAR_UPDATE, sizeof(struct pciem_bar_update) },
	{ "BAR_PROGRAM", PCIEM_BAR_PROGRAM, sizeof(struct pciem_bar_program) },
	{ "WATCH", PCIEM_WATCH, sizeof(struct pciem_watch) },
	{ "UNWATCH", PCIEM_UNWATCH, sizeof(struct pciem_unwatch) },
	{ "WATCH_INFO", PCIEM_WATCH_INFO, sizeof(struct pciem_watch_info) },
	{ "INTX", PCIEM_INTX, sizeof(struct pciem_intx_level) },
};

/* What a monitor's descriptor answers. */
static const struct newcall snapshots[] = {
	{ "CONFIG", PCIEM_CONFIG, sizeof(struct pciem_config) },
	{ "BAR_RANGES", PCIEM_BAR_RANGES, sizeof(struct pciem_bar_ranges) },
	{ "BAR_BYTES", PCIEM_BAR_BYTES, sizeof(struct pciem_bar_bytes) },
	{ "DMA_MAPS", PCIEM_DMA_MAPS, sizeof(struct pciem_dma_maps) },
};

static void sizes_of(int fd, const struct newcall *call)
{
	union { uint32_t size; char bytes[2 * 4096]; } arg;

	printf("  sizes of %s\n", call->name);
	memset(&arg, 0, sizeof(arg));
	REFUSED(EINVAL, ioctl(fd, call->nr, &arg));
	arg.size = call->size - 1;
	REFUSED(EINVAL, ioctl(fd, call->nr, &arg));
	arg.size = 4097;
	REFUSED(E2BIG, ioctl(fd, call->nr, &arg));
	arg.size = call->size + 8;
	arg.bytes[call->size] = 1;
	REFUSED(E2BIG, ioctl(fd, call->nr, &arg));
	REFUSED(EFAULT, ioctl(fd, call->nr, (void *)16));
	REFUSED(EFAULT, ioctl(fd, call->nr, (void *)-4096L));
}

static void sizes(int fd)
{
	unsigned int i;

	for (i = 0; i < sizeof(news) / sizeof(news[0]); i++)
		sizes_of(fd, &news[i]);
}

static void unknown(int fd)
{
	char arg[256] = { 0 };

	REFUSED(ENOTTY, ioctl(fd, 0, arg));
	REFUSED(ENOTTY, ioctl(fd, _IO(PCIEM_IOCTL_MAGIC, 0x3f), arg));
	REFUSED(ENOTTY, ioctl(fd, _IO(PCIEM_IOCTL_MAGIC, 0xff), arg));
	REFUSED(ENOTTY, ioctl(fd, _IOW(PCIEM_IOCTL_MAGIC, 0x0b, char[16]), arg));
	REFUSED(ENOTTY, ioctl(fd, _IOW(PCIEM_IOCTL_MAGIC, PCIEM_CMD_INFO, char[16]), arg));
}

static void before_create(int fd)
{
	struct pciem_create_device create = { .func = 8 };
	struct pciem_set_eventfd efd = { .eventfd = -1 };
	struct pciem_trace_bar trace = { 0 };
	struct pciem_dma dma = { .length = 4, .flags = 1 };
	struct pciem_response rsp = { 0 };

	REFUSED(EBUSY, ioctl(fd, PCIEM_REGISTER));
	REFUSED(EBUSY, ioctl(fd, PCIEM_START));
	REFUSED(EBUSY, ioctl(fd, PCIEM_TRACE_BAR, &trace));
	REFUSED(EBUSY, ioctl(fd, PCIEM_SET_EVENTFD, &efd));
	REFUSED(EBUSY, ioctl(fd, PCIEM_DMA, &dma));
	REFUSED(EBUSY, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	REFUSED(EBUSY, write(fd, &rsp, sizeof(rsp)));
	REFUSED(EINVAL, ioctl(fd, PCIEM_CREATE_DEVICE, &create));
	create.func = 0;
	create.flags = 2;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CREATE_DEVICE, &create));
	CHECK(card_info(fd).slot == ~0U, "no slot yet");
}

static void described(int fd)
{
	struct pciem_create_device create = { 0 };
	struct pciem_add_bar bar = { .bar_index = 7, .size = 4096 };
	struct pciem_bar_info info = { .bar_index = 7 };
	struct pciem_set_config ids = { .func = 7, .vendor_id = 1 };
	struct pciem_inject_irq irq = { 0 };
	struct pciem_monitor_create mon = { .size = sizeof(mon), .slot = PCIEM_SLOT_OWN };
	struct pciem_seq_push push = { .size = sizeof(push), .step_size = sizeof(struct pciem_seq_step) };
	struct pciem_mark mark = { .size = sizeof(mark), .length = 5, .text = 8 };
	struct pciem_ring_create ring = { .size = sizeof(ring), .entries = 100 };
	struct pciem_seq_start seq = { .size = sizeof(seq), .window = 63 };
	struct pciem_seq_ignore ignore = { .bar_index = PCIEM_MAX_BARS, .length = 1 };

	REFUSED(EBUSY, ioctl(fd, PCIEM_CREATE_DEVICE, &create));
	REFUSED(EINVAL, ioctl(fd, PCIEM_ADD_BAR, &bar));
	bar = (struct pciem_add_bar) { .bar_index = 2, .size = 4097 };
	REFUSED(EINVAL, ioctl(fd, PCIEM_ADD_BAR, &bar));
	bar.size = 1ULL << 63;
	CHECK(ioctl(fd, PCIEM_ADD_BAR, &bar) == -1, "a BAR of 1 << 63");
	bar = (struct pciem_add_bar) { .bar_index = 2, .size = 4096, .func = 3 };
	REFUSED(ENOENT, ioctl(fd, PCIEM_ADD_BAR, &bar));
	REFUSED(ENOENT, ioctl(fd, PCIEM_SET_CONFIG, &ids));
	REFUSED(EINVAL, ioctl(fd, PCIEM_GET_BAR_INFO, &info));
	info.bar_index = 5;
	REFUSED(ENOENT, ioctl(fd, PCIEM_GET_BAR_INFO, &info));
	REFUSED(EBUSY, ioctl(fd, PCIEM_INJECT_IRQ, &irq));
	REFUSED(EINVAL, ioctl(fd, PCIEM_MONITOR_CREATE, &mon));
	mon.ring_size = 3 << 20;
	REFUSED(EINVAL, ioctl(fd, PCIEM_MONITOR_CREATE, &mon));
	mon.ring_size = 1 << 20;
	mon.flags = 4;
	REFUSED(EINVAL, ioctl(fd, PCIEM_MONITOR_CREATE, &mon));
	mon.slot = PCIEM_SLOT_NEXT;
	REFUSED(EINVAL, ioctl(fd, PCIEM_MONITOR_CREATE, &mon));
	mon.flags = 0;
	mon.slot = 4000;
	REFUSED(ENOENT, ioctl(fd, PCIEM_MONITOR_CREATE, &mon));
	REFUSED(EFAULT, ioctl(fd, PCIEM_MARK, &mark));
	mark.length = 4097;
	REFUSED(EINVAL, ioctl(fd, PCIEM_MARK, &mark));
	REFUSED(EINVAL, ioctl(fd, PCIEM_RING_CREATE, &ring));
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_START, &seq));
	seq.window = 64;
	seq.reserved = 1;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_START, &seq));
	seq.reserved = 0;
	seq.nr_ignores = 65;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_START, &seq));
	seq.nr_ignores = 1;
	REFUSED(EFAULT, ioctl(fd, PCIEM_SEQ_START, &seq));
	seq.ignores = (uintptr_t)&ignore;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_START, &seq));
	ignore.bar_index = PCIEM_SEQ_IGNORE_CONFIG - 1;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_START, &seq));
	ignore.bar_index = PCIEM_SEQ_IGNORE_CONFIG;
	ignore.length = 0;
	REFUSED(EINVAL, ioctl(fd, PCIEM_SEQ_START, &seq));
	REFUSED(EBUSY, ioctl(fd, PCIEM_SEQ_PUSH, &push));
	REFUSED(EBUSY, ioctl(fd, PCIEM_START));
	REFUSED(EINVAL, card_policy(fd, BAR_SIZE, 0, PCIEM_BAR_STORE, 0));
	REFUSED(EINVAL, card_policy(fd, 4096, -1ULL, PCIEM_BAR_STORE, 0));
	REFUSED(EINVAL, card_policy(fd, 0, 0, 3, 0));
	REFUSED(EINVAL, card_policy(fd, 0, 0, PCIEM_BAR_SYNC, 16));
	REFUSED(EINVAL, card_policy(fd, 0, 0, PCIEM_BAR_STORE, PCIEM_TRACE_HOLD));
	REFUSED(EINVAL, card_policy(fd, 0, 0, PCIEM_BAR_DIRECT, PCIEM_TRACE_HOLD));
	REFUSED(EINVAL, card_policy(fd, 16, 32, PCIEM_BAR_DIRECT, 0));
	CHECK(!card_policy(fd, 0x8000, 0x3000, PCIEM_BAR_DIRECT, 0), "three pages");
	REFUSED(EINVAL, card_policy(fd, 0x9010, 0x10, PCIEM_BAR_STORE, 0));
	REFUSED(EINVAL, card_policy(fd, 0x9ff0, 0x20, PCIEM_BAR_SYNC, 0));
	REFUSED(EINVAL, card_policy(fd, 0x7000, 0x1010, PCIEM_BAR_STORE, 0));
	REFUSED(EINVAL, card_policy(fd, 0xaff0, 0x1010, PCIEM_BAR_STORE, PCIEM_TRACE_WRITES));
	CHECK(!card_policy(fd, 0x9000, 0x1000, PCIEM_BAR_STORE, 0), "a whole page of them");
	CHECK(!card_policy(fd, 0x8000, 0x3000, PCIEM_BAR_STORE, 0), "and all");
}

static void config(int fd)
{
	char bytes[8];
	struct pciem_config c = { .size = sizeof(c), .length = 4, .data = (uintptr_t)bytes };

	CHECK(!ioctl(fd, PCIEM_CONFIG, &c), "reads");
	CHECK(!memcmp(bytes, "\xb7\x1d\x10\x0e", 4), "the ids");
	c.func = 1;
	REFUSED(ENOENT, ioctl(fd, PCIEM_CONFIG, &c));
	c.func = 8;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CONFIG, &c));
	c.func = 0;
	c.plane = 4;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CONFIG, &c));
	c.plane = PCIEM_CONFIG_RESET;
	REFUSED(EBUSY, ioctl(fd, PCIEM_CONFIG, &c));
	c.flags = PCIEM_CONFIG_SET;
	REFUSED(EPERM, ioctl(fd, PCIEM_CONFIG, &c));
	c.flags = 0;
	c.plane = 0;
	c.offset = 4094;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CONFIG, &c));
	c.offset = 0;
	c.length = 0x80000000;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CONFIG, &c));
	c.length = 4;
	c.data = 8;
	REFUSED(EFAULT, ioctl(fd, PCIEM_CONFIG, &c));
	c.flags = 2;
	REFUSED(EINVAL, ioctl(fd, PCIEM_CONFIG, &c));
}

static void snapshot_config(int mon)
{
	unsigned char bytes[8];
	struct pciem_config c = { .size = sizeof(c), .length = 4, .data = (uintptr_t)bytes };

	CHECK(!ioctl(mon, PCIEM_CONFIG, &c) && !memcmp(bytes, "\xb7\x1d\x10\x0e", 4), "the ids");
	c.plane = PCIEM_CONFIG_WRITABLE;
	c.offset = 4;
	CHECK(!ioctl(mon, PCIEM_CONFIG, &c) && bytes[0] & 2, "memory enable may be written");
	c.flags = PCIEM_CONFIG_SET;
	REFUSED(EPERM, ioctl(mon, PCIEM_CONFIG, &c));
	c.flags = 2;
	REFUSED(EINVAL, ioctl(mon, PCIEM_CONFIG, &c));
	c.flags = 0;
	c.plane = 4;
	REFUSED(EINVAL, ioctl(mon, PCIEM_CONFIG, &c));
	/* The bus has given it an address, which it did not have then. */
	c.plane = PCIEM_CONFIG_RESET;
	c.offset = 0x10;
	CHECK(!ioctl(mon, PCIEM_CONFIG, &c) && !(bytes[0] & 0xf0) && !bytes[1] && !bytes[2] && !bytes[3], "BAR 0 as described");
	c.plane = 0;
	c.offset = 4;
	c.func = 1;
	REFUSED(ENOENT, ioctl(mon, PCIEM_CONFIG, &c));
	c.func = 0;
	c.length = 4093;
	REFUSED(EINVAL, ioctl(mon, PCIEM_CONFIG, &c));
	c.length = 4;
	c.data = 8;
	REFUSED(EFAULT, ioctl(mon, PCIEM_CONFIG, &c));
}

static void snapshot_ranges(int mon)
{
	struct pciem_bar_range r[4] = { 0 };
	struct pciem_bar_ranges arg = { .size = sizeof(arg), .count = 4, .ranges = (uintptr_t)r };

	CHECK(!ioctl(mon, PCIEM_BAR_RANGES, &arg), "BAR0");
	CHECK(arg.count >= 1 && arg.bar_size == BAR_SIZE && arg.phys, "is on the bus");
	CHECK(!r[0].offset && r[0].length, "its first range");
	arg = (struct pciem_bar_ranges) { .size = sizeof(arg) };
	CHECK(!ioctl(mon, PCIEM_BAR_RANGES, &arg) && arg.count >= 1, "how many there are");
	arg.ranges = 8;
	arg.flags = 0;
	REFUSED(EFAULT, ioctl(mon, PCIEM_BAR_RANGES, &arg));
	arg.count = 0;
	arg.flags = 1;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_RANGES, &arg));
	arg.flags = 0;
	arg.reserved = 1;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_RANGES, &arg));
	arg.reserved = 0;
	arg.bar_index = 5;
	REFUSED(ENOENT, ioctl(mon, PCIEM_BAR_RANGES, &arg));
	arg.bar_index = 7;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_RANGES, &arg));
	arg.bar_index = 0;
	arg.func = 8;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_RANGES, &arg));
}

static void snapshot_bytes(int mon)
{
	static char bytes[BAR_SIZE];
	struct pciem_bar_bytes arg = { .size = sizeof(arg), .length = BAR_SIZE, .data = (uintptr_t)bytes };

	CHECK(!ioctl(mon, PCIEM_BAR_BYTES, &arg), "all of BAR0");
	arg.offset = 1;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.offset = -1ULL;
	arg.length = 2;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.offset = 0;
	arg.length = -1ULL;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.length = 0;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.length = 4;
	arg.reserved = 1;
	REFUSED(EINVAL, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.reserved = 0;
	arg.bar_index = 5;
	REFUSED(ENOENT, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.bar_index = 0;
	arg.func = 1;
	REFUSED(ENOENT, ioctl(mon, PCIEM_BAR_BYTES, &arg));
	arg.func = 0;
	arg.data = 8;
	REFUSED(EFAULT, ioctl(mon, PCIEM_BAR_BYTES, &arg));
}

static void snapshot(int fd, int mon, bool on_bus)
{
	struct pciem_bar_ranges ranges = { .size = sizeof(ranges) };
	struct pciem_bar_bytes data = { .size = sizeof(data), .length = 1, .data = (uintptr_t)&data };
	struct pciem_dma_maps maps = { .size = sizeof(maps) };
	struct pciem_remove remove = { .size = sizeof(remove) };
	unsigned int i;

	REFUSED(ENOTTY, ioctl(fd, PCIEM_BAR_RANGES, &ranges));
	REFUSED(ENOTTY, ioctl(fd, PCIEM_BAR_BYTES, &data));
	REFUSED(ENOTTY, ioctl(mon, PCIEM_REMOVE, &remove));
	REFUSED(ENOTTY, ioctl(mon, PCIEM_START));
	for (i = 0; i < sizeof(snapshots) / sizeof(snapshots[0]); i++)
		sizes_of(mon, &snapshots[i]);
	if (!on_bus) {
		REFUSED(EBUSY, ioctl(mon, PCIEM_BAR_RANGES, &ranges));
		REFUSED(EBUSY, ioctl(mon, PCIEM_BAR_BYTES, &data));
		REFUSED(EBUSY, ioctl(mon, PCIEM_DMA_MAPS, &maps));
		return;
	}
	CHECK(!ioctl(mon, PCIEM_DMA_MAPS, &maps) && !maps.count, "no mappings yet");
	maps.reserved = 1;
	REFUSED(EINVAL, ioctl(mon, PCIEM_DMA_MAPS, &maps));
	snapshot_config(mon);
	snapshot_ranges(mon);
	snapshot_bytes(mon);
}

static void on_the_bus(int fd)
{
	struct pciem_create_device create = { .func = 1 };
	struct pciem_dma dma = { .length = 4, .flags = 1, .user_addr = (uintptr_t)&dma };
	struct pciem_dma_atomic atomic = { .op_type = 8 };
	struct pciem_inject_irq irq = { .vector = 9999 };
	struct pciem_dma_maps maps = { .size = sizeof(maps), .reserved = 1 };
	struct pciem_config c = { .size = sizeof(c), .length = 1, .plane = 1, .flags = 1, .data = (uintptr_t)&c };
	struct pciem_ring_create ring = { .size = sizeof(ring), .entries = 64 };
	struct pciem_remove remove = { .size = sizeof(remove), .flags = 2 };
	struct pciem_response rsp[2] = { { .seq = 12345 } };

	REFUSED(EBUSY, ioctl(fd, PCIEM_CREATE_DEVICE, &create));
	REFUSED(EBUSY, ioctl(fd, PCIEM_REGISTER));
	REFUSED(EBUSY, ioctl(fd, PCIEM_RING_CREATE, &ring));
	REFUSED(EBUSY, ioctl(fd, PCIEM_CONFIG, &c));
	REFUSED(EINVAL, ioctl(fd, PCIEM_INJECT_IRQ, &irq));
	CHECK(ioctl(fd, PCIEM_DMA, &dma) == -1, "DMA to memory that nobody mapped");
	dma.flags = 3;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA, &dma));
	dma.flags = 1;
	dma.length = 0xffffffff;
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA, &dma));
	dma.length = 4;
	dma.func = 5;
	REFUSED(ENOENT, ioctl(fd, PCIEM_DMA, &dma));
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_ATOMIC, &atomic));
	REFUSED(EINVAL, ioctl(fd, PCIEM_DMA_MAPS, &maps));
	REFUSED(EINVAL, write(fd, rsp, sizeof(rsp[0])));
	REFUSED(EINVAL, write(fd, rsp, sizeof(rsp) - 1));
	REFUSED(EINVAL, write(fd, rsp, 0));
	REFUSED(EFAULT, write(fd, (void *)16, sizeof(rsp)));
	REFUSED(EINVAL, ioctl(fd, PCIEM_REMOVE, &remove));
	/* Cards leave these uninitialised. */
	irq = (struct pciem_inject_irq) { .vector = 0, .func = 0xee, .reserved = { 1, 2, 3 } };
	CHECK(ioctl(fd, PCIEM_INJECT_IRQ, &irq) == 0 || errno == EBUSY, "func taken as 0");
}

static void removed(int fd)
{
	struct pciem_remove remove = { .size = sizeof(remove) };
	struct pciem_dma dma = { .length = 4, .flags = 1, .user_addr = (uintptr_t)&dma };
	struct pciem_add_bar bar = { .bar_index = 2, .size = 4096 };
	struct pciem_create_device create = { .func = 1 };
	struct pciem_mark mark = { .size = sizeof(mark), .length = 4, .text = (uintptr_t)"late" };
	struct pciem_seq_start seq = { .size = sizeof(seq), .window = 64 };

	CHECK(!ioctl(fd, PCIEM_MARK, &mark), "a mark");
	CHECK(!ioctl(fd, PCIEM_REMOVE, &remove), "orderly");
	CHECK(!ioctl(fd, PCIEM_REMOVE, &remove), "again");
	CHECK(card_info(fd).state == PCIEM_STATE_REMOVED, "INFO says so");
	REFUSED(ENODEV, ioctl(fd, PCIEM_DMA, &dma));
	REFUSED(ENODEV, ioctl(fd, PCIEM_START));
	REFUSED(ENODEV, ioctl(fd, PCIEM_REGISTER));
	REFUSED(ENODEV, ioctl(fd, PCIEM_ADD_BAR, &bar));
	REFUSED(ENODEV, ioctl(fd, PCIEM_CREATE_DEVICE, &create));
	REFUSED(ENODEV, ioctl(fd, PCIEM_MARK, &mark));
	REFUSED(ENODEV, ioctl(fd, PCIEM_SEQ_START, &seq));
	REFUSED(ENODEV, monitor_create(fd, PCIEM_SLOT_OWN, 0, 1 << 20, 0));
}

int main(void)
{
	int fd = card_open(), inst, mon;
	struct pciem_dma_maps maps = { .size = sizeof(maps) };

	before_create(fd);
	unknown(fd);
	sizes(fd);
	card_describe(fd);
	described(fd);
	sizes(fd);
	config(fd);
	mon = monitor_create(fd, PCIEM_SLOT_OWN, 0, 1 << 20, 0);
	snapshot(fd, mon, false);
	inst = card_register(fd);
	snapshot(fd, mon, true);
	on_the_bus(fd);
	removed(fd);
	REFUSED(ENODEV, ioctl(mon, PCIEM_DMA_MAPS, &maps));
	close(fd);
	snapshot_bytes(mon);
	close(mon);
	close(inst);
	return card_done("ioctls");
}
