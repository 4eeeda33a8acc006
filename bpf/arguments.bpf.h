/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Arguments, and the environment where it is wanted, read from the new image's own memory once the
 * exec has happened, so that nobody can swap them between our look and the kernel's. Pages of that
 * memory can be missing (swapped out under a small memory limit): a tracepoint cannot wait for
 * them, so that is flagged and user space may try /proc. The kernel lays the environment right
 * behind the arguments: they are one piece.
 */
#ifndef APUS_ARGUMENTS_BPF_H
#define APUS_ARGUMENTS_BPF_H

#include "tasks.bpf.h"
#include "ring.bpf.h"

#define ARGS_CHUNKS_MAX ((REC_ARGS_MAX - REC_ARGS_INLINE + REC_ARGS_CHUNK - 1) / REC_ARGS_CHUNK)

/* Where they are in the new image's memory. */
struct strings {
	u64 start, args_end, env_start, env_end;
};

/* The first bytes, into the tail at offset. False if they cannot be read. */
static __always_inline bool read_first_strings(struct scratch *scratch, u32 offset, u64 from,
					       u32 total)
{
	u32 length = total;

	/* 6.1 forgets bounds that clang proves elsewhere: both are stated where they are used. */
	asm volatile("" : "+r"(length));
	if (length > REC_ARGS_INLINE)
		length = REC_ARGS_INLINE;
	asm volatile("" : "+r"(offset));
	if (offset > TAIL_MAX - REC_ARGS_INLINE)
		offset = TAIL_MAX - REC_ARGS_INLINE;
	if (bpf_probe_read_user(&scratch->tail[offset], length, (void *)from))
		return false;
	scratch->exec.args_len = length;
	return true;
}

/* Says how much there is, and appends what of it fits. Returns the new end of the tail. */
static __always_inline u32 append_strings(struct scratch *scratch, u32 offset,
					  const struct strings *at)
{
	struct rec_exec *r = &scratch->exec;

	r->args_total = at->args_end > at->start ? at->args_end - at->start : 0;
	r->env_total = 0;
	if (r->args_total > REC_ARGS_MAX)
		r->flags |= REC_FLAG_ARGS_TRUNCATED;
	if (config.environment) {
		if (at->env_start != at->args_end || at->env_end < at->env_start)
			r->flags |= REC_FLAG_ENV_UNREADABLE;
		else
			r->env_total = at->env_end - at->env_start;
		if (r->args_total + r->env_total > REC_ARGS_MAX)
			r->flags |= REC_FLAG_ENV_TRUNCATED;
	}

	r->args_len = 0;
	if (read_first_strings(scratch, offset, at->start, r->args_total + r->env_total))
		return offset + r->args_len;
	if (config.environment && r->env_total) {
		/* A page of the environment may be missing, and the arguments all there. */
		r->flags |= REC_FLAG_ENV_UNREADABLE;
		r->env_total = 0;
		if (read_first_strings(scratch, offset, at->start, r->args_total))
			return offset + r->args_len;
	}
	r->flags |= REC_FLAG_ARGS_UNREADABLE;
	count(REC_COUNT_ARGS_UNREADABLE);
	return offset;
}

/* What is still to be sent. */
struct strings_walk {
	struct rec_image image;
	u64 from;
	u32 offset, end;
	bool complete;
};

static long send_strings_chunk(u32 index, struct strings_walk *w)
{
	struct rec_stats *s = get_stats();
	struct rec_args *r;
	u32 length = w->end - w->offset;

	if (!s)
		return 1;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r) + REC_ARGS_CHUNK, 0);
	if (!r) {
		s->seq++;
		s->counters[REC_COUNT_ARGS_RING_FULL]++;
		return 1;
	}
	asm volatile("" : "+r"(length));
	if (length > REC_ARGS_CHUNK)
		length = REC_ARGS_CHUNK;
	if (bpf_probe_read_user(r + 1, length, (void *)(w->from + w->offset))) {
		s->counters[REC_COUNT_ARGS_UNREADABLE]++;
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return 1;
	}
	begin_record(&r->head, s, REC_ARGS, sizeof(*r) + REC_ARGS_CHUNK);
	r->image = w->image;
	r->offset = w->offset;
	r->args_len = length;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	if (reader_sleeps(s))
		wake_reader();

	w->offset += length;
	w->complete = w->offset >= w->end;
	return w->complete;
}

/* Sends what did not fit into the exec's own record. */
static __always_inline void send_more_strings(struct rec_exec *r, u64 from)
{
	struct strings_walk w = {
		.image = r->image,
		.from = from,
		.offset = r->args_len,
		.end = r->args_total + r->env_total,
	};
	struct rec_args end = {};

	if (w.end > REC_ARGS_MAX)
		w.end = REC_ARGS_MAX;
	bpf_loop(ARGS_CHUNKS_MAX, send_strings_chunk, &w, 0);
	if (w.complete)
		return;
	end.image = w.image;
	end.offset = w.offset;
	send_record(&end.head, REC_ARGS, sizeof(end));
}

#endif
