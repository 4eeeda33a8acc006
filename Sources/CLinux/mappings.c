// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int apus_mapping_event(int cpu)
{
	// It counts nothing: its ring is told what processes map to run it, and when they execute
	// another program.
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.mmap = 1,
		.mmap2 = 1,
		.build_id = 1,
		.comm = 1,
		.comm_exec = 1,
		.use_clockid = 1,
		.clockid = CLOCK_BOOTTIME,
		.watermark = 1,
		.wakeup_watermark = 1,
	};

	return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int apus_wait_set(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

int apus_wait_set_add(int set, int descriptor)
{
	struct epoll_event wanted = { .events = EPOLLIN };

	return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &wanted);
}
