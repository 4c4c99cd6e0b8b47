/* SPDX-License-Identifier: MIT */
#ifndef PCIEM_GUEST_H
#define PCIEM_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

/* port.c: framed, buffered, never blocking on the way out unless asked to */
void port_open(void);
int port_fd(void);
bool port_read_frame(struct frame_header *header, uint8_t *payload);
void port_send(uint32_t session, enum frame_type type, const void *payload, size_t length);
bool port_wants_to_write(void);
void port_flush(void);

/* batch.c: in the port's place where the guest has to be deterministic */
bool batch_open(void);
bool batch_mode(void);
int batch_fd(void);
ssize_t batch_read(void *buffer, size_t length);
void batch_write(const uint8_t *bytes, size_t length);
void batch_begin(const char *work);
void batch_end(void) __attribute__((noreturn));

/* setup.c: from an initramfs to the host's file system */
void early_setup(void);
void guest_setup(const char *strings, size_t length);
int load_module(const char *path, const char *params);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* session.c: one command each */
void session_start(uint32_t id, const uint8_t *payload, size_t length);
void session_frame(const struct frame_header *header, const uint8_t *payload);
bool session_reap(int pid, int status);
size_t session_poll_fds(void *pollfds, size_t capacity);
void session_pump(void);
bool session_any(void);

/* hotplug.c: the one thing of udev that a bare guest misses */
int hotplug_open(void);
void hotplug_pump(int fd);

#endif
