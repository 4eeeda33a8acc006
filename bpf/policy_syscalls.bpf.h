/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * System calls without kprobes. One pair of programs sees all of them, and calls those that ask for
 * a number, each of which calls the next. The kernel lets 33 follow one another: who comes behind
 * those is called by another pair.
 */
#ifndef APUS_POLICY_SYSCALLS_BPF_H
#define APUS_POLICY_SYSCALLS_BPF_H

#include "policy_registers.bpf.h"

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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POL_FIRSTS_MAX);
	__type(key, u32);
	__type(value, u32);
} pol_firsts SEC(".maps");

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

static __always_inline u32 get_first(u32 key)
{
	u32 *first = bpf_map_lookup_elem(&pol_firsts, &key);

	return first ? *first : 0;
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

/* From a program at the entry. */
static __noinline int await_syscall(u32 number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 *awaited =
		bpf_task_storage_get(&pol_awaited, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	number &= ~POL_X32_BIT;
	if (awaited)
		*awaited = 1 + is_compat(task) * POL_SYSCALLS_MAX + number;
	else
		count_lost_return();
	return 0;
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
