// SPDX-License-Identifier: Apache-2.0
// Leaves in the way that its arguments say; what the sensor tests look at the ends of.
//
//   leave exit CODE          calls exit
//   leave signal NUMBER      is killed by that signal
//   leave leader-first CODE  its first thread is gone when another one ends the process
//   leave leader-last CODE   the other way round: nobody ends the process, its threads just run out
//   leave together COUNT     that many threads, the first among them, leave at the same moment
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int number;
static pthread_barrier_t barrier;

static void leave_thread(int code)
{
	syscall(SYS_exit, code);
}

static void *end_the_process(void *unused)
{
	usleep(20000);
	_exit(number);
	return unused;
}

static void *run_out(void *unused)
{
	usleep(20000);
	leave_thread(9);
	return unused;
}

static void *leave_with_the_others(void *unused)
{
	pthread_barrier_wait(&barrier);
	leave_thread(0);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 3)
		return 2;
	number = atoi(argv[2]);
	if (!strcmp(argv[1], "exit"))
		return number;
	if (!strcmp(argv[1], "signal"))
		kill(getpid(), number);
	if (!strcmp(argv[1], "leader-first") &&
	    !pthread_create(&thread, NULL, end_the_process, NULL))
		leave_thread(3);
	if (!strcmp(argv[1], "leader-last") && !pthread_create(&thread, NULL, run_out, NULL))
		leave_thread(number);
	if (!strcmp(argv[1], "together")) {
		pthread_barrier_init(&barrier, NULL, number);
		for (int i = 1; i < number; i++)
			if (pthread_create(&thread, NULL, leave_with_the_others, NULL))
				return 2;
		leave_with_the_others(NULL);
	}
	return 2;
}
