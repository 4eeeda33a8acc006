// SPDX-License-Identifier: Apache-2.0
// The process starts here (linker option -e), before libc has looked at anything.
//
// A createContainer hook of runc before 1.3 is given the image's environment, and static glibc
// obeys GLIBC_TUNABLES in its very first steps, earlier than any constructor. So every variable
// becomes the empty string before libc starts.
#include "CHook.h"

// Set before static relocation and TLS: plain words, written by instructions relative to the
// program counter.
static size_t argument_count;
static char **arguments;

__attribute__((used, no_stack_protector)) void apus_hook_scrub(long *stack)
{
	argument_count = (size_t)stack[0];
	arguments = (char **)(stack + 1);
	for (char **variable = arguments + argument_count + 1; *variable; variable++)
		**variable = '\0';
}

// Nothing but the stack pointer and the one register that _start reads (the finalizer of a dynamic
// loader, of which there is none) survives into libc.
#if defined(__x86_64__)
__attribute__((naked, noreturn, used)) void hook_start(void)
{
	__asm__("mov %rdx, %rbx\n\t"
		"mov %rsp, %rdi\n\t"
		"call apus_hook_scrub\n\t"
		"mov %rbx, %rdx\n\t"
		"jmp _start");
}
#elif defined(__aarch64__)
__attribute__((naked, noreturn, used)) void hook_start(void)
{
	__asm__("mov x19, x0\n\t"
		"mov x0, sp\n\t"
		"bl apus_hook_scrub\n\t"
		"mov x0, x19\n\t"
		"b _start");
}
#else
#error "hook_start has to be written for this architecture"
#endif

const char *apus_argument(size_t index)
{
	return index < argument_count ? arguments[index] : NULL;
}
