// SPDX-License-Identifier: Apache-2.0
// Runs two programs in turn, so that whatever the machine does meanwhile happens to both.
//
// usage: alternate RUNS INPUT PROGRAM [ARGUMENT]... -- PROGRAM [ARGUMENT]...
//
// Each program gets the file INPUT on standard input. Prints a JSON object for each of the two:
// quantiles of wall and of CPU time in nanoseconds, the largest resident size in kilobytes, and how
// many runs did not end with 0.
#define _GNU_SOURCE
#include "quantiles.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct candidate {
	char **program;
	int64_t *wall;
	int64_t *cpu;
	long resident;
	long failures;
};

static void run(struct candidate *this, long number, const char *input)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	struct rusage usage;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		int file = open(input, O_RDONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (file < 0 || dup2(file, 0) < 0 || close(file) < 0)
			_exit(126);
		execv(this->program[0], this->program);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
		perror("alternate");
		exit(1);
	}
	this->wall[number] = now_ns(CLOCK_MONOTONIC) - begin;
	this->cpu[number] = in_ns(usage.ru_utime) + in_ns(usage.ru_stime);
	if (usage.ru_maxrss > this->resident)
		this->resident = usage.ru_maxrss;
	this->failures += status != 0;
}

static void print(struct candidate *this, long runs)
{
	printf("{\"wall\":{");
	print_quantiles(this->wall, runs);
	printf("},\"cpu\":{");
	print_quantiles(this->cpu, runs);
	printf("},\"resident_kb\":%ld,\"failures\":%ld}\n", this->resident, this->failures);
}

int main(int argc, char **argv)
{
	long runs = argc > 5 ? atol(argv[1]) : 0;
	struct candidate candidates[2] = { 0 };
	int second = 4;

	while (second < argc && strcmp(argv[second], "--"))
		second++;
	if (runs < 1 || second + 1 >= argc) {
		fprintf(stderr, "usage: alternate RUNS INPUT PROGRAM [ARGUMENT]... -- PROGRAM "
				"[ARGUMENT]...\n");
		return 2;
	}
	argv[second] = NULL;
	candidates[0].program = argv + 3;
	candidates[1].program = argv + second + 1;
	for (int i = 0; i < 2; i++) {
		candidates[i].wall = calloc(runs, sizeof(int64_t));
		candidates[i].cpu = calloc(runs, sizeof(int64_t));
		if (!candidates[i].wall || !candidates[i].cpu) {
			perror("alternate");
			return 1;
		}
	}
	/* Who goes first changes too: the second finds warmer caches. */
	for (long i = 0; i < runs; i++) {
		run(&candidates[i & 1], i, argv[2]);
		run(&candidates[~i & 1], i, argv[2]);
	}
	print(&candidates[0], runs);
	print(&candidates[1], runs);
	return 0;
}
