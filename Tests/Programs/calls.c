// SPDX-License-Identifier: Apache-2.0
// Calls what its arguments say; what policies are asked to see.
//
//   calls function NUMBER TEXT  calls watched(), then watched_too(), then unwatched(), with these
//   calls deep NUMBER           calls descend(), which calls itself that often
//   calls int80 DIRECTORY       makes it by the 32-bit ABI, from a program of 64 bits
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FUNCTION __attribute__((noinline, noclone, used))

FUNCTION long watched(int number, const char *text)
{
	__asm__ volatile("" ::: "memory");
	return number + (long)strlen(text);
}

FUNCTION long watched_too(int number, const char *text)
{
	__asm__ volatile("" ::: "memory");
	return number - (long)strlen(text);
}

FUNCTION long unwatched(int number, const char *text)
{
	__asm__ volatile("" ::: "memory");
	return number * (long)strlen(text);
}

FUNCTION long descend(int levels)
{
	long below = levels <= 1 ? 0 : descend(levels - 1);

	/* Else the compiler makes a loop of it. */
	__asm__ volatile("" : "+r"(below));
	return 1 + below;
}

static int make_directory_32(const char *path)
{
#ifdef __x86_64__
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int result;

	if (low == MAP_FAILED)
		return -1;
	strncpy(low, path, 4095);
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(296 /* mkdirat */), "b"(-100), "c"((uint32_t)(uintptr_t)low),
			   "d"(0700)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
#else
	return -1;
#endif
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "function")) {
		int number = atoi(argv[2]);

		watched(number, argv[3]);
		watched_too(number, argv[3]);
		unwatched(number, argv[3]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "deep"))
		return descend(atoi(argv[2])) != atoi(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "int80"))
		return make_directory_32(argv[2]) ? 3 : 0;
	return 2;
}
