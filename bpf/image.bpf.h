/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The parts of a rec_exec that an exec and the task iterator fill alike. */
#ifndef APUS_IMAGE_BPF_H
#define APUS_IMAGE_BPF_H

#include "cgroups.bpf.h"
#include "paths.bpf.h"
#include "tasks.bpf.h"

static __always_inline void fill_image(struct rec_exec *r, struct task_struct *task)
{
	get_image(&r->image, task);
	get_image(&r->parent, task->group_leader->real_parent);
	r->cgroup_id = get_cgroup_id(task);
	r->tty = get_tty(task);
	r->ns_pid = get_ns_pid(task, &r->ns_level, &r->ns.pid);
	r->session = get_session(task);
	r->login_uid = get_login_uid(task);
	get_creds(&r->creds, task->real_cred);
	get_namespaces(&r->ns, task);
	r->old_euid = r->creds.euid;
	r->old_egid = r->creds.egid;
}

/* Appends the working directory to the tail. Returns the new end of the tail. */
static __always_inline u32 append_cwd(struct rec_exec *r, struct task_struct *task, u32 offset,
				      u32 user)
{
	u32 result = PATH_ERROR, length;
	u64 fs = 0, pwd;

	/* A number, not a typed pointer: what a global function takes. */
	bpf_core_read(&fs, sizeof(fs), &task->fs);
	pwd = fs + bpf_core_field_offset(struct fs_struct, pwd);
	if (fs)
		result = walk_path(pwd, fs, offset, user);
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

/* Appends the executable's path, given the address of its struct file. */
static __always_inline u32 append_exe(struct rec_exec *r, struct task_struct *task, u64 file,
				      u32 offset, u32 user)
{
	u64 fs = 0, path = file + bpf_core_field_offset(struct file, f_path);
	u32 length = 0;

	bpf_core_read(&fs, sizeof(fs), &task->fs);
	if (fs)
		length = walk_path(path, fs, offset, user) & PATH_LENGTH_MASK;
	if (length > REC_PATH_MAX)
		length = REC_PATH_MAX;
	r->exe_len = length;
	return offset + length;
}

#endif
