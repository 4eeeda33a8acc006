/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What happens when a selector matches. */
#ifndef APUS_POLICY_ACT_BPF_H
#define APUS_POLICY_ACT_BPF_H

#include "policy_generation.bpf.h"
#include "policy_calls.bpf.h"
#include "policy_enforcer.bpf.h"
#include "policy_match.bpf.h"
#include "policy_registers.bpf.h"
#include "policy_sockets.bpf.h"

/* How many values are read in place, where that is asked for: what is in place is there for each.
 */
#define POL_VALUES_IN_PLACE 3

/* Those whose bits are set. Unrolled, the verifier takes away what the shape has not. */
static __always_inline void read_values(struct hit *h, u32 which, bool in_place)
{
	u32 i;

#pragma clang loop unroll(full)
	for (i = 0; i < POL_VALUES_MAX; i++)
		if (which & 1 << i)
			append(h, i, in_place && i < POL_VALUES_IN_PLACE);
}

/* Where the hits of a row's selector are counted. */
static __always_inline u32 account_of(u32 index, u32 selector)
{
	return index * POL_SELECTORS_MAX + selector;
}

static __always_inline int count_for(u32 account, u32 what)
{
	struct pol_counts *counts = bpf_map_lookup_elem(&pol_row_counts, &account);

	if (counts && what < POL_COUNT_SIZE)
		__sync_fetch_and_add(&counts->counts[what], 1);
	return 0;
}

/* The first bytes of a value, for the rate key; of a path, of the path's. */
static __always_inline void take_said(struct pol_scratch *s, u32 i)
{
	u32 at = s->offset[i], length = s->length[i];

	asm volatile("" : "+r"(at));
	asm volatile("" : "+r"(length));
	if (at > POL_TAIL_MAX)
		return;
	if (length > POL_SAID_MAX)
		length = POL_SAID_MAX;
	bpf_probe_read_kernel(s->rate.said[i], length, &s->tail[at]);
}

/* True if the same was posted less than the row's interval ago. */
static __noinline int is_repeated(struct hit *h, u32 row, u32 selector, u32 flags,
				  const struct pol_action_values *limit)
{
	struct pol_scratch *s;
	u64 thread = bpf_get_current_pid_tgid();
	u64 *last;
	u32 i;

	if (!h || !limit)
		return 0;
	s = h->scratch;
	__builtin_memset(&s->rate, 0, sizeof(s->rate));
	s->rate.row = row;
	s->rate.selector = selector;
	if (limit->limit_scope == POL_PER_THREAD)
		s->rate.who = thread;
	else if (limit->limit_scope == POL_PER_PROCESS)
		s->rate.who = thread >> 32;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_VALUES_MAX; i++)
		if (shape.arguments[i].type != POL_NONE &&
		    !(shape.arguments[i].flags & POL_AT_RETURN) == !(flags & POL_IS_RETURN))
			take_said(s, i);
	last = bpf_map_lookup_elem(&pol_rates, &s->rate);
	if (last && s->time - *last < limit->limit_ns)
		return 1;
	bpf_map_update_elem(&pol_rates, &s->rate, &s->time, BPF_ANY);
	return 0;
}

static __always_inline u32 append_stack(struct hit *h, u32 at, u64 flags)
{
	long bytes;

	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX + POL_STRING_MAX - POL_STACK_MAX * 8)
		return 0;
	bytes = bpf_get_stack(h->ctx, &h->scratch->tail[at], POL_STACK_MAX * 8, flags);
	/* The tracepoints of system calls in 6.1 have the caller's registers: no kernel stack. */
	if (bytes <= 0 && !(flags & BPF_F_USER_STACK))
		bytes = bpf_get_task_stack(bpf_get_current_task_btf(), &h->scratch->tail[at],
					   POL_STACK_MAX * 8, 0);
	return bytes > 0 ? bytes / 8 : 0;
}

/* The hook's own value: only as that may the kernel's function be given it. */
static __always_inline struct file *file_to_hash(u64 *values)
{
	u64 value;

	switch (shape.hash_raw) {
	case 1:
		value = values[0];
		break;
	case 2:
		value = values[1];
		break;
	case 3:
		value = values[2];
		break;
	default:
		return NULL;
	}
	return shape.hash_is_binprm ? ((struct linux_binprm *)value)->file : (struct file *)value;
}

static __always_inline u32 digest_length(u32 algorithm)
{
	switch (algorithm) {
	case 1: /* MD5 */
		return 16;
	case 2: /* SHA-1 */
		return 20;
	case 4: /* SHA-256 */
		return 32;
	case 5: /* SHA-384 */
		return 48;
	}
	return POL_HASH_MAX;
}

/* Reads the file where IMA has not measured it yet: of a sleepable program only. */
static __always_inline u32 append_hash(struct hit *h, u32 account, u32 at)
{
	struct rec_policy *r = &h->scratch->record;
	struct file *file = file_to_hash(h->ctx);
	long algorithm = -1;

	asm volatile("" : "+r"(at));
	if (at <= POL_TAIL_MAX + POL_STRING_MAX - POL_HASH_MAX && file)
		algorithm = bpf_ima_file_hash(file, &h->scratch->tail[at], POL_HASH_MAX);
	if (algorithm < 0) {
		r->flags |= POL_HASH_FAILED;
		count_for(account, POL_COUNT_UNHASHED);
		return 0;
	}
	r->flags |= POL_HAS_HASH;
	r->hash_algorithm = algorithm;
	r->hash_len = digest_length(algorithm);
	return r->hash_len;
}

static __always_inline void set_owner(struct rec_policy *r, struct pol_scratch *s,
				      struct task_struct *task)
{
	struct pol_owner *owner = owner_of_socket(s);

	if (owner) {
		r->image = owner->image;
		r->cgroup_id = owner->cgroup_id;
		r->flags |= POL_OF_OWNER;
		return;
	}
	get_image(&r->image, task);
	r->cgroup_id = get_cgroup_id(task);
}

static __always_inline void send_hit(struct hit *h, struct pol_row *row, u32 account, u32 what)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pol_scratch *s = h->scratch;
	struct rec_policy *r = &s->record;
	u32 end = s->end;

	set_owner(r, s, task);
	r->call = s->time;
	r->tid = task->pid;
	r->row = row->id;
	if (shape.is_syscall && is_compat(task))
		r->flags |= POL_ABI_32;
	r->values_len = end;
	r->function = s->function;
	r->kernel_frames = 0;
	r->user_frames = 0;
	r->hash_algorithm = 0;
	r->hash_len = 0;
	if (what & POL_KERNEL_STACK) {
		r->kernel_frames = append_stack(h, end, 0);
		end += r->kernel_frames * 8;
	}
	if (what & POL_USER_STACK) {
		r->user_frames = append_stack(h, end, BPF_F_USER_STACK);
		end += r->user_frames * 8;
	}
	if (shape.hash_raw && what & POL_IMA_HASH)
		end += append_hash(h, account, end);
	asm volatile("" : "+r"(end));
	if (end > POL_TAIL_MAX + POL_STRING_MAX)
		end = POL_TAIL_MAX + POL_STRING_MAX;
	/* Of a return it is the call's beginning that was noted. */
	if (r->flags & POL_IS_RETURN)
		send_record(&r->head, REC_POLICY, sizeof(*r) + end);
	else
		send_record_at(&r->head, REC_POLICY, sizeof(*r) + end, s->time);
	if (!(r->flags & POL_DROPPED_AT_RETURN))
		s->is_posted = 1;
}

/* A function of its own, so that its room on the stack is not there while values are read. */
static __noinline int send_any_hit(struct hit *h, struct pol_row *row, u32 account, u32 what)
{
	if (h && row)
		send_hit(h, row, account, what);
	return 0;
}

static __always_inline void begin_post(struct rec_policy *r, struct pol_row *row, u32 selector,
				       u32 action, u32 flags)
{
	r->flags = flags | (row->is_monitored ? POL_IS_MONITORED : 0);
	r->selector = selector;
	r->action = action;
}

static __always_inline void post(struct hit *h, struct pol_row *row, u32 index, u32 selector,
				 u32 action, u32 flags, u32 what)
{
	begin_post(&h->scratch->record, row, selector, action, flags);
	send_any_hit(h, row, account_of(index, selector), what);
}

/* What is done to the process, or would be. */
static __always_inline void count_action(struct pol_row *row, u32 account, u32 action)
{
	u32 what;

	switch (action) {
	case POL_DO_SIGKILL:
	case POL_DO_SIGNAL:
		what = POL_COUNT_SIGNAL;
		break;
	case POL_DO_OVERRIDE:
		what = POL_COUNT_OVERRIDE;
		break;
	case POL_DO_NOTIFY_ENFORCER:
		what = POL_COUNT_NOTIFY;
		break;
	default:
		return;
	}
	count_for(account,
		  row->is_monitored ? what + POL_COUNT_MONITORED - POL_COUNT_SIGNAL : what);
}

/* Does one thing. What changes something for the process is only said in monitor mode. */
static __noinline int do_action(struct pol_scratch *s, struct pol_row *row, u32 account, u32 action,
				const struct pol_action_values *values)
{
	if (!s || !row || !values)
		return 0;
	if (shape.tracks_sockets && action == POL_DO_TRACK_SOCK)
		track_socket(s, values->argument);
	if (shape.tracks_sockets && action == POL_DO_UNTRACK_SOCK)
		untrack_socket(s, values->argument);
	count_action(row, account, action);
	if (row->is_monitored)
		return 0;
	switch (action) {
	case POL_DO_SIGKILL:
		/* Refused for init, and in interrupts where another signal waits already. */
		if (bpf_send_signal(9))
			count_for(account, POL_COUNT_SIGNAL_FAILED);
		break;
	case POL_DO_SIGNAL:
		if (bpf_send_signal(values->signal))
			count_for(account, POL_COUNT_SIGNAL_FAILED);
		break;
	case POL_DO_OVERRIDE:
		s->error = values->error;
		break;
	case POL_DO_NOTIFY_ENFORCER:
		if (!leave_notice(values->enforcer, row->id, values->error, values->signal))
			count_for(account, POL_COUNT_NOT_ENFORCED);
		break;
	case POL_DO_CLEANUP_ENFORCER:
		if (!withdraw_notice(values->enforcer))
			count_for(account, POL_COUNT_NOT_ENFORCED);
		break;
	}
	return 0;
}

static __always_inline void note_time(struct pol_scratch *s)
{
	if (!s->time)
		s->time = bpf_ktime_get_boot_ns();
}

/* What no selector looked at. */
static __always_inline void read_all(struct hit *h, bool in_place)
{
	if (h->scratch->is_read)
		return;
	read_values(h, shape.read_late, in_place);
	h->scratch->is_read = 1;
}

/*
 * Does what the selector says. At a call's end `is_told` says whether its beginning was: what was
 * begun is told whole, or not at all.
 */
static __always_inline void act(struct hit *h, struct pol_row *row, u32 index, u32 selector,
				const volatile struct pol_selector *what,
				const struct pol_action_values *values, u32 flags, bool is_told)
{
	struct pol_scratch *s = h->scratch;
	u32 account = account_of(index, selector);
	u32 i, action, last = POL_DO_POST, unposted = POL_COUNT_NO_POST, post_flags = what->post;
	bool is_end = flags & POL_IS_RETURN, is_posted = is_told, is_for_agent = false;

	if (shape.looks_at_changes && looks_at_changes(what))
		tell_changes(row->id);
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_ACTIONS_MAX; i++) {
		action = what->actions[i];
		if (action == POL_DO_NOTHING)
			break;
		if (action == POL_DO_NO_POST) {
			is_posted = false;
			continue;
		}
		last = action;
		if (action == POL_DO_GET_URL || action == POL_DO_DNS_LOOKUP)
			is_for_agent = true;
		else if (action != POL_DO_POST)
			do_action(s, row, account, action, values);
	}
	note_time(s);
	if (is_posted || is_for_agent)
		read_all(h, false);
	if ((is_posted || is_for_agent) && what->post & POL_RATE_LIMITED &&
	    is_repeated(h, row->id, selector, flags, values)) {
		unposted = POL_COUNT_LIMITED;
		is_posted = false;
		is_for_agent = false;
	}
	if (shape.has_return && !is_end)
		flags |= await_return(s, index, is_posted ? selector : selector | POL_CALL_UNTOLD);
	/* A hit counts once: at the call's end, where that decides whether it is told. */
	if (!is_posted && is_told)
		count_for(account, unposted);
	else if (is_posted && !(flags & POL_AWAITS_RETURN))
		count_for(account, POL_COUNT_POST);
	if (!is_posted && !is_for_agent) {
		if (!is_end || !is_told)
			return;
		/* Who has the beginning waits for this. */
		flags |= POL_DROPPED_AT_RETURN;
		last = POL_DO_POST;
		post_flags = 0;
	} else if (!is_posted) {
		flags |= POL_NOT_POSTED;
	}
	post(h, row, index, selector, last, flags, post_flags);
}

/* What most policies do. */
static __always_inline bool only_posts(void)
{
	const volatile struct pol_selector *what = &shape.at_entry[0];

	if (shape.selectors > 1 || shape.has_return || shape.looks_at_changes || what->post)
		return false;
	return what->actions[0] == POL_DO_NOTHING ||
	       (what->actions[0] == POL_DO_POST && what->actions[1] == POL_DO_NOTHING);
}

/* act() of that: of its questions none is left. */
static __always_inline void just_post(struct hit *h, struct pol_row *row, u32 index)
{
	struct pol_scratch *s = h->scratch;
	u32 account = account_of(index, 0);

	note_time(s);
	read_all(h, true);
	count_for(account, POL_COUNT_POST);
	begin_post(&s->record, row, 0, POL_DO_POST, 0);
	send_hit(h, row, account, 0);
}

/* A function of its own, so that its room on the stack is not there while selectors are judged. */
static __noinline int act_at_entry(struct hit *h, struct pol_row *row, u32 index, u32 selector)
{
	if (!h || !row || selector >= POL_SELECTORS_MAX)
		return 0;
	act(h, row, index, selector, &shape.at_entry[selector], &row->actions[selector], 0, true);
	return 0;
}

/* What most policies are: judged in place, and where they only post done with, which is -1. */
static __noinline int judge_simply(struct hit *h, struct pol_row *row, u32 index)
{
	if (!h || !row || !matches_simply(h, row))
		return -1;
	if (!only_posts())
		return 0;
	just_post(h, row, index);
	return -1;
}

/* False if there is no such row. */
static __always_inline bool try_row(u32 index, struct hit *h)
{
	struct pol_row *row = bpf_map_lookup_elem(&pol_rows, &index);
	struct pol_scratch *s = h->scratch;
	s32 selector;

	if (!row)
		return false;
	if (s->generation < row->from || s->generation >= row->until)
		return true;
	s->row = row->id;
	selector = is_simple() ? judge_simply(h, row, index) : first_match(h, row);
	if (selector >= 0)
		act_at_entry(h, row, index, selector);
	return true;
}

static long try_next_row(u32 i, struct hit *h)
{
	u32 index = i, first = h->scratch->place * shape.place_rows;

	if (shape.is_scoped) {
		if (i >= shape.rows || i >= h->list->count)
			return 1;
		index = h->list->rows[i];
		if (shape.place_rows && index - first >= shape.place_rows)
			return 0;
	} else if (shape.place_rows) {
		index += first;
	}
	return !try_row(index, h);
}

/* The rows that apply to the caller's container; NULL if there are none. */
static __always_inline struct pol_list *find_list(void)
{
	u64 key = get_cgroup_id(bpf_get_current_task_btf()), *container;
	struct pol_list *list = bpf_map_lookup_elem(&pol_lists, &key);

	if (list)
		return list;
	container = bpf_map_lookup_elem(&pol_containers, &key);
	key = container ? *container : 0;
	return bpf_map_lookup_elem(&pol_lists, &key);
}

/* False if nothing applies. */
static __always_inline bool begin(struct hit *h)
{
	struct pol_scratch *s = h->scratch;

	s->call_index = POL_CALLS_MAX;
	if (shape.is_scoped) {
		h->list = find_list();
		if (!h->list)
			return false;
	}
	if (!read_generation(s))
		return false;
	s->time = 0;
	s->is_read = 0;
	s->end = 0;
	s->error = 0;
	s->is_posted = 0;
	s->continued = 0;
	return true;
}

/* A hit from its raw values on. Returns what the hook is to return. */
static __noinline int evaluate(struct hit *h)
{
	struct pol_scratch *s = h->scratch;

	if (!begin(h))
		return 0;
	read_values(h, shape.read_first, true);
	/* Most have room for one, and for another one that replaces it. */
	if (!shape.is_scoped && !shape.place_rows && shape.rows <= 2 && is_simple()) {
		try_row(0, h);
		if (shape.rows == 2)
			try_row(1, h);
	} else {
		bpf_loop(shape.place_rows && !shape.is_scoped ? shape.place_rows : shape.rows,
			 try_next_row, h, 0);
	}
	if (!IS_PLAIN && shape.has_more && s->is_posted)
		send_more(s);
	return s->error;
}

/* Apart, as first_match is: its room on the stack is not taken while values are read. */
static __noinline int return_matches(struct hit *h, struct pol_row *row)
{
	return h && row && selector_matches(h, &shape.at_return, row->return_operands);
}

static long end_row(u32 i, struct hit *h)
{
	struct pol_scratch *s = h->scratch;
	struct pol_row *row;
	u32 index, selector;
	bool is_told;

	if (i >= POL_CALL_ROWS || i >= s->call.count)
		return 1;
	index = s->call.rows[i];
	selector = s->call.selectors[i] & ~POL_CALL_UNTOLD;
	is_told = !(s->call.selectors[i] & POL_CALL_UNTOLD);
	row = bpf_map_lookup_elem(&pol_rows, &index);
	if (!row)
		return 1;
	s->row = row->id;
	if (return_matches(h, row))
		act(h, row, index, selector, &shape.at_return, &row->return_actions, POL_IS_RETURN,
		    is_told);
	else if (is_told)
		post(h, row, index, selector, POL_DO_POST, POL_IS_RETURN | POL_DROPPED_AT_RETURN,
		     0);
	return 0;
}

/* The end of a call whose beginning was a hit, in the scratch, with what it returns. */
static __noinline int evaluate_return(struct hit *h, u64 value)
{
	struct pol_scratch *s = h->scratch;

	__builtin_memcpy(s->raw, s->call.raw, sizeof(s->raw));
	s->raw[POL_RAW_RETURN] = value;
	s->time = s->call.time;
	s->function = s->call.function;
	s->end = 0;
	s->error = 0;
	s->is_posted = 0;
	s->continued = 0;
	read_values(h, shape.read_last, false);
	s->is_read = 1;
	bpf_loop(POL_CALL_ROWS, end_row, h, 0);
	if (!IS_PLAIN && shape.has_more && s->is_posted)
		send_more(s);
	return s->error;
}

#endif
