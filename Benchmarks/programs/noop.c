// SPDX-License-Identifier: Apache-2.0
// Ends at once, without a libc: the cheapest program there is, and so the one beside which every
// extra cost shows most.

__attribute__((noreturn, used, force_align_arg_pointer)) void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(231L), "D"(0L) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = 94;
	register long code __asm__("x0") = 0;

	__asm__ volatile("svc 0" : : "r"(number), "r"(code) : "memory");
#else
#error "exit_group of this architecture is missing"
#endif
	__builtin_unreachable();
}
