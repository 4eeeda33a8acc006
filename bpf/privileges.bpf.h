/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What an exec's file did to the credentials. After the exec the old ones are gone, so the two are compared before,
 * when the new ones are ready: at sched_prepare_exec from 6.10 on, else at
 * security_bprm_committing_creds. Few execs change anything, and only those leave a note for the exec program.
 */
#ifndef APUS_PRIVILEGES_BPF_H
#define APUS_PRIVILEGES_BPF_H

#include "tasks.bpf.h"

struct exec_note {
	struct rec_image image;		/* the one to be: an exec that fails leaves its note behind */
	u32 old_euid, old_egid;
	u32 flags;
	u32 pad;
};

/* By the address of the task, which stays while its pid and start time become the leader's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct exec_note);
} notes SEC(".maps");

/* The host's id of root in the namespace: root there gains capabilities by its id, not by a file's. */
static __always_inline u32 root_of(struct user_namespace *user)
{
	if (!user->level || BPF_CORE_READ(user, uid_map.extent[0].first) != 0)
		return 0;
	return BPF_CORE_READ(user, uid_map.extent[0].lower_first);
}

/* What the new credentials have that the old ones had not. No file changes the real uid. */
static __always_inline u32 gained(const struct cred *old, u32 new_euid, u32 new_egid, u64 new_permitted)
{
	u64 old_permitted = 0;
	u32 flags = 0, root;

	if (new_euid != old->euid.val)
		flags |= REC_FLAG_SETUID | (new_euid == 0 ? REC_FLAG_PRIVILEGED_ID : 0);
	if (new_egid != old->egid.val)
		flags |= REC_FLAG_SETGID | (new_egid == 0 ? REC_FLAG_PRIVILEGED_ID : 0);
	bpf_core_read(&old_permitted, sizeof(old_permitted), &old->cap_permitted);
	if (new_permitted & ~old_permitted) {
		root = root_of(old->user_ns);
		if (new_euid != root && old->uid.val != root)
			flags |= REC_FLAG_FILE_CAPS;
	}
	return flags;
}

/*
 * The first image since the fork has an exec_count one above what its parent's was at the fork, so there is no need to
 * note it, but for a child that got its parent's parent (CLONE_PARENT, as container runtimes do). The kprobe comes too
 * late to see that one: user space, which has the record of the fork, knows it anyway.
 */
static __always_inline bool forked_as_sibling(struct task_struct *leader)
{
	return leader->flags & PF_FORKNOEXEC && leader->parent_exec_id != leader->self_exec_id;
}

/* exec_count is the one that the new image will have. */
static __always_inline void note_exec(struct task_struct *task, u32 exec_count, u32 flags)
{
	const struct cred *old = task->real_cred;
	struct exec_note note = { .old_euid = old->euid.val, .old_egid = old->egid.val, .flags = flags };
	u64 key = bpf_get_current_task();

	if (!flags)
		return;
	get_image(&note.image, task);
	note.image.exec_count = exec_count;
	bpf_map_update_elem(&notes, &key, &note, BPF_ANY);
}

/* Completes the record of an exec that succeeded. */
static __always_inline void take_note(struct rec_exec *r)
{
	u64 key = bpf_get_current_task();
	struct exec_note *note = bpf_map_lookup_elem(&notes, &key);

	if (!note)
		return;
	if (note->image.start == r->image.start && note->image.tgid == r->image.tgid &&
	    note->image.exec_count == r->image.exec_count) {
		r->old_euid = note->old_euid;
		r->old_egid = note->old_egid;
		r->flags |= note->flags;
	}
	bpf_map_delete_elem(&notes, &key);
}

#endif
