/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What policies must know of a process before a hook is hit: the binary sets that it and its
 * ancestors are in, and what its namespaces and capabilities were. Each pair of programs is
 * attached while some policy asks for it, so that nobody else pays. As the tree's mark, it is kept
 * in task storage, on every thread.
 */
#include "policy_binaries.bpf.h"
#include "policy_process.bpf.h"

static __always_inline struct naming *begin_naming(struct pol_scratch *s)
{
	struct naming *n = (struct naming *)s->tail;

	__builtin_memset(&n->found, 0, sizeof(n->found));
	return n;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_binaries, struct task_struct *task, int old_tid, struct linux_binprm *bprm)
{
	struct bpf_local_storage *storage = task->bpf_storage;
	const char *filename = bprm->filename;
	struct fs_struct *fs = task->fs;
	struct file *file = bprm->file;
	struct pol_binaries *binaries = NULL;
	struct pol_scratch *s;
	struct naming *n;

	READ_HERE(storage);
	READ_HERE(filename);
	READ_HERE(fs);
	READ_HERE(file);
	s = claim_scratch();
	if (!s) {
		count(REC_COUNT_STORAGE_FAILED);
		return 0;
	}
	n = begin_naming(s);
	set_path_ends(&s->ends, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry),
		      fs);
	add_sets_of_file(s, n);
	add_sets_of_name(n, filename);

	if (storage)
		binaries = bpf_task_storage_get(&pol_task_binaries, task, NULL, 0);
	if (!binaries && is_any(&n->found)) {
		binaries = bpf_task_storage_get(&pol_task_binaries, task, NULL,
						BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!binaries)
			count(REC_COUNT_STORAGE_FAILED);
	}
	if (binaries) {
		/* The image that was is an ancestor of the one that is. */
		add_bits(&binaries->inherited, &binaries->own);
		binaries->own = n->found;
	}
	release_scratch(s);
	return 0;
}

/* The forking thread hands on what it has, as with the tree. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_binaries, struct task_struct *parent, struct task_struct *child)
{
	struct bpf_local_storage *storage = parent->bpf_storage;
	bool is_process = child->pid == child->tgid;
	struct pol_binaries *from, *to;

	READ_HERE(storage);
	READ_HERE(is_process);
	if (!storage)
		return 0;
	from = bpf_task_storage_get(&pol_task_binaries, parent, NULL, 0);
	if (!from)
		return 0;
	to = bpf_task_storage_get(&pol_task_binaries, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!to) {
		count(REC_COUNT_STORAGE_FAILED);
		return 0;
	}
	to->own = from->own;
	to->inherited = from->inherited;
	if (is_process)
		add_bits(&to->inherited, &from->own);
	return 0;
}

/* Processes that user space knows more of than their file's path, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, struct pol_mark);
} pol_marks SEC(".maps");

/* Says that a task has changed: by an empty record. */
static __always_inline void say_changed(struct seq_file *seq)
{
	struct rec_head head = { .size = sizeof(head), .type = REC_TASK };

	bpf_seq_write(seq, &head, sizeof(head));
}

static __always_inline bool has_more(const struct pol_bits *bits, const struct pol_bits *than)
{
	u64 more = 0;
	u32 i;

	for (i = 0; i < POL_BINARY_SETS_MAX / 64; i++)
		more |= bits->words[i] & ~than->words[i];
	return more;
}

/*
 * The processes that there are: their files' sets, what user space knows, and what their parents
 * have. Parents may come after their children, so it is run until nothing changes.
 */
SEC("iter/task")
int mark_binaries(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *parent;
	struct seq_file *seq = ctx->meta->seq;
	struct pol_binaries *binaries, *parents = NULL;
	struct bpf_local_storage *storage;
	struct pol_mark *mark = NULL;
	u32 tgid, executions;
	struct pol_scratch *s;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct pol_bits *had;
	struct naming *n;
	u64 start;

	if (!task || task->flags & PF_KTHREAD)
		return 0;
	mm = task->mm;
	READ_HERE(mm);
	fs = task->fs;
	READ_HERE(fs);
	if (!mm || !fs)
		return 0;
	tgid = task->tgid;
	executions = task->group_leader->self_exec_id;
	READ_HERE(executions);
	start = task->group_leader->start_boottime;
	READ_HERE(start);
	s = claim_scratch();
	if (!s)
		return 0;
	n = begin_naming(s);
	had = (struct pol_bits *)&s->path; /* what is to be inherited, once the path is used */
	if (mm->exe_file) {
		set_path_ends(&s->ends, BPF_CORE_READ(mm, exe_file, f_path.mnt),
			      BPF_CORE_READ(mm, exe_file, f_path.dentry), fs);
		add_sets_of_file(s, n);
	}
	__builtin_memset(had, 0, sizeof(*had));
	mark = bpf_map_lookup_elem(&pol_marks, &tgid);
	if (mark && (!mark->image.start || mark->image.start == start)) {
		add_bits(had, &mark->binaries.inherited);
		if (mark->image.exec_count == executions)
			add_bits(&n->found, &mark->binaries.own);
	}
	parent = task->group_leader->real_parent;
	storage = parent->bpf_storage;
	if (storage)
		parents = bpf_task_storage_get(&pol_task_binaries, parent, NULL, 0);
	if (parents) {
		add_bits(had, &parents->own);
		add_bits(had, &parents->inherited);
	}
	if (!is_any(&n->found) && !is_any(had))
		goto out;
	binaries = bpf_task_storage_get(&pol_task_binaries, task, NULL,
					BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!binaries) {
		count(REC_COUNT_STORAGE_FAILED);
		goto out;
	}
	/* Another image since: the exec program has seen it, and the look before it tells of the
	 * old one. */
	if (task->self_exec_id == executions && has_more(&n->found, &binaries->own)) {
		add_bits(&binaries->own, &n->found);
		say_changed(seq);
	}
	if (has_more(had, &binaries->inherited)) {
		add_bits(&binaries->inherited, had);
		say_changed(seq);
	}
out:
	release_scratch(s);
	return 0;
}

/* Takes back the sets whose bits are in pol_gone, before their numbers are given out again. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_bits);
} pol_gone SEC(".maps");

SEC("iter/task")
int unmark_binaries(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct pol_binaries *binaries;
	struct pol_bits *gone;
	u32 zero = 0, i;

	if (!task || !task->bpf_storage)
		return 0;
	binaries = bpf_task_storage_get(&pol_task_binaries, task, NULL, 0);
	gone = bpf_map_lookup_elem(&pol_gone, &zero);
	if (!binaries || !gone)
		return 0;
	for (i = 0; i < POL_BINARY_SETS_MAX / 64; i++) {
		binaries->own.words[i] &= ~gone->words[i];
		binaries->inherited.words[i] &= ~gone->words[i];
	}
	return 0;
}

/* --- Namespaces and capabilities --- */

static __always_inline void keep_privileges(struct task_struct *task)
{
	struct pol_privileges now = {};
	struct pol_privileges *kept;

	get_privileges(&now, task);
	kept = bpf_task_storage_get(&pol_task_privileges, task, NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (kept)
		*kept = now;
	else
		count(REC_COUNT_STORAGE_FAILED);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_privileges, struct task_struct *task)
{
	keep_privileges(task);
	return 0;
}

/* Of a process, not of its threads: they go by their leader's. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_privileges, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid == child->tgid && !(child->flags & PF_KTHREAD))
		keep_privileges(child);
	return 0;
}

/* Whoever is there already begins with what it has. */
SEC("iter/task")
int mark_privileges(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || task->pid != task->tgid || task->flags & PF_KTHREAD)
		return 0;
	if (task->bpf_storage && bpf_task_storage_get(&pol_task_privileges, task, NULL, 0))
		return 0;
	keep_privileges(task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
