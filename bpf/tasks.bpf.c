/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The processes that were there before us. */
#include "image.bpf.h"
#include "tree.bpf.h"

/*
 * A REC_TASK for every process. Its arguments are /proc's to tell: they are in memory that is not
 * the reader's.
 */
SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct bpf_local_storage *storage;
	struct scratch *scratch;
	struct mm_struct *mm;
	struct parts parts;
	struct rec_exec *r;
	struct file *file;
	u32 offset;

	if (!task || task->pid != task->tgid)
		return 0;
	get_parts(&parts, task);
	mm = task->mm;
	READ_HERE(mm);
	storage = task->bpf_storage;
	READ_HERE(storage);
	scratch = get_scratch(SCRATCH_ITERATOR);
	if (!scratch)
		return 0;
	r = &scratch->exec;
	__builtin_memset(r, 0, sizeof(*r));
	fill_image(r, task, &parts);
	r->tid = task->pid;
	if (task->flags & PF_KTHREAD)
		r->flags |= REC_FLAG_KERNEL_THREAD;
	if (r->image.exec_count == task->parent_exec_id)
		r->flags |= REC_FLAG_NO_EXEC;
	if (has_mark(task, storage))
		r->flags |= REC_FLAG_IN_TREE;

	offset = append_cwd(scratch, parts.fs, 0, SCRATCH_ITERATOR);
	if (mm) {
		r->args_total = mm->arg_end - mm->arg_start;
		file = mm->exe_file;
		if (file) {
			get_file(&r->file, file);
			offset = append_exe(scratch, parts.fs, file, offset, SCRATCH_ITERATOR);
		}
	}
	if (offset > TAIL_MAX)
		offset = TAIL_MAX;

	r->head.size = sizeof(*r) + offset;
	r->head.type = REC_TASK;
	r->head.time = bpf_ktime_get_boot_ns();
	/* Too little room in the page at hand makes seq_file come again for the same task. */
	bpf_seq_write(seq, r, sizeof(*r) + offset);
	return 0;
}

/*
 * Puts every thread of the processes in `seeds` into the tree. Says nothing, and may be run as
 * often as one likes.
 */
SEC("iter/task")
int seed_tree(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct rec_armed *seed;
	u32 tgid;

	if (!task)
		return 0;
	tgid = task->tgid;
	seed = bpf_map_lookup_elem(&seeds, &tgid);
	if (seed && seed->cgroup_id == get_cgroup_id(task))
		add_to_tree(task);
	return 0;
}
