/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Values on their way into the tail of a record: structures, strings, bytes. */
#ifndef APUS_POLICY_MAKING_BPF_H
#define APUS_POLICY_MAKING_BPF_H

#include "policy_raw.bpf.h"

/*
 * A value in the making: where its bytes go. The verifier of 6.1 forgets bounds that were proved
 * elsewhere, so each write states its own.
 */
struct making {
	struct pol_scratch *scratch;
	struct pol_value head;
	u32 at;	    /* of the head, in the tail */
	u32 length; /* so far */
};

#define POL_SOME (sizeof(struct pol_value) + 256) /* room for a head and a structure */

static __always_inline char *room(struct making *m)
{
	u32 at = m->at + sizeof(struct pol_value) + m->length;

	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX)
		at = POL_TAIL_MAX;
	return &m->scratch->tail[at];
}

static __always_inline void add_structure(struct making *m, const void *bytes, u32 size)
{
	__builtin_memcpy(room(m), bytes, size);
	m->length += size;
}

/* Room for a structure, blank. In place: the stack has none. */
static __always_inline void *add_blank(struct making *m, u32 size)
{
	void *to = room(m);

	__builtin_memset(to, 0, size);
	m->length += size;
	return to;
}

/* The bytes up to the end of their page. */
static __always_inline void add_readable(struct making *m, u64 from, u32 max, u32 flags)
{
	u32 bytes = to_end_of_page(from);

	m->head.flags |= POL_UNREADABLE;
	if (bytes > max)
		return;
	asm volatile("" : "+r"(bytes));
	if (bytes <= POL_STRING_MAX && !read_bytes(room(m), bytes, from, flags))
		m->length += bytes;
}

static __always_inline void add_string(struct making *m, u64 from, u32 max, u32 flags)
{
	u32 size;
	long length;

	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	/* One byte more than is wanted, and a NUL: what fills that has more to say. */
	size = max + 2;
	length = read_string(room(m), size, from, flags);
	if (length < 0) {
		add_readable(m, from, max, flags);
	} else if (length == size) {
		m->head.flags |= POL_TRUNCATED;
		m->length += max;
	} else if (length > 0) {
		/* An empty one of a program's has no NUL either, until 6.13. */
		m->length += length - 1;
	}
}

static __always_inline void add_bytes(struct making *m, u64 from, u64 length, u32 max, u32 flags)
{
	u32 bytes = length;

	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	if (length > max) {
		bytes = max;
		m->head.flags |= flags & POL_MORE ? POL_CONTINUED : POL_TRUNCATED;
	}
	asm volatile("" : "+r"(bytes));
	if (bytes > POL_STRING_MAX)
		bytes = POL_STRING_MAX;
	/* Of nothing the address does not matter. */
	if (!bytes || !read_bytes(room(m), bytes, from, flags)) {
		m->length += bytes;
		return;
	}
	m->head.flags &= ~POL_CONTINUED;
	add_readable(m, from, bytes, flags);
}

#endif
