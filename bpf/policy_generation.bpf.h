/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which generation of rows a hit goes by. */
#ifndef APUS_POLICY_GENERATION_BPF_H
#define APUS_POLICY_GENERATION_BPF_H

#include "policy_maps.bpf.h"

/*
 * Several programs at one place are called one after the other for one call, and rows that one of
 * them loses are another's: if the generation changed between them the call would be seen twice or
 * not at all. So while it changes, the one that is called first leaves word for the others.
 */
static __noinline u32 view_of_call(u32 current, u32 next, u32 place)
{
	struct pol_view_key key = { .thread = POL_FIRST_OF_PLACE, .place = shape.place };
	u32 *first, *view;

	if (shape.place_rows)
		key.place = place < POL_PLACES_MAX ? shape.places[place] : 0;
	first = bpf_map_lookup_elem(&pol_views, &key);

	/* Nothing goes from one program to another here. */
	if (!first)
		return next;
	key.thread = bpf_get_current_pid_tgid();
	/* Each CPU has an idle task, and all are 0. */
	if (!key.thread)
		key.thread = 1 + bpf_get_smp_processor_id();
	/* Where there is no room for word, it goes by what the others will find. */
	if (*first == shape.program && !bpf_map_update_elem(&pol_views, &key, &next, BPF_ANY))
		return next;
	view = bpf_map_lookup_elem(&pol_views, &key);
	return view ? *view : current;
}

/* False if nobody has said yet. */
static __always_inline bool read_generation(struct pol_scratch *s)
{
	u32 zero = 0;
	struct pol_generations *word = bpf_map_lookup_elem(&pol_generation, &zero), now;

	if (!word)
		return false;
	/* Both at once. */
	*(u64 *)&now = *(volatile u64 *)word;
	s->generation = now.next ? view_of_call(now.current, now.next, s->place) : now.current;
	return true;
}

#endif
