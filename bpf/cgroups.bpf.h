/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A task's cgroup in the one hierarchy that names containers. Its kernfs id is what the agent knows
 * containers by.
 */
#ifndef APUS_CGROUPS_BPF_H
#define APUS_CGROUPS_BPF_H

#include "ring.bpf.h"

static __always_inline u64 get_cgroup_id_of(struct css_set *set)
{
	struct cgroup_subsys_state *css = NULL;

	if (config.cgroup_v1_subsystem < 0)
		return set->dfl_cgrp->kn->id;
	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
				      config.cgroup_v1_subsystem * sizeof(css));
	return BPF_CORE_READ(css, cgroup, kn, id);
}

static __always_inline u64 get_cgroup_id(struct task_struct *task)
{
	return get_cgroup_id_of(task->cgroups);
}

#endif
