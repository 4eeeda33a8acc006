/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Enforcers: one program for each way in which a call can be reached. Which of them is loaded is
 * user space's choice. */
#include "policy_chains.bpf.h"
#include "policy_enforcer.bpf.h"
#include <bpf/bpf_tracing.h>

const volatile u32 enforcer = 0; /* whose notices */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_enforcer_counts);
} pol_enforcer_counts SEC(".maps");

/* Does what the thread's notice says. Returns its error. */
static __always_inline int enforce(bool can_return)
{
	struct pol_notice_key key = { .thread = bpf_get_current_pid_tgid(), .enforcer = enforcer };
	struct pol_notice *found = bpf_map_lookup_elem(&pol_notices, &key), notice;
	struct pol_enforcer_counts *counts;
	u32 zero = 0;

	if (!found)
		return 0;
	notice = *found;
	bpf_map_delete_elem(&pol_notices, &key);
	counts = bpf_map_lookup_elem(&pol_enforcer_counts, &zero);
	if (!counts)
		return 0;
	__sync_fetch_and_add(&counts->taken, 1);
	if (notice.signal && bpf_send_signal(notice.signal))
		__sync_fetch_and_add(&counts->signals_failed, 1);
	if (notice.error && !can_return)
		__sync_fetch_and_add(&counts->errors_impossible, 1);
	return notice.error < 0 && notice.error >= -4095 ? notice.error : 0;
}

/* At functions that have an error to return, and those of system calls where the kernel allows it.
 */
SEC("fmod_ret")
int enforcer_override(u64 *ctx)
{
	return enforce(true);
}

/* At what error injection is allowed for. */
SEC("kprobe")
int enforcer_probe(struct pt_regs *ctx)
{
	int error = enforce(true);

	if (error)
		bpf_override_return(ctx, error);
	return 0;
}

/* System calls where nothing can be returned: signals only. A notice may be left at any time until
 * the call ends.
 */
SEC("raw_tp")
int enforcer_awaits(u64 *ctx)
{
	struct pol_enforcer_counts *counts;
	u32 zero = 0;

	if (!await_syscall(ctx[1])) {
		counts = bpf_map_lookup_elem(&pol_enforcer_counts, &zero);
		if (counts)
			__sync_fetch_and_add(&counts->unawaited, 1);
	}
	call_next(ctx);
	return 0;
}

SEC("raw_tp")
int enforcer_hit(u64 *ctx)
{
	enforce(false);
	call_next(ctx);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
