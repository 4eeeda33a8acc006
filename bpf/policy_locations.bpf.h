/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a probe that a program brings passes: where the note of its location says that it is. */
#ifndef APUS_POLICY_LOCATIONS_BPF_H
#define APUS_POLICY_LOCATIONS_BPF_H

#include "policy_raw.bpf.h"

static __always_inline u64 read_register(struct pt_regs *ctx, u32 offset)
{
	u64 value = 0;

	if (offset < POL_NO_REGISTER)
		bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + offset);
	return value;
}

/* In the program's memory, wherever that is: never in the kernel's. */
static __always_inline bool read_memory(u64 *value, const struct pol_source *source, u64 at)
{
	switch (source->bytes) {
	case 1:
		return !bpf_probe_read_user(value, 1, (void *)at);
	case 2:
		return !bpf_probe_read_user(value, 2, (void *)at);
	case 4:
		return !bpf_probe_read_user(value, 4, (void *)at);
	}
	return !bpf_probe_read_user(value, 8, (void *)at);
}

/* False if it could not be read. */
static __always_inline bool read_source(struct pt_regs *ctx, const struct pol_source *source,
					u64 *to)
{
	u64 value = source->number;
	u32 shift;

	if (source->kind != POL_IS_CONSTANT)
		value += read_register(ctx, source->base);
	if (source->kind == POL_IN_MEMORY) {
		u64 at = value + (read_register(ctx, source->index) << (source->scale & 63));

		value = 0;
		if (!read_memory(&value, source, at))
			return false;
	}
	/* No more of it than it has bytes, with its sign. */
	shift = (64 - 8 * source->bytes) & 63;
	value <<= shift;
	*to = source->is_signed ? (s64)value >> shift : value >> shift;
	return true;
}

/* A function of its own, so that its room on the stack is not there while the hit is judged. */
static __noinline int take_sources(struct pt_regs *ctx, struct pol_scratch *s)
{
	u32 key = bpf_get_attach_cookie(ctx), i;
	struct pol_location *location = bpf_map_lookup_elem(&pol_locations, &key);

	if (!s)
		return 0;
	s->unread = location ? 0 : ~0U;
	if (!location)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_VALUES_MAX; i++) {
		if (shape.arguments[i].type == POL_NONE)
			break;
		s->raw[i] = 0;
		if (!read_source(ctx, &location->sources[i], &s->raw[i]))
			s->unread |= 1U << i;
	}
	return 0;
}

#endif
