/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer for /dev/pciem. A round is a list of operations, run by several threads of a
 * process of its own. What an operation does follows from the round's seed and its own
 * number alone, so that leaving others out does not change it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/pciem.h>

#define FUZZ_THREADS	4
#define FUZZ_ROWS	16
#define BAR_BYTES	0x10000
#define DIRECT_PAGE	0x8000		/* in a BAR: where accesses may not trap */
#define CAPABILITY_BYTES	96
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------ random.c: choices */

struct rng {
	uint64_t state;
};

struct rng rng_of(uint64_t seed, uint64_t number);
uint64_t draw(struct rng *r);
/* 0..n-1 */
uint64_t below(struct rng *r, uint64_t n);
bool one_in(struct rng *r, uint64_t n);
/* A value at some border: around 0, powers of two, the largest. */
uint64_t border(struct rng *r);

/* ---------------------------------------------------- pool.c: what operations share */

enum pool { OWNERS, INSTANCES, MONITORS, RINGS, EVENTS, POOLS };

void pools_init(void);
/* A descriptor of that pool, or -1. Another thread may close it at any time. */
int pool_pick(enum pool pool, struct rng *r);
int pool_pick_any(struct rng *r);
/* Puts it there in place of another, which is closed. */
void pool_put(enum pool pool, struct rng *r, int fd);
/* Takes it out: the caller's to close. */
int pool_take(enum pool pool, struct rng *r);
void pools_close(enum pool pool);

/* Memory for a call to read or write, or an address that is none. */
void *buffer(struct rng *r, size_t bytes);
/* The same, but always good. */
void *good_buffer(struct rng *r, size_t bytes);
/* Runs touch(at) and survives its faults. */
void guarded(void (*touch)(struct rng *r, char *at), struct rng *r, char *at);

/* ------------------------------------------- calls.c and payload.c: ioctl by ioctl */

/* Any call, with arguments that mostly make sense. */
void call_any(struct rng *r);
/* This one, of that owner. */
void call_one(struct rng *r, unsigned long nr, int owner);
/* Before the first round, and after the last: which calls got through, and how often. */
void calls_count(void);
void calls_counted(void);
/* Fills a call's array of FUZZ_ROWS elements, or of CAPABILITY_BYTES bytes. */
void fill_steps(struct rng *r, char *at);
void fill_rules(struct rng *r, char *at);
void fill_ignores(struct rng *r, char *at);
void fill_capability(struct rng *r, char *at);
void fill_mask(struct rng *r, char *at);

/* ----------------------- device.c, memory.c, descriptors.c, driver.c: everything else */

/* From open to START, or less, in an owner's place. */
void call_device(struct rng *r);

void memory_map(struct rng *r);
void memory_unmap(struct rng *r);
void memory_change(struct rng *r);
void memory_touch(struct rng *r);
void ring_answer(struct rng *r);
void monitor_drain(struct rng *r);

void descriptor_close(struct rng *r);
void descriptor_copy(struct rng *r);
void descriptor_send(struct rng *r);
void descriptor_io(struct rng *r);
void descriptor_fork(struct rng *r);

/* The name that the PCI bus has for that owner's device: false before REGISTER. */
bool device_name(int owner, char name[16]);
void driver_command(struct rng *r);
void device_sysfs(struct rng *r);
void device_config(struct rng *r);
void device_resource(struct rng *r);

/* ------------------------------------------------------------------ ops.c: rounds */

/* What operation number n of that seed is. */
const char *op_name(uint64_t seed, unsigned int n);
void op_run(uint64_t seed, unsigned int n);

/* -------------------------------------------------- log.c: what the kernel says of it */

void log_open(void);
void log_say(const char *format, ...);
/* The first complaint since the last look, or NULL. */
const char *log_complaint(void);
/* What nothing points to any more, after a scan: printed. False where the kernel does not look for it. */
bool log_leaks(void);

#endif /* FUZZ_H */
