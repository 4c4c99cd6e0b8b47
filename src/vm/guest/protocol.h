/* SPDX-License-Identifier: MIT */
/*
 * What the host and the guest's first process say to each other over one virtio-serial port.
 * Little endian frames; src/vm/protocol.ts is the other end.
 */
#ifndef PCIEM_GUEST_PROTOCOL_H
#define PCIEM_GUEST_PROTOCOL_H

#include <stdint.h>

struct frame_header {
	uint32_t length;	/* of the payload */
	uint32_t session;
	uint32_t type;
};

#define FRAME_PAYLOAD_MAX (128u << 10)
#define BATCH_SESSION 1u	/* the command of a deterministic guest, and the files that it leaves */

enum frame_type {
	/* host to guest */
	FRAME_SETUP = 1,	/* NUL-terminated strings, see setup.c */
	FRAME_EXEC = 2,		/* struct exec_header, then cwd, argv, environment */
	FRAME_STDIN = 3,	/* empty: end of file */
	FRAME_SIGNAL = 4,	/* u32, to the session's process group */
	FRAME_RESIZE = 5,	/* u16 rows, u16 columns */
	FRAME_PING = 6,
	FRAME_SYNC = 7,		/* write back every file system */
	FRAME_LOG_MARK = 8,	/* text to be written into the kernel log */

	/* guest to host */
	FRAME_HELLO = 65,	/* the kernel's release */
	FRAME_READY = 66,
	FRAME_FAILED = 67,	/* why the set-up ended, one line */
	FRAME_STDOUT = 68,
	FRAME_STDERR = 69,
	FRAME_STDIN_TAKEN = 70,	/* u32: bytes that the command's stdin has accepted */
	FRAME_EXIT = 71,	/* u32: the shell's view of the status, 128 + signal included */
	FRAME_PONG = 72,
	FRAME_SYNCED = 73,
	FRAME_FILE = 74,	/* u32 mode, then the path: a file that the commands wrote; of a deterministic guest */
	FRAME_FILE_DATA = 75,	/* what that file holds, in as many frames as it takes */
	FRAME_FINISHED = 76,	/* the guest ends itself now */
};

#define EXEC_TTY 1u		/* stdin and stdout are a terminal */
#define EXEC_TTY_STDERR 2u	/* and so is stderr; otherwise it stays a pipe */

struct exec_header {
	uint32_t flags;
	uint16_t rows;
	uint16_t columns;
	uint32_t argc;
	uint32_t envc;
};

#endif
