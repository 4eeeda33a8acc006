/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* By which of the kernel's ABIs a system call came. */
#ifndef APUS_POLICY_ABI_BPF_H
#define APUS_POLICY_ABI_BPF_H

#include "policy_kernel.h"

/* Whether the call that the task is in came by the 32-bit ABI: int 0x80 does, from any program. */
static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return ((struct task_struct___info *)task)->thread_info.status & APUS_TS_COMPAT;
#else
	return ((struct task_struct___info *)task)->thread_info.flags & APUS_TIF_32BIT;
#endif
}

#endif
