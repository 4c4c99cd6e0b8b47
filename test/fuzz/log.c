// SPDX-License-Identifier: MIT
/* The kernel's log: what is said to it, so that a panic's last lines tell the seed; and what it complains of. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static int kmsg = -1;

static const char *const complaints[] = {
	"KASAN:", "UBSAN:", "WARNING:", "BUG:", "Oops", "general protection", "refcount_t:", "list_add corruption", "list_del corruption",
	"possible circular", "possible recursive", "inconsistent lock state", "suspicious RCU", "bad unlock balance", "non-static key",
	"INFO: task", "cannot create duplicate", "detected stall", "self-detected", "ODEBUG:", "Objects remaining", "nobody cared", "new suspected memory leaks",
};

void log_open(void)
{
	kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	lseek(kmsg, 0, SEEK_END);
}

void log_say(const char *format, ...)
{
	char text[256] = "<5>fuzz: ";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + strlen(text), sizeof(text) - strlen(text), format, arguments);
	va_end(arguments);
	if (write(kmsg, text, strlen(text)) < 0)
		perror("/dev/kmsg");
}

const char *log_complaint(void)
{
	static char found[1024];
	char record[8192], *text;
	unsigned int i;
	ssize_t length;

	found[0] = '\0';
	/* EPIPE: the log went over what was not read yet; the next read goes on behind it. */
	while ((length = read(kmsg, record, sizeof(record) - 1)) >= 0 || errno == EPIPE || errno == EINTR) {
		if (length <= 0 || found[0])
			continue;
		record[length] = '\0';
		text = strchr(record, ';');
		for (i = 0; text && i < ARRAY_SIZE(complaints); i++)
			if (strstr(text, complaints[i]))
				snprintf(found, sizeof(found), "%.*s", (int)strcspn(text + 1, "\n"), text + 1);
	}
	return found[0] ? found : NULL;
}

static void scan(int fd)
{
	if (write(fd, "scan", 4) < 0)
		perror("kmemleak");
}

bool log_leaks(void)
{
	int fd = open("/sys/kernel/debug/kmemleak", O_RDWR | O_CLOEXEC);
	char text[65536];
	ssize_t length;
	bool any = false;

	if (fd < 0)
		return false;
	/* What is freed only after a grace period, or stood in a register, is no leak at the second look. */
	scan(fd);
	sleep(6);
	scan(fd);
	while ((length = read(fd, text, sizeof(text))) > 0) {
		any = true;
		fwrite(text, 1, length, stdout);
	}
	close(fd);
	return any;
}
