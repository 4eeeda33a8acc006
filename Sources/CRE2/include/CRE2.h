// SPDX-License-Identifier: Apache-2.0
// RE2 behind a C interface: expressions that match in time linear in the text, whatever they say.
#ifndef APUS_CRE2_H
#define APUS_CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct apus_re2 apus_re2;

/// Where a group matched, in bytes of the text; begin is -1 for a group that took no part.
typedef struct {
	ptrdiff_t begin, end;
} apus_re2_span;

/// Why a pattern was refused. Both texts are cut to fit and end in NUL; `fragment` is the part of
/// the pattern that RE2 complains about, of `fragment_length` bytes before it was cut.
typedef struct {
	char reason[64];
	char fragment[64];
	size_t fragment_length;
} apus_re2_error;

/// Compiles a pattern in UTF-8, or in Latin-1, where every byte is a character. `memory` bounds the
/// program and what matching caches, in bytes. NULL and `error` filled in when it is refused, or
/// when there is no memory.
apus_re2 *apus_re2_compile(const char *pattern, size_t length, bool latin1, int64_t memory,
			   apus_re2_error *error);
void apus_re2_free(apus_re2 *expression);

/// Groups in parentheses that capture, at most INT_MAX; the whole match is not one of them.
int apus_re2_groups(const apus_re2 *expression);

/// Instructions of the compiled form: matching takes at most so many steps for each byte of a text.
int apus_re2_program_size(const apus_re2 *expression);

/// Finds the leftmost match that begins at `start` or later; what is before `start` counts for ^
/// and \b. Writes the first `count` spans, the whole match first. From any thread.
bool apus_re2_find(const apus_re2 *expression, const char *text, size_t length, size_t start,
		   apus_re2_span *spans, int count);

#endif
