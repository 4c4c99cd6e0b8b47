// SPDX-License-Identifier: MIT
/*
 * Mappings of every descriptor at every offset, and what userspace may do to them: to write
 * any index and any data into a ring, to unmap it while a call uses it.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define NR_MAPPINGS	12

struct mapping {
	char *at;
	size_t bytes;
};

static struct mapping *_Atomic mappings[NR_MAPPINGS];

/* What is no longer in its place is never freed: a thread may still look at it. */
static void put(unsigned int place, struct mapping *m)
{
	struct mapping *old = atomic_exchange(&mappings[place], m);

	if (old)
		munmap(old->at, old->bytes);
}

static struct mapping *pick(struct rng *r)
{
	return mappings[below(r, NR_MAPPINGS)];
}

void memory_map(struct rng *r)
{
	static const int kinds[] = { OWNERS, INSTANCES, INSTANCES, MONITORS, RINGS };
	int fd = pool_pick(kinds[below(r, ARRAY_SIZE(kinds))], r);
	size_t pages = one_in(r, 3) ? 1 : one_in(r, 8) ? below(r, 1 << 20) : 1 + below(r, 64);
	off_t page = one_in(r, 8) ? (off_t)(border(r) >> 13) : (off_t)below(r, 64);
	int prot = below(r, 4) ? PROT_READ | PROT_WRITE : (int)below(r, 8);
	int flags = one_in(r, 6) ? MAP_PRIVATE : MAP_SHARED;
	unsigned int place = below(r, NR_MAPPINGS);
	struct mapping *m = malloc(sizeof(*m));

	*m = (struct mapping) { mmap(NULL, pages * 4096, prot, flags, fd, page * 4096), pages * 4096 };
	if (m->at == MAP_FAILED)
		free(m);
	else
		put(place, m);
}

void memory_unmap(struct rng *r)
{
	put(below(r, NR_MAPPINGS), NULL);
}

void memory_change(struct rng *r)
{
	struct mapping *m = pick(r);
	size_t part = (1 + below(r, 4)) * 4096;

	if (!m || part > m->bytes)
		return;
	switch (below(r, 5)) {
	case 0:
		mprotect(m->at, part, below(r, 8));
		break;
	case 1:
		madvise(m->at, part, below(r, 26));
		break;
	case 2:
		msync(m->at, part, MS_SYNC);
		break;
	case 3:
		/* Longer than the object, or torn in two. */
		if (mremap(m->at, m->bytes, m->bytes + part, 0) == MAP_FAILED)
			munmap(m->at + m->bytes - part, part);
		break;
	default:
		mlock(m->at, part);
	}
}

static void touch(struct rng *r, char *at)
{
	switch (below(r, 4)) {
	case 0:
		*(volatile uint32_t *)at = draw(r);
		break;
	case 1:
		*(volatile uint64_t *)at = border(r);
		break;
	default:
		(void)*(volatile uint32_t *)at;
	}
}

void memory_touch(struct rng *r)
{
	struct mapping *m = pick(r);
	unsigned int i;

	if (!m)
		return;
	/* The first bytes are a ring's indexes, or a monitor's. */
	for (i = 0; i < 8; i++)
		guarded(touch, r, m->at + (one_in(r, 3) ? below(r, 32) * 4 : below(r, m->bytes - 8) & ~7UL));
}

static uint64_t last_request;

static void find_request(struct rng *r, char *at)
{
	const struct pciem_event *events = (void *)(at + PCIEM_RING_EVENTS);
	volatile uint32_t *head = (void *)(at + PCIEM_RING_HEAD), *tail = (void *)(at + PCIEM_RING_TAIL);
	unsigned int i;

	for (i = 0; i < 64 && *head != *tail; i++) {
		if (events[*head % 16].type == PCIEM_EVENT_MMIO_READ_REQUEST)
			last_request = events[*head % 16].seq;
		*head = (*head + 1) % 16;
	}
}

/* Takes events as an owner does, with whatever its mapping is, and answers a read. */
void ring_answer(struct rng *r)
{
	struct pciem_response answers[4] = { 0 };
	unsigned int i, count = 1 + below(r, 4);
	struct mapping *m = pick(r);

	if (m)
		guarded(find_request, r, m->at);
	for (i = 0; i < count; i++) {
		answers[i].seq = one_in(r, 4) ? border(r) : last_request + i;
		answers[i].data = draw(r);
		answers[i].status = one_in(r, 4);
	}
	if (write(pool_pick(OWNERS, r), answers, count * sizeof(answers[0])) < 0)
		return;
}

static void drain(struct rng *r, char *at)
{
	volatile uint64_t *consumer = (void *)at;
	const volatile struct pciem_monitor_page *page = (void *)(at + 4096);

	*consumer = one_in(r, 8) ? border(r) : page->producer;
}

void monitor_drain(struct rng *r)
{
	int fd = pool_pick(MONITORS, r);
	char *at = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED) {
		munmap(at, 2 * 4096);
		return;
	}
	/* The consumer's page and the kernel's are mapped apart. */
	at = mmap(NULL, 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED &&
	    mmap(at + 4096, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 4096) != MAP_FAILED)
		guarded(drain, r, at);
	munmap(at, 2 * 4096);
}
