// SPDX-License-Identifier: Apache-2.0
// Does what its arguments say, one after the other, in one process; what tests of policies look at.
// clang-format off
//
//   open PATH      opens and closes it
//   wait           until a byte comes on standard input
//   uts            goes into an uts namespace of its own
//   drop N         takes capability N out of its effective set
//   child          forks: the child does the rest, its parent waits for it
//   thread         another thread does the rest
//   run PROGRAM…   executes it with the rest
//   connect PORT   by TCP, to 127.0.0.1; says no word of what comes of it
//   sleep MS
// clang-format on
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void act(char **words);

static void *act_in_thread(void *words)
{
	act(words);
	return NULL;
}

static void open_file(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file >= 0)
		close(file);
	else if (errno == EPERM)
		printf("EPERM\n");
}

static void drop(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	syscall(SYS_capget, &header, sets);
	sets[capability / 32].effective &= ~(1U << (capability % 32));
	if (syscall(SYS_capset, &header, sets))
		perror("capset");
}

static void connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connect(sock, (struct sockaddr *)&to, sizeof(to));
	close(sock);
}

static void act(char **words)
{
	pthread_t thread;
	char byte;

	for (; *words; words++) {
		if (!strcmp(*words, "open")) {
			open_file(*++words);
		} else if (!strcmp(*words, "wait")) {
			if (read(0, &byte, 1) != 1)
				exit(124);
		} else if (!strcmp(*words, "uts")) {
			if (unshare(CLONE_NEWUTS))
				perror("unshare");
		} else if (!strcmp(*words, "drop")) {
			drop(atoi(*++words));
		} else if (!strcmp(*words, "child")) {
			pid_t child = fork();
			int status = 0;

			if (child) {
				waitpid(child, &status, 0);
				fflush(stdout);
				_exit(WIFEXITED(status) ? WEXITSTATUS(status)
							: 128 + WTERMSIG(status));
			}
		} else if (!strcmp(*words, "thread")) {
			if (!pthread_create(&thread, NULL, act_in_thread, words + 1))
				pthread_join(thread, NULL);
			return;
		} else if (!strcmp(*words, "run")) {
			fflush(stdout);
			execv(words[1], words + 1);
			perror(words[1]);
			exit(127);
		} else if (!strcmp(*words, "connect")) {
			connect_to(atoi(*++words));
		} else if (!strcmp(*words, "sleep")) {
			usleep(1000 * atoi(*++words));
		} else {
			fprintf(stderr, "act: %s?\n", *words);
			exit(2);
		}
	}
}

int main(int count, char **words)
{
	sigset_t none;

	/* Whatever the tests' own process has done to its signals, these end us. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	if (count)
		act(words + 1);
	return 0;
}
