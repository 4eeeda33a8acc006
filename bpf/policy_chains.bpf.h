/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The programs of one system call, each of which calls the next, and what those that are at its
 * beginning say to have others called at its end.
 */
#ifndef APUS_POLICY_CHAINS_BPF_H
#define APUS_POLICY_CHAINS_BPF_H

#include "policy.h"
#include "policy_abi.bpf.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, POL_SLOTS_MAX);
	__type(key, u32);
	__type(value, u32);
} pol_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POL_SLOTS_MAX);
	__type(key, u32);
	__type(value, struct pol_slot);
} pol_slots SEC(".maps");

/* Whose turn it is. Programs at the ends of system calls are not preempted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} pol_turn SEC(".maps");

/*
 * Threads in a system call whose return somebody waits for: 1 + is_compat * POL_SYSCALLS_MAX +
 * number. An exec may come back with another number than it was called by.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u32);
} pol_awaited SEC(".maps");

#define POL_X32_BIT 0x40000000

static __always_inline void call_slot(void *ctx, u32 slot)
{
	u32 zero = 0, *turn = bpf_map_lookup_elem(&pol_turn, &zero);

	if (!slot || !turn)
		return;
	*turn = slot;
	bpf_tail_call(ctx, &pol_programs, slot);
}

/* What is known of the program that runs. Apart, to leave the stack to those that need it. */
static __noinline u64 get_turn(void)
{
	u32 zero = 0, *turn = bpf_map_lookup_elem(&pol_turn, &zero);
	struct pol_slot *slot = turn ? bpf_map_lookup_elem(&pol_slots, turn) : NULL;

	return slot ? *(u64 *)slot : 0;
}

static __always_inline void call_next(void *ctx)
{
	struct pol_slot slot;
	u64 turn = get_turn();

	__builtin_memcpy(&slot, &turn, sizeof(slot));
	call_slot(ctx, slot.next);
}

/* From a program at the entry. False if there is no memory for it: the return will call nobody. */
static __noinline bool await_syscall(u32 number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 *awaited =
		bpf_task_storage_get(&pol_awaited, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	number &= ~POL_X32_BIT;
	if (awaited)
		*awaited = 1 + is_compat(task) * POL_SYSCALLS_MAX + number;
	return awaited != NULL;
}

#endif
