// SPDX-License-Identifier: Apache-2.0
// Runs a program in the way that its first argument says; what the sensor tests look at the
// beginnings of.
// clang-format off
//
//   run plain PROGRAM ARGUMENTS...       execve
//   run child PROGRAM ARGUMENTS...       in a child, and waits for it
//   run thread-child PROGRAM ARGUMENTS...  in a child that another thread than the first forks
//   run sibling PROGRAM ARGUMENTS...     in a child that has this process's parent (CLONE_PARENT), as runtimes do
//   run at PID PROGRAM ARGUMENTS...      in a child that has this pid
//   run into DIRECTORY PROGRAM ARGUMENTS...  in a child that begins in this directory of cgroup2
//   run thread PROGRAM ARGUMENTS...      execve by a thread that is not the first
//   run waiting-thread PROGRAM ARGUMENTS...  as thread, when a byte has come on standard input
//   run descriptor PROGRAM ARGUMENTS...  by an open descriptor
//   run memfd PROGRAM ARGUMENTS...       from a copy in memory
//   run unlinked PROGRAM ARGUMENTS...    by a descriptor of a file whose name is removed first: PROGRAM is lost
//   run wait PROGRAM ARGUMENTS...        when a byte has come on standard input
//   run forked PROGRAM ARGUMENTS...      as wait, but has a child that runs PROGRAM too, forked before the byte comes
// clang-format on
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **arguments;

static int plain(void)
{
	execv(arguments[0], arguments);
	perror(arguments[0]);
	return 127;
}

static int by_descriptor(int fd)
{
	fexecve(fd, arguments, environ);
	perror("fexecve");
	return 127;
}

static void *by_thread(void *unused)
{
	plain();
	_exit(127);
	return unused;
}

static int wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

static int as_child(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(plain());
	return wait_for(child);
}

static void *child_of_thread(void *unused)
{
	_exit(as_child());
	return unused;
}

/* What clone3 alone can: the first word says which pid, or in which cgroup. */
static int as_odd_child(int is_pid)
{
	pid_t pid = is_pid ? atoi(arguments[0]) : 0;
	struct clone_args args = {
		.flags = is_pid ? 0 : CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.set_tid = is_pid ? (uintptr_t)&pid : 0,
		.set_tid_size = is_pid,
		.cgroup = is_pid ? 0 : open(arguments[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	long child = syscall(SYS_clone3, &args, sizeof(args));

	arguments++;
	if (child == 0)
		_exit(plain());
	if (child < 0)
		perror("clone3");
	return wait_for(child);
}

/* The parent waits for the sibling, so it must know its pid: it is printed. */
static int as_sibling(void)
{
	long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(plain());
	printf("%ld\n", child);
	return child < 0;
}

static int from_memory(void)
{
	int from = open(arguments[0], O_RDONLY | O_CLOEXEC), to = memfd_create("copy", MFD_CLOEXEC);

	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	return by_descriptor(to);
}

static int unlinked(void)
{
	int fd = open(arguments[0], O_PATH | O_CLOEXEC);

	unlink(arguments[0]);
	return by_descriptor(fd);
}

static int when_told(void)
{
	char byte;

	if (read(0, &byte, 1) != 1)
		return 124;
	return plain();
}

static void *when_told_in_thread(void *unused)
{
	_exit(when_told());
	return unused;
}

static int after_fork(void)
{
	pid_t child = fork();

	if (child == 0) {
		usleep(200000);
		_exit(plain());
	}
	return when_told();
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3)
		return 2;
	arguments = argv + 2;
	if (!strcmp(argv[1], "plain"))
		return plain();
	if (!strcmp(argv[1], "child"))
		return as_child();
	if (!strcmp(argv[1], "sibling"))
		return as_sibling();
	if (!strcmp(argv[1], "thread") && !pthread_create(&thread, NULL, by_thread, NULL))
		return pause();
	if (!strcmp(argv[1], "waiting-thread") &&
	    !pthread_create(&thread, NULL, when_told_in_thread, NULL))
		return pause();
	if (!strcmp(argv[1], "thread-child") &&
	    !pthread_create(&thread, NULL, child_of_thread, NULL))
		return pause();
	if (argc > 3 && !strcmp(argv[1], "at"))
		return as_odd_child(1);
	if (argc > 3 && !strcmp(argv[1], "into"))
		return as_odd_child(0);
	if (!strcmp(argv[1], "descriptor"))
		return by_descriptor(open(arguments[0], O_RDONLY | O_CLOEXEC));
	if (!strcmp(argv[1], "memfd"))
		return from_memory();
	if (!strcmp(argv[1], "unlinked"))
		return unlinked();
	if (!strcmp(argv[1], "wait"))
		return when_told();
	if (!strcmp(argv[1], "forked"))
		return after_fork();
	return 2;
}
