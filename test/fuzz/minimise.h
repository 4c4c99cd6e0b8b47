/* SPDX-License-Identifier: MIT */
#ifndef MINIMISE_H
#define MINIMISE_H

#include <stdint.h>

#define ROUND_MAX	4096

struct round {
	uint64_t seed;
	unsigned int count;
	unsigned int op[ROUND_MAX];	/* numbers, in order */
};

/* main.c: runs it; what the kernel complained of, or NULL. */
const char *round_run(const struct round *round);

/* minimise.c: 0 when nothing more can be left out, 1 when the round does no harm, 75: see main.c. */
int minimise(struct round *round, const char *file);

#endif /* MINIMISE_H */
