// SPDX-License-Identifier: MIT
/*
 * Peer to peer: one device in the other's BAR, which nobody had allowed at first. With an
 * address as argument, in a physical BAR instead: a virtio device's common configuration.
 */
#include "card.h"
#include <pthread.h>

#define SYNC_AT		0x200
#define DIRECT_AT	0x8000

struct device {
	int fd, inst, cmd;
	struct card_ring ring;
	struct card_monitor mon;
	uint64_t phys;
	unsigned char *bar;
};

static struct device a, b;
static volatile int over;

static struct device device_make(void)
{
	struct device d = { .fd = card_open() };
	struct pciem_bar_info info = { 0 };

	card_describe(d.fd);
	card_policy(d.fd, SYNC_AT, 16, PCIEM_BAR_SYNC, 0);
	CHECK(!card_policy(d.fd, DIRECT_AT, 0x1000, PCIEM_BAR_DIRECT, 0), "direct");
	ring_create(d.fd, 256, &d.ring);
	d.inst = card_register(d.fd);
	d.bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, d.inst, 0);
	CHECK(!ioctl(d.fd, PCIEM_GET_BAR_INFO, &info) && info.phys_addr, "GET_BAR_INFO");
	d.phys = info.phys_addr;
	monitor_map(&d.mon, monitor_create(d.fd, PCIEM_SLOT_OWN, 0, 4 << 20,
					   1 << PCIEM_RECORD_MMIO_READ | 1 << PCIEM_RECORD_MMIO_WRITE |
					   1 << PCIEM_RECORD_MMIO_READ_COMPLETION | 1 << PCIEM_RECORD_FAULT |
					   1 << PCIEM_RECORD_P2P_READ | 1 << PCIEM_RECORD_P2P_WRITE), 4 << 20);
	d.cmd = card_start(d.fd);
	return d;
}

static void device_end(struct device *d)
{
	close(d->cmd);
	close(d->fd);
	close(d->inst);
	close(d->mon.fd);
}

static int p2p(int fd, uint64_t addr, void *data, uint32_t length, uint32_t flags)
{
	struct pciem_p2p arg = {
		.target_phys_addr = addr, .user_addr = (uintptr_t)data, .length = length, .flags = flags,
	};

	return ioctl(fd, PCIEM_P2P, &arg);
}

static int allow(int fd, uint32_t peer, uint32_t access)
{
	struct pciem_p2p_allow arg = { .size = sizeof(arg), .peer_slot = peer, .access = access };

	return ioctl(fd, PCIEM_P2P_ALLOW, &arg);
}

static void drain(struct device *d)
{
	const struct pciem_record *rec;

	while ((rec = monitor_peek(&d->mon, 0)))
		monitor_pop(&d->mon, rec);
}

/* How many records of that kind there are now; the last one in *last. */
static unsigned int count(struct device *d, uint8_t kind, struct pciem_record *last)
{
	const struct pciem_record *rec;
	unsigned int n = 0;

	while ((rec = monitor_peek(&d->mon, 0))) {
		if (rec->kind == kind) {
			*last = *rec;
			n++;
		}
		monitor_pop(&d->mon, rec);
	}
	return n;
}

static void expect_denied(uint64_t addr, uint32_t length, uint32_t flags, const char *what)
{
	unsigned char data[64] = { 0 };
	struct pciem_record rec;

	drain(&a);
	drain(&b);
	REFUSED(EACCES, p2p(a.fd, addr, data, length, flags));
	CHECK(count(&a, PCIEM_RECORD_FAULT, &rec) == 1 && rec.value == PCIEM_FAULT_P2P_DENIED &&
	      rec.addr == addr && rec.context == 0, "%s", what);
	CHECK(!monitor_peek(&b.mon, 0), "%s: the target has seen nothing", what);
	CHECK(!data[0] && !data[63], "%s: nothing was moved", what);
}

static void denied(void)
{
	b.bar[0x1000] = 0x77;
	expect_denied(b.phys + 0x1000, 4, PCIEM_DMA_READ, "a read");
	expect_denied(b.phys + 0x1000, 4, PCIEM_DMA_WRITE, "a write");
	CHECK(b.bar[0x1000] == 0x77, "as it was");
	expect_denied(a.phys + 0x1000, 4, PCIEM_DMA_READ, "its own BAR");
	expect_denied(0x100000, 4, PCIEM_DMA_READ, "RAM");
	expect_denied(0, 4, PCIEM_DMA_READ, "nothing");
	CHECK(!allow(b.fd, card_info(a.fd).slot, PCIEM_DMA_READ), "allow reads");
	expect_denied(b.phys + 0x1000, 4, PCIEM_DMA_WRITE, "a write where reads are allowed");
	expect_denied(b.phys + BAR_SIZE - 8, 16, PCIEM_DMA_READ, "over the BAR's end");
	expect_denied(b.phys - 8, 16, PCIEM_DMA_READ, "from before it");
}

static void allowed(void)
{
	unsigned char data[32], back[32];
	struct pciem_record rec;
	unsigned int i;

	CHECK(!allow(b.fd, card_info(a.fd).slot, PCIEM_DMA_READ | PCIEM_DMA_WRITE), "allow both");
	for (i = 0; i < sizeof(data); i++)
		data[i] = i + 1;
	drain(&a);
	drain(&b);
	CHECK(!p2p(a.fd, b.phys + 0x1003, data, 14, PCIEM_DMA_WRITE), "write");
	CHECK(!memcmp(b.bar + 0x1003, data, 14), "it is there");
	/* 1 byte, 4, 8, 1: aligned each. */
	CHECK(count(&b, PCIEM_RECORD_MMIO_WRITE, &rec) == 4 && rec.flags & PCIEM_RF_PEER &&
	      rec.context == 0 && rec.addr == 0x1010 && rec.width == 1 && rec.value == 14,
	      "flags %#x context %#x addr %#llx", rec.flags, rec.context, (unsigned long long)rec.addr);
	CHECK(count(&a, PCIEM_RECORD_P2P_WRITE, &rec) == 1 && rec.data_len == 14 && rec.addr == b.phys + 0x1003 &&
	      rec.value == card_info(b.fd).slot << 16, "value %#llx", (unsigned long long)rec.value);
	CHECK(!p2p(a.fd, b.phys + 0x1003, back, 14, PCIEM_DMA_READ) && !memcmp(back, data, 14), "read");
	CHECK(count(&b, PCIEM_RECORD_MMIO_READ, &rec) == 4, "as reads");
	CHECK(count(&a, PCIEM_RECORD_P2P_READ, &rec) == 1 && rec.data_len == 14, "as one read");

	memset(back, 0, sizeof(back));
	CHECK(!p2p(a.fd, b.phys + SYNC_AT, back, 4, PCIEM_DMA_READ), "sync");
	CHECK(back[0] == 0x21 && back[1] == 0x43, "what its owner answers");
	CHECK(count(&b, PCIEM_RECORD_MMIO_READ_COMPLETION, &rec) == 1 && rec.context == 0, "recorded");

	memcpy(b.bar + DIRECT_AT, data, sizeof(data));
	drain(&b);
	CHECK(!p2p(a.fd, b.phys + DIRECT_AT, back, 32, PCIEM_DMA_READ) && !memcmp(back, data, 32), "direct");
	CHECK(!monitor_peek(&b.mon, 0), "direct is not seen");
	CHECK(!p2p(a.fd, b.phys + DIRECT_AT - 8, back, 16, PCIEM_DMA_WRITE), "both kinds at once");
	CHECK(!memcmp(b.bar + DIRECT_AT - 8, back, 16) && count(&b, PCIEM_RECORD_MMIO_WRITE, &rec) == 1, "each its way");
	expect_denied(b.phys + BAR_SIZE - 8, 16, PCIEM_DMA_READ, "over the BAR's end");
}

static void malformed(void)
{
	struct pciem_p2p_allow arg = { .size = sizeof(arg), .peer_slot = card_info(a.fd).slot, .access = 1 };
	struct pciem_p2p bad = {
		.target_phys_addr = b.phys + 0x1000, .user_addr = (uintptr_t)&arg, .length = 4, .flags = 1, .func = 1,
	};

	REFUSED(ENOENT, ioctl(a.fd, PCIEM_P2P, &bad));
	REFUSED(EINVAL, p2p(a.fd, b.phys, &arg, 0, 1));
	REFUSED(EINVAL, p2p(a.fd, b.phys, &arg, (1U << 30) + 1, 1));
	REFUSED(EINVAL, p2p(a.fd, b.phys, &arg, 4, 0));
	REFUSED(EINVAL, p2p(a.fd, b.phys, &arg, 4, 3));
	REFUSED(EINVAL, p2p(a.fd, -2ULL, &arg, 4, 1));
	REFUSED(EFAULT, p2p(a.fd, b.phys + 0x1000, (void *)16, 4, 1));
	REFUSED(EFAULT, p2p(a.fd, b.phys + 0x1000, (void *)16, 4, 2));
#define BAD(err, field, v) do { \
	struct pciem_p2p_allow one = arg; one.field = (v); REFUSED(err, ioctl(b.fd, PCIEM_P2P_ALLOW, &one)); } while (0)
	BAD(EINVAL, func, 8);
	BAD(ENOENT, func, 1);
	BAD(ENOENT, peer_slot, 31);
	BAD(ENOENT, peer_slot, ~0U);
	BAD(EINVAL, peer_func, 8);
	BAD(ENOENT, peer_func, 1);
	BAD(EINVAL, access, 4);
	BAD(EINVAL, reserved, 1);
}

static void *answer(void *arg)
{
	struct pciem_event ev;
	struct device *d = arg;

	while (!over) {
		struct pciem_response rsp = { .data = 0x4321 };

		if (!ring_next(&d->ring, &ev, 50) || ev.type != PCIEM_EVENT_MMIO_READ_REQUEST)
			continue;
		rsp.seq = ev.seq;
		write(d->fd, &rsp, sizeof(rsp));
	}
	return NULL;
}

static void master(int fd, int on)
{
	unsigned char command = on ? 6 : 2;
	struct pciem_config c = {
		.size = sizeof(c), .flags = PCIEM_CONFIG_SET, .offset = 4, .length = 1, .data = (uintptr_t)&command,
	};

	CHECK(!ioctl(fd, PCIEM_CONFIG, &c), "COMMAND");
}

/* What was allowed ends with the device: the next one in its slot has to be allowed anew. */
static void ends(void)
{
	uint32_t slot = card_info(b.fd).slot;
	unsigned char data[4];

	master(a.fd, 0);
	REFUSED(EPERM, p2p(a.fd, b.phys + 0x1000, data, 4, PCIEM_DMA_READ));
	master(a.fd, 1);
	CHECK(!allow(b.fd, card_info(a.fd).slot, 0), "taken back");
	expect_denied(b.phys + 0x1000, 4, PCIEM_DMA_READ, "taken back");
	CHECK(!allow(b.fd, card_info(a.fd).slot, 3), "allowed");
	device_end(&b);
	b = device_make();
	CHECK(card_info(b.fd).slot == slot, "the same slot");
	expect_denied(b.phys + 0x1000, 4, PCIEM_DMA_READ, "the next device");
}

/* virtio 1.2, 4.1.4.3: the second half of the features has VIRTIO_F_VERSION_1 as its bit 0. */
static void physical(uint64_t addr)
{
	uint32_t select = 1, features = 0, zero = 0, first = 0;
	struct pciem_record rec;
	char page[4096];

	a = device_make();
	CHECK(!p2p(a.fd, addr, &select, 4, PCIEM_DMA_WRITE), "write");
	CHECK(!p2p(a.fd, addr + 4, &features, 4, PCIEM_DMA_READ) && features & 1, "VERSION_1: %#x", features);
	CHECK(!p2p(a.fd, addr, &zero, 4, PCIEM_DMA_WRITE), "write");
	CHECK(!p2p(a.fd, addr + 4, &first, 4, PCIEM_DMA_READ) && first != features, "the other half: %#x", first);
	CHECK(count(&a, PCIEM_RECORD_P2P_READ, &rec) == 2 && rec.value == ~0ULL, "recorded");
	REFUSED(EACCES, p2p(a.fd, addr + 0x1000, &first, 4, PCIEM_DMA_READ));
	REFUSED(EACCES, p2p(a.fd, addr + 0xffe, page, 4, PCIEM_DMA_READ));
	REFUSED(EACCES, p2p(a.fd, addr - 4, &first, 4, PCIEM_DMA_READ));
	device_end(&a);
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc > 1) {
		physical(strtoull(argv[1], NULL, 0));
		return card_done("p2p");
	}
	a = device_make();
	b = device_make();
	pthread_create(&t, NULL, answer, &b);
	denied();
	allowed();
	malformed();
	over = 1;
	pthread_join(t, NULL);
	ends();
	device_end(&a);
	device_end(&b);
	return card_done("p2p");
}
