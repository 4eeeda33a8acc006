// SPDX-License-Identifier: Apache-2.0
// Forks, executes a program and waits for its end, again and again, and says how long that takes.
//
// usage: storm COUNT WORKERS RATE PROGRAM
//
// COUNT rounds in all, by WORKERS processes side by side, RATE rounds a second in all (0: as fast
// as they go). Prints a JSON object, in nanoseconds: quantiles of a round; "wall", the whole
// storm's time; "cpu", the CPU time of a round, which waiting for a busy machine does not change.
#define _GNU_SOURCE
#include "quantiles.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t one_round(char **program)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	pid_t child = fork();
	int status;

	if (child == 0) {
		execv(program[0], program);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return status ? -1 : now_ns(CLOCK_MONOTONIC) - begin;
}

static void sleep_until(int64_t moment)
{
	struct timespec time = { .tv_sec = moment / 1000000000, .tv_nsec = moment % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static bool work(char **program, int64_t *rounds, long count, int64_t interval)
{
	int64_t next = now_ns(CLOCK_MONOTONIC);

	for (long i = 0; i < count; i++) {
		if (interval)
			sleep_until(next += interval);
		rounds[i] = one_round(program);
		if (rounds[i] < 0)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	long count = argc == 5 ? atol(argv[1]) : 0;
	long workers = argc == 5 ? atol(argv[2]) : 0;
	double rate = argc == 5 ? atof(argv[3]) : -1;
	struct rusage usage;
	int64_t begin, *rounds;
	int failures = 0;

	if (count < 1 || workers < 1 || count % workers || rate < 0) {
		fprintf(stderr,
			"usage: storm COUNT WORKERS RATE PROGRAM, COUNT a multiple of WORKERS\n");
		return 2;
	}
	rounds = mmap(NULL, count * sizeof(*rounds), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (rounds == MAP_FAILED) {
		perror("storm: mmap");
		return 1;
	}

	begin = now_ns(CLOCK_MONOTONIC);
	for (long i = 0; i < workers; i++) {
		pid_t worker = fork();
		long share = count / workers;

		if (worker == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(!work(argv + 4, rounds + i * share, share,
				    rate > 0 ? workers * 1e9 / rate : 0));
		}
		failures += worker < 0;
	}
	for (int status; wait(&status) > 0;)
		failures += status != 0;
	if (failures) {
		fprintf(stderr, "storm: %s could not be run, or failed\n", argv[4]);
		return 1;
	}
	begin = now_ns(CLOCK_MONOTONIC) - begin;
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("{\"wall\":%" PRId64 ",\"cpu\":%" PRId64 ",", begin,
	       (in_ns(usage.ru_utime) + in_ns(usage.ru_stime)) / count);
	print_quantiles(rounds, count);
	puts("}");
	return 0;
}
