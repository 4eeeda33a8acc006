/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whether a value has one of a set's texts in it: one pass over it, however many they are. User
 * space makes the automaton (Aho and Corasick's), and in it what the case of letters is to count
 * for.
 */
#ifndef APUS_POLICY_SEARCH_BPF_H
#define APUS_POLICY_SEARCH_BPF_H

#include "policy_maps.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_automaton);
} pol_automata SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_transitions);
} pol_transitions SEC(".maps");

struct search {
	struct pol_scratch *scratch;
	struct pol_automaton *automaton;
};

static long search_step(u32 i, struct search *search)
{
	struct pol_automaton *automaton = search->automaton;
	struct pol_scratch *s = search->scratch;
	struct pol_transitions *row;
	u32 at = s->search_from + i, key;
	u8 class;

	asm volatile("" : "+r"(at));
	if (at >= POL_TAIL_MAX)
		return 1;
	class = automaton->classes[(u8)s->tail[at]];
	key = automaton->first + s->search_state * automaton->width + class / POL_TRANSITIONS;
	row = bpf_map_lookup_elem(&pol_transitions, &key);
	if (!row)
		return 1;
	s->search_state = row->next[class % POL_TRANSITIONS];
	return s->search_state == POL_FOUND;
}

static __noinline int find_text(struct pol_scratch *s, u32 set, u32 from, u32 length)
{
	struct search search = { .scratch = s };

	if (!s)
		return 0;
	search.automaton = bpf_map_lookup_elem(&pol_automata, &set);
	if (!search.automaton)
		return 0;
	s->search_from = from;
	s->search_state = 0;
	bpf_loop(length, search_step, &search, 0);
	return s->search_state == POL_FOUND;
}

#endif
