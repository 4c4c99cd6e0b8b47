// SPDX-License-Identifier: MIT
/*
 * What operations share: descriptors of each kind, and memory. Nothing here locks: that a
 * descriptor is closed, and its number another's, while a thread is about to use it is
 * what threads of a real program do to each other at worst.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define POOL_SIZE	6
#define ARENA		(1 << 20)

static _Atomic int fds[POOLS][POOL_SIZE];
static char *arena;
static __thread sigjmp_buf *landing;

static void on_fault(int signal)
{
	if (!landing)
		_exit(99);
	siglongjmp(*landing, signal);
}

void pools_init(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	int pool, i;

	for (pool = 0; pool < POOLS; pool++)
		for (i = 0; i < POOL_SIZE; i++)
			fds[pool][i] = -1;
	/* Behind it is a hole, for what starts in good memory and does not end there. */
	arena = mmap(NULL, ARENA + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	munmap(arena + ARENA, 4096);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int pool_pick(enum pool pool, struct rng *r)
{
	int first = below(r, POOL_SIZE), i, fd = -1;

	for (i = 0; i < POOL_SIZE && fd < 0; i++)
		fd = fds[pool][(first + i) % POOL_SIZE];
	return fd;
}

int pool_pick_any(struct rng *r)
{
	return pool_pick(below(r, POOLS), r);
}

void pool_put(enum pool pool, struct rng *r, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = atomic_exchange(&fds[pool][below(r, POOL_SIZE)], fd);
	if (old >= 0)
		close(old);
}

int pool_take(enum pool pool, struct rng *r)
{
	return atomic_exchange(&fds[pool][below(r, POOL_SIZE)], -1);
}

void pools_close(enum pool pool)
{
	int i, fd;

	for (i = 0; i < POOL_SIZE; i++) {
		fd = atomic_exchange(&fds[pool][i], -1);
		if (fd >= 0)
			close(fd);
	}
}

void *good_buffer(struct rng *r, size_t bytes)
{
	return arena + below(r, ARENA - bytes);
}

void *buffer(struct rng *r, size_t bytes)
{
	if (!one_in(r, 12))
		return good_buffer(r, bytes);
	switch (below(r, 4)) {
	case 0:
		return NULL;
	case 1:
		return arena + ARENA - below(r, bytes + 1);
	case 2:
		return (void *)(0xffff888000000000ULL + below(r, 1ULL << 32));
	default:
		return (void *)border(r);
	}
}

void guarded(void (*touch)(struct rng *r, char *at), struct rng *r, char *at)
{
	sigjmp_buf here;

	if (!sigsetjmp(here, 0)) {
		landing = &here;
		touch(r, at);
	}
	landing = NULL;
}
