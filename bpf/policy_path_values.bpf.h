/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Files and paths, as values. */
#ifndef APUS_POLICY_PATH_VALUES_BPF_H
#define APUS_POLICY_PATH_VALUES_BPF_H

#include "policy_kernel_path.bpf.h"
#include "policy_making.bpf.h"

#define POL_IS_KIND(mode, kind) (((mode)&0170000) == (kind))

/*
 * What /proc calls a socket or pipe, which has no name of its own: "socket:[4026]". Written to the
 * end of the path's buffer; returns where it begins.
 */
static __noinline int name_by_number(struct pol_scratch *s, u32 is_socket, u64 number)
{
	u32 position = POL_PATH_END - 1, i;

	if (!s)
		return POL_PATH_END;
	s->path[POL_PATH_END - 1] = ']';
#pragma clang loop unroll(full)
	for (i = 0; i < 20; i++) {
		position--;
		s->path[position] = '0' + number % 10;
		number /= 10;
		if (!number)
			break;
	}
#pragma clang loop unroll(full)
	for (i = 0; i < 8; i++) {
		if (!is_socket && i >= 6)
			break;
		position--;
		s->path[position & (POL_STRING_MAX - 1)] = is_socket ? "[:tekcos"[i] : "[:epip"[i];
	}
	return position;
}

/* `path` is the address of a struct path, or 0 where only `dentry` is known. */
static __always_inline void add_path(struct making *m, u64 path, u64 dentry, s32 fd, u32 slot,
				     u32 *start)
{
	struct pol_path head = { .fd = fd };
	u32 result, position, length;
	u64 inode = 0;

	if (path) {
		pol_set_ends(&m->scratch->ends, path);
		dentry = m->scratch->ends.dentry;
	} else {
		__builtin_memset(&m->scratch->ends, 0, sizeof(struct path_ends));
		m->scratch->ends.dentry = dentry;
	}
	if (dentry) {
		inode = read_pointer(dentry +
				     bpf_core_field_offset(struct dentry___inode, d_inode));
		head.mode = BPF_CORE_READ((struct inode *)inode, i_mode);
	}
	result = pol_walk_path(slot);
	position = result & POL_PATH_POSITION;
	if (result & POL_PATH_FAILED) {
		head.flags |= POL_PATH_UNRESOLVED;
		m->head.flags |= POL_UNREADABLE;
	}
	if (result & POL_PATH_NOT_BELOW &&
	    (POL_IS_KIND(head.mode, 0140000) || POL_IS_KIND(head.mode, 0010000)))
		position = name_by_number(m->scratch, POL_IS_KIND(head.mode, 0140000),
					  BPF_CORE_READ((struct inode *)inode, i_ino));
	if (result & POL_PATH_NOT_BELOW)
		head.flags |= POL_PATH_OUTSIDE;
	if (result & POL_PATH_CUT)
		m->head.flags |= POL_TRUNCATED;
	add_structure(m, &head, sizeof(head));
	*start = m->length;
	asm volatile("" : "+r"(position));
	if (position > POL_PATH_END)
		position = POL_PATH_END;
	length = POL_PATH_END - position;
	asm volatile("" : "+r"(length));
	if (length > POL_STRING_MAX)
		length = POL_STRING_MAX;
	bpf_probe_read_kernel(room(m), length, &m->scratch->path[position]);
	m->length += length;
}

static __always_inline u64 file_of_fd(u32 fd)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	return read_pointer((u64)BPF_CORE_READ(table, fd) + fd * sizeof(u64));
}

static __always_inline void add_file(struct making *m, u64 file, s32 fd, u32 slot, u32 *start)
{
	add_path(m, file ? file + bpf_core_field_offset(struct file, f_path) : 0, 0, fd, slot,
		 start);
}

#endif
