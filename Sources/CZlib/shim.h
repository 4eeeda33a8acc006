// SPDX-License-Identifier: Apache-2.0
// zlib, which libbpf brings into every agent anyway, as a gzip stream. Swift sees none of zlib's
// own types: another package has a module of them as well, and whose they are then depends on the
// build.
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

struct apus_gzip {
	z_stream stream;
};

// NULL: there is no memory.
static inline struct apus_gzip *apus_gzip_make(void)
{
	struct apus_gzip *gzip = calloc(1, sizeof(*gzip));
	// 32 KiB of window (15), with gzip's header and checksum (16). The fastest level makes a
	// tenth of lines of JSON, the next little less for twice the CPU.
	if (gzip && deflateInit2(&gzip->stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8,
				 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(gzip);
		return NULL;
	}
	return gzip;
}

static inline void apus_gzip_end(struct apus_gzip *gzip)
{
	deflateEnd(&gzip->stream);
	free(gzip);
}

// To be followed by apus_gzip_take until that fills its output no more.
static inline void apus_gzip_give(struct apus_gzip *gzip, void *piece, unsigned int size)
{
	gzip->stream.next_in = piece;
	gzip->stream.avail_in = size;
}

// Bytes that came out; as many as fit if there may be more. is_last: nothing more is given. -1:
// misused.
static inline long apus_gzip_take(struct apus_gzip *gzip, void *output, unsigned int size,
				  bool is_last)
{
	gzip->stream.next_out = output;
	gzip->stream.avail_out = size;
	// That there is nothing left to do is an error as well, and is none here.
	if (deflate(&gzip->stream, is_last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
		return -1;
	return size - gzip->stream.avail_out;
}
