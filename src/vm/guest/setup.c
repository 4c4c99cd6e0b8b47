// SPDX-License-Identifier: MIT
/*
 * From the initramfs to a root that is the host's: its file system read-only over 9p, under an overlay in
 * memory, with the working folder mounted read-write on top.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.h"

#define NEW_ROOT "/new"
#define NINEP_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,access=client"

void fail(const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (port_fd() >= 0)
		port_send(0, FRAME_FAILED, text, strlen(text));
	dprintf(2, "pciem guest: %s\n", text);
	/* The host ends the machine when it has read the reason. */
	for (;;)
		pause();
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags,
		       const char *options)
{
	/* Busy: it is there already, where the initramfs stays the root. */
	if (mount(source, target, type, flags, options) < 0 && !(batch_mode() && errno == EBUSY))
		fail("cannot mount %s (%s) on %s: %s", source, type ?: "bind", target, strerror(errno));
}

static void make_path(const char *path)
{
	char partial[4096];

	snprintf(partial, sizeof(partial), "%s", path);
	for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(partial, 0755);
		*slash = '/';
	}
	if (mkdir(partial, 0755) < 0 && errno != EEXIST)
		fail("cannot make the folder %s: %s", path, strerror(errno));
}

int load_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int result = syscall(SYS_finit_module, fd, params, 0);
	int saved = errno;

	close(fd);
	errno = saved;
	return result;
}

/* /modules/order lists what must be loaded before the port and the shares work, one file a line. */
void early_setup(void)
{
	char line[256], path[300];

	mount("proc", "/proc", "proc", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	FILE *order = fopen("/modules/order", "re");

	if (!order)
		fail("the initramfs has no /modules/order");
	while (fgets(line, sizeof(line), order)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "/modules/%s", line);
		if (load_module(path, "") < 0 && errno != EEXIST)
			fail("cannot load %s: %s", path, strerror(errno));
	}
	fclose(order);
}

static void mount_root(const char *module_tree)
{
	struct utsname name;
	char lower[4200], target[300];

	uname(&name);
	make_path("/lower");
	make_path("/memory");
	make_path(NEW_ROOT);
	must_mount("root", "/lower", "9p", MS_RDONLY, NINEP_OPTIONS ",cache=loose");
	must_mount("memory", "/memory", "tmpfs", 0, "size=80%,mode=755");
	make_path("/memory/upper");
	make_path("/memory/work");
	make_path("/memory/modules/upper");
	make_path("/memory/modules/work");
	must_mount("root", NEW_ROOT, "overlay", 0, "lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work");

	/* The guest's kernel is not installed on the host, so its modules come from the cache. */
	snprintf(target, sizeof(target), NEW_ROOT "/lib/modules/%s", name.release);
	make_path(target);
	snprintf(lower, sizeof(lower), "lowerdir=/lower%s,upperdir=/memory/modules/upper,workdir=/memory/modules/work",
		 module_tree);
	must_mount("modules", target, "overlay", 0, lower);
}

static void enter_root(void)
{
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		fail("cannot enter the root: %s", strerror(errno));
}

static void mount_kernel_file_systems(void)
{
	must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
	make_path("/dev/pts");
	make_path("/dev/shm");
	must_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,gid=5,ptmxmode=666");
	must_mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	must_mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/*
 * An emulated machine boots on its first CPU alone (see the launcher's kernel parameters). A CPU that starts measures
 * its delay loop by this one's ticks, and they would stop if this one were idle.
 */
static void raise_processors(void)
{
	char path[64];
	pid_t busy = -1;
	int fd;

	for (int cpu = 1;; cpu++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			break;
		if (busy < 0 && (busy = fork()) == 0)
			for (;;)
				;
		if (write(fd, "1", 1) < 0)
			fail("cannot start CPU %d: %s", cpu, strerror(errno));
		close(fd);
	}
	if (busy > 0)
		kill(busy, SIGKILL);
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

static const char *next_string(const char **cursor, const char *end)
{
	const char *string = *cursor;
	const char *stop = memchr(string, '\0', end - string);

	if (!stop)
		fail("the host's set-up message is cut short");
	*cursor = stop + 1;
	return string;
}

/* Strings, in this order: host name, module tree, pciem.ko (may be empty), its parameters, working folder (may be empty). */
void guest_setup(const char *strings, size_t length)
{
	const char *cursor = strings, *end = strings + length;
	const char *host_name = next_string(&cursor, end);
	const char *module_tree = next_string(&cursor, end);
	const char *module = next_string(&cursor, end);
	const char *params = next_string(&cursor, end);
	const char *work = next_string(&cursor, end);
	char path[4200];
	int module_fd = -1;

	/* The initramfs of a deterministic guest is its root already. */
	if (!batch_mode())
		mount_root(module_tree);
	if (*module) {
		snprintf(path, sizeof(path), "%s%s", batch_mode() ? "" : "/lower", module);
		module_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (module_fd < 0)
			fail("cannot read %s: %s", module, strerror(errno));
	}
	if (!batch_mode())
		enter_root();
	mount_kernel_file_systems();
	raise_processors();
	if (*work && !batch_mode()) {
		make_path(work);
		must_mount("work", work, "9p", 0, NINEP_OPTIONS ",cache=none");
	}
	sethostname(host_name, strlen(host_name));
	raise_loopback();
	if (module_fd >= 0) {
		if (syscall(SYS_finit_module, module_fd, params, 0) < 0)
			fail("insmod %s: %s", module, strerror(errno));
		close(module_fd);
	}
	if (batch_mode())
		batch_begin(work);
}
