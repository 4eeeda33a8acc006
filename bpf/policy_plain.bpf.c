/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The same programs for hooks whose values are numbers, texts and paths: without structures, ways
 * through them and bytes in pieces. The kernel keeps of a program what it is given, and not what of
 * it can be reached: these take a quarter less of its memory.
 */
#define IS_PLAIN 1
#include "policy.bpf.c"
