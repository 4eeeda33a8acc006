/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a policy's programs keep, and the memory that a hit works in. */
#ifndef APUS_POLICY_MAPS_BPF_H
#define APUS_POLICY_MAPS_BPF_H

/* See policy_plain.bpf.c, and pol_shape.isPlain of those who choose. */
#ifndef IS_PLAIN
#define IS_PLAIN 0
#endif

#include "cgroups.bpf.h"
#include "containers.bpf.h"
#include "policy.h"
#include "policy_kernel.h"
#include "ring.bpf.h"
#include "tasks.bpf.h"

const volatile struct pol_shape shape = {};

/* --- Of all policies: one of each, whoever loads it first --- */

/* Read once at each hit: what is replaced is replaced for all of it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_generations);
} pol_generation SEC(".maps");

/*
 * By place and thread, what its call goes by; by place alone, which program is called first.
 * Empty but for the moment of a change.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct pol_view_key);
	__type(value, u32);
} pol_views SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pol_binaries);
} pol_task_binaries SEC(".maps");

/* A call that has not returned yet: whose entry matched which rows. */
#define POL_CALL_ROWS 16
/* In a row's selector: nothing is told of the call. */
#define POL_CALL_UNTOLD 0x80

struct pol_call {
	u64 frame; /* the stack's end at its entry, which is the same at its return; 0: no call */
	u64 time;
	u64 raw[POL_RAW_MAX];
	u32 function;
	u32 count;
	u32 rows[POL_CALL_ROWS];
	u8 selectors[POL_CALL_ROWS];
};

/* What a rate limit goes by. Bytes that a value does not have are 0. */
struct pol_rate_key {
	u32 row, selector;
	u64 who;
	u8 said[POL_VALUES_MAX][POL_SAID_MAX];
};

/* Where it has got to on the way from a file to its root. */
struct pol_walk {
	u32 position; /* in the scratch's path, from its end */
	u32 result;
	u32 is_done;
	u32 pad;
};

/* Where it has got to in a buffer of several pieces, or a long one. */
struct gathering {
	u64 vector;	   /* address of the next struct iovec */
	u64 pieces;	   /* that there are there */
	u64 base, size;	   /* what is left of the one at hand */
	u64 skip, left;	   /* bytes to pass over, and then to take */
	u32 at, end;	   /* in the tail */
	u32 index, offset; /* of the value that is sent, and in it */
	u32 is_32_bit;
	u32 is_done;
	u16 flags;		      /* enum pol_value_flag */
	u8 vector_flags, piece_flags; /* enum pol_argument_flag: whose memory it is */
	u32 pad;
};

/*
 * Where a hit reads what it looks at, and builds what it sends. Programs at security hooks and
 * functions can be preempted: whoever comes meanwhile takes the next.
 */
#define POL_SCRATCHES 4

struct pol_scratch {
	u32 busy;
	u32 slot; /* which one this is */
	u64 raw[POL_RAW_MAX];
	u64 time;
	u32 generation;
	u32 is_read; /* all values are in the tail */
	u32 end;     /* of the tail */
	s32 error;   /* what the hook is to return, if not 0 */
	u32 function;
	u32 place;	/* which one of those that share the program */
	u32 call_index; /* where this hit's call waits for its return; POL_CALLS_MAX: nowhere */
	u64 frame;
	u32 is_posted;
	u32 continued;		    /* bits of values that go on in records of their own */
	u32 offset[POL_VALUES_MAX]; /* in the tail, of what filters look at */
	u32 length[POL_VALUES_MAX];
	u32 row; /* pol_row.id of the one that is looked at */
	u32 search_from, search_state;
	u32 unread;	      /* bits of values that a probe has where nothing could be read */
	struct pol_call call; /* that has returned */
	struct path_ends ends;
	struct pol_rate_key rate;
	struct pol_walk walk;
	struct gathering gathering;
	union {
		char path[POL_STRING_MAX + 256];
		struct pol_bytes_key_24 key24;
		struct pol_bytes_key_120 key120;
		struct pol_bytes_key_504 key504;
		struct pol_bytes_key_4088 key4088;
	};
	struct rec_policy record;
	char tail[POL_TAIL_MAX + POL_STRING_MAX + 64] __attribute__((aligned(8)));
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, POL_SCRATCHES);
	__type(key, u32);
	__type(value, struct pol_scratch);
} pol_scratches SEC(".maps");

/* Nothing, to blank a key with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, char[4096]);
} pol_zeros SEC(".maps");

/* --- Of one program --- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_row);
} pol_rows SEC(".maps");

/* Where a program is attached to that brings its probes itself. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_location);
} pol_locations SEC(".maps");

/* Which rows apply to a container, by its cgroup; 0: to everybody else. Its value grows with the
 * rows. */
struct pol_list {
	u32 count;
	u32 rows[1];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u64));
	/* As long as its program has rows, which no type says. */
	__uint(value_size, sizeof(struct pol_list));
} pol_lists SEC(".maps");

#define POL_SET(name, map_type, key_type, value_type)                                              \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, 1);                                                            \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

POL_SET(pol_numbers, BPF_MAP_TYPE_HASH, struct pol_number_key, u8);
POL_SET(pol_bytes_24, BPF_MAP_TYPE_HASH, struct pol_bytes_key_24, u8);
POL_SET(pol_bytes_120, BPF_MAP_TYPE_HASH, struct pol_bytes_key_120, u8);
POL_SET(pol_bytes_504, BPF_MAP_TYPE_HASH, struct pol_bytes_key_504, u8);
POL_SET(pol_bytes_4088, BPF_MAP_TYPE_HASH, struct pol_bytes_key_4088, u8);
POL_SET(pol_prefix_lengths, BPF_MAP_TYPE_HASH, u32, struct pol_lengths);
POL_SET(pol_ranges, BPF_MAP_TYPE_LPM_TRIE, struct pol_range_key, u8);
POL_SET(pol_addresses, BPF_MAP_TYPE_LPM_TRIE, struct pol_address_key, u8);

/*
 * A thread's calls that have not returned. They go with the thread: of one that is killed inside of
 * a call nothing stays behind.
 */
#define POL_CALLS_MAX 4

struct pol_calls_of_thread {
	struct pol_call calls[POL_CALLS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pol_calls_of_thread);
} pol_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_misses);
} pol_missed SEC(".maps");

/* When a row's selector said what to whom. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct pol_rate_key);
	__type(value, u64);
} pol_rates SEC(".maps");

/* What became of the hits of each row's selectors. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pol_counts);
} pol_row_counts SEC(".maps");

/* --- A hit --- */

/* What a hit is handed on by: everything that is no pointer is in the scratch, where the verifier
 * does not follow it. */
struct hit {
	void *ctx;
	struct pol_scratch *scratch;
	struct pol_list *list;
};

static __noinline int count_busy(void)
{
	u32 zero = 0;
	struct pol_misses *m = bpf_map_lookup_elem(&pol_missed, &zero);

	if (m)
		__sync_fetch_and_add(&m->busy, 1);
	return 0;
}

/* NULL, and it is counted, if the CPU has as many hits in hand as it can. */
static __always_inline struct pol_scratch *claim_scratch(void)
{
	struct pol_scratch *s;
	u32 slot;

	for (slot = 0; slot < POL_SCRATCHES; slot++) {
		u32 key = slot;

		s = bpf_map_lookup_elem(&pol_scratches, &key);
		if (s && !__sync_lock_test_and_set(&s->busy, 1)) {
			s->slot = slot;
			return s;
		}
	}
	count_busy();
	return NULL;
}

static __always_inline void release_scratch(struct pol_scratch *s)
{
	*(volatile u32 *)&s->busy = 0;
}

#endif
