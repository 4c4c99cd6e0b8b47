// SPDX-License-Identifier: GPL-2.0-only
/*
 * All CPUs at once. `hammer`: each on its own part of the scratch memory, every
 * access verified and counted, so that a recorder's count can be compared.
 * `counter`: all on one register that counts its reads, so that none may be lost,
 * answered twice, or given to another CPU.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "pciem_test.h"

#define PART	256		/* bytes of scratch memory a CPU has */
#define BLOCK	64
#define MAX_CPUS	((EDU_DIRECT - EDU_SCRATCH) / PART)

struct worker {
	struct test_device *dev;
	struct completion *go;
	struct completion done;
	void (*work)(struct worker *w);
	unsigned int nr;
	u64 rounds, seed;
	u64 reads, writes, bad, last;
	u64 first_bad;			/* round */
};

static void note_bad(struct worker *w, u64 round)
{
	if (!w->bad++)
		w->first_bad = round;
}

/* A write and a read back, of 1, 2, 4 or 8 bytes. */
static void register_round(struct worker *w, void __iomem *at, unsigned int kind, u64 value, u64 round)
{
	u64 back;

	switch (kind) {
	case 0:
		writeb(value, at);
		back = readb(at) ^ (u8)value;
		break;
	case 1:
		writew(value, at);
		back = readw(at) ^ (u16)value;
		break;
	case 2:
		writel(value, at);
		back = readl(at) ^ (u32)value;
		break;
	default:
		writeq(value, at);
		back = readq(at) ^ value;
		break;
	}
	w->writes++;
	w->reads++;
	if (back)
		note_bad(w, round);
}

/* rep movsl: an access every four bytes. */
static void block_round(struct worker *w, void __iomem *at, u32 value, u64 round)
{
	u32 out[BLOCK / 4], in[BLOCK / 4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(out); i++)
		out[i] = value + i * 0x01010101;
	memcpy_toio(at, out, BLOCK);
	memcpy_fromio(in, at, BLOCK);
	w->writes += ARRAY_SIZE(out);
	w->reads += ARRAY_SIZE(in);
	if (memcmp(in, out, BLOCK))
		note_bad(w, round);
}

static void hammer_work(struct worker *w)
{
	void __iomem *part = w->dev->bar + EDU_SCRATCH + w->nr * PART;
	struct rnd_state rnd;
	u64 round;

	prandom_seed_state(&rnd, w->seed + w->nr);
	for (round = 0; round < w->rounds; round++) {
		u32 random = prandom_u32_state(&rnd);
		u64 value = (u64)random << 32 | prandom_u32_state(&rnd);
		unsigned int kind = random % 6;
		void __iomem *at = part + (random >> 8) % (PART - BLOCK) / 8 * 8;
		unsigned long flags;

		if (kind == 5) {
			local_irq_save(flags);
			register_round(w, at, 2, value, round);
			local_irq_restore(flags);
		} else if (kind == 4) {
			block_round(w, at, value, round);
		} else {
			register_round(w, at, kind, value, round);
		}
		cond_resched();
	}
}

/* What a CPU reads must rise. */
static void counter_work(struct worker *w)
{
	u64 round;

	for (round = 0; round < w->rounds; round++) {
		u32 value = readl(w->dev->bar + EDU_COUNTER);

		if (round && value <= w->last)
			note_bad(w, round);
		w->last = value;
		w->reads++;
		cond_resched();
	}
}

static int worker_main(void *arg)
{
	struct worker *w = arg;

	wait_for_completion(w->go);
	w->work(w);
	complete(&w->done);
	return 0;
}

/* One worker on each of the first cpus online CPUs, started together. Returns how many. */
static int run_workers(struct test_device *dev, struct worker *workers, u64 cpus, u64 rounds, u64 seed,
		       void (*work)(struct worker *w))
{
	DECLARE_COMPLETION_ONSTACK(go);
	struct task_struct *task;
	unsigned int nr = 0, i;
	int cpu;

	for_each_online_cpu(cpu) {
		struct worker *w = &workers[nr];

		if (nr == cpus)
			break;
		*w = (struct worker){ .dev = dev, .go = &go, .work = work, .nr = nr, .rounds = rounds, .seed = seed };
		init_completion(&w->done);
		task = kthread_create(worker_main, w, "pciem_test/%u", nr);
		if (IS_ERR(task))
			break;
		kthread_bind(task, cpu);
		wake_up_process(task);
		nr++;
	}
	complete_all(&go);
	for (i = 0; i < nr; i++)
		wait_for_completion(&workers[i].done);
	return nr;
}

static int parse(int argc, char **argv, u64 *rounds, u64 *cpus, u64 *seed)
{
	if (argc < 1 || test_arg(argc, argv, 0, 0, rounds) ||
	    test_arg(argc, argv, 1, min_t(u64, num_online_cpus(), MAX_CPUS), cpus) ||
	    test_arg(argc, argv, 2, 1, seed) || !*cpus || *cpus > MAX_CPUS)
		return -EINVAL;
	return 0;
}

static void sum_up(struct test_device *dev, const char *test, struct worker *workers, int nr, u64 ns)
{
	u64 reads = 0, writes = 0, bad = 0;
	int i;

	for (i = 0; i < nr; i++) {
		reads += workers[i].reads;
		writes += workers[i].writes;
		bad += workers[i].bad;
		if (workers[i].bad)
			say(dev, "{\"worker\":%d,\"bad\":%llu,\"firstBadRound\":%llu}", i, workers[i].bad,
			    workers[i].first_bad);
	}
	say(dev, "{\"test\":\"%s\",\"cpus\":%d,\"reads\":%llu,\"writes\":%llu,\"bad\":%llu,\"ns\":%llu}", test, nr,
	    reads, writes, bad, ns);
}

int test_hammer(struct test_device *dev, int argc, char **argv)
{
	struct worker *workers;
	u64 rounds, cpus, seed, start;
	int nr;

	if (parse(argc, argv, &rounds, &cpus, &seed))
		return -EINVAL;
	workers = kcalloc(MAX_CPUS, sizeof(*workers), GFP_KERNEL);
	if (!workers)
		return -ENOMEM;
	start = ktime_get_ns();
	nr = run_workers(dev, workers, cpus, rounds, seed, hammer_work);
	sum_up(dev, "hammer", workers, nr, ktime_get_ns() - start);
	kfree(workers);
	return 0;
}

int test_counter(struct test_device *dev, int argc, char **argv)
{
	struct worker *workers;
	u64 rounds, cpus, seed, start;
	u32 before, after;
	int nr;

	if (parse(argc, argv, &rounds, &cpus, &seed))
		return -EINVAL;
	workers = kcalloc(MAX_CPUS, sizeof(*workers), GFP_KERNEL);
	if (!workers)
		return -ENOMEM;
	before = readl(dev->bar + EDU_COUNTER);
	start = ktime_get_ns();
	nr = run_workers(dev, workers, cpus, rounds, seed, counter_work);
	after = readl(dev->bar + EDU_COUNTER);
	if (after - before - 1 != nr * rounds)
		workers[0].bad++;
	say(dev, "{\"counted\":%u,\"read\":%llu}", after - before - 1, nr * rounds);
	sum_up(dev, "counter", workers, nr, ktime_get_ns() - start);
	kfree(workers);
	return 0;
}
