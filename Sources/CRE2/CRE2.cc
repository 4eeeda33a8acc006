// SPDX-License-Identifier: Apache-2.0
#include <re2/re2.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

extern "C" {
#include "CRE2.h"
}

struct apus_re2 {
	re2::RE2 expression;
};

namespace
{

template <size_t size> void fill(char (&field)[size], const std::string &text)
{
	size_t count = std::min(text.size(), size - 1);
	memcpy(field, text.data(), count);
	field[count] = 0;
}

void explain(apus_re2_error *error, const std::string &reason, const std::string &fragment)
{
	fill(error->reason, reason);
	fill(error->fragment, fragment);
	error->fragment_length = fragment.size();
}

} // namespace

// No exception may leave: the caller's frames are not C++.
apus_re2 *apus_re2_compile(const char *pattern, size_t length, bool latin1, int64_t memory,
			   apus_re2_error *error)
try {
	re2::RE2::Options options(re2::RE2::Quiet);
	options.set_max_mem(memory);
	if (latin1)
		options.set_encoding(re2::RE2::Options::EncodingLatin1);
	auto *compiled = new apus_re2{ re2::RE2(re2::StringPiece(pattern, length), options) };
	if (compiled->expression.ok())
		return compiled;
	explain(error, compiled->expression.error(), compiled->expression.error_arg());
	// RE2 names the code in a sentence of its own and repeats the fragment after a colon.
	if (char *colon = strstr(error->reason, ": "))
		*colon = 0;
	delete compiled;
	return nullptr;
} catch (...) {
	explain(error, "out of memory", "");
	return nullptr;
}

void apus_re2_free(apus_re2 *expression)
{
	delete expression;
}

int apus_re2_groups(const apus_re2 *expression)
{
	return expression->expression.NumberOfCapturingGroups();
}

int apus_re2_program_size(const apus_re2 *expression)
{
	return expression->expression.ProgramSize();
}

bool apus_re2_find(const apus_re2 *expression, const char *text, size_t length, size_t start,
		   apus_re2_span *spans, int count)
try {
	re2::StringPiece few[8];
	std::vector<re2::StringPiece> many;
	re2::StringPiece *groups = few;
	if (count > 8) {
		many.resize(count);
		groups = many.data();
	}
	re2::StringPiece piece(text, length);
	if (!expression->expression.Match(piece, start, length, re2::RE2::UNANCHORED, groups,
					  count))
		return false;
	for (int i = 0; i < count; i++) {
		bool took_part = groups[i].data() != nullptr;
		spans[i].begin = took_part ? groups[i].data() - text : -1;
		spans[i].end = took_part ? spans[i].begin + ptrdiff_t(groups[i].size()) : -1;
	}
	return true;
} catch (...) {
	return false;
}
