// SPDX-License-Identifier: MIT
/*
 * Kinds of BARs: where they come to lie, what the bus says of them, what userspace maps
 * and reads of them by sysfs; and that all of it is given back.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "card.h"

#define FLAG_64		4U
#define FLAG_PREFETCH	8U
#define ROM		6
#define GIB4		(1ULL << 32)
/* include/linux/ioport.h: what a line of sysfs' resource ends with */
#define RES_MEM		0x200ULL
#define RES_PREFETCH	0x2000ULL
#define RES_READONLY	0x4000ULL
#define RES_MEM_64	0x100000ULL

struct kind {
	uint32_t index, flags;
	uint64_t size;
};

static char folder[64];

static int add_bar(int fd, struct kind k)
{
	struct pciem_add_bar bar = { .bar_index = k.index, .flags = k.flags, .size = k.size };

	return ioctl(fd, PCIEM_ADD_BAR, &bar);
}

/* A function that no driver wants. */
static int create(void)
{
	struct pciem_create_device dev = { 0 };
	struct pciem_set_config ids = { .vendor_id = 0x1db7, .device_id = 0x0e11, .class_code = { 0, 0, 0xff } };
	int fd = card_open();

	if (ioctl(fd, PCIEM_CREATE_DEVICE, &dev) || ioctl(fd, PCIEM_SET_CONFIG, &ids))
		card_die("describe");
	return fd;
}

static int start(int fd)
{
	struct pciem_info info;
	int inst;

	inst = ioctl(fd, PCIEM_REGISTER);
	if (inst < 0 || ioctl(fd, PCIEM_START))
		card_die("REGISTER, START");
	info = card_info(fd);
	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%04x:%02x:%02x.0", info.domain, info.bus, info.device);
	return inst;
}

/* The files of a device do not come all at once. */
static int sysfs_open(const char *name, int flags)
{
	char path[128];
	int fd = -1, i;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (i = 0; i < 2000 && fd < 0; i++) {
		fd = open(path, flags | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			break;
		msleep(10);
	}
	return fd;
}

static int sysfs_write(const char *name, const char *text)
{
	int fd = sysfs_open(name, O_WRONLY), ok;

	ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok ? 0 : -1;
}

struct resource {
	unsigned long long start, end, flags;
};

static struct resource resource_of(unsigned int index)
{
	struct resource r = { 0 };
	char text[2048], *line = text;
	int fd = sysfs_open("resource", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = 0;
	while (index-- && line)
		line = (line = strchr(line, '\n')) ? line + 1 : NULL;
	if (!line || sscanf(line, "%llx %llx %llx", &r.start, &r.end, &r.flags) != 3)
		CHECK(0, "no such line");
	return r;
}

/* The bus has it where GET_BAR_INFO says, of the right kind and place, and alone. */
static void check_place(int fd, const struct kind *kinds, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		struct pciem_bar_info info = { .bar_index = kinds[i].index };
		struct resource r = resource_of(kinds[i].index);
		int high = kinds[i].flags == (FLAG_64 | FLAG_PREFETCH);

		CHECK(!ioctl(fd, PCIEM_GET_BAR_INFO, &info), "info");
		CHECK(info.phys_addr == r.start && info.size == kinds[i].size && r.end - r.start + 1 == info.size,
		      "BAR %u: %#llx..%#llx", kinds[i].index, r.start, r.end);
		CHECK(!(r.start & (info.size - 1)), "BAR %u is aligned", kinds[i].index);
		CHECK(high ? r.start >= GIB4 : r.end < GIB4, "BAR %u at %#llx", kinds[i].index, r.start);
		CHECK(r.flags & RES_MEM && !!(r.flags & RES_MEM_64) == !!(kinds[i].flags & FLAG_64), "%#llx", r.flags);
		if (kinds[i].index != ROM)
			CHECK(!!(r.flags & RES_PREFETCH) == !!(kinds[i].flags & FLAG_PREFETCH), "%#llx", r.flags);
		for (j = 0; j < i; j++) {
			struct resource other = resource_of(kinds[j].index);

			CHECK(r.end < other.start || r.start > other.end, "BARs %u and %u", kinds[i].index, kinds[j].index);
		}
	}
}

static void set_direct(int fd, uint32_t index, uint64_t length)
{
	struct pciem_bar_policy p = {
		.size = sizeof(p), .bar_index = index, .policy = PCIEM_BAR_DIRECT, .length = length,
	};

	CHECK(!ioctl(fd, PCIEM_BAR_POLICY, &p), "direct");
}

/* What sysfs maps is what the owner maps; trapped pages are refused. */
static void check_mapping(int inst, uint32_t index, const char *name, int direct)
{
	int fd = sysfs_open(name, O_RDWR);
	volatile uint32_t *own, *user;

	CHECK(fd >= 0, "%s", name);
	if (fd < 0)
		return;
	if (!direct) {
		REFUSED(EOPNOTSUPP, mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
		close(fd);
		return;
	}
	own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, index * PAGE);
	user = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	CHECK(own != MAP_FAILED && user != MAP_FAILED, "%s", name);
	if (own == MAP_FAILED || user == MAP_FAILED)
		return;
	own[3] = 0x1000 + index;
	CHECK(user[3] == 0x1000 + index, "BAR %u: %#x", index, user[3]);
	user[5] = 0x2000 + index;
	CHECK(own[5] == 0x2000 + index, "BAR %u: %#x", index, own[5]);
	munmap((void *)own, PAGE);
	munmap((void *)user, PAGE);
}

static void six_at_once(void)
{
	static const struct kind kinds[] = {
		{ 0, 0, 4096 }, { 1, 0, 65536 }, { 2, FLAG_PREFETCH, 8192 }, { 3, 0, 16 }, { 4, 0, 256 }, { 5, 0, 1 << 20 },
		{ ROM, 0, 65536 },
	};
	unsigned int i, nr = sizeof(kinds) / sizeof(kinds[0]);
	char name[16];
	int fd = create(), inst;

	for (i = 0; i < nr; i++)
		CHECK(!add_bar(fd, kinds[i]), "BAR %u", i);
	for (i = 0; i < nr; i++)
		REFUSED(EBUSY, add_bar(fd, kinds[i]));
	set_direct(fd, 0, 0);
	set_direct(fd, 2, 0);
	set_direct(fd, 5, 0);
	inst = start(fd);
	check_place(fd, kinds, nr);
	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "resource%u", i);
		if (kinds[i].size >= PAGE)
			check_mapping(inst, i, name, i == 0 || i == 2 || i == 5);
	}
	check_mapping(inst, 2, "resource2_wc", 1);
	close(inst);
	close(fd);
}

static void wide_ones(void)
{
	static const struct kind kinds[] = {
		{ 0, FLAG_64, 1 << 20 }, { 2, FLAG_64 | FLAG_PREFETCH, 64 << 20 }, { 4, FLAG_64 | FLAG_PREFETCH, 8192 },
	};
	unsigned int i;
	int fd = create(), inst;

	for (i = 0; i < 3; i++)
		CHECK(!add_bar(fd, kinds[i]), "BAR %u", kinds[i].index);
	REFUSED(EBUSY, add_bar(fd, (struct kind){ 1, 0, 4096 }));
	REFUSED(EBUSY, add_bar(fd, (struct kind){ 5, 0, 4096 }));
	set_direct(fd, 2, 64 << 20);
	set_direct(fd, 4, 4096);
	inst = start(fd);
	check_place(fd, kinds, 3);
	check_mapping(inst, 0, "resource0", 0);
	check_mapping(inst, 2, "resource2", 1);
	check_mapping(inst, 2, "resource2_wc", 1);
	check_mapping(inst, 4, "resource4_wc", 1);
	close(inst);
	close(fd);
}

static void refused(void)
{
	int fd = create();

	REFUSED(EINVAL, add_bar(fd, (struct kind){ 0, 0, 0 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ 0, 0, 8 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ 0, 0, 4097 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ 0, 2, 4096 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ 5, FLAG_64, 4096 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ 7, 0, 4096 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ ROM, 0, 1024 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ ROM, 0, 32 << 20 }));
	REFUSED(EINVAL, add_bar(fd, (struct kind){ ROM, FLAG_64, 4096 }));
	REFUSED(EOPNOTSUPP, add_bar(fd, (struct kind){ 0, 1, 256 }));
	CHECK(!add_bar(fd, (struct kind){ 0, FLAG_64, 65536 }), "one that is right");
	REFUSED(EOPNOTSUPP, add_bar(fd, (struct kind){ 2, FLAG_64, 1ULL << 63 }));
	REFUSED(EOPNOTSUPP, add_bar(fd, (struct kind){ 2, FLAG_64 | FLAG_PREFETCH, 1ULL << 62 }));
	close(fd);
}

#define GROUPS	"/tmp/pciem-bars"

static int group_put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), ok;

	ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok ? 0 : -1;
}

/* More than the memory cgroup has: refused, and nobody is killed. */
static void too_large(void)
{
	int status, fd;
	pid_t pid;

	CHECK(!mkdir(GROUPS, 0700) && !mount("pciem", GROUPS, "cgroup2", 0, NULL), "cgroups");
	CHECK(!group_put(GROUPS "/cgroup.subtree_control", "+memory") && !mkdir(GROUPS "/bars", 0700), "a group");
	CHECK(!group_put(GROUPS "/bars/memory.max", "16M"), "its limit");
	pid = fork();
	if (!pid) {
		card_failures = 0;
		CHECK(!group_put(GROUPS "/bars/cgroup.procs", "0"), "in the group");
		fd = create();
		REFUSED(ENOMEM, add_bar(fd, (struct kind){ 0, 0, 64 << 20 }));
		CHECK(!add_bar(fd, (struct kind){ 0, 0, 1 << 20 }), "one that is not");
		_exit(card_failures);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
	CHECK(!rmdir(GROUPS "/bars") && !umount(GROUPS) && !rmdir(GROUPS), "cleared away");
}

/* An image as a BIOS looks for it: 55 aa, its length, and a data structure that says it is the last. */
static void fill_rom(uint8_t *rom)
{
	unsigned int i;

	for (i = 0; i < 4096; i++)
		rom[i] = i * 7;
	memcpy(rom, "\x55\xaa\x08", 3);
	memcpy(rom + 0x18, "\x40\x00", 2);
	memset(rom + 0x40, 0, 0x18);
	memcpy(rom + 0x40, "PCIR\xb7\x1d\x11\x0e", 8);
	memcpy(rom + 0x40 + 0x0a, "\x18\x00", 2);
	rom[0x40 + 0x10] = 8;
	rom[0x40 + 0x15] = 0x80;
}

static void expansion_rom(void)
{
	int fd = create(), inst, rom;
	uint8_t *own, read_back[8192];
	ssize_t n;

	CHECK(!add_bar(fd, (struct kind){ 0, 0, 4096 }) && !add_bar(fd, (struct kind){ ROM, 0, 65536 }), "BARs");
	inst = start(fd);
	own = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, inst, ROM * PAGE);
	CHECK(own != MAP_FAILED, "the owner's mapping");
	fill_rom(own);
	CHECK(!sysfs_write("enable", "1") && !sysfs_write("rom", "1"), "enable");
	rom = sysfs_open("rom", O_RDONLY);
	for (n = 0; n < (ssize_t)sizeof(read_back); ) {
		ssize_t got = read(rom, read_back + n, sizeof(read_back) - n);

		if (got <= 0)
			break;
		n += got;
	}
	CHECK(n == 4096, "%zd bytes", n);
	CHECK(n == 4096 && !memcmp(read_back, own, 4096), "the image");
	CHECK(!sysfs_write("rom", "0"), "disable");
	REFUSED(EINVAL, pread(rom, read_back, 16, 0));
	close(rom);
	munmap(own, 65536);
	close(inst);
	close(fd);
}

/* ----------------------------------------------------------------- given back */

static long available(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* nr opens with a BAR of 64 KiB, by several processes: most of a close is waiting. */
static void opens(int nr)
{
	int i, j, status, fd;

	for (i = 0; i < 16; i++) {
		if (fork())
			continue;
		card_failures = 0;
		for (j = 0; j < nr / 16; j++) {
			fd = create();
			CHECK(!add_bar(fd, (struct kind){ 0, FLAG_64, 65536 }), "open %d", j);
			close(fd);
		}
		_exit(card_failures);
	}
	while (wait(&status) > 0)
		CHECK(!status, "a process of opens");
}

static void given_back(void)
{
	struct pciem_bar_info info = { 0 };
	uint64_t first = 0;
	long before, after;
	int i, fd, inst;

	opens(128);
	before = available();
	opens(1024);
	after = available();
	/* Leaked, the BARs would be 64 MiB; the rest of the system breathes, too. */
	CHECK(after > before - 32 * 1024, "%ld KiB available, then %ld", before, after);
	/* Addresses, too: the first that fits is the same each time. */
	for (i = 0; i < 5; i++) {
		fd = create();
		CHECK(!add_bar(fd, (struct kind){ 0, 0, 1 << 20 }), "BAR");
		inst = ioctl(fd, PCIEM_REGISTER);
		CHECK(inst >= 0 && !ioctl(fd, PCIEM_GET_BAR_INFO, &info), "register %d", i);
		if (!first)
			first = info.phys_addr;
		CHECK(first && info.phys_addr == first, "at %#llx, then %#llx", (unsigned long long)first, (unsigned long long)info.phys_addr);
		close(inst);
		close(fd);
	}
}

/* Eight slots at once, each with BARs above and below: no address is anybody else's. */
static void not_shared(void)
{
	struct { uint64_t start, end; } seen[16];
	int fd[8], inst[8], i, j, nr = 0;

	for (i = 0; i < 8; i++) {
		fd[i] = create();
		CHECK(!add_bar(fd[i], (struct kind){ 0, 0, 65536 }) &&
		      !add_bar(fd[i], (struct kind){ 2, FLAG_64 | FLAG_PREFETCH, 1 << 20 }), "BARs");
		inst[i] = ioctl(fd[i], PCIEM_REGISTER);
		CHECK(inst[i] >= 0, "slot %d", i);
		for (j = 0; j <= 2; j += 2) {
			struct pciem_bar_info info = { .bar_index = j };

			ioctl(fd[i], PCIEM_GET_BAR_INFO, &info);
			seen[nr].start = info.phys_addr;
			seen[nr++].end = info.phys_addr + info.size;
		}
	}
	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			CHECK(seen[i].start && (seen[i].end <= seen[j].start || seen[i].start >= seen[j].end), "%d and %d", i, j);
	for (i = 0; i < 8; i++) {
		close(inst[i]);
		close(fd[i]);
	}
}

/* The driver has mapped the BAR when tracing is switched on, and again off. */
static void traced_late(void)
{
	struct pciem_trace_bar trace = { .flags = PCIEM_TRACE_READS | PCIEM_TRACE_WRITES };
	int fd = card_open(), inst, cmd;
	struct card_ring ring;
	struct pciem_event ev;

	card_describe(fd);
	ring_map(&ring, fd, PCIEM_RING_ENTRIES);
	inst = card_register(fd);
	cmd = card_start(fd);
	driver_write(cmd, 0x1000, 4, 1);
	CHECK(!ring_next(&ring, &ev, 0), "not traced yet");
	CHECK(!ioctl(fd, PCIEM_TRACE_BAR, &trace), "TRACE_BAR");
	driver_write(cmd, 0x1000, 4, 2);
	CHECK(ring_next(&ring, &ev, 5000) && ev.type == PCIEM_EVENT_MMIO_WRITE && ev.offset == 0x1000 && ev.data == 2, "a write");
	CHECK(driver_read(cmd, 0x1000, 4) == 2, "stored");
	CHECK(ring_next(&ring, &ev, 5000) && ev.type == PCIEM_EVENT_MMIO_READ && ev.data == 2, "a read");
	trace.flags = 0;
	CHECK(!ioctl(fd, PCIEM_TRACE_BAR, &trace), "off");
	driver_write(cmd, 0x1000, 4, 3);
	CHECK(!ring_next(&ring, &ev, 0), "no longer traced");
	close(cmd);
	close(inst);
	close(fd);
}

int main(void)
{
	traced_late();
	refused();
	too_large();
	six_at_once();
	wide_ones();
	expansion_rom();
	not_shared();
	given_back();
	return card_done("bars");
}
