/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How a record reaches the reader. It is built in per-CPU scratch memory and copied into the ring
 * at its exact size. Nobody is woken while the reader is busy: a reader that is about to sleep sets
 * `asleep`, looks at the ring once more, and sleeps. We look at `asleep` after the record is in the
 * ring, with a full barrier between the two, so one of us always sees the other.
 */
#ifndef APUS_RING_BPF_H
#define APUS_RING_BPF_H

#include "kernel.h"
#include "records.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

const volatile struct rec_config config = { .cgroup_v1_subsystem = -1 };

/*
 * Shared with the reader, alone on its cache line: read at every record, written when the reader
 * sleeps.
 */
struct {
	u32 asleep;
	u32 alone[15];
} reader __attribute__((aligned(64))) = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct rec_stats);
} stats SEC(".maps");

/*
 * Where a record's tail ends at most, and the room behind it that a bounded copy of one more name
 * may need. Tracing programs run with preemption off and so have their CPU's memory for themselves.
 * An iterator can be preempted by them: it has the second entry.
 */
#define TAIL_MAX (REC_FILENAME_MAX + 2 * REC_PATH_MAX + REC_ARGS_INLINE)

/*
 * Where a path walk begins and ends: addresses as numbers, which is what the walk takes. A typed
 * pointer becomes one by being written here and read back; a helper's read costs ten times as much.
 */
struct path_ends {
	u64 dentry, mnt, mnt_root; /* mnt is a struct vfsmount, mnt_root its root directory */
	u64 root_dentry, root_mnt;
};

struct scratch {
	struct rec_exec exec;
	char tail[TAIL_MAX + 256];
	struct path_ends ends;
};

enum scratch_user { SCRATCH_TRACING, SCRATCH_ITERATOR };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *get_scratch(u32 user)
{
	return bpf_map_lookup_elem(&scratches, &user);
}

static __always_inline struct rec_stats *get_stats(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

static __always_inline void count(enum rec_counter counter)
{
	struct rec_stats *s = get_stats();

	if (s)
		s->counters[counter]++;
}

/*
 * Every attempt takes a number before it asks for room: what found none is a gap that the reader
 * sees.
 */
static __always_inline void begin_record_at(struct rec_head *head, struct rec_stats *s,
					    enum rec_type type, u32 size, u64 time)
{
	head->size = size;
	head->type = type;
	head->cpu = bpf_get_smp_processor_id();
	head->seq = ++s->seq;
	head->time = time;
}

static __always_inline void begin_record(struct rec_head *head, struct rec_stats *s,
					 enum rec_type type, u32 size)
{
	begin_record_at(head, s, type, size, bpf_ktime_get_boot_ns());
}

/*
 * After a record is in the ring. The result of the increment is used, else clang would choose one
 * that orders nothing.
 */
static __always_inline bool reader_sleeps(struct rec_stats *s)
{
	u64 fence = __sync_fetch_and_add(&s->sent, 1);

	asm volatile("" : : "r"(fence) : "memory");
	if (!*(volatile u32 *)&reader.asleep)
		return false;
	return __sync_val_compare_and_swap(&reader.asleep, 1, 0) == 1;
}

/*
 * Of several CPUs that see the reader asleep, the one that clears the flag wakes it: by an empty
 * record.
 */
static __always_inline void wake_reader(void)
{
	void *nothing = bpf_ringbuf_reserve(&ring, 8, 0);

	/*
	 * A full ring has no room for it. The reader is bounded to one second of sleep and will
	 * find the ring full.
	 */
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* False if the ring was full. `time` is of the event. */
static __always_inline bool send_record_at(struct rec_head *head, enum rec_type type, u32 size,
					   u64 time)
{
	struct rec_stats *s = get_stats();

	if (!s)
		return false;
	begin_record_at(head, s, type, size, time);
	if (bpf_ringbuf_output(&ring, head, size, BPF_RB_NO_WAKEUP)) {
		s->counters[REC_COUNT_RING_FULL]++;
		return false;
	}
	if (reader_sleeps(s))
		wake_reader();
	return true;
}

static __always_inline bool send_record(struct rec_head *head, enum rec_type type, u32 size)
{
	return send_record_at(head, type, size, bpf_ktime_get_boot_ns());
}

#endif
