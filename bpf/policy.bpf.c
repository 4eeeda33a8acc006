/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A program for each kind of hook. One of them is loaded, with a shape. */
#include "policy_act.bpf.h"
#include "policy_locations.bpf.h"
#include "policy_syscalls.bpf.h"

/*
 * The memory for a hit; NULL where there is nothing to look at: a task that is in no binary set is
 * let pass before anything is done for it if every selector asks for one.
 */
static __always_inline struct pol_scratch *begin_hit(void)
{
	if (shape.needs_binary) {
		struct task_struct *task = bpf_get_current_task_btf();

		if (!task->bpf_storage || !bpf_task_storage_get(&pol_task_binaries, task, NULL, 0))
			return NULL;
	}
	return claim_scratch();
}

/* What it is of all that the program is attached to: a function of a hook, or a hook's place. */
static __always_inline void set_function(struct pol_scratch *s, u32 index)
{
	s->function = shape.place_rows ? 0 : index;
	s->place = index;
}

/* What is left when a hit has its values. */
static __always_inline int end_hit(void *ctx, struct pol_scratch *s, u64 frame, u32 function)
{
	struct hit h = { .ctx = ctx, .scratch = s };
	int error;

	s->frame = frame;
	set_function(s, function);
	error = evaluate(&h);
	release_scratch(s);
	/* What the verifier wants of a hook that may forbid. */
	return error < 0 && error >= -4095 ? error : 0;
}

/* Which of the functions it is that share the program. */
static __always_inline u32 get_function(void *ctx)
{
	return shape.has_functions ? bpf_get_attach_cookie(ctx) : 0;
}

static __always_inline void hit_return(void *ctx, u64 value, u64 frame)
{
	struct pol_call *call = find_call(frame);
	struct pol_scratch *s;
	struct hit h = { .ctx = ctx };

	if (!call)
		return;
	s = claim_scratch();
	if (s) {
		s->call = *call;
		h.scratch = s;
		evaluate_return(&h, value);
		release_scratch(s);
	} else {
		count_lost_return();
	}
	call->frame = 0;
}

/* A context has so many values and no more: the verifier refuses a look at one that nobody asks
 * for. */
#define TAKE(i)                                                                                    \
	do {                                                                                       \
		if (shape.raws & 1 << i)                                                           \
			s->raw[i] = ctx[i];                                                        \
	} while (0)

static __always_inline int hit_by_values(u64 *ctx)
{
	struct pol_scratch *s = begin_hit();

	if (!s)
		return 0;
	if (shape.is_syscall) {
		take_registers(s);
	} else {
		TAKE(0);
		TAKE(1);
		TAKE(2);
		TAKE(3);
		TAKE(4);
		TAKE(5);
	}
	return end_hit(ctx, s, (u64)ctx, 0);
}

SEC("raw_tp")
int raw_tracepoint_hit(u64 *ctx)
{
	hit_by_values(ctx);
	return 0;
}

/* Its error forbids what the hook is asked for. */
SEC("lsm")
int security_hit(u64 *ctx)
{
	return hit_by_values(ctx);
}

/* The same where a hash of the file is asked for: that may take reading it. */
SEC("lsm.s")
int security_hash_hit(u64 *ctx)
{
	return hit_by_values(ctx);
}

/* In place of the function, where it has an error to return. */
SEC("fmod_ret")
int override_hit(u64 *ctx)
{
	return hit_by_values(ctx);
}

SEC("fentry")
int entry_hit(u64 *ctx)
{
	hit_by_values(ctx);
	return 0;
}

/* Entry and return have one context, on the stack between the two. */
SEC("fexit")
int entry_return(u64 *ctx)
{
	u64 value = 0;

	bpf_get_func_ret(ctx, &value);
	hit_return(ctx, value, (u64)ctx);
	return 0;
}

/* An event's record: fields at offsets, of the width of their type. */
static __always_inline u64 read_field(void *ctx, const volatile struct pol_argument *field)
{
	void *from = ctx + field->offset;
	u64 value = 0;

	if (field->flags & POL_IN_PLACE)
		return (u64)from;
	switch (field->type) {
	case POL_I8:
	case POL_U8:
		bpf_probe_read_kernel(&value, 1, from);
		break;
	case POL_I16:
	case POL_U16:
		bpf_probe_read_kernel(&value, 2, from);
		break;
	case POL_I32:
	case POL_U32:
	case POL_DATA_LOC:
		bpf_probe_read_kernel(&value, 4, from);
		break;
	default:
		bpf_probe_read_kernel(&value, 8, from);
	}
	return value;
}

SEC("tracepoint")
int tracepoint_hit(void *ctx)
{
	struct pol_scratch *s = begin_hit();
	u32 i;

	if (!s)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_VALUES_MAX; i++) {
		if (shape.arguments[i].type == POL_NONE)
			break;
		s->raw[i] = read_field(ctx, &shape.arguments[i]);
	}
	end_hit(ctx, s, 0, get_function(ctx));
	return 0;
}

static __always_inline int hit_by_registers(struct pt_regs *ctx)
{
	struct pol_scratch *s = begin_hit();

	if (!s)
		return 0;
	if (shape.is_syscall) {
		take_registers(s);
	} else {
		TAKE_REGISTER(0, PT_REGS_PARM1(ctx));
		TAKE_REGISTER(1, PT_REGS_PARM2(ctx));
		TAKE_REGISTER(2, PT_REGS_PARM3(ctx));
		TAKE_REGISTER(3, PT_REGS_PARM4(ctx));
		TAKE_REGISTER(4, PT_REGS_PARM5(ctx));
	}
	return end_hit(ctx, s, PT_REGS_SP(ctx), get_function(ctx));
}

/* Functions of the kernel, and of programs. */
SEC("kprobe")
int probe_hit(struct pt_regs *ctx)
{
	hit_by_registers(ctx);
	return 0;
}

/* Probes that programs bring. */
SEC("kprobe")
int location_hit(struct pt_regs *ctx)
{
	struct pol_scratch *s = begin_hit();

	if (!s)
		return 0;
	take_sources(ctx, s);
	end_hit(ctx, s, PT_REGS_SP(ctx), 0);
	return 0;
}

/* Functions that may be made to fail without being run. Apart, because many kernels have none. */
SEC("kprobe")
int probe_override(struct pt_regs *ctx)
{
	int error = hit_by_registers(ctx);

	if (error)
		bpf_override_return(ctx, error);
	return 0;
}

SEC("kretprobe")
int probe_return(struct pt_regs *ctx)
{
	u64 frame = PT_REGS_SP(ctx);

	/* What a call leaves there, and a return takes. */
	if (PUSHES_RETURN_ADDRESS)
		frame -= sizeof(u64);
	hit_return(ctx, PT_REGS_RC(ctx), frame);
	return 0;
}

/* A thread is in one system call at a time. */
#define SYSCALL_FRAME 1

SEC("raw_tp")
int syscall_hit(u64 *ctx)
{
	struct pol_scratch *s = begin_hit();

	if (s) {
		struct hit h = { .ctx = ctx, .scratch = s };
		bool is_awaited;

		take_registers(s);
		s->frame = SYSCALL_FRAME;
		set_function(s, get_turn() >> 32);
		evaluate(&h);
		is_awaited = s->call_index < POL_CALLS_MAX;
		release_scratch(s);
		if (shape.has_return && is_awaited && !await_syscall(ctx[1]))
			count_lost_return();
	}
	call_next(ctx);
	return 0;
}

SEC("raw_tp")
int syscall_return(u64 *ctx)
{
	hit_return(ctx, ctx[1], SYSCALL_FRAME);
	call_next(ctx);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
