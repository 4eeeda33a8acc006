/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Directories of the one hierarchy that names containers: they come, go, and take processes in. */
#include "cgroups.bpf.h"
#include "containers.bpf.h"
#include "tasks.bpf.h"

/* Seldom, so probe reads: typed ones cost the verifier much and save little here. */
static __always_inline void send_cgroup(struct cgroup *cgroup, enum rec_cgroup_what what,
					struct task_struct *task)
{
	struct scratch *scratch = get_scratch(SCRATCH_TRACING);
	struct cgroup_subsys_state *parent;
	struct rec_cgroup *r;
	u32 length;

	if (!scratch || BPF_CORE_READ(cgroup, root, hierarchy_id) != (int)config.cgroup_hierarchy)
		return;
	/* A smaller record than the scratch is named for; its tail is what follows it there. */
	_Static_assert(sizeof(*r) + REC_CGROUP_NAME_MAX <= sizeof(*scratch), "fits");
	r = (struct rec_cgroup *)scratch;
	__builtin_memset(r, 0, sizeof(*r));
	r->id = BPF_CORE_READ(cgroup, kn, id);
	parent = BPF_CORE_READ(cgroup, self.parent);
	if (parent)
		r->parent_id = BPF_CORE_READ(parent, cgroup, kn, id);
	if (what == REC_CGROUP_CREATED)
		inherit_container(r->id, r->parent_id);
	else if (what == REC_CGROUP_REMOVED)
		forget_container(r->id);
	r->what = what;
	r->level = cgroup->level;
	if (task)
		get_image(&r->image, task);
	length = bpf_probe_read_kernel_str(r + 1, REC_CGROUP_NAME_MAX,
					   BPF_CORE_READ(cgroup, kn, name)) -
		 1;
	asm volatile("" : "+r"(length));
	if (length >= REC_CGROUP_NAME_MAX)
		length = 0;
	r->name_len = length;
	send_record(&r->head, REC_CGROUP, sizeof(*r) + length);
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir, struct cgroup *cgroup)
{
	send_cgroup(cgroup, REC_CGROUP_CREATED, bpf_get_current_task_btf());
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup)
{
	send_cgroup(cgroup, REC_CGROUP_REMOVED, NULL);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach_task, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	send_cgroup(cgroup, REC_CGROUP_ATTACHED, task);
	return 0;
}
