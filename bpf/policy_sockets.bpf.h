/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sockets that policies track: what happens to them in an interrupt, or in a kernel thread, is
 * still told as of the process that they belong to. Known by their address in the kernel, which is
 * used anew once a socket is gone: who tracks them takes them back when they are closed, and the
 * oldest make room for new ones.
 */
#ifndef APUS_POLICY_SOCKETS_BPF_H
#define APUS_POLICY_SOCKETS_BPF_H

#include "policy_values.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct pol_owner);
} pol_sockets SEC(".maps");

struct sk_buff___sock {
	struct sock *sk;
} __attribute__((preserve_access_index));

static __always_inline bool is_socket(u32 type)
{
	return type == POL_SOCK || type == POL_SOCKET || type == POL_SKB;
}

/* The address of the struct sock that the value `index` is or leads to; 0 for none. */
static __always_inline u64 sock_of(struct pol_scratch *s, u32 index)
{
	u64 raw;

	if (index >= POL_VALUES_MAX)
		return 0;
	raw = get_raw(s, shape.arguments[index].raw);
	switch (shape.arguments[index].type) {
	case POL_SOCK:
		return raw;
	case POL_SOCKET:
		return (u64)BPF_CORE_READ((struct socket *)raw, sk);
	case POL_SKB:
		return (u64)BPF_CORE_READ((struct sk_buff___sock *)raw, sk);
	}
	return 0;
}

static __always_inline void track_socket(struct pol_scratch *s, u32 index)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pol_owner owner = { .cgroup_id = get_cgroup_id(task) };
	u64 sock = sock_of(s, index);

	if (!sock)
		return;
	get_image(&owner.image, task);
	bpf_map_update_elem(&pol_sockets, &sock, &owner, BPF_ANY);
}

static __always_inline void untrack_socket(struct pol_scratch *s, u32 index)
{
	u64 sock = sock_of(s, index);

	if (sock)
		bpf_map_delete_elem(&pol_sockets, &sock);
}

/* Of the first of the hit's sockets that is tracked; NULL if none is. */
static __always_inline struct pol_owner *owner_of_socket(struct pol_scratch *s)
{
	struct pol_owner *owner;
	u64 sock;
	u32 i;

	if (!shape.tracks_sockets)
		return NULL;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_VALUES_MAX; i++) {
		if (!is_socket(shape.arguments[i].type))
			continue;
		sock = sock_of(s, i);
		owner = sock ? bpf_map_lookup_elem(&pol_sockets, &sock) : NULL;
		if (owner)
			return owner;
	}
	return NULL;
}

#endif
