// SPDX-License-Identifier: MIT
/* Choices: splitmix64, whose streams from neighbouring seeds have nothing in common. */
#include "fuzz.h"

uint64_t draw(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

struct rng rng_of(uint64_t seed, uint64_t number)
{
	struct rng r = { seed };

	r.state = draw(&r) ^ number * 0xd1342543de82ef95ULL;
	return r;
}

uint64_t below(struct rng *r, uint64_t n)
{
	return draw(r) % n;
}

bool one_in(struct rng *r, uint64_t n)
{
	return !below(r, n);
}

uint64_t border(struct rng *r)
{
	uint64_t power = 1ULL << below(r, 64);

	switch (below(r, 4)) {
	case 0:
		return below(r, 16);
	case 1:
		return power + below(r, 3) - 1;
	case 2:
		return -power + below(r, 3) - 1;
	default:
		return draw(r);
	}
}
