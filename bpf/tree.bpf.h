/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A container's own tree: its init from its first exec on, and whatever descends from that.
 * Membership is kept in task storage, on every thread (an exec from any thread may make that one
 * the leader), and only for members: a process that is in no tree costs nothing.
 */
#ifndef APUS_TREE_BPF_H
#define APUS_TREE_BPF_H

#include "cgroups.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u32);
} tree SEC(".maps");

/*
 * Inits that have been announced and not run their first image yet, by tgid. Written before the
 * hook is answered.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, struct rec_armed);
} armed SEC(".maps");

/*
 * Processes that were in a tree before the agent, by tgid, with their cgroup: a pid used anew is
 * not taken for them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, struct rec_armed);
} seeds SEC(".maps");

/* Most tasks have no storage at all: a look tells, where the helper would take a lock. */
static __always_inline bool has_mark(struct task_struct *task, struct bpf_local_storage *storage)
{
	return storage && bpf_task_storage_get(&tree, task, NULL, 0) != NULL;
}

/* The flags that say so in the record. */
static __always_inline u32 add_to_tree(struct task_struct *task)
{
	if (bpf_task_storage_get(&tree, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE))
		return REC_FLAG_IN_TREE;
	count(REC_COUNT_STORAGE_FAILED);
	return REC_FLAG_IN_TREE | REC_FLAG_STORAGE_FAILED;
}

/* At an exec: whether it is the one that the armed init was waited for. */
static __always_inline bool take_armed(u32 tgid, u64 cgroup_id)
{
	struct rec_armed *entry = bpf_map_lookup_elem(&armed, &tgid);

	if (!entry || entry->cgroup_id != cgroup_id)
		return false;
	bpf_map_delete_elem(&armed, &tgid);
	return true;
}

static __always_inline void forget_armed(u32 tgid)
{
	if (bpf_map_lookup_elem(&armed, &tgid))
		bpf_map_delete_elem(&armed, &tgid);
}

#endif
