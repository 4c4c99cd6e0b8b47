// SPDX-License-Identifier: MIT
/*
 * A deterministic guest hears nothing from the host: what it is to do stands in its initramfs, as the frames
 * that the port would have brought. What it says leaves through a debug port, a byte an instruction: no
 * interrupt comes back whose time would be the host's. When its commands have ended, it sends the files of
 * the working folder that they wrote, and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define BATCH_PATH "/batch"
#define DEBUG_PORT 0xe9
#define CLOCK_TICK_US 10000	/* more than a file's time is exact to */

static int frames = -1;
static bool is_batch;
static char work_folder[4096];
static struct timespec started;

bool batch_open(void)
{
	frames = open(BATCH_PATH, O_RDONLY | O_CLOEXEC);
	if (frames < 0)
		return false;
	if (ioperm(DEBUG_PORT, 1, 1) < 0)
		fail("no permission for the debug port: %s", strerror(errno));
	is_batch = true;
	return true;
}

bool batch_mode(void)
{
	return is_batch;
}

/* -1 when all has been read. */
int batch_fd(void)
{
	return frames;
}

ssize_t batch_read(void *buffer, size_t length)
{
	ssize_t count = read(frames, buffer, length);

	if (count > 0)
		return count;
	close(frames);
	frames = -1;
	errno = EAGAIN;
	return -1;
}

void batch_write(const uint8_t *bytes, size_t length)
{
	asm volatile("rep outsb" : "+S"(bytes), "+c"(length) : "d"(DEBUG_PORT) : "memory");
}

/* Files that are changed from now on are the commands' own. */
void batch_begin(const char *work)
{
	snprintf(work_folder, sizeof(work_folder), "%s", work);
	usleep(CLOCK_TICK_US);
	clock_gettime(CLOCK_REALTIME_COARSE, &started);
	usleep(CLOCK_TICK_US);
}

static bool is_new(const struct stat *file)
{
	return file->st_mtim.tv_sec > started.tv_sec ||
	       (file->st_mtim.tv_sec == started.tv_sec && file->st_mtim.tv_nsec > started.tv_nsec);
}

static int send_file(const char *path, const struct stat *file, int type, struct FTW *place)
{
	static uint8_t bytes[FRAME_PAYLOAD_MAX];
	uint32_t mode = file->st_mode & 0777;
	ssize_t count;

	(void)place;
	if (type != FTW_F || !S_ISREG(file->st_mode) || !is_new(file))
		return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	memcpy(bytes, &mode, sizeof(mode));
	memcpy(bytes + sizeof(mode), path, strlen(path));
	port_send(BATCH_SESSION, FRAME_FILE, bytes, sizeof(mode) + strlen(path));
	while ((count = read(fd, bytes, sizeof(bytes))) > 0)
		port_send(BATCH_SESSION, FRAME_FILE_DATA, bytes, count);
	close(fd);
	return 0;
}

/* Once the last command has ended and nothing is left to be done. */
void batch_end(void)
{
	if (*work_folder)
		nftw(work_folder, send_file, 16, FTW_PHYS | FTW_MOUNT);
	port_send(0, FRAME_FINISHED, "", 0);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
