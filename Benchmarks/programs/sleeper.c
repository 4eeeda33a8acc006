// SPDX-License-Identifier: Apache-2.0
// Sleeps until it is killed, without a libc: ten thousand of them must fit beside what is measured.

__attribute__((noreturn, used, force_align_arg_pointer)) void _start(void)
{
	for (;;) {
#if defined(__x86_64__)
		long result;

		__asm__ volatile("syscall" : "=a"(result) : "a"(34L) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
		/* ppoll of nothing for ever: this architecture has no pause. */
		register long number __asm__("x8") = 73;
		register long fds __asm__("x0") = 0;
		register long count __asm__("x1") = 0;
		register long timeout __asm__("x2") = 0;
		register long mask __asm__("x3") = 0;

		__asm__ volatile("svc 0"
				 : "+r"(fds)
				 : "r"(number), "r"(count), "r"(timeout), "r"(mask)
				 : "memory");
#else
#error "pause of this architecture is missing"
#endif
	}
}
