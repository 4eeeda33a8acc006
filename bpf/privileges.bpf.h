/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What an exec's file did to the credentials. After the exec the old ones are gone, so the two are
 * compared before, when the new ones are ready: at sched_prepare_exec from 6.10 on, else at
 * security_bprm_committing_creds. Few execs change anything, and only those leave a note for the
 * exec program.
 */
#ifndef APUS_PRIVILEGES_BPF_H
#define APUS_PRIVILEGES_BPF_H

#include "tasks.bpf.h"

struct exec_note {
	struct rec_image image; /* the one to be: an exec that fails leaves its note behind */
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

/*
 * The host's id of root in the namespace: root there gains capabilities by its id, not by a file's.
 */
static __always_inline u32 root_of(struct user_namespace *user)
{
	if (!BPF_CORE_READ(user, level) || BPF_CORE_READ(user, uid_map.extent[0].first) != 0)
		return 0;
	return BPF_CORE_READ(user, uid_map.extent[0].lower_first);
}

/* The credentials that count as a gain. */
struct brief_creds {
	u32 uid, euid, egid;
	u64 permitted;
};

/* What the new credentials have that the old ones had not. No file changes the real uid. */
static __always_inline u32 gained(const struct brief_creds *old, const struct brief_creds *new,
				  struct user_namespace *user)
{
	u32 flags = 0, root;

	if (new->euid != old->euid)
		flags |= REC_FLAG_SETUID | (new->euid == 0 ? REC_FLAG_PRIVILEGED_ID : 0);
	if (new->egid != old->egid)
		flags |= REC_FLAG_SETGID | (new->egid == 0 ? REC_FLAG_PRIVILEGED_ID : 0);
	if (new->permitted & ~old->permitted) {
		root = root_of(user);
		if (new->euid != root && old->uid != root)
			flags |= REC_FLAG_FILE_CAPS;
	}
	return flags;
}

/*
 * The first image since the fork has an exec_count one above what its parent's was at the fork, so
 * there is no need to note it, but for a child that got its parent's parent (CLONE_PARENT, as
 * container runtimes do). The kprobe comes too late to see that one: user space, which has the
 * record of the fork, knows it anyway.
 */
static __always_inline bool forked_as_sibling(struct task_struct *leader)
{
	u64 own = leader->self_exec_id, parents = leader->parent_exec_id;

	return leader->flags & PF_FORKNOEXEC && parents != own;
}

static __always_inline struct brief_creds brief_ids(const struct cred *cred)
{
	return (struct brief_creds){
		.uid = cred->uid.val,
		.euid = cred->euid.val,
		.egid = cred->egid.val,
	};
}

/*
 * exec_count is the one that the new image will have. All typed reads come before the first branch:
 * the verifier looks a type's name up at each, and repeats that on every path that leads there.
 */
static __always_inline void note_exec(struct task_struct *task, u32 exec_count,
				      const struct brief_creds *old, const struct brief_creds *new)
{
	struct user_namespace *user = task->real_cred->user_ns;
	struct exec_note note = { .old_euid = old->euid, .old_egid = old->egid };
	struct task_struct *leader = task->group_leader;
	u64 key = bpf_get_current_task();
	bool sibling;

	READ_HERE(leader);
	sibling = forked_as_sibling(leader);
	get_image_of(&note.image, leader);
	note.image.exec_count = exec_count;
	note.flags = gained(old, new, user);
	if (sibling)
		note.flags |= REC_FLAG_AFTER_FORK;
	if (note.flags)
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
