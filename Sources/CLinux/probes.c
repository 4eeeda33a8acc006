// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
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

int apus_link_uprobe_multi(int program, const char *path, const uint64_t *offsets,
			   const uint64_t *semaphores, const uint64_t *cookies, uint32_t count,
			   int returns)
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
		.offsets = (uintptr_t)offsets,
		.reference_counters = (uintptr_t)semaphores,
		.cookies = (uintptr_t)cookies,
		.count = count,
		.uprobe_flags = returns ? 1 /* BPF_F_UPROBE_MULTI_RETURN */ : 0,
	};

	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

uint64_t apus_link_missed(int link)
{
	// struct bpf_link_info as newer kernels have it: these parts begin at its 16th byte.
	struct {
		uint32_t type, id, program, pad;
		union {
			struct {
				uint32_t kind, pad;
				uint64_t name;
				uint32_t name_length, offset;
				uint64_t address, missed, cookie;
			} event;
			struct {
				uint64_t addresses;
				uint32_t count, flags;
				uint64_t missed, cookies;
			} many;
			uint64_t room[16];
		};
	} info = {};
	struct {
		uint32_t descriptor, length;
		uint64_t info;
	} attr = { .descriptor = link, .length = sizeof(info), .info = (uintptr_t)&info };

	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)))
		return 0;
	if (info.type == 8 /* BPF_LINK_TYPE_KPROBE_MULTI */)
		return info.many.missed;
	// BPF_LINK_TYPE_PERF_EVENT, of BPF_PERF_EVENT_KPROBE or _KRETPROBE
	if (info.type == 7 && (info.event.kind == 3 || info.event.kind == 4))
		return info.event.missed;
	return 0;
}

int apus_wait_for_readers(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}
