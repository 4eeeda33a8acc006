/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The end of a process: when its last thread leaves, whichever that is. */
#include "cgroups.bpf.h"
#include "rate.bpf.h"
#include "tasks.bpf.h"
#include "tree.bpf.h"

/*
 * From 6.16 on the tracepoint says which thread is the last. Before, threads that leave together
 * may all find nobody alive, so there can be several records of one exit; they say the same, and
 * user space makes them one.
 */
static __always_inline bool is_last_thread(u64 *ctx, struct task_struct *task)
{
	if (config.exit_has_group_dead)
		return ctx[1] & 1;
	return task->signal->live.counter == 0;
}

/*
 * As wait() has it: what the group was told to end with, else what its leader, however long gone,
 * ended with.
 */
static __always_inline s32 get_exit_code(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;

	if (signal->flags & SIGNAL_GROUP_EXIT)
		return signal->group_exit_code;
	return task->group_leader->exit_code;
}

/* The arguments of the tracepoint differ by kernel, so the context is taken as it is. */
SEC("tp_btf/sched_process_exit")
int process_exit(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct bpf_local_storage *storage = task->bpf_storage;
	u64 cgroup_id = get_cgroup_id(task);
	struct rec_exit r = {};

	READ_HERE(storage);
	READ_HERE(cgroup_id);
	if (!is_last_thread(ctx, task) || task->flags & PF_KTHREAD)
		return 0;
	if (exceeds_rate(cgroup_id))
		r.flags = REC_FLAG_THROTTLED;
	get_image(&r.image, task);
	r.cgroup_id = cgroup_id;
	r.code = get_exit_code(task);
	if (has_mark(task, storage))
		r.flags |= REC_FLAG_IN_TREE;
	forget_armed(r.image.tgid);
	send_record(&r.head, REC_EXIT, sizeof(r));
	return 0;
}
