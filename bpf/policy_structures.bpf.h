/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Structures of the kernel and of its API, as values. */
#ifndef APUS_POLICY_STRUCTURES_BPF_H
#define APUS_POLICY_STRUCTURES_BPF_H

#include "policy_making.bpf.h"

static __always_inline void read_user_namespace(struct pol_user_namespace *to,
						struct user_namespace *ns)
{
	to->level = BPF_CORE_READ(ns, level);
	to->owner = BPF_CORE_READ(ns, owner.val);
	to->group = BPF_CORE_READ(ns, group.val);
	to->inum = BPF_CORE_READ(ns, ns.inum);
}

static __always_inline void read_cred(struct rec_creds *to, struct cred *cred)
{
	to->uid = BPF_CORE_READ(cred, uid.val);
	to->gid = BPF_CORE_READ(cred, gid.val);
	to->euid = BPF_CORE_READ(cred, euid.val);
	to->egid = BPF_CORE_READ(cred, egid.val);
	to->suid = BPF_CORE_READ(cred, suid.val);
	to->sgid = BPF_CORE_READ(cred, sgid.val);
	to->fsuid = BPF_CORE_READ(cred, fsuid.val);
	to->fsgid = BPF_CORE_READ(cred, fsgid.val);
	bpf_core_read(&to->cap_permitted, 8, &cred->cap_permitted);
	bpf_core_read(&to->cap_effective, 8, &cred->cap_effective);
	bpf_core_read(&to->cap_inheritable, 8, &cred->cap_inheritable);
	bpf_core_read(&to->cap_ambient, 8, &cred->cap_ambient);
	to->securebits = BPF_CORE_READ(cred, securebits);
	to->user_ns_level = BPF_CORE_READ(cred, user_ns, level);
	to->user_ns_owner_uid = BPF_CORE_READ(cred, user_ns, owner.val);
	to->user_ns_owner_gid = BPF_CORE_READ(cred, user_ns, group.val);
}

/* Of BPF_PROG_LOAD; the layout is the API's. */
static __always_inline void read_bpf_attr(struct making *m, u64 attr, u64 size, u32 flags)
{
	struct pol_bpf_attr *a = add_blank(m, sizeof(*a));

	if (size >= 8 && read_bytes(a, 8, attr, flags))
		m->head.flags |= POL_UNREADABLE;
	if (size >= 64)
		read_bytes(a->name, sizeof(a->name), attr + 48, flags);
}

/* The kernel's own copy of the API's struct perf_event_attr. */
static __always_inline void read_perf_event(struct making *m, struct perf_event *event)
{
	u64 attr = (u64)event + bpf_core_field_offset(struct perf_event, attr);
	struct pol_perf_event *e = add_blank(m, sizeof(*e));
	u32 type = read_pointer(attr);

	e->type = type;
	e->config = read_pointer(attr + 8);
	e->offset = read_pointer(attr + 64);
	/* Of probes, whose types are numbered behind the API's own: an address that the caller
	 * gave. */
	if (type > APUS_PERF_TYPE_BREAKPOINT)
		read_string(e->function, sizeof(e->function), read_pointer(attr + 56), POL_USER);
}

static __always_inline void read_module(struct pol_module *to, struct module *module)
{
	to->taints = BPF_CORE_READ(module, taints);
	if (bpf_core_field_exists(module->sig_ok))
		to->signature_ok = BPF_CORE_READ(module, sig_ok);
	bpf_core_read_str(to->name, sizeof(to->name), &module->name);
}

static __always_inline void read_load_info(struct pol_module *to, struct load_info *info)
{
	read_module(to, BPF_CORE_READ(info, mod));
	if (bpf_core_field_exists(info->sig_ok))
		to->signature_ok = BPF_CORE_READ(info, sig_ok);
	bpf_probe_read_kernel_str(to->name, sizeof(to->name), BPF_CORE_READ(info, name));
}

static __always_inline void read_bpf_map(struct pol_bpf_map *to, struct bpf_map *map)
{
	to->kind = BPF_CORE_READ(map, map_type);
	to->key_size = BPF_CORE_READ(map, key_size);
	to->value_size = BPF_CORE_READ(map, value_size);
	to->max_entries = BPF_CORE_READ(map, max_entries);
	bpf_core_read(to->name, sizeof(to->name), &map->name);
}

static __always_inline void read_bpf_prog(struct pol_bpf_attr *to, struct bpf_prog *prog)
{
	struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);

	to->kind = BPF_CORE_READ(prog, type);
	to->count = BPF_CORE_READ(prog, len);
	bpf_core_read(to->name, sizeof(to->name), &aux->name);
}

#endif
