/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What filters ask of the process that hits a hook. */
#ifndef APUS_POLICY_PROCESS_BPF_H
#define APUS_POLICY_PROCESS_BPF_H

#include "policy_maps.bpf.h"

static __always_inline u32 namespace_of(struct task_struct *task, u32 which)
{
	struct nsproxy *proxy = task->nsproxy;

	switch (which) {
	case POL_NS_USER:
		return task->real_cred->user_ns->ns.inum;
	case POL_NS_PID: {
		u32 level, inum = 0;

		get_ns_pid(task->group_leader, task->group_leader->thread_pid, &level, &inum);
		return inum;
	}
	}
	if (!proxy)
		return 0;
	switch (which) {
	case POL_NS_UTS:
		return proxy->uts_ns->ns.inum;
	case POL_NS_IPC:
		return proxy->ipc_ns->ns.inum;
	case POL_NS_MNT:
		return proxy->mnt_ns->ns.inum;
	case POL_NS_PID_FOR_CHILDREN:
		return proxy->pid_ns_for_children->ns.inum;
	case POL_NS_NET:
		return proxy->net_ns->ns.inum;
	case POL_NS_TIME:
		return proxy->time_ns->ns.inum;
	case POL_NS_TIME_FOR_CHILDREN:
		return proxy->time_ns_for_children->ns.inum;
	case POL_NS_CGROUP:
		return proxy->cgroup_ns->ns.inum;
	}
	return 0;
}

static __always_inline u64 capabilities_of(struct task_struct *task, u32 which)
{
	const struct cred *cred = task->real_cred;
	u64 set = 0;

	switch (which) {
	case POL_CAPS_EFFECTIVE:
		bpf_core_read(&set, sizeof(set), &cred->cap_effective);
		break;
	case POL_CAPS_PERMITTED:
		bpf_core_read(&set, sizeof(set), &cred->cap_permitted);
		break;
	case POL_CAPS_INHERITABLE:
		bpf_core_read(&set, sizeof(set), &cred->cap_inheritable);
		break;
	}
	return set;
}

static __always_inline bool binary_matches(struct task_struct *task, u64 set, u32 whose)
{
	struct pol_binaries *b = NULL;
	struct task_struct *parent;
	u32 word = set / 64;

	if (word >= POL_BINARY_SETS_MAX / 64)
		return false;
	if (whose == POL_PARENTS_BINARY) {
		parent = task->group_leader->real_parent;
		if (parent && parent->bpf_storage)
			b = bpf_task_storage_get(&pol_task_binaries, parent, NULL, 0);
	} else if (task->bpf_storage) {
		b = bpf_task_storage_get(&pol_task_binaries, task, NULL, 0);
	}
	if (!b)
		return false;
	return (b->own.words[word] |
		(whose == POL_OWN_OR_ANCESTORS_BINARY ? b->inherited.words[word] : 0)) &
	       1ULL << (set % 64);
}

/* At the last exec or fork of each process; only while some policy asks for changes. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pol_privileges);
} pol_task_privileges SEC(".maps");

static __always_inline void get_privileges(struct pol_privileges *to, struct task_struct *task)
{
	const struct cred *cred = task->real_cred;
	struct nsproxy *proxy = task->nsproxy;
	u32 level;

	READ_HERE(cred);
	READ_HERE(proxy);
	get_ns_pid(task->group_leader, task->group_leader->thread_pid, &level, &to->namespaces.pid);
	get_namespaces(&to->namespaces, cred, proxy);
	bpf_core_read(&to->capabilities[POL_CAPS_EFFECTIVE], 8, &cred->cap_effective);
	bpf_core_read(&to->capabilities[POL_CAPS_PERMITTED], 8, &cred->cap_permitted);
	bpf_core_read(&to->capabilities[POL_CAPS_INHERITABLE], 8, &cred->cap_inheritable);
}

#endif
