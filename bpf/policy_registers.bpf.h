/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the caller of a system call passes: by its ABI, in the registers with which it came. */
#ifndef APUS_POLICY_REGISTERS_BPF_H
#define APUS_POLICY_REGISTERS_BPF_H

#include "policy_abi.bpf.h"
#include "policy_maps.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define PUSHES_RETURN_ADDRESS 1
#else
#define PUSHES_RETURN_ADDRESS 0
#endif

/* Values that nobody asks for are not read. */
#define TAKE_REGISTER(i, value)                                                                    \
	do {                                                                                       \
		if (shape.raws & 1 << i)                                                           \
			s->raw[i] = value;                                                         \
	} while (0)

static __always_inline void take_registers(struct pol_scratch *s)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs___kernel *regs = (void *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_x86)
	if (is_compat(task)) {
		TAKE_REGISTER(0, (u32)regs->bx);
		TAKE_REGISTER(1, (u32)regs->cx);
		TAKE_REGISTER(2, (u32)regs->dx);
		TAKE_REGISTER(3, (u32)regs->si);
		TAKE_REGISTER(4, (u32)regs->di);
		TAKE_REGISTER(5, (u32)regs->bp);
	} else {
		TAKE_REGISTER(0, regs->di);
		TAKE_REGISTER(1, regs->si);
		TAKE_REGISTER(2, regs->dx);
		TAKE_REGISTER(3, regs->r10);
		TAKE_REGISTER(4, regs->r8);
		TAKE_REGISTER(5, regs->r9);
	}
#else
	TAKE_REGISTER(0, regs->orig_x0);
	TAKE_REGISTER(1, regs->regs[1]);
	TAKE_REGISTER(2, regs->regs[2]);
	TAKE_REGISTER(3, regs->regs[3]);
	TAKE_REGISTER(4, regs->regs[4]);
	TAKE_REGISTER(5, regs->regs[5]);
#endif
}

#endif
