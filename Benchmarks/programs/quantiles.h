// SPDX-License-Identifier: Apache-2.0
// How long things took, as the few numbers that say it.
#ifndef QUANTILES_H
#define QUANTILES_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static inline int64_t now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline int64_t in_ns(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_usec * 1000L;
}

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* Sorts the values, and prints their quantiles as members of a JSON object. */
static inline void print_quantiles(int64_t *values, size_t count)
{
	static const struct {
		const char *name;
		double place;
	} quantiles[] = { { "min", 0 },	   { "p25", 0.25 }, { "p50", 0.5 }, { "p75", 0.75 },
			  { "p90", 0.90 }, { "p99", 0.99 }, { "max", 1 } };

	qsort(values, count, sizeof(*values), by_size);
	printf("\"count\":%zu", count);
	for (size_t i = 0; count && i < sizeof(quantiles) / sizeof(*quantiles); i++)
		printf(",\"%s\":%" PRId64, quantiles[i].name,
		       values[(size_t)(quantiles[i].place * (double)(count - 1) + 0.5)]);
}

#endif
