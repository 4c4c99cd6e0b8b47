// SPDX-License-Identifier: MIT
/*
 * fuzz [--seed N] [--ops N] [--seconds N]: rounds of N operations from that seed on, each round with the next
 * seed, until the time is over or the kernel complains. Exit status 1 then, and the round's seed on stdout.
 *
 * fuzz --seed N --ops N --minimise FILE: leaves out operations as long as the kernel complains all the same.
 * FILE holds the numbers of those that are left; FILE.try those that are being tried, so that after a try
 * that took the machine down the next run knows that these suffice. Exit status 75: a complaint may have made
 * the kernel blind for others (lockdep says everything once), so boot again and go on.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "minimise.h"

#define ROUND_SECONDS	8
#define END_SECONDS	180

struct thread {
	const struct round *round;
	unsigned int number;
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void *run_thread(void *arg)
{
	const struct thread *thread = arg;
	unsigned int i;

	for (i = 0; i < thread->round->count; i++)
		if (thread->round->op[i] % FUZZ_THREADS == thread->number)
			op_run(thread->round->seed, thread->round->op[i]);
	return NULL;
}

/* In a process of its own. A driver that waits for its owner is let go when the owners close. */
static void run_process(const struct round *round)
{
	struct thread threads[FUZZ_THREADS];
	pthread_t ids[FUZZ_THREADS];
	struct timespec end;
	int pool, i;

	setpgid(0, 0);
	pools_init();
	for (i = 0; i < FUZZ_THREADS; i++) {
		threads[i] = (struct thread) { round, i };
		if (pthread_create(&ids[i], NULL, run_thread, &threads[i]))
			_exit(98);
	}
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ROUND_SECONDS;
	for (i = 0; i < FUZZ_THREADS; i++)
		if (pthread_timedjoin_np(ids[i], NULL, &end))
			break;
	for (pool = 0; pool < POOLS; pool++)
		pools_close(pool);
	_exit(0);
}

static void show_stacks(pid_t group)
{
	char command[160];

	snprintf(command, sizeof(command), "for p in $(ps -eo pid,pgid | awk '$2 == %d { print $1 }'); do cat /proc/$p/task/*/stack; echo; done", group);
	if (system(command))
		printf("(no stacks)\n");
}

const char *round_run(const struct round *round)
{
	const char *complaint;
	time_t late;
	pid_t pid;

	log_say("seed %" PRIu64 ", %u operations", round->seed, round->count);
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_process(round);
	late = now() + ROUND_SECONDS + 10;
	while (waitpid(pid, NULL, WNOHANG) != pid && now() < late)
		usleep(20000);
	/* Its children too: they are ours now (PR_SET_CHILD_SUBREAPER). */
	kill(-pid, SIGKILL);
	late = now() + END_SECONDS;
	while (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
		if (now() > late) {
			show_stacks(pid);
			return "a process does not die";
		}
		usleep(20000);
	}
	complaint = log_complaint();
	return complaint;
}

static int fuzz(struct round *round, unsigned int seconds)
{
	time_t end = now() + seconds;
	const char *complaint;
	unsigned int rounds = 0;

	do {
		complaint = round_run(round);
		if (complaint) {
			printf("seed %" PRIu64 ": %s\nagain: fuzz --seed %" PRIu64 " --ops %u --minimise FILE\n", round->seed, complaint,
			       round->seed, round->count);
			return 1;
		}
		round->seed++;
		rounds++;
	} while (now() < end);
	calls_counted();
	if (log_leaks())
		return 1;
	printf("%u rounds of %u operations, seeds up to %" PRIu64 ": nothing\n", rounds, round->count, round->seed - 1);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' }, { "ops", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 't' }, { "minimise", required_argument, NULL, 'm' }, { 0 },
	};
	struct round round = { .seed = time(NULL), .count = 400 };
	unsigned int seconds = 0, i;
	const char *file = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			round.seed = strtoull(optarg, NULL, 0);
		else if (option == 'o')
			round.count = strtoul(optarg, NULL, 0);
		else if (option == 't')
			seconds = strtoul(optarg, NULL, 0);
		else if (option == 'm')
			file = optarg;
		else
			return 2;
	}
	if (!round.count || round.count > ROUND_MAX) {
		fprintf(stderr, "fuzz: --ops is 1..%d\n", ROUND_MAX);
		return 2;
	}
	for (i = 0; i < round.count; i++)
		round.op[i] = i;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	calls_count();
	log_open();
	printf("seed %" PRIu64 "\n", round.seed);
	return file ? minimise(&round, file) : fuzz(&round, seconds);
}
