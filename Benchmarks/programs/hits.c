// SPDX-License-Identifier: Apache-2.0
// Makes system calls that policies watch, over and over.
//
// usage: hits open|rename COUNT
//
// open: of a file that is there. rename: of a name that is not there, so that nothing is done but
// the call.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc == 3 ? atol(argv[2]) : 0;

	if (count <= 0 || (strcmp(argv[1], "open") && strcmp(argv[1], "rename"))) {
		fprintf(stderr, "usage: hits open|rename COUNT\n");
		return 2;
	}
	for (long i = 0; i < count; i++) {
		if (!strcmp(argv[1], "rename")) {
			syscall(SYS_renameat2, AT_FDCWD, "/tmp/apus-hit-from", AT_FDCWD,
				"/tmp/apus-hit-to", 1);
			continue;
		}
		int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (file < 0) {
			perror("hits: open /dev/null");
			return 1;
		}
		close(file);
	}
	return 0;
}
