/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Buffers that are in pieces, and those that are longer than a record. */
#ifndef APUS_POLICY_PIECES_BPF_H
#define APUS_POLICY_PIECES_BPF_H

#include "policy_making.bpf.h"

#define POL_PIECES_MAX 1024 /* UIO_MAXIOV */

/* What a loop is handed: its state is in the scratch, where the verifier does not follow each turn
 * of it. */
struct gatherer {
	struct pol_scratch *scratch;
};

static __always_inline bool take_piece(struct gathering *g)
{
	struct kvec piece = {};
	u32 words[2] = {};

	g->pieces--;
	if (g->is_32_bit) {
		if (read_bytes(words, sizeof(words), g->vector, g->vector_flags))
			return false;
		g->vector += sizeof(words);
		g->base = words[0];
		g->size = words[1];
		return true;
	}
	if (read_bytes(&piece, sizeof(piece), g->vector, g->vector_flags))
		return false;
	g->vector += sizeof(piece);
	g->base = (u64)piece.iov_base;
	g->size = piece.iov_len;
	return true;
}

/* Takes a page of the piece at hand, or all of it. Ends when there is no more, or no more room. */
static long gather(u32 index, struct gatherer *by)
{
	struct gathering *g = &by->scratch->gathering;
	u32 bytes, at = g->at, flags = g->piece_flags;
	u64 passed;

	if (!g->left)
		goto done;
	if (!g->size) {
		if (!g->pieces)
			goto done;
		if (!take_piece(g)) {
			g->flags |= POL_UNREADABLE;
			goto done;
		}
	}
	if (g->skip) {
		passed = g->skip < g->size ? g->skip : g->size;
		g->base += passed;
		g->size -= passed;
		g->skip -= passed;
	}
	if (!g->size)
		return 0;
	if (at >= g->end)
		return 1;
	bytes = g->end - at;
	if (g->size < bytes)
		bytes = g->size;
	if (g->left < bytes)
		bytes = g->left;
	if (bytes > POL_STRING_MAX)
		bytes = POL_STRING_MAX;
	asm volatile("" : "+r"(at));
	asm volatile("" : "+r"(bytes));
	if (at > POL_TAIL_MAX || bytes > POL_STRING_MAX)
		goto done;
	if (read_bytes(&by->scratch->tail[at], bytes, g->base, flags)) {
		g->flags |= POL_UNREADABLE;
		g->is_done = true;
		if (bytes <= to_end_of_page(g->base))
			return 1;
		bytes = to_end_of_page(g->base);
		asm volatile("" : "+r"(bytes));
		if (bytes > POL_STRING_MAX ||
		    read_bytes(&by->scratch->tail[at], bytes, g->base, flags))
			return 1;
	}
	g->at = at + bytes;
	g->base += bytes;
	g->size -= bytes;
	g->left -= bytes;
	return g->is_done ? 1 : 0;
done:
	g->is_done = true;
	return 1;
}

static __always_inline void begin_iterator(struct gathering *g, struct iov_iter *i)
{
	u8 kind = BPF_CORE_READ(i, iter_type);
	u64 count = BPF_CORE_READ(i, count);

	g->skip = BPF_CORE_READ(i, iov_offset);
	if (g->left > count)
		g->left = count;
	g->piece_flags = POL_USER;
	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    kind == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		g->base = (u64)BPF_CORE_READ(i, ubuf);
		g->size = g->skip + count;
		return;
	}
	g->pieces = BPF_CORE_READ(i, nr_segs);
	if (kind == bpf_core_enum_value(enum iter_type, ITER_KVEC)) {
		g->vector = (u64)BPF_CORE_READ(i, kvec);
		g->piece_flags = 0;
	} else if (kind != bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		/* Pages, which have no address here, or a sink. */
		g->flags |= POL_UNREADABLE;
		g->pieces = 0;
	} else if (bpf_core_field_exists(((struct iov_iter___new *)i)->__iov)) {
		g->vector = (u64)BPF_CORE_READ((struct iov_iter___new *)i, __iov);
	} else {
		g->vector = (u64)BPF_CORE_READ((struct iov_iter___old *)i, iov);
	}
}

static __noinline int begin_gathering(struct pol_scratch *s, u32 i)
{
	struct gathering *g;
	u32 type, flags;
	u64 raw;

	if (!s || i >= POL_VALUES_MAX)
		return 0;
	type = shape.arguments[i].type;
	flags = shape.arguments[i].flags;
	g = &s->gathering;
	__builtin_memset(g, 0, sizeof(*g));
	if (!get_argument(s, i, &raw)) {
		g->flags |= POL_UNREADABLE;
		return 0;
	}
	g->left = get_returned(s, i);
	switch (type) {
	case POL_BUFFER:
		g->base = raw;
		g->size = get_count(s, i);
		g->piece_flags = flags & POL_USER;
		break;
	case POL_IOVEC:
		g->vector = raw;
		g->pieces = get_count(s, i);
		g->vector_flags = flags & POL_USER;
		g->piece_flags = POL_USER;
		g->is_32_bit = is_users(raw, flags) && is_compat(bpf_get_current_task_btf());
		break;
	case POL_ITERATOR:
		begin_iterator(g, (void *)raw);
	}
	if (g->pieces > POL_PIECES_MAX) {
		g->pieces = POL_PIECES_MAX;
		g->flags |= POL_TRUNCATED;
	}
	return 0;
}

static __always_inline void add_pieces(struct making *m, u32 i, u32 max)
{
	struct gatherer by = { .scratch = m->scratch };
	struct gathering *g = &m->scratch->gathering;

	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	begin_gathering(m->scratch, i);
	g->at = m->at + sizeof(struct pol_value) + m->length;
	g->end = g->at + max;
	bpf_loop(POL_PIECES_MAX + POL_STRING_MAX / 4096 + 2, gather, &by, 0);
	m->head.flags |= g->flags;
	if (!g->is_done)
		m->head.flags |=
			shape.arguments[i].flags & POL_MORE ? POL_CONTINUED : POL_TRUNCATED;
	m->length = g->at - m->at - sizeof(struct pol_value);
}

static long send_part(u32 number, struct gatherer *by)
{
	struct pol_scratch *s = by->scratch;
	struct rec_policy_data *r = (void *)s->tail;
	struct gathering *g = &s->gathering;
	u32 room = POL_DATA_MAX - g->offset, length, flags = 0;

	if (room > POL_DATA_CHUNK)
		room = POL_DATA_CHUNK;
	g->at = sizeof(*r);
	g->end = sizeof(*r) + room;
	bpf_loop(POL_PIECES_MAX + POL_DATA_CHUNK / 4096 + 2, gather, by, 0);
	length = g->at - sizeof(*r);
	asm volatile("" : "+r"(length));
	if (length > POL_DATA_CHUNK)
		return 1;
	r->call = s->time;
	r->tid = (u32)bpf_get_current_pid_tgid();
	r->number = number;
	r->offset = g->offset;
	r->length = length;
	r->index = g->index;
	r->pad = 0;
	g->offset += length;
	if (g->is_done) {
		flags = POL_LAST;
	} else if (g->offset >= POL_DATA_MAX) {
		flags = POL_LAST;
		g->flags |= POL_TRUNCATED;
	}
	r->flags = flags;
	r->value_flags = g->flags;
	/* One that finds no room is a gap, and the end. */
	if (!send_record(&r->head, REC_POLICY_DATA, sizeof(*r) + length))
		return 1;
	return flags ? 1 : 0;
}

/* At the end of a hit that was posted: the tail is free again. */
static __noinline int send_more(struct pol_scratch *s)
{
	struct gatherer by = { .scratch = s };
	u32 i;

	if (!s)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_VALUES_MAX; i++) {
		if (!(shape.arguments[i].flags & POL_MORE) || !(s->continued & 1 << i))
			continue;
		begin_gathering(s, i);
		s->gathering.index = i;
		s->gathering.offset = s->length[i];
		s->gathering.skip += s->length[i];
		s->gathering.left -= s->length[i];
		bpf_loop(POL_DATA_MAX / POL_DATA_CHUNK + 1, send_part, &by, 0);
	}
	return 0;
}

#endif
