/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One hook decides, another acts: a policy's hook leaves a notice for its thread; the enforcer, at
 * the calls that it is given, takes it and does what it says.
 */
#ifndef APUS_POLICY_ENFORCER_BPF_H
#define APUS_POLICY_ENFORCER_BPF_H

#include "kernel.h"
#include "policy.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct pol_notice_key);
	__type(value, struct pol_notice);
} pol_notices SEC(".maps");

/* False if an earlier notice was never taken, or this one finds no room. */
static __always_inline bool leave_notice(u32 enforcer, u32 row, s32 error, u32 signal)
{
	struct pol_notice_key key = { .thread = bpf_get_current_pid_tgid(), .enforcer = enforcer };
	struct pol_notice notice = { .error = error, .signal = signal, .row = row };
	bool was_taken = !bpf_map_lookup_elem(&pol_notices, &key);

	return !bpf_map_update_elem(&pol_notices, &key, &notice, BPF_ANY) && was_taken;
}

/* False if there was one to take back. */
static __always_inline bool withdraw_notice(u32 enforcer)
{
	struct pol_notice_key key = { .thread = bpf_get_current_pid_tgid(), .enforcer = enforcer };

	return bpf_map_delete_elem(&pol_notices, &key) != 0;
}

#endif
