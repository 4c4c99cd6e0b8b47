// SPDX-License-Identifier: MIT
/* Operations: what kinds there are, and how often each comes. */
#include "fuzz.h"

static const struct {
	const char *name;
	void (*run)(struct rng *r);
	unsigned int weight;
} kinds[] = {
	{ "device", call_device, 6 },
	{ "call", call_any, 60 },
	{ "map", memory_map, 8 },
	{ "unmap", memory_unmap, 3 },
	{ "change a mapping", memory_change, 3 },
	{ "touch a mapping", memory_touch, 8 },
	{ "answer", ring_answer, 6 },
	{ "drain a monitor", monitor_drain, 4 },
	{ "close", descriptor_close, 4 },
	{ "copy a descriptor", descriptor_copy, 2 },
	{ "send a descriptor", descriptor_send, 2 },
	{ "read, write, poll", descriptor_io, 6 },
	{ "fork", descriptor_fork, 1 },
	{ "driver command", driver_command, 16 },
	{ "sysfs", device_sysfs, 2 },
	{ "config space", device_config, 3 },
	{ "resource", device_resource, 2 },
};

static unsigned int kind_of(struct rng *r)
{
	unsigned int total = 0, i;
	uint64_t at;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		total += kinds[i].weight;
	at = below(r, total);
	for (i = 0; at >= kinds[i].weight; i++)
		at -= kinds[i].weight;
	return i;
}

const char *op_name(uint64_t seed, unsigned int n)
{
	struct rng r = rng_of(seed, n);

	return n < 2 ? "device" : kinds[kind_of(&r)].name;
}

void op_run(uint64_t seed, unsigned int n)
{
	struct rng r = rng_of(seed, n);
	unsigned int kind = kind_of(&r);

	/* Two devices to begin with, or most of the first operations would find nothing. */
	if (n < 2)
		call_device(&r);
	else
		kinds[kind].run(&r);
}
