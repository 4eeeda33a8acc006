/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a task says of itself: its image, ids, credentials and namespaces. */
#ifndef APUS_TASKS_BPF_H
#define APUS_TASKS_BPF_H

#include "kernel.h"
#include "records.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * What a task leads to. Read once and first, in a program that reads more than a little: from 6.3
 * on the verifier looks four names up among all of the kernel's types at each typed read of a
 * pointer from a task (a million instructions each), and again on every path that leads there.
 */
struct parts {
	struct task_struct *leader;
	struct task_struct *parent; /* the leader of the real parent's process */
	struct signal_struct *signal;
	struct pid *pid; /* the leader's */
	struct nsproxy *nsproxy;
	struct fs_struct *fs;
	const struct cred *cred;
	struct css_set *cgroups;
};

/* Keeps the compiler from reading later, where there are more paths. */
#define READ_HERE(value) asm volatile("" : "+r"(value))

static __always_inline void get_parts(struct parts *p, struct task_struct *task)
{
	p->leader = task->group_leader;
	READ_HERE(p->leader);
	p->parent = p->leader->real_parent;
	READ_HERE(p->parent);
	p->parent = p->parent->group_leader;
	READ_HERE(p->parent);
	p->pid = p->leader->thread_pid;
	READ_HERE(p->pid);
	p->signal = task->signal;
	READ_HERE(p->signal);
	p->nsproxy = task->nsproxy;
	READ_HERE(p->nsproxy);
	p->fs = task->fs;
	READ_HERE(p->fs);
	p->cred = task->real_cred;
	READ_HERE(p->cred);
	p->cgroups = task->cgroups;
	READ_HERE(p->cgroups);
}

static __always_inline void get_image_of(struct rec_image *image, struct task_struct *leader)
{
	image->start = leader->start_boottime;
	image->tgid = leader->tgid;
	image->exec_count = leader->self_exec_id;
}

static __always_inline void get_image(struct rec_image *image, struct task_struct *task)
{
	get_image_of(image, task->group_leader);
}

/*
 * The process's pid in its innermost pid namespace, and that namespace. Outside of containers that
 * is the first one. The level of others is not known to the verifier, which refuses such an index
 * on a typed pointer: hence a plain address and probe reads.
 */
static __always_inline u32 get_ns_pid(struct task_struct *leader, struct pid *typed, u32 *level,
				      u32 *ns_inum)
{
	u32 nr = typed->numbers[0].nr, inum = typed->numbers[0].ns->ns.inum;
	struct upid upid = {};
	u64 pid = 0;

	*level = typed->level;
	if (!*level) {
		if (ns_inum)
			*ns_inum = inum;
		return nr;
	}
	bpf_core_read(&pid, sizeof(pid), &leader->thread_pid);
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid),
			      (void *)(pid + bpf_core_field_offset(struct pid, numbers) +
				       *level * bpf_core_type_size(struct upid)));
	if (ns_inum)
		*ns_inum = BPF_CORE_READ(upid.ns, ns.inum);
	return upid.nr;
}

static __always_inline u32 get_session(struct signal_struct *signal)
{
	struct pid *session = signal->pids[APUS_PIDTYPE_SID];

	return session ? session->numbers[0].nr : 0;
}

static __always_inline u64 get_tty(struct signal_struct *signal)
{
	struct tty_struct *tty = signal->tty;

	if (!tty)
		return 0;
	return (u64)tty->driver->major << 20 | (u32)(tty->driver->minor_start + tty->index);
}

static __always_inline u32 get_login_uid(struct task_struct *task)
{
	/* Only kernels with CONFIG_AUDIT have it. */
	if (bpf_core_field_exists(task->loginuid))
		return task->loginuid.val;
	return ~0U;
}

static __always_inline void get_creds(struct rec_creds *to, const struct cred *cred)
{
	struct user_namespace *user = cred->user_ns;
	struct {
		u64 inheritable, permitted, effective, bounding, ambient;
	} caps = {};

	to->uid = cred->uid.val;
	to->gid = cred->gid.val;
	to->euid = cred->euid.val;
	to->egid = cred->egid.val;
	to->suid = cred->suid.val;
	to->sgid = cred->sgid.val;
	to->fsuid = cred->fsuid.val;
	to->fsgid = cred->fsgid.val;
	/* One read for all: the five sets have been neighbours in this order since 4.3. */
	bpf_core_read(&caps, sizeof(caps), &cred->cap_inheritable);
	to->cap_inheritable = caps.inheritable;
	to->cap_permitted = caps.permitted;
	to->cap_effective = caps.effective;
	to->cap_ambient = caps.ambient;
	to->securebits = cred->securebits;
	to->user_ns_level = user->level;
	to->user_ns_owner_uid = user->owner.val;
	to->user_ns_owner_gid = user->group.val;
}

/*
 * The pid namespace is get_ns_pid()'s to fill. A zombie has no nsproxy any more: its fields stay 0.
 */
static __always_inline void get_namespaces(struct rec_namespaces *to, const struct cred *cred,
					   struct nsproxy *nsproxy)
{
	to->user = cred->user_ns->ns.inum;
	if (!nsproxy)
		return;
	to->uts = nsproxy->uts_ns->ns.inum;
	to->ipc = nsproxy->ipc_ns->ns.inum;
	to->mnt = nsproxy->mnt_ns->ns.inum;
	to->pid_for_children = nsproxy->pid_ns_for_children->ns.inum;
	to->net = nsproxy->net_ns->ns.inum;
	to->time = nsproxy->time_ns->ns.inum;
	to->time_for_children = nsproxy->time_ns_for_children->ns.inum;
	to->cgroup = nsproxy->cgroup_ns->ns.inum;
}

static __always_inline void get_file(struct rec_file *to, struct file *file)
{
	struct inode *inode = file->f_inode;

	to->inode = inode->i_ino;
	to->nlink = inode->i_nlink;
	to->mode = inode->i_mode;
}

#endif
