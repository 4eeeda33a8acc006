/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A new image: reported when the exec can no longer fail and the new program has not run an
 * instruction yet.
 */
#include "arguments.bpf.h"
#include "image.bpf.h"
#include "privileges.bpf.h"
#include "rate.bpf.h"
#include "tree.bpf.h"

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(exec_prepare, struct task_struct *task, struct linux_binprm *bprm)
{
	struct brief_creds old = brief_ids(task->real_cred), new = brief_ids(bprm->cred);

	/*
	 * One word wherever there is this tracepoint; older kernels have two, which no typed read
	 * takes at once.
	 */
	old.permitted = task->real_cred->cap_permitted.val;
	new.permitted = bprm->cred->cap_permitted.val;
	note_exec(task, task->self_exec_id + 1, &old, &new);
	return 0;
}

/*
 * For kernels before 6.10. The exec has already been counted here, the credentials have not been
 * swapped.
 */
SEC("kprobe/security_bprm_committing_creds")
int BPF_KPROBE(exec_committing, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cred *cred = BPF_CORE_READ(bprm, cred);
	struct brief_creds old = brief_ids(task->real_cred), new = {
		.euid = BPF_CORE_READ(cred, euid.val),
		.egid = BPF_CORE_READ(cred, egid.val),
	};

	bpf_core_read(&old.permitted, sizeof(old.permitted), &task->real_cred->cap_permitted);
	bpf_core_read(&new.permitted, sizeof(new.permitted), &cred->cap_permitted);
	note_exec(task, task->self_exec_id, &old, &new);
	return 0;
}

static __always_inline u32 append_filename(struct rec_exec *r, struct scratch *scratch,
					   const char *filename)
{
	long length = bpf_probe_read_kernel_str(scratch->tail, REC_FILENAME_MAX, filename);

	if (length <= 0) {
		r->flags |= REC_FLAG_FILENAME_ERROR;
		return 0;
	}
	r->filename_len = length - 1;
	return r->filename_len;
}

/*
 * Typed reads first, branches after: the verifier repeats its work on a typed read for every path
 * that leads there.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_tid, struct linux_binprm *bprm)
{
	struct scratch *scratch = get_scratch(SCRATCH_TRACING);
	struct mm_struct *mm = task->mm;
	struct strings strings = { .start = mm->arg_start, .args_end = mm->arg_end };
	u32 parents_exec_count = task->parent_exec_id;
	const char *filename = bprm->filename;
	bool by_descriptor = bprm->fdpath;
	struct file *file = bprm->file;
	struct bpf_local_storage *storage;
	struct rec_exec *r;
	struct parts parts;
	u32 offset;

	if (config.environment) {
		strings.env_start = mm->env_start;
		strings.env_end = mm->env_end;
	}
	get_parts(&parts, task);
	storage = task->bpf_storage;
	READ_HERE(storage);
	if (!scratch)
		return 0;
	r = &scratch->exec;
	r->flags = 0;
	r->exe_len = 0;
	r->tid = old_tid;
	r->argc = bprm->argc;
	get_file(&r->file, file);
	fill_image(r, task, &parts);

	if (r->image.exec_count == parents_exec_count + 1)
		r->flags |= REC_FLAG_AFTER_FORK;
	take_note(r);
	if (take_armed(r->image.tgid, r->cgroup_id))
		r->flags |= add_to_tree(task) | REC_FLAG_TREE_ROOT;
	else if (has_mark(task, storage))
		r->flags |= REC_FLAG_IN_TREE;

	if (exceeds_rate(r->cgroup_id))
		r->flags |= REC_FLAG_THROTTLED;
	offset = append_filename(r, scratch, filename);
	offset = append_cwd(scratch, parts.fs, offset, SCRATCH_TRACING);
	if (!r->file.nlink || by_descriptor)
		offset = append_exe(scratch, parts.fs, file, offset, SCRATCH_TRACING);

	offset = append_strings(scratch, offset, &strings);
	if (offset > TAIL_MAX)
		offset = TAIL_MAX;

	if (!send_record(&r->head, REC_EXEC, sizeof(*r) + offset))
		return 0;
	if (r->args_len && r->args_total + r->env_total > r->args_len &&
	    !(r->flags & REC_FLAG_THROTTLED))
		send_more_strings(r, strings.start);
	return 0;
}
