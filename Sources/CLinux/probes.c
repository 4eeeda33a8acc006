// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int apus_perf_event(uint32_t type, uint64_t config, const char *name, uint64_t offset, int own)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = config,
		.config1 = (uintptr_t)name,
		.config2 = offset,
		.sample_period = 1,
		.disabled = 1,
	};

	return syscall(SYS_perf_event_open, &attr, own ? 0 : -1, own ? -1 : 0, -1,
		       PERF_FLAG_FD_CLOEXEC);
}

int apus_perf_event_attach(int event, int program)
{
	return ioctl(event, PERF_EVENT_IOC_SET_BPF, program);
}

int apus_link_uprobe_multi(int program, const char *path, unsigned long offset)
{
	// The beginning of bpf(2)'s arguments for BPF_LINK_CREATE: the headers and the library of
	// Debian 12 are older than this kind of link.
	struct {
		uint32_t program, target, attach_type, flags;
		uint64_t path, offsets, reference_counters, cookies;
		uint32_t count, uprobe_flags, pid, pad;
	} attr = {
		.program = program,
		.attach_type = apus_trace_uprobe_multi,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)&offset,
		.count = 1,
	};

	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}
