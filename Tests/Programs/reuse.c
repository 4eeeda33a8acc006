// SPDX-License-Identifier: Apache-2.0
// A connection of somebody who has gone, while a process of the same pid is there.
//
//   reuse SERVER RELAY leave|stay
//
// A child connects to the socket SERVER and leaves; another child gets its pid. (With stay it does
// not leave, and there is no other.) Says "ready" when that is so, and then hands on what the first
// client of the socket RELAY says, in that connection.
#define _GNU_SOURCE
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return address;
}

static void stay(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static pid_t connect_in_child(int server, const char *path, int stays)
{
	struct sockaddr_un to = address(path);
	pid_t child = fork();

	if (child)
		return child;
	if (connect(server, (struct sockaddr *)&to, sizeof(to))) {
		perror("connect");
		_exit(1);
	}
	if (stays)
		stay();
	_exit(0);
}

static int take_pid(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&pid,
				   .set_tid_size = 1 };
	long child = syscall(SYS_clone3, &args, sizeof(args));

	if (child == 0)
		stay();
	if (child != pid)
		perror("clone3");
	return child == pid;
}

static int accept_one(const char *path)
{
	struct sockaddr_un at = address(path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1)) {
		perror(path);
		return -1;
	}
	puts("ready");
	fflush(stdout);
	return accept(listener, NULL, NULL);
}

/* Until one of the two has nothing more to say. */
static void relay(int client, int server)
{
	struct pollfd ends[] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
	char bytes[65536];

	while (poll(ends, 2, -1) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t count;

			if (!ends[i].revents)
				continue;
			count = read(ends[i].fd, bytes, sizeof(bytes));
			if (count <= 0 || write(ends[!i].fd, bytes, count) != count)
				return;
		}
}

int main(int argc, char **argv)
{
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client, status, stays;
	pid_t child;

	if (argc != 4)
		return 2;
	stays = !strcmp(argv[3], "stay");
	child = connect_in_child(server, argv[1], stays);
	if (!stays && (waitpid(child, &status, 0) != child || status || !take_pid(child)))
		return 1;
	client = accept_one(argv[2]);
	if (client < 0)
		return 1;
	relay(client, server);
	return 0;
}
