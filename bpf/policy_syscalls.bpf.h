/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * System calls without kprobes. One pair of programs sees all of them, and calls those that ask for
 * a number: the first of a chain. The kernel lets 33 follow one another: who comes behind those is
 * called by another pair.
 */
#ifndef APUS_POLICY_SYSCALLS_BPF_H
#define APUS_POLICY_SYSCALLS_BPF_H

#include "policy_chains.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POL_FIRSTS_MAX);
	__type(key, u32);
	__type(value, u32);
} pol_firsts SEC(".maps");

static __always_inline u32 get_first(u32 key)
{
	u32 *first = bpf_map_lookup_elem(&pol_firsts, &key);

	return first ? *first : 0;
}

static __always_inline void dispatch_enter(u64 *ctx, u32 dispatcher)
{
	u32 number = ctx[1];

	/* x32 has the numbers of 64 bits, nearly all of them, and their registers. */
	if (number != ~0U)
		number &= ~POL_X32_BIT;
	if (number >= POL_SYSCALLS_MAX)
		return;
	call_slot(ctx, get_first(POL_FIRST(dispatcher, 0, is_compat(bpf_get_current_task_btf()),
					   number)));
}

static __always_inline void dispatch_exit(u64 *ctx, u32 dispatcher)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 call, *awaited;

	if (!task->bpf_storage)
		return;
	awaited = bpf_task_storage_get(&pol_awaited, task, NULL, 0);
	if (!awaited || !*awaited)
		return;
	call = *awaited - 1;
	if (dispatcher == POL_DISPATCHERS - 1 || !get_first(POL_FIRST(1, 1, 0, call)))
		*awaited = 0;
	call_slot(ctx, get_first(POL_FIRST(dispatcher, 1, 0, call)));
}

SEC("raw_tp")
int syscalls_enter_0(u64 *ctx)
{
	dispatch_enter(ctx, 0);
	return 0;
}

SEC("raw_tp")
int syscalls_enter_1(u64 *ctx)
{
	dispatch_enter(ctx, 1);
	return 0;
}

SEC("raw_tp")
int syscalls_exit_0(u64 *ctx)
{
	dispatch_exit(ctx, 0);
	return 0;
}

SEC("raw_tp")
int syscalls_exit_1(u64 *ctx)
{
	dispatch_exit(ctx, 1);
	return 0;
}

#endif
