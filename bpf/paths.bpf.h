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
	u64 dentry, mnt, mnt_root; /* mnt is a struct vfsmount, mnt_root its root directory */
	u64 root_dentry, root_mnt;
	u32 user, offset, end;
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

static long walk_step(u32 index, struct path_walk *w)
{
	struct scratch *scratch;
	u64 mount, parent, name;
	u32 offset;
	long length;

	if (w->dentry == w->root_dentry && w->mnt == w->root_mnt)
		goto done;
	if (w->dentry == w->mnt_root) {
		mount = w->mnt - bpf_core_field_offset(struct mount, mnt);
		parent = READ_FIELD(mount, mount, mnt_parent);
		if (parent == mount)
			goto done;
		w->dentry = READ_FIELD(mount, mount, mnt_mountpoint);
		w->mnt = parent + bpf_core_field_offset(struct mount, mnt);
		w->mnt_root = READ_FIELD(w->mnt, vfsmount, mnt_root);
		return 0;
	}

	scratch = get_scratch(w->user);
	offset = w->offset;
	if (!scratch)
		goto error;
	/*
	 * Never true, but the verifier cannot know; one name more than fits may be copied, the tail
	 * has room for it.
	 */
	if (offset > TAIL_MAX)
		goto error;
	parent = READ_FIELD(w->dentry, dentry, d_parent);
	name = READ_FIELD(w->dentry, dentry, d_name.name);
	length = bpf_probe_read_kernel_str(&scratch->tail[offset], PATH_NAME_MAX, (void *)name);
	if (length <= 0)
		goto error;
	if (offset + length > w->end) {
		w->result |= PATH_TRUNCATED;
		goto done;
	}
	/*
	 * A file of no directory (a memfd) is its own parent and has a name; the root of a lost
	 * mount is called "/".
	 */
	if (parent == w->dentry) {
		if (scratch->tail[offset] != '/')
			w->offset += length;
		goto done;
	}
	w->offset += length;
	w->dentry = parent;
	return 0;
error:
	w->result |= PATH_ERROR;
done:
	w->done = true;
	return 1;
}

/*
 * Writes the path at `path` (a struct path), as seen by a task with `fs` (a struct fs_struct),
 * behind `offset` of the tail. A path that is longer than REC_PATH_MAX keeps its leaf end.
 */
__noinline int walk_path(u64 path, u64 fs, u32 offset, u32 user)
{
	u64 root = fs + bpf_core_field_offset(struct fs_struct, root);
	struct path_walk w = {
		.dentry = READ_FIELD(path, path, dentry),
		.mnt = READ_FIELD(path, path, mnt),
		.root_dentry = READ_FIELD(root, path, dentry),
		.root_mnt = READ_FIELD(root, path, mnt),
		.user = user,
		.offset = offset,
		.end = offset + REC_PATH_MAX,
	};

	if (!w.dentry || !w.mnt)
		return PATH_ERROR;
	w.mnt_root = READ_FIELD(w.mnt, vfsmount, mnt_root);
	bpf_loop(PATH_COMPONENTS_MAX, walk_step, &w, 0);
	if (!w.done)
		w.result |= PATH_TRUNCATED;
	return w.result | (w.offset - offset);
}

#endif
