/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A path in reading order, because filters compare it: written from the end of a buffer backwards,
 * leaf first, up to the root of the task that asks.
 */
#ifndef APUS_POLICY_PATHS_BPF_H
#define APUS_POLICY_PATHS_BPF_H

#include "paths.bpf.h"
#include "policy_maps.bpf.h"

#define POL_PATH_END POL_STRING_MAX
#define POL_PATH_POSITION 0xffff
#define POL_PATH_FAILED (1 << 16)
#define POL_PATH_CUT (1 << 17)
#define POL_PATH_NOT_BELOW (1 << 18) /* ended at the root of another tree */
#define POL_PATH_NAMELESS (1 << 19)  /* and had no name there */

/* What the loop is handed; where it has got to is in the scratch. */
struct pol_walker {
	struct pol_scratch *scratch;
};

static long pol_walk_step(u32 index, struct pol_walker *by)
{
	struct pol_walk *w = &by->scratch->walk;
	struct path_ends *at = &by->scratch->ends;
	struct entry entry = {};
	u64 mount, parent;
	u32 position, length;
	bool is_top;

	if (at->dentry == at->root_dentry && at->mnt == at->root_mnt)
		goto done;
	if (at->dentry == at->mnt_root) {
		mount = at->mnt - bpf_core_field_offset(struct mount, mnt);
		parent = at->mnt ? READ_FIELD(mount, mount, mnt_parent) : mount;
		if (parent == mount) {
			w->result |= POL_PATH_NOT_BELOW;
			goto done;
		}
		at->dentry = READ_FIELD(mount, mount, mnt_mountpoint);
		at->mnt = parent + bpf_core_field_offset(struct mount, mnt);
		at->mnt_root = READ_FIELD(at->mnt, vfsmount, mnt_root);
		return 0;
	}
	read_entry(&entry, at->dentry);
	is_top = entry.parent == at->dentry;
	if (is_top)
		w->result |= POL_PATH_NOT_BELOW;
	length = entry.length;
	position = w->position;
	asm volatile("" : "+r"(length));
	asm volatile("" : "+r"(position));
	/* A pipe has no name at all. */
	if (is_top && !length) {
		w->result |= POL_PATH_NAMELESS;
		goto done;
	}
	if (!length || length >= PATH_NAME_MAX)
		goto failed;
	if (position < length + 1 || position > POL_PATH_END) {
		w->result |= POL_PATH_CUT;
		goto done;
	}
	position -= length;
	asm volatile("" : "+r"(position));
	if (position > POL_PATH_END)
		goto failed;
	if (bpf_probe_read_kernel(&by->scratch->path[position], length, (void *)entry.name))
		goto failed;
	/* A file of no directory (a memfd) has a name all the same; the root of a tree is called
	 * "/". */
	if (is_top && by->scratch->path[position] == '/')
		goto done;
	position -= 1;
	asm volatile("" : "+r"(position));
	if (position > POL_PATH_END)
		goto failed;
	by->scratch->path[position] = '/';
	w->position = position;
	at->dentry = entry.parent;
	if (!is_top)
		return 0;
	goto done;
failed:
	w->result |= POL_PATH_FAILED;
done:
	w->is_done = 1;
	return 1;
}

/* Writes the path between the scratch's ends to the end of its buffer. Returns where it begins,
 * or'ed with flags. */
__noinline int pol_walk_path(u32 slot)
{
	struct pol_walker by;
	struct pol_walk *w;

	by.scratch = bpf_map_lookup_elem(&pol_scratches, &slot);
	if (!by.scratch || !by.scratch->ends.dentry)
		return POL_PATH_END | POL_PATH_FAILED;
	w = &by.scratch->walk;
	w->position = POL_PATH_END;
	w->result = 0;
	w->is_done = 0;
	bpf_loop(PATH_COMPONENTS_MAX, pol_walk_step, &by, 0);
	if (!w->is_done)
		w->result |= POL_PATH_CUT;
	/* The root itself. */
	if (w->position == POL_PATH_END && !(w->result & (POL_PATH_FAILED | POL_PATH_NAMELESS))) {
		w->position = POL_PATH_END - 1;
		by.scratch->path[POL_PATH_END - 1] = '/';
	}
	return w->result | w->position;
}

/* The ends of a path whose struct is at an address. */
static __always_inline void pol_set_ends(struct path_ends *to, u64 path)
{
	struct fs_struct *fs = bpf_get_current_task_btf()->fs;
	struct {
		u64 mnt, dentry;
	} ends = {};

	/* Neighbours, in this order, since there are paths; unless structures are randomized. */
	if (bpf_core_field_offset(struct path, dentry) ==
	    bpf_core_field_offset(struct path, mnt) + 8) {
		bpf_probe_read_kernel(&ends, sizeof(ends),
				      (void *)path + bpf_core_field_offset(struct path, mnt));
	} else {
		ends.mnt = READ_FIELD(path, path, mnt);
		ends.dentry = READ_FIELD(path, path, dentry);
	}
	to->mnt = ends.mnt;
	to->dentry = ends.dentry;
	to->mnt_root = ends.mnt ? READ_FIELD(ends.mnt, vfsmount, mnt_root) : 0;
	to->root_dentry = (u64)fs->root.dentry;
	to->root_mnt = (u64)fs->root.mnt;
}

#endif
