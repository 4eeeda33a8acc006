// SPDX-License-Identifier: Apache-2.0
// Keeps many processes alive.
//
// usage: crowd COUNT PROGRAM
//
// Starts COUNT processes of PROGRAM, says "ready", and takes them away when its standard input
// ends. They die with it, however it ends.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* By vfork, which is quick: of ten thousand nobody wants to wait for the copies. */
static pid_t start(char **program)
{
	pid_t child = vfork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(program[0], program);
		_exit(127);
	}
	return child;
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? atol(argv[1]) : -1, started = 0;
	pid_t *members = count >= 0 ? calloc(count + 1, sizeof(*members)) : NULL;
	char byte;

	if (!members) {
		fprintf(stderr, "usage: crowd COUNT PROGRAM\n");
		return 2;
	}
	for (; started < count; started++) {
		members[started] = start(argv + 2);
		if (members[started] < 0) {
			perror("crowd: vfork");
			break;
		}
	}
	if (started == count) {
		puts("ready");
		fflush(stdout);
		while (read(0, &byte, 1) > 0)
			;
	}
	for (long i = 0; i < started; i++)
		kill(members[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return started < count;
}
