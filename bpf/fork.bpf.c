/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A new process, in the forking task's context and before the child first runs; a new thread only
 * inherits.
 */
#include "cgroups.bpf.h"
#include "tasks.bpf.h"
#include "tree.bpf.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct rec_fork r = {};

	/*
	 * The forking task hands its membership on, not real_parent: CLONE_PARENT must not lead out
	 * of the tree.
	 */
	if (is_in_tree(parent))
		r.flags = add_to_tree(child);
	if (child->pid != child->tgid || child->flags & PF_KTHREAD)
		return 0;

	get_image(&r.child, child);
	get_image(&r.parent, parent);
	r.cgroup_id = get_cgroup_id(child);
	r.ns_pid = get_ns_pid(child, &r.ns_level, NULL);
	r.parent_tid = parent->pid;
	send_record(&r.head, REC_FORK, sizeof(r));
	return 0;
}
