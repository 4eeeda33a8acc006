/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A new process, in the forking task's context and before the child first runs; a new thread only
 * inherits.
 */
#include "cgroups.bpf.h"
#include "rate.bpf.h"
#include "tasks.bpf.h"
#include "tree.bpf.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct bpf_local_storage *storage = parent->bpf_storage;
	struct task_struct *forker = parent->group_leader;
	struct pid *pid = child->thread_pid;
	u64 cgroup_id = get_cgroup_id(child);
	struct rec_fork r = {};

	READ_HERE(storage);
	READ_HERE(forker);
	READ_HERE(pid);
	READ_HERE(cgroup_id);
	/*
	 * The forking task hands its membership on, not real_parent: CLONE_PARENT must not lead out
	 * of the tree.
	 */
	if (has_mark(parent, storage))
		r.flags = add_to_tree(child);
	if (child->pid != child->tgid || child->flags & PF_KTHREAD)
		return 0;

	get_image_of(&r.child, child);
	get_image_of(&r.parent, forker);
	r.cgroup_id = cgroup_id;
	if (exceeds_rate(cgroup_id))
		r.flags |= REC_FLAG_THROTTLED;
	r.ns_pid = get_ns_pid(child, pid, &r.ns_level, NULL);
	r.parent_tid = parent->pid;
	send_record(&r.head, REC_FORK, sizeof(r));
	return 0;
}
