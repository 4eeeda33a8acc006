/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which binary sets an image is in: looked up once, when it is executed. All sets that name a path
 * share that path's entry, so the number of sets does not count.
 *
 * An image goes by the path of its file from its root, and by the name that was given to execve
 * where that is absolute: a link is in the sets of its own name and in those of what it leads to. A
 * relative name is not joined with the working directory, which another process may share and move.
 */
#ifndef APUS_POLICY_BINARIES_BPF_H
#define APUS_POLICY_BINARIES_BPF_H

#include "policy_paths.bpf.h"

#define BINARIES_MAP(name, map_type, key_type)                                                     \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, 65536);                                                        \
		__type(key, key_type);                                                             \
		__type(value, struct pol_bits);                                                    \
	} name SEC(".maps")

BINARIES_MAP(pol_binary_paths, BPF_MAP_TYPE_HASH, struct pol_binary_key);
BINARIES_MAP(pol_long_binary_paths, BPF_MAP_TYPE_HASH, struct pol_long_binary_key);
BINARIES_MAP(pol_binary_prefixes, BPF_MAP_TYPE_LPM_TRIE, struct pol_affix_key);
BINARIES_MAP(pol_binary_postfixes, BPF_MAP_TYPE_LPM_TRIE, struct pol_affix_key);

/* The name at hand and what it is looked up by, in the tail of a scratch. */
struct naming {
	struct pol_bits found;
	u32 length;
	char name[POL_STRING_MAX + 256];
	union {
		struct pol_binary_key path;
		struct pol_long_binary_key long_path;
		struct pol_affix_key affix;
	};
};
_Static_assert(sizeof(struct naming) <= POL_TAIL_MAX, "fits into the tail");

static __always_inline void add_bits(struct pol_bits *to, const struct pol_bits *bits)
{
	u32 i;

	if (!bits)
		return;
	for (i = 0; i < POL_BINARY_SETS_MAX / 64; i++)
		to->words[i] |= bits->words[i];
}

static __always_inline bool is_any(const struct pol_bits *bits)
{
	u64 any = 0;
	u32 i;

	for (i = 0; i < POL_BINARY_SETS_MAX / 64; i++)
		any |= bits->words[i];
	return any;
}

struct reversal {
	struct naming *naming;
};

static long reverse_step(u32 i, struct reversal *r)
{
	struct naming *n = r->naming;
	u32 from = n->length - 1 - i;

	asm volatile("" : "+r"(from));
	if (i >= POL_BINARY_AFFIX_MAX || from >= POL_STRING_MAX)
		return 1;
	n->affix.bytes[i] = n->name[from];
	return 0;
}

/* Adds the sets that the name is in. */
static __noinline int add_sets(struct naming *n)
{
	struct reversal reversal = { .naming = n };
	u32 zero = 0, length, affix;
	void *zeros;

	if (!n)
		return 0;
	length = n->length;
	asm volatile("" : "+r"(length));
	if (length <= POL_BINARY_SHORT_MAX) {
		__builtin_memset(&n->path, 0, sizeof(n->path));
		n->path.length = length;
		bpf_probe_read_kernel(n->path.bytes, length, n->name);
		add_bits(&n->found, bpf_map_lookup_elem(&pol_binary_paths, &n->path));
	} else if (length <= POL_BINARY_PATH_MAX) {
		zeros = bpf_map_lookup_elem(&pol_zeros, &zero);
		if (zeros)
			bpf_probe_read_kernel(n->long_path.bytes, POL_BINARY_PATH_MAX, zeros);
		n->long_path.length = length;
		bpf_probe_read_kernel(n->long_path.bytes, length, n->name);
		add_bits(&n->found, bpf_map_lookup_elem(&pol_long_binary_paths, &n->long_path));
	}
	affix = n->length;
	if (affix > POL_BINARY_AFFIX_MAX)
		affix = POL_BINARY_AFFIX_MAX;
	n->affix.prefix = 8 * affix;
	bpf_probe_read_kernel(n->affix.bytes, affix, n->name);
	add_bits(&n->found, bpf_map_lookup_elem(&pol_binary_prefixes, &n->affix));
	bpf_loop(affix, reverse_step, &reversal, 0);
	add_bits(&n->found, bpf_map_lookup_elem(&pol_binary_postfixes, &n->affix));
	return 0;
}

/* Adds the sets of the file whose ends are in the scratch. What is not below the root has no path
 * there. */
static __always_inline void add_sets_of_file(struct pol_scratch *s, struct naming *n)
{
	u32 result = pol_walk_path(s->slot), position = result & POL_PATH_POSITION, length;

	if (result & (POL_PATH_FAILED | POL_PATH_CUT | POL_PATH_NOT_BELOW))
		return;
	asm volatile("" : "+r"(position));
	if (position > POL_PATH_END)
		return;
	length = POL_PATH_END - position;
	asm volatile("" : "+r"(length));
	if (length > POL_STRING_MAX)
		return;
	bpf_probe_read_kernel(n->name, length, &s->path[position]);
	n->length = length;
	add_sets(n);
}

/* And of the name that was given to execve. */
static __always_inline void add_sets_of_name(struct naming *n, const char *filename)
{
	long length = bpf_probe_read_kernel_str(n->name, POL_STRING_MAX, filename);

	if (length <= 1 || n->name[0] != '/')
		return;
	n->length = length - 1;
	add_sets(n);
}

#endif
