/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Paths, walked from the leaf up to the root of the task that asks: as components in that order,
 * each ended by NUL. Turning them round is user space's work.
 *
 * The walk is a global function of scalars with one bpf_loop: the verifier looks at it once, and
 * follows no typed pointer round the loop. That is the difference between a thousand verified
 * instructions and a million.
 */
#ifndef APUS_PATHS_BPF_H
#define APUS_PATHS_BPF_H

#include "ring.bpf.h"

#define PATH_COMPONENTS_MAX 2048 /* "/a" times that is PATH_MAX */
#define PATH_NAME_MAX 256	 /* NAME_MAX and a NUL */

/* walk_path's result: the length, or'ed with these. */
#define PATH_LENGTH_MASK 0xffff
#define PATH_TRUNCATED (1 << 16)
#define PATH_ERROR (1 << 17)

struct path_walk {
	struct path_ends at;
	struct scratch *scratch;
	u32 offset, end;
	u32 result;
	bool done;
};

static __always_inline u64 read_pointer(u64 address)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

#define READ_FIELD(address, type, field)                                                           \
	read_pointer((address) + bpf_core_field_offset(struct type, field))

/* What a step needs of a directory entry; the middle is a struct qstr. */
struct entry {
	u64 parent;
	u32 hash, length;
	u64 name;
};

/* One read where parent and name are neighbours, as they are unless structures are randomized. */
static __always_inline void read_entry(struct entry *to, u64 dentry)
{
	u64 parent = dentry + bpf_core_field_offset(struct dentry, d_parent);
	u64 name = dentry + bpf_core_field_offset(struct dentry, d_name);

	if (bpf_core_field_offset(struct dentry, d_name) ==
	    bpf_core_field_offset(struct dentry, d_parent) + sizeof(to->parent)) {
		bpf_probe_read_kernel(to, sizeof(*to), (void *)parent);
		return;
	}
	bpf_probe_read_kernel(&to->parent, sizeof(to->parent), (void *)parent);
	bpf_probe_read_kernel(&to->hash, sizeof(*to) - sizeof(to->parent), (void *)name);
}

static long walk_step(u32 index, struct path_walk *w)
{
	struct path_ends *at = &w->at;
	struct scratch *scratch = w->scratch;
	struct entry entry = {};
	u64 mount, parent;
	u32 offset, length;

	if (at->dentry == at->root_dentry && at->mnt == at->root_mnt)
		goto done;
	if (at->dentry == at->mnt_root) {
		mount = at->mnt - bpf_core_field_offset(struct mount, mnt);
		parent = READ_FIELD(mount, mount, mnt_parent);
		if (parent == mount)
			goto done;
		at->dentry = READ_FIELD(mount, mount, mnt_mountpoint);
		at->mnt = parent + bpf_core_field_offset(struct mount, mnt);
		at->mnt_root = READ_FIELD(at->mnt, vfsmount, mnt_root);
		return 0;
	}

	read_entry(&entry, at->dentry);
	length = entry.length;
	offset = w->offset;
	asm volatile("" : "+r"(length));
	/* The first is never true, but the verifier cannot know. */
	if (offset > TAIL_MAX || length >= PATH_NAME_MAX)
		goto error;
	if (offset + length + 1 > w->end) {
		w->result |= PATH_TRUNCATED;
		goto done;
	}
	/* A rename between the two reads mixes both names, at the length of the old one. */
	if (!length || bpf_probe_read_kernel(&scratch->tail[offset], length, (void *)entry.name))
		goto error;
	scratch->tail[offset + length] = 0;
	/*
	 * A file of no directory (a memfd) is its own parent and has a name; the root of a lost
	 * mount is called "/".
	 */
	if (entry.parent == at->dentry) {
		if (scratch->tail[offset] != '/')
			w->offset += length + 1;
		goto done;
	}
	w->offset += length + 1;
	at->dentry = entry.parent;
	return 0;
error:
	w->result |= PATH_ERROR;
done:
	w->done = true;
	return 1;
}

/*
 * Writes the path between the scratch's ends behind `offset` of its tail. A path that is longer
 * than REC_PATH_MAX keeps its leaf end.
 */
__noinline int walk_path(u32 offset, u32 user)
{
	struct path_walk w = {
		.scratch = get_scratch(user),
		.offset = offset,
		.end = offset + REC_PATH_MAX,
	};

	if (!w.scratch)
		return PATH_ERROR;
	w.at = w.scratch->ends;
	if (!w.at.dentry || !w.at.mnt)
		return PATH_ERROR;
	bpf_loop(PATH_COMPONENTS_MAX, walk_step, &w, 0);
	if (!w.done)
		w.result |= PATH_TRUNCATED;
	return w.result | (w.offset - offset);
}

/* From the path's leaf to the root directory of the task whose `fs` it is. */
static __always_inline void set_path_ends(struct path_ends *to, struct vfsmount *mnt,
					  struct dentry *dentry, struct fs_struct *fs)
{
	to->dentry = (u64)dentry;
	to->mnt = (u64)mnt;
	to->mnt_root = (u64)BPF_CORE_READ(mnt, mnt_root);
	to->root_dentry = (u64)fs->root.dentry;
	to->root_mnt = (u64)fs->root.mnt;
}

#endif
