/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Paths by the kernel's own d_path(), where a security hook may call it and passes the file itself:
 * a third of what walking them by reads of its memory takes.
 */
#ifndef APUS_POLICY_KERNEL_PATH_BPF_H
#define APUS_POLICY_KERNEL_PATH_BPF_H

#include "policy_maps.bpf.h"

/* What d_path() adds to the name of a file that has none any more. */
#define POL_DELETED_LENGTH 10

/* One of the values that a hook passes. The verifier follows no offset that was added to the
 * context before: clang makes one load with that of several. */
#define TAKE_PASSED(to, ctx, offset)                                                               \
	asm volatile("%0 = *(u64 *)(%1 + " #offset ")" : "=r"(to) : "r"(ctx))

/* Appends a POL_FILE or POL_PATH to the tail. False for what is to be walked: too long, or of no
 * directory. */
static __noinline int append_kernel_path(struct hit *h, u32 i)
{
	struct pol_scratch *s;
	struct pol_value *value_head;
	struct pol_path *head;
	struct dentry *dentry;
	struct path *path;
	u32 mode;
	long length;
	u64 value, given, *ctx;
	u32 at;

	if (!h)
		return 0;
	s = h->scratch;
	ctx = h->ctx;
	switch (shape.arguments[i].raw) {
	case 0:
		TAKE_PASSED(value, ctx, 0);
		given = s->raw[0];
		break;
	case 1:
		TAKE_PASSED(value, ctx, 8);
		given = s->raw[1];
		break;
	case 2:
		TAKE_PASSED(value, ctx, 16);
		given = s->raw[2];
		break;
	default:
		return 0;
	}
	/*
	 * A hook may pass nothing (mmap_file, of memory without a file), which the verifier of some
	 * kernels takes for impossible, and so takes a test of the pointer itself away. Of a number
	 * it cannot know.
	 */
	if (!given)
		return 0;
	if (shape.arguments[i].type == POL_FILE) {
		struct file *file = (void *)value;

		path = &file->f_path;
		dentry = file->f_path.dentry;
		mode = file->f_inode->i_mode;
	} else {
		path = (void *)value;
		dentry = path->dentry;
		mode = ((struct dentry___inode *)dentry)->d_inode->i_mode;
	}
	if (dentry->d_parent == dentry)
		return 0;
	at = s->end;
	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX)
		return 0;
	value_head = (void *)&s->tail[at];
	head = (void *)(value_head + 1);
	length = bpf_d_path(path, (char *)(head + 1), POL_STRING_MAX);
	if (length <= 1)
		return 0;
	length -= 1;
	if (!((struct dentry___hash *)dentry)->d_hash.pprev && length > POL_DELETED_LENGTH)
		length -= POL_DELETED_LENGTH;
	*(u64 *)value_head = i | shape.arguments[i].type << 8 | (sizeof(*head) + length) << 32;
	head->mode = mode;
	head->fd = 0;
	head->flags = 0;
	head->pad = 0;
	s->offset[i] = at + sizeof(*value_head) + sizeof(*head);
	s->length[i] = length;
	s->end = at + sizeof(*value_head) + sizeof(*head) + length;
	return 1;
}

#endif
