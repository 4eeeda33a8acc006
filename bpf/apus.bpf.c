/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * All sensors as one object, which is the same for every kernel from 6.1 on. One unit: there is
 * nothing to link.
 */
#include "fork.bpf.c"
#include "exec.bpf.c"
#include "exit.bpf.c"
#include "cgroup.bpf.c"
#include "tasks.bpf.c"

/* Some helpers are for programs under a GPL-compatible licence only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
