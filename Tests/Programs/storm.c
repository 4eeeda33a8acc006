// SPDX-License-Identifier: Apache-2.0
// Many short processes at once, with arguments of sizes that a seed decides.
//
//   storm SEED WORKERS COUNT BURST PAUSE_US MOST_BYTES WORD
//
// Each of WORKERS processes makes COUNT children, BURST of them at a time and then a pause. A child
// executes this program again with WORD and an argument of up to MOST_BYTES, most of them short,
// and ends at once.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PIECE = 64 << 10, /* one argument may have 128 KiB */
	PIECES = 5,	  /* more than an event shows */
};

static char text[PIECE + 1];

static uint64_t next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* One in sixteen has any size up to the most, the others at most a 32nd of that. */
static size_t size(uint64_t *state, size_t most)
{
	uint64_t choice = next(state);

	return next(state) % ((choice & 15 ? most / 32 : most) + 1);
}

static void run(char *word, size_t bytes)
{
	char *arguments[4 + PIECES] = { "storm", "leave", word };
	int count = 3;

	for (; bytes > 0 && count < 3 + PIECES; count++) {
		size_t piece = bytes < PIECE ? bytes : PIECE;

		arguments[count] = text + PIECE - piece;
		bytes -= piece;
	}
	execv("/proc/self/exe", arguments);
	_exit(127);
}

static int work(uint64_t seed, long count, long burst, long pause, size_t most, char *word)
{
	int failures = 0, status;

	for (long made = 0; made < count;) {
		for (long i = 0; i < burst && made < count; i++, made++) {
			size_t bytes = size(&seed, most);
			pid_t child = fork();

			if (child == 0)
				run(word, bytes);
			failures += child < 0;
		}
		while (wait(&status) > 0)
			failures += status != 0;
		usleep(pause);
	}
	return failures != 0;
}

int main(int argc, char **argv)
{
	int failures = 0, status;

	if (argc >= 3 && !strcmp(argv[1], "leave"))
		return 0;
	if (argc != 8) {
		fprintf(stderr, "usage: storm SEED WORKERS COUNT BURST PAUSE_US MOST_BYTES WORD\n");
		return 2;
	}
	memset(text, 'x', PIECE);
	for (long i = 0; i < atol(argv[2]); i++) {
		pid_t worker = fork();

		if (worker == 0)
			_exit(work(strtoull(argv[1], NULL, 10) + i, atol(argv[3]), atol(argv[4]),
				   atol(argv[5]), atol(argv[6]), argv[7]));
		failures += worker < 0;
	}
	while (wait(&status) > 0)
		failures += status != 0;
	return failures != 0;
}
