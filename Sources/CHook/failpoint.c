// SPDX-License-Identifier: Apache-2.0
// Ways to die, for the tests of the guard. Release builds have none of this.
#include "CHook.h"

#ifdef DEBUG
#include <stdlib.h>
#include <string.h>

static int overflow_stack(int depth)
{
	volatile char frame[4096];
	frame[0] = (char)depth;
	return depth < 0 ? frame[0] : overflow_stack(depth + 1) + frame[0];
}

bool apus_failpoint(const char *name)
{
	if (strcmp(name, "trap") == 0)
		__builtin_trap();
	if (strcmp(name, "segfault") == 0)
		*(volatile int *)8 = 0;
	if (strcmp(name, "abort") == 0)
		abort();
	if (strcmp(name, "overflow") == 0)
		overflow_stack(0);
	if (strcmp(name, "twice") == 0) {
		apus_guard_set_phase((const uint8_t *)8); // what the handler reads
		*(volatile int *)8 = 0;
	}
	return false;
}
#else
bool apus_failpoint(const char *name)
{
	(void)name;
	return false;
}
#endif
