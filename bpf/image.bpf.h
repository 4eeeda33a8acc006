/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The parts of a rec_exec that an exec and the task iterator fill alike. */
#ifndef APUS_IMAGE_BPF_H
#define APUS_IMAGE_BPF_H

#include "cgroups.bpf.h"
#include "paths.bpf.h"
#include "tasks.bpf.h"

static __always_inline void fill_image(struct rec_exec *r, struct task_struct *task,
				       struct parts *p)
{
	get_image_of(&r->image, p->leader);
	get_image_of(&r->parent, p->parent);
	r->cgroup_id = get_cgroup_id_of(p->cgroups);
	get_creds(&r->creds, p->cred);
	r->login_uid = get_login_uid(task);
	r->old_euid = r->creds.euid;
	r->old_egid = r->creds.egid;
	r->tty = get_tty(p->signal);
	r->session = get_session(p->signal);
	r->ns_pid = get_ns_pid(p->leader, p->pid, &r->ns_level, &r->ns.pid);
	get_namespaces(&r->ns, p->cred, p->nsproxy);
}

/* Appends the working directory to the scratch's tail. Returns the new end of the tail. */
static __always_inline u32 append_cwd(struct scratch *scratch, struct fs_struct *fs, u32 offset,
				      u32 user)
{
	struct rec_exec *r = &scratch->exec;
	u32 result, length;

	set_path_ends(&scratch->ends, fs->pwd.mnt, fs->pwd.dentry, fs);
	result = walk_path(offset, user);
	length = result & PATH_LENGTH_MASK;
	if (length > REC_PATH_MAX)
		length = REC_PATH_MAX;
	if (result & PATH_ERROR)
		r->flags |= REC_FLAG_CWD_ERROR;
	else if (result & PATH_TRUNCATED)
		r->flags |= REC_FLAG_CWD_TRUNCATED;
	else if (!length)
		r->flags |= REC_FLAG_CWD_IS_ROOT;
	r->cwd_len = length;
	return offset + length;
}

/* Appends the executable's path. */
static __always_inline u32 append_exe(struct scratch *scratch, struct fs_struct *fs,
				      struct file *file, u32 offset, u32 user)
{
	u32 length;

	set_path_ends(&scratch->ends, BPF_CORE_READ(file, f_path.mnt),
		      BPF_CORE_READ(file, f_path.dentry), fs);
	length = walk_path(offset, user) & PATH_LENGTH_MASK;
	if (length > REC_PATH_MAX)
		length = REC_PATH_MAX;
	scratch->exec.exe_len = length;
	return offset + length;
}

#endif
