/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How often something happens to the processes of a cgroup, on each CPU: a window that slides. What
 * is above the limit is told in short, and makes no event.
 */
#ifndef APUS_RATE_BPF_H
#define APUS_RATE_BPF_H

#include "ring.bpf.h"

struct rate {
	u64 window;	   /* where the one that is counted in begins */
	u64 count, before; /* in it, and in the one before */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1); /* more where rec_config.rate_limit is set */
	__type(key, u64);
	__type(value, struct rate);
} rates SEC(".maps");

static __always_inline bool exceeds_rate(u64 cgroup_id)
{
	struct rate first = { .count = 1 }, *rate;
	u64 now, gone, seen;

	if (!config.rate_limit)
		return false;
	now = bpf_ktime_get_boot_ns();
	rate = bpf_map_lookup_elem(&rates, &cgroup_id);
	if (!rate) {
		first.window = now;
		bpf_map_update_elem(&rates, &cgroup_id, &first, BPF_ANY);
		return false;
	}
	gone = now - rate->window;
	if (gone >= 2 * config.rate_interval) {
		rate->window = now;
		rate->before = rate->count = 0;
		gone = 0;
	} else if (gone >= config.rate_interval) {
		rate->window += config.rate_interval;
		rate->before = rate->count;
		rate->count = 0;
		gone -= config.rate_interval;
	}
	rate->count++;
	/* The one before counts as far as the interval that ends now reaches into it. */
	seen = rate->count + rate->before * (config.rate_interval - gone) / config.rate_interval;
	return seen > config.rate_limit;
}

#endif
