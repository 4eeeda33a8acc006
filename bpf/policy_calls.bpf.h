/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Calls from their entry to their return. A thread can be in several at once: a function within
 * another, or within itself, or in an interrupt. They are told apart by the end of the stack.
 */
#ifndef APUS_POLICY_CALLS_BPF_H
#define APUS_POLICY_CALLS_BPF_H

#include "policy_maps.bpf.h"

static __noinline int count_lost_return(void)
{
	u32 zero = 0;
	struct pol_misses *m = bpf_map_lookup_elem(&pol_missed, &zero);

	if (m)
		__sync_fetch_and_add(&m->returns, 1);
	return 0;
}

/* Nothing returns to the same stack from further than this below: it was left by a jump. */
#define POL_STACK_BYTES 16384

/* Where a new call can wait. Whose place it takes is lost, and counted. */
static __always_inline u32 choose_call(struct pol_calls_of_thread *of, u64 frame)
{
	u32 i, oldest = 0;
	u64 first = ~0ULL;

#pragma clang loop unroll(full)
	for (i = 0; i < POL_CALLS_MAX; i++) {
		struct pol_call *call = &of->calls[i];

		if (!call->frame)
			return i;
		if (call->frame <= frame && frame - call->frame < POL_STACK_BYTES) {
			oldest = i;
			break;
		}
		if (call->time < first) {
			first = call->time;
			oldest = i;
		}
	}
	count_lost_return();
	return oldest;
}

/* Has a row told when the call that the scratch is about returns. 0 if it cannot be, which is
 * counted. */
static __noinline int await_return(struct pol_scratch *s, u32 row, u32 selector)
{
	struct pol_calls_of_thread *of;
	struct pol_call *call;
	u32 index, count;

	if (!s)
		return 0;
	of = bpf_task_storage_get(&pol_calls, bpf_get_current_task_btf(), NULL,
				  BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!of) {
		count_lost_return();
		return 0;
	}
	index = s->call_index;
	if (index >= POL_CALLS_MAX) {
		index = choose_call(of, s->frame);
		call = &of->calls[index & (POL_CALLS_MAX - 1)];
		call->frame = s->frame;
		call->time = s->time;
		call->function = s->function;
		call->count = 0;
		__builtin_memcpy(call->raw, s->raw, sizeof(s->raw));
		s->call_index = index;
	}
	call = &of->calls[index & (POL_CALLS_MAX - 1)];
	count = call->count;
	asm volatile("" : "+r"(count));
	if (count >= POL_CALL_ROWS) {
		count_lost_return();
		return 0;
	}
	call->rows[count] = row;
	call->selectors[count] = selector;
	call->count = count + 1;
	return POL_AWAITS_RETURN;
}

/* The call that is returning, if somebody waits for it. */
static __always_inline struct pol_call *find_call(u64 frame)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pol_calls_of_thread *of;
	u32 i;

	if (!task->bpf_storage)
		return NULL;
	of = bpf_task_storage_get(&pol_calls, task, NULL, 0);
	if (!of)
		return NULL;
#pragma clang loop unroll(full)
	for (i = 0; i < POL_CALLS_MAX; i++) {
		if (of->calls[i].frame == frame)
			return &of->calls[i];
	}
	return NULL;
}

#endif
