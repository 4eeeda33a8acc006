/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a hook passes, as it is: numbers, and where the rest is to be read. */
#ifndef APUS_POLICY_RAW_BPF_H
#define APUS_POLICY_RAW_BPF_H

#include "policy_paths.bpf.h"
#include "policy_registers.bpf.h"

static __always_inline bool is_number(u32 type)
{
	return type >= POL_I8 && type <= POL_SYSCALL;
}

/* A number as its type has it; what does not belong to the type is what the register had before. */
static __always_inline u64 as_number(u64 raw, u32 type)
{
	switch (type) {
	case POL_I8:
		return (s64)(signed char)raw;
	case POL_U8:
		return (u8)raw;
	case POL_I16:
		return (s64)(short)raw;
	case POL_U16:
		return (u16)raw;
	case POL_I32:
		return (s64)(s32)raw;
	case POL_U32:
		return (u32)raw;
	case POL_SYSCALL:
		return is_compat(bpf_get_current_task_btf()) ? (u32)raw | POL_SYSCALL_32 : raw;
	}
	return raw;
}

/*
 * An address that a program gave is looked up in its own memory, whatever it says: else whoever
 * calls us could have the kernel's told. What the kernel gives can be of either kind.
 */
static __always_inline bool is_users(u64 address, u32 flags)
{
	return flags & POL_USER || (s64)address >= 0;
}

static __always_inline long read_bytes(void *to, u32 length, u64 from, u32 flags)
{
	return is_users(from, flags) ? bpf_probe_read_user(to, length, (void *)from)
				     : bpf_probe_read_kernel(to, length, (void *)from);
}

static __always_inline long read_string(void *to, u32 length, u64 from, u32 flags)
{
	return is_users(from, flags) ? bpf_probe_read_user_str(to, length, (void *)from)
				     : bpf_probe_read_kernel_str(to, length, (void *)from);
}

/* What can be read where the next page cannot. */
static __always_inline u32 to_end_of_page(u64 from)
{
	return 4096 - (from & 4095);
}

static __always_inline u64 get_raw(struct pol_scratch *s, u32 index)
{
	return index < POL_RAW_MAX ? s->raw[index] : 0;
}

/* From what the hook passes, step by step, to what is asked for. Not 0 if there is no way. */
static __noinline int resolve(u64 *value, u32 i)
{
	u32 flags, k;
	u64 at;

	if (!value || i >= POL_VALUES_MAX)
		return -1;
	flags = shape.arguments[i].flags;
	at = *value;
#pragma clang loop unroll(disable)
	for (k = 0; k < POL_STEPS_MAX; k++) {
		const volatile struct pol_step *step = &shape.resolutions[i].steps[k];
		u64 next = 0;

		if (k >= shape.resolutions[i].count)
			break;
		at += step->offset;
		switch (step->bytes) {
		case 1:
			if (read_bytes(&next, 1, at, flags))
				return -1;
			break;
		case 2:
			if (read_bytes(&next, 2, at, flags))
				return -1;
			break;
		case 4:
			if (read_bytes(&next, 4, at, flags))
				return -1;
			break;
		case 8:
			if (read_bytes(&next, 8, at, flags))
				return -1;
			break;
		default:
			continue;
		}
		at = next;
		if (step->bits)
			at = at >> (step->bit & 63) & ((1ULL << (step->bits & 63)) - 1);
	}
	*value = at;
	return 0;
}

/* What an argument is, or where. False if that could not be read. */
static __always_inline bool get_argument(struct pol_scratch *s, u32 i, u64 *value)
{
	*value = get_raw(s, shape.arguments[i].raw);
	if (shape.has_sources && s->unread >> (i & 31) & 1)
		return false;
	return IS_PLAIN || !shape.resolutions[i].count || !resolve(value, i);
}

/* How many there are, by the value that says so. */
static __always_inline u64 get_count(struct pol_scratch *s, u32 i)
{
	u32 flags = shape.arguments[i].flags;
	u64 count = ~0ULL;

	if (flags & POL_IN_PLACE)
		return shape.arguments[i].max;
	if (shape.arguments[i].size_raw)
		count = get_raw(s, shape.arguments[i].size_raw - 1);
	else if (!(flags & POL_AT_RETURN))
		return 0;
	if (flags & POL_COUNT_32)
		count = (s32)count < 0 ? 0 : (u32)count;
	return count;
}

/* At the end of a call: as many bytes as it says that there are. */
static __always_inline u64 get_returned(struct pol_scratch *s, u32 i)
{
	s64 returned = s->raw[POL_RAW_RETURN];

	if (!(shape.arguments[i].flags & POL_AT_RETURN))
		return ~0ULL;
	return returned < 0 ? 0 : returned;
}

#endif
