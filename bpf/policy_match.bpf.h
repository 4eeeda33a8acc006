/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Whether a row's selectors match a hit. */
#ifndef APUS_POLICY_MATCH_BPF_H
#define APUS_POLICY_MATCH_BPF_H

#include "policy_changes.bpf.h"
#include "policy_search.bpf.h"
#include "policy_values.bpf.h"

static __always_inline bool is_in_numbers(u64 set, u64 number)
{
	struct pol_number_key key = { .set = set, .number = number };

	return bpf_map_lookup_elem(&pol_numbers, &key) != NULL;
}

/* Ranges are prefixes of big-endian numbers: a trie finds the one that a number is in. */
static __always_inline bool is_in_ranges(u64 set, u64 number)
{
	struct pol_range_key key = { .prefix = 32 + 64, .set = set };
	u64 bytes = __builtin_bswap64(number);

	__builtin_memcpy(key.number, &bytes, sizeof(bytes));
	return bpf_map_lookup_elem(&pol_ranges, &key) != NULL;
}

static __always_inline bool number_matches(u64 number, u32 op, const struct pol_operand *to,
					   bool is_signed)
{
	switch (op & ~POL_NEGATED) {
	case POL_EQUAL:
		return number == to->a;
	case POL_IN:
		return is_in_numbers(to->a, number);
	case POL_IN_RANGES:
		return is_in_ranges(to->a, number);
	case POL_LESS:
		return is_signed ? (s64)number < (s64)to->a : number < to->a;
	case POL_GREATER:
		return is_signed ? (s64)number > (s64)to->a : number > to->a;
	case POL_MASK:
		return number & to->a;
	case POL_RANGE:
		return is_signed ? (s64)number >= (s64)to->a && (s64)number <= (s64)to->b
				 : number >= to->a && number <= to->b;
	}
	return false;
}

/* --- Bytes --- */

/* Looks `length` bytes at `from` of the tail up in a set. Blank bytes behind them are part of the
 * key. */
#define FIND_BYTES(size, map)                                                                      \
	do {                                                                                       \
		struct pol_bytes_key_##size *key = &s->key##size;                                  \
		if (!(shape.buckets & POL_BYTES_##size))                                           \
			return 0;                                                                  \
		if (size <= 504)                                                                   \
			__builtin_memset(key, 0, sizeof(*key));                                    \
		else if (zeros)                                                                    \
			bpf_probe_read_kernel(key->bytes, size, zeros);                            \
		key->set = set;                                                                    \
		key->length = length;                                                              \
		bpf_probe_read_kernel(key->bytes, bounded, &s->tail[from]);                        \
		return bpf_map_lookup_elem(&map, key) != NULL;                                     \
	} while (0)

/* Three words, of which those bytes stay that belong to the text: a third of what a read of that
 * many costs. */
static __always_inline void set_short_key(struct pol_bytes_key_24 *key, u32 set, u32 length,
					  const u64 *from)
{
	u64 *to = (u64 *)key->bytes;
	u64 rest = length < 8 ? ~(~0ULL << 8 * length) : ~0ULL;
	u64 behind = length < 16 ? ~(~0ULL << 8 * (length & 7)) : ~0ULL;
	u64 last = length < 24 ? ~(~0ULL << 8 * (length & 7)) : ~0ULL;

	key->set = set;
	key->length = length;
	to[0] = from[0] & rest;
	to[1] = length > 8 ? from[1] & behind : 0;
	to[2] = length > 16 ? from[2] & last : 0;
}

static __noinline int find_bytes(struct pol_scratch *s, u32 set, u32 from, u32 length)
{
	u32 zero = 0, bounded = length;
	void *zeros;

	if (!s)
		return 0;
	asm volatile("" : "+r"(from));
	asm volatile("" : "+r"(bounded));
	if (from > POL_TAIL_MAX)
		return 0;
	if (bounded <= 24) {
		if (!(shape.buckets & POL_BYTES_24))
			return 0;
		set_short_key(&s->key24, set, bounded, (u64 *)&s->tail[from]);
		return bpf_map_lookup_elem(&pol_bytes_24, &s->key24) != NULL;
	}
	if (bounded <= 120)
		FIND_BYTES(120, pol_bytes_120);
	if (bounded <= 504)
		FIND_BYTES(504, pol_bytes_504);
	if (bounded > 4088)
		return 0;
	zeros = bpf_map_lookup_elem(&pol_zeros, &zero);
	FIND_BYTES(4088, pol_bytes_4088);
}

struct affix {
	struct pol_scratch *scratch;
	struct pol_lengths *lengths;
	u32 set, from, length;
	u32 is_postfix;
	u32 found;
};

static long try_affix(u32 i, struct affix *a)
{
	u32 length, from = a->from;

	if (i >= POL_LENGTHS_MAX || i >= a->lengths->count)
		return 1;
	length = a->lengths->lengths[i];
	if (length > a->length)
		return 0;
	if (a->is_postfix)
		from += a->length - length;
	if (!find_bytes(a->scratch, a->set, from, length))
		return 0;
	a->found = 1;
	return 1;
}

static __always_inline bool bytes_match(struct pol_scratch *s, u32 index, u32 op,
					const struct pol_operand *to)
{
	u32 set = to->a;
	struct affix a = { .scratch = s, .set = set };

	if (index >= POL_VALUES_MAX)
		return false;
	switch (op & ~POL_NEGATED) {
	case POL_IN:
		/* Most are of another length than any that is looked for. */
		if (to->b && !(to->b >> (s->length[index] & 63) & 1))
			return false;
		return find_bytes(s, set, s->offset[index], s->length[index]);
	case POL_CONTAINS:
	case POL_CONTAINS_ANY_CASE:
		return find_text(s, set, s->offset[index], s->length[index]);
	}
	a.lengths = bpf_map_lookup_elem(&pol_prefix_lengths, &set);
	if (!a.lengths)
		return false;
	a.from = s->offset[index];
	a.length = s->length[index];
	a.is_postfix = (op & ~POL_NEGATED) == POL_POSTFIX;
	bpf_loop(POL_LENGTHS_MAX, try_affix, &a, 0);
	return a.found;
}

/* --- Sockets --- */

static __always_inline bool socket_matches(struct pol_scratch *s, u32 what, u32 index, u32 op,
					   const struct pol_operand *to)
{
	struct pol_address_key key = { .prefix = 32 + 128 };
	struct pol_sock *sock;
	u32 at;

	if (index >= POL_VALUES_MAX)
		return false;
	at = s->offset[index];
	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX)
		return false;
	sock = (void *)&s->tail[at];
	switch (what) {
	case POL_ADDRESS_FROM:
	case POL_ADDRESS_TO:
		key.set = to->a;
		__builtin_memcpy(key.address, what == POL_ADDRESS_FROM ? sock->from : sock->to, 16);
		return bpf_map_lookup_elem(&pol_addresses, &key) != NULL;
	case POL_PORT_FROM:
		return number_matches(sock->from_port, op, to, false);
	case POL_PORT_TO:
		return number_matches(sock->to_port, op, to, false);
	case POL_PROTOCOL:
		return number_matches(sock->protocol, op, to, false);
	case POL_FAMILY:
		return number_matches(sock->family, op, to, false);
	case POL_STATE:
		return number_matches(sock->state, op, to, false);
	}
	return false;
}

/* --- The process --- */

static __always_inline bool process_matches(u32 what, u32 index, u32 op,
					    const struct pol_operand *to)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool is_negated = op & POL_NEGATED;
	u32 level;

	switch (what) {
	case POL_PROCESS:
		return is_negated !=
		       number_matches(index ? get_ns_pid(task->group_leader,
							 task->group_leader->thread_pid, &level,
							 NULL)
					    : (u32)task->tgid,
				      op, to, false);
	case POL_BINARY:
		return is_negated != binary_matches(task, to->a, index);
	case POL_NAMESPACE:
		return is_negated != number_matches(namespace_of(task, index), op, to, false);
	case POL_CAPABILITY:
		/* The host's own processes have none of another namespace: neither these nor
		 * others. */
		if (index & POL_CAPS_IN_OWN_NS && !task->real_cred->user_ns->level)
			return false;
		return is_negated != !!(capabilities_of(task, index & ~POL_CAPS_IN_OWN_NS) & to->a);
	}
	return false;
}

/* --- Values --- */

/* A set of capabilities that is in the tail: what is passed is its address. */
static __always_inline bool get_capabilities(struct pol_scratch *s, u32 index, u64 *set)
{
	u32 at = s->offset[index];

	asm volatile("" : "+r"(at));
	if (s->length[index] != sizeof(*set) || at > POL_TAIL_MAX)
		return false;
	return !bpf_probe_read_kernel(set, sizeof(*set), &s->tail[at]);
}

static __always_inline bool is_signed(u32 type)
{
	return type == POL_I8 || type == POL_I16 || type == POL_I32 || type == POL_I64;
}

/* POL_NUMBER and POL_BYTES. */
static __always_inline bool value_matches(struct pol_scratch *s,
					  const volatile struct pol_filter *f,
					  const struct pol_operand *to)
{
	u32 index = f->index, op = f->op, type;
	bool is_match;
	u64 number;

	if (f->what == POL_BYTES) {
		is_match = bytes_match(s, index, op, to);
	} else {
		if (index >= POL_VALUES_MAX)
			return false;
		type = shape.arguments[index].type;
		if (type == POL_CAPABILITIES ? !get_capabilities(s, index, &number)
					     : !get_argument(s, index, &number))
			return false;
		is_match = number_matches(as_number(number, type), op, to, is_signed(type));
	}
	return is_match != !!(op & POL_NEGATED);
}

/* --- Selectors --- */

static __always_inline bool filter_matches(struct hit *h, const volatile struct pol_filter *f,
					   const struct pol_operand *to)
{
	u32 what = f->what, index = f->index, op = f->op;
	bool is_match = false;

	switch (what) {
	case POL_NUMBER:
	case POL_BYTES:
		return value_matches(h->scratch, f, to);
	case POL_ADDRESS_FROM:
	case POL_ADDRESS_TO:
	case POL_PORT_FROM:
	case POL_PORT_TO:
	case POL_PROTOCOL:
	case POL_FAMILY:
	case POL_STATE:
		is_match = socket_matches(h->scratch, what, index, op, to);
		break;
	case POL_PROCESS:
	case POL_BINARY:
	case POL_NAMESPACE:
	case POL_CAPABILITY:
		return process_matches(what, index, op, to);
	case POL_NAMESPACE_CHANGE:
	case POL_CAPABILITY_CHANGE:
		return change_matches(h->scratch->row, what, index, to->a, op & POL_NEGATED);
	}
	return is_match != !!(op & POL_NEGATED);
}

static __always_inline bool selector_matches(struct hit *h,
					     const volatile struct pol_selector *what,
					     const struct pol_operand *operands)
{
	u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < POL_FILTERS_MAX; i++) {
		if (what->filters[i].what == POL_ANYTHING)
			return true;
		if (!filter_matches(h, &what->filters[i], &operands[i]))
			return false;
	}
	return true;
}

static __always_inline bool looks_at_changes(const volatile struct pol_selector *what)
{
	u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < POL_FILTERS_MAX; i++) {
		if (what->filters[i].what == POL_ANYTHING)
			break;
		if (what->filters[i].what == POL_NAMESPACE_CHANGE ||
		    what->filters[i].what == POL_CAPABILITY_CHANGE)
			return true;
	}
	return false;
}

/*
 * Index of the row's first selector that matches, or -1. Without any, every hit matches the first.
 * A function of its own, so that what filters have on the stack is not there while values are read.
 */
static __noinline int first_match(struct hit *h, struct pol_row *row)
{
	u32 i;

	if (!h || !row)
		return -1;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_SELECTORS_MAX; i++) {
		if (i >= shape.selectors)
			break;
		if (selector_matches(h, &shape.at_entry[i], row->operands[i]))
			return i;
	}
	return -1;
}

/* There is no selector, or one with a single filter, which asks for a value. */
static __always_inline bool is_simple(void)
{
	const volatile struct pol_filter *f = shape.at_entry[0].filters;

	return !shape.selectors || (shape.selectors == 1 && f[1].what == POL_ANYTHING &&
				    (f[0].what == POL_NUMBER || f[0].what == POL_BYTES));
}

/* Whether that matches: of what the shape decides, the verifier leaves nothing. */
static __always_inline bool matches_simply(struct hit *h, struct pol_row *row)
{
	return !shape.selectors ||
	       value_matches(h->scratch, shape.at_entry[0].filters, row->operands[0]);
}

#endif
