// SPDX-License-Identifier: MIT
/*
 * A slow disk for one program: each write into a file takes $SLOW_WRITE_MS.
 *   gcc -shared -fPIC -o slow_write.so slow_write.c; LD_PRELOAD=./slow_write.so SLOW_WRITE_MS=300 PROGRAM
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

ssize_t write(int fd, const void *bytes, size_t length)
{
	const char *ms = getenv("SLOW_WRITE_MS");
	struct stat st;

	if (ms && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		struct timespec pause = { atoi(ms) / 1000, atoi(ms) % 1000 * 1000000L };

		nanosleep(&pause, NULL);
	}
	return syscall(SYS_write, fd, bytes, length);
}
