/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whether a process's namespaces or capabilities are others than they were: at its last exec or
 * fork, or when the row was last told of it. So a change is told once to each row.
 */
#ifndef APUS_POLICY_CHANGES_BPF_H
#define APUS_POLICY_CHANGES_BPF_H

#include "policy_process.bpf.h"

#define POL_NAMESPACES (sizeof(struct rec_namespaces) / sizeof(u32))

struct pol_change_key {
	u32 row, tgid;
};

struct pol_told {
	struct rec_image image;
	struct pol_privileges privileges;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct pol_change_key);
	__type(value, struct pol_told);
} pol_changes SEC(".maps");

/* What the process had when the row was last told of it, else at its last exec or fork. NULL:
 * nobody knows. */
static __always_inline struct pol_privileges *privileges_before(struct task_struct *task, u32 row)
{
	struct task_struct *leader = task->group_leader;
	struct pol_change_key key = { .row = row, .tgid = task->tgid };
	struct pol_told *told = bpf_map_lookup_elem(&pol_changes, &key);

	if (told && told->image.start == leader->start_boottime &&
	    told->image.exec_count == (u32)leader->self_exec_id)
		return &told->privileges;
	return leader->bpf_storage ? bpf_task_storage_get(&pol_task_privileges, leader, NULL, 0)
				   : NULL;
}

/* Whether one of the filter's has changed; negated: one of the others. */
static __noinline int change_matches(u32 row, u32 what, u32 index, u64 mask, u32 is_negated)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pol_privileges now = {}, *before;
	u64 changed = 0;
	u32 i;

	get_privileges(&now, task);
	before = privileges_before(task, row);
	if (!before)
		return 0;
	if (what == POL_CAPABILITY_CHANGE) {
		if (index & POL_CAPS_IN_OWN_NS && !task->real_cred->user_ns->level)
			return 0;
		switch (index & ~POL_CAPS_IN_OWN_NS) {
		case POL_CAPS_EFFECTIVE:
			changed = now.capabilities[0] ^ before->capabilities[0];
			break;
		case POL_CAPS_PERMITTED:
			changed = now.capabilities[1] ^ before->capabilities[1];
			break;
		case POL_CAPS_INHERITABLE:
			changed = now.capabilities[2] ^ before->capabilities[2];
			break;
		}
	} else {
		const u32 *is = (const u32 *)&now.namespaces, *was = (u32 *)&before->namespaces;

		/* A process on its way out has none any more. */
		for (i = 0; i < POL_NAMESPACES; i++)
			if (is[i] && is[i] != was[i])
				changed |= 1 << i;
	}
	return (changed & (is_negated ? ~mask : mask)) != 0;
}

/* After a match: what is now is the measure of the row's next change. */
static __noinline int tell_changes(u32 row)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pol_change_key key = { .row = row, .tgid = task->tgid };
	struct pol_told told = {};

	get_image(&told.image, task);
	get_privileges(&told.privileges, task);
	bpf_map_update_elem(&pol_changes, &key, &told, BPF_ANY);
	return 0;
}

#endif
