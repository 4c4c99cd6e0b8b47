// SPDX-License-Identifier: MIT
/*
 * Leaves operations out by halves, quarters, and so on, down to single ones (delta debugging, Zeller).
 * Threads race, so each try has several runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "minimise.h"

#define RUNS	3

/* A seed, how small the pieces are by now and which is next, then an operation a line. */
struct progress {
	unsigned int pieces, next;
};

static int load(struct round *round, struct progress *p, const char *file)
{
	FILE *f = fopen(file, "r");

	if (!f)
		return -1;
	round->count = 0;
	if (fscanf(f, "seed %" SCNu64 " pieces %u next %u", &round->seed, &p->pieces, &p->next) != 3) {
		fclose(f);
		return -1;
	}
	while (round->count < ROUND_MAX && fscanf(f, "%u%*[^\n]", &round->op[round->count]) == 1)
		round->count++;
	fclose(f);
	return 0;
}

static void save(const struct round *round, const struct progress *p, const char *file)
{
	FILE *f = fopen(file, "w");
	unsigned int i;

	if (!f) {
		perror(file);
		return;
	}
	fprintf(f, "seed %" PRIu64 " pieces %u next %u\n", round->seed, p->pieces, p->next);
	for (i = 0; i < round->count; i++)
		fprintf(f, "%u thread %u %s\n", round->op[i], round->op[i] % FUZZ_THREADS, op_name(round->seed, round->op[i]));
	/* The machine may be gone in a moment. */
	fflush(f);
	fsync(fileno(f));
	fclose(f);
}

static struct round without(const struct round *round, const struct progress *p)
{
	unsigned int from = (uint64_t)round->count * p->next / p->pieces, to = (uint64_t)round->count * (p->next + 1) / p->pieces, i;
	struct round less = { .seed = round->seed };

	for (i = 0; i < round->count; i++)
		if (i < from || i >= to)
			less.op[less.count++] = round->op[i];
	return less;
}

static const char *runs(const struct round *round)
{
	const char *complaint = NULL;
	unsigned int i;

	for (i = 0; i < RUNS && !complaint; i++)
		complaint = round_run(round);
	return complaint;
}

int minimise(struct round *round, const char *file)
{
	struct progress p = { .pieces = 2 };
	const char *complaint;
	char try[4096];
	struct round less;

	snprintf(try, sizeof(try), "%s.try", file);
	if (!load(round, &p, try)) {
		/* The last try has not come back. */
		save(round, &p, file);
		unlink(try);
	} else if (load(round, &p, file)) {
		save(round, &p, try);
		complaint = runs(round);
		unlink(try);
		if (!complaint) {
			printf("seed %" PRIu64 ": nothing happens in %d runs\n", round->seed, RUNS);
			return 1;
		}
		printf("%u operations: %s\n", round->count, complaint);
		save(round, &p, file);
		return 75;
	}
	for (; p.pieces <= round->count; p.pieces *= 2, p.next = 0) {
		for (; p.next < p.pieces; p.next++) {
			less = without(round, &p);
			save(&less, &p, try);
			complaint = less.count ? runs(&less) : NULL;
			unlink(try);
			if (!complaint)
				continue;
			printf("%u operations: %s\n", less.count, complaint);
			save(&less, &p, file);
			return 75;
		}
	}
	printf("%u operations are left in %s\n", round->count, file);
	return 0;
}
