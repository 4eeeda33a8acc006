// SPDX-License-Identifier: Apache-2.0
// Reaches probes that it brings itself (USDT), in the form that <sys/sdt.h> gives them: an
// instruction that does nothing, and a note of where it is and of what is passed there.
//
//   probes pass NUMBER TEXT   ends with 0, or with 1 if nobody asks for the probe `guarded`
//   probes wait NUMBER TEXT   the same each time that a byte comes
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By which the notes' addresses would be corrected if the file were changed later on. */
__asm__(".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"
	".weak _.stapsdt.base\n"
	".hidden _.stapsdt.base\n"
	"_.stapsdt.base: .space 1\n"
	".size _.stapsdt.base, 1\n"
	".popsection\n");

#define PROBE(name, semaphore, passed, ...)                                                        \
	__asm__ volatile("990: nop\n"                                                              \
			 ".pushsection .note.stapsdt, \"\", \"note\"\n"                            \
			 ".balign 4\n"                                                             \
			 ".4byte 992f - 991f, 994f - 993f, 3\n"                                    \
			 "991: .asciz \"stapsdt\"\n"                                               \
			 "992: .balign 4\n"                                                        \
			 "993: .8byte 990b\n"                                                      \
			 ".8byte _.stapsdt.base\n"                                                 \
			 ".8byte " semaphore "\n"                                                  \
			 ".asciz \"apus\"\n"                                                       \
			 ".asciz \"" name "\"\n"                                                   \
			 ".asciz \"" passed "\"\n"                                                 \
			 "994: .balign 4\n"                                                        \
			 ".popsection\n"                                                           \
			 :                                                                         \
			 : __VA_ARGS__)

#define FUNCTION __attribute__((noinline, noclone, used))

/* How many ask: the kernel counts it up while a probe that names it is watched. */
__attribute__((section(".probes"), used)) unsigned short guarded_semaphore;

static int in_data;

/* One probe at three places, each of which has what it passes elsewhere. */
FUNCTION void pass(int number, const char *text)
{
	volatile int on_stack = number;
	const char *volatile text_on_stack = text;

	PROBE("pass", "0", "-4@%0 8@%1 -4@%2", "r"(number), "r"(text), "n"(17));
	PROBE("pass", "0", "-4@%0 8@%1 -4@%2", "m"(on_stack), "m"(text_on_stack), "r"(17));
	PROBE("pass", "0", "-8@%0 8@%1 -8@%2", "r"((long)number), "m"(text_on_stack), "n"(17));
}

/* The lowest bytes of registers that have others above them. */
FUNCTION void pass_sizes(uint64_t number)
{
	PROBE("sizes", "0", "-1@%0 1@%0 -2@%0 2@%0 -4@%0 4@%0 -8@%0 8@%0", "r"(number));
}

FUNCTION void pass_data(const int *numbers, long index)
{
	in_data = numbers[0];
	PROBE("data", "0", "-4@%0 -4@%1", "m"(in_data), "m"(numbers[index]));
}

FUNCTION void pass_bytes(const char *text, size_t length)
{
	PROBE("bytes", "0", "8@%0 8@%1", "r"(text), "r"(length));
}

/* Nothing is read here but by those who watch. */
FUNCTION void pass_nothing(const int *nowhere, int number)
{
	PROBE("nothing", "0", "-4@%0 -4@%1", "m"(*nowhere), "r"(number));
}

FUNCTION void pass_fraction(double number)
{
#ifdef __x86_64__
	PROBE("fraction", "0", "8f@%0", "x"(number));
#else
	PROBE("fraction", "0", "8f@%0", "w"(number));
#endif
}

/* Whether somebody asks. */
FUNCTION int pass_if_watched(int number)
{
	if (!*(volatile unsigned short *)&guarded_semaphore)
		return 0;
	PROBE("guarded", "guarded_semaphore", "-4@%0", "r"(number));
	return 1;
}

static int pass_all(int number, const char *text)
{
	const int numbers[] = { number, number + 1, number + 2 };

	pass(number, text);
	pass_sizes(0xfedcba9876543210 + (uint64_t)number);
	pass_data(numbers, 2);
	pass_bytes(text, strlen(text));
	pass_nothing((const int *)8, number);
	pass_fraction(number);
	return pass_if_watched(number) ? 0 : 1;
}

int main(int argc, char **argv)
{
	int result = 2;

	if (argc == 4 && !strcmp(argv[1], "pass"))
		return pass_all(atoi(argv[2]), argv[3]);
	if (argc == 4 && !strcmp(argv[1], "wait"))
		while (getchar() != EOF)
			result = pass_all(atoi(argv[2]), argv[3]);
	return result;
}
