/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which container a cgroup is in. User space writes a container's own cgroup, as itself, before the
 * container runs anything; a directory made inside has its parent's container from the moment that
 * it is there.
 */
#ifndef APUS_CONTAINERS_BPF_H
#define APUS_CONTAINERS_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u64);
} pol_containers SEC(".maps");

static __always_inline void inherit_container(u64 cgroup, u64 parent)
{
	u64 *container = bpf_map_lookup_elem(&pol_containers, &parent), value;

	if (!container)
		return;
	value = *container;
	bpf_map_update_elem(&pol_containers, &cgroup, &value, BPF_NOEXIST);
}

static __always_inline void forget_container(u64 cgroup)
{
	if (bpf_map_lookup_elem(&pol_containers, &cgroup))
		bpf_map_delete_elem(&pol_containers, &cgroup);
}

#endif
