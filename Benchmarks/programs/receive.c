// SPDX-License-Identifier: Apache-2.0
// The cheapest subscriber: takes GetEvents' bytes and counts messages, decoding nothing but their
// outermost fields, so that what is measured is the agent and not its client.
//
// usage: receive SOCKET [PROGRAM EXPECTED]
//
// Says "subscribed" once the answer's headers are there. Without PROGRAM it goes on until SIGTERM.
// With it, it looks for the events of processes that run it, and ends when EXPECTED of them were
// execs and EXPECTED exits. At its end it prints a JSON object: messages, bytes, execs, exits, and
// "latency": quantiles of the time from the execs, as the events have it, to their arrival here, in
// nanoseconds.
#define _GNU_SOURCE
#include "quantiles.h"

#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	WINDOW = 64 << 20, /* a receiver that never makes the agent wait for permission to send */
	PREFIX = 5,	   /* bytes before each gRPC message: a flag and the length */
	EXEC = 1,	   /* fields of GetEventsResponse */
	EXIT = 5,
	TIME = 1001,
	BINARY = 5, /* of Process */
};

static struct {
	int socket;
	/* The program as it stands in an event: field Process.binary, tag and length included. */
	uint8_t needle[128];
	size_t needle_length; /* 0: look into no event */
	size_t expected;
	uint8_t *message; /* prefix included */
	size_t capacity, filled, wanted;
	size_t messages, bytes, execs, exits;
	int64_t arrival;
	int64_t *latencies;
	bool subscribed, ended;
} this;

static volatile sig_atomic_t interrupted;

/* Ends the wait for more as well, also one that is about to begin. */
static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
	shutdown(this.socket, SHUT_RD);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* A varint at *at, which moves behind it. */
static uint64_t varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t value = 0;

	for (int shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

/* google.protobuf.Timestamp in nanoseconds. */
static int64_t timestamp(const uint8_t *at, const uint8_t *end)
{
	int64_t time = 0;

	while (at < end) {
		uint64_t tag = varint(&at, end), value = varint(&at, end);

		time += tag >> 3 == 1 ? (int64_t)value * 1000000000 : (int64_t)value;
	}
	return time;
}

static void look_at(const uint8_t *at, const uint8_t *end)
{
	uint64_t kind = 0;
	int64_t time = 0;

	if (!memmem(at, end - at, this.needle, this.needle_length))
		return;
	while (at < end) {
		uint64_t tag = varint(&at, end), field = tag >> 3;

		if ((tag & 7) == 0) {
			varint(&at, end);
			continue;
		}
		/* All else in this message is length-delimited. */
		uint64_t length = varint(&at, end);

		if (length > (uint64_t)(end - at))
			return;
		if (field == EXEC || field == EXIT)
			kind = field;
		if (field == TIME)
			time = timestamp(at, at + length);
		at += length;
	}
	if (kind == EXEC && this.execs < this.expected)
		this.latencies[this.execs] = this.arrival - time;
	this.execs += kind == EXEC;
	this.exits += kind == EXIT;
}

static void take(const uint8_t *data, size_t length)
{
	this.bytes += length;
	while (length) {
		size_t piece = this.wanted - this.filled;

		piece = piece < length ? piece : length;
		/* Who looks into no event needs the prefixes only. */
		if (this.needle_length || this.wanted == PREFIX)
			memcpy(this.message + this.filled, data, piece);
		this.filled += piece;
		data += piece;
		length -= piece;
		if (this.filled < this.wanted)
			return;
		if (this.wanted == PREFIX) {
			uint8_t *p = this.message;

			this.wanted +=
				(size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
			if (this.wanted > this.capacity) {
				this.capacity = this.wanted;
				this.message = realloc(this.message, this.capacity);
				if (!this.message)
					fail("receive: a message");
			}
			if (this.wanted > PREFIX)
				continue;
		}
		this.messages++;
		if (this.needle_length)
			look_at(this.message + PREFIX, this.message + this.wanted);
		this.filled = 0;
		this.wanted = PREFIX;
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
		   size_t length, void *user)
{
	(void)session, (void)flags, (void)stream, (void)user;
	take(data, length);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)session, (void)user;
	if (frame->hd.type == NGHTTP2_HEADERS && !this.subscribed) {
		/* Headers that end the stream are a refusal. */
		this.subscribed = !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
		puts(this.subscribed ? "subscribed" : "refused");
		fflush(stdout);
	}
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
	(void)session, (void)stream, (void)error, (void)user;
	this.ended = true;
	return 0;
}

static ssize_t request(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length,
		       uint32_t *flags, nghttp2_data_source *source, void *user)
{
	/* GetEventsRequest without a field: an empty message. */
	(void)session, (void)stream, (void)source, (void)user;
	if (length < PREFIX)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memset(buffer, 0, PREFIX);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return PREFIX;
}

static nghttp2_session *subscribe(void)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
		{ NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20 },
	};
#define HEADER(name, value)                                                                        \
	{                                                                                          \
		(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1,        \
			NGHTTP2_NV_FLAG_NONE                                                       \
	}
	static const nghttp2_nv headers[] = {
		HEADER(":method", "POST"),
		HEADER(":scheme", "http"),
		HEADER(":path", "/tetragon.FineGuidanceSensors/GetEvents"),
		HEADER(":authority", "localhost"),
		HEADER("content-type", "application/grpc"),
		HEADER("te", "trailers"),
	};
	nghttp2_session_callbacks *callbacks;
	nghttp2_data_provider body = { .read_callback = request };
	nghttp2_session *session;

	if (nghttp2_session_callbacks_new(&callbacks))
		fail("receive: nghttp2");
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	if (nghttp2_session_client_new(&session, callbacks, NULL))
		fail("receive: nghttp2");
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
				sizeof(settings) / sizeof(*settings));
	nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW);
	nghttp2_submit_request(session, NULL, headers, sizeof(headers) / sizeof(*headers), &body,
			       NULL);
	return session;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "receive: %s: too long for the path of a socket\n", path);
		exit(2);
	}
	strcpy(address.sun_path, path);
	if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(path);
	return descriptor;
}

static void flush(nghttp2_session *session)
{
	const uint8_t *data;
	ssize_t length;

	while ((length = nghttp2_session_mem_send(session, &data)) > 0)
		for (ssize_t sent; length > 0; length -= sent, data += sent)
			if ((sent = send(this.socket, data, length, MSG_NOSIGNAL)) < 0)
				fail("receive: send");
}

static bool is_done(void)
{
	return interrupted || this.ended ||
	       (this.needle_length && this.execs >= this.expected && this.exits >= this.expected);
}

static void receive_all(nghttp2_session *session)
{
	static uint8_t buffer[256 << 10];

	while (!is_done()) {
		ssize_t length = recv(this.socket, buffer, sizeof(buffer), 0);

		this.arrival = now_ns(CLOCK_REALTIME);
		if (length <= 0)
			break;
		if (nghttp2_session_mem_recv(session, buffer, length) < 0)
			break;
		flush(session);
	}
}

static void look_for(const char *program)
{
	size_t length = strlen(program);

	/* Longer ones would have a length of two bytes. */
	if (length > 125) {
		fprintf(stderr, "receive: %s: too long\n", program);
		exit(2);
	}
	this.needle[0] = BINARY << 3 | 2;
	this.needle[1] = length;
	memcpy(this.needle + 2, program, length);
	this.needle_length = length + 2;
}

static void report(void)
{
	size_t measured = this.execs < this.expected ? this.execs : this.expected;

	printf("{\"messages\":%zu,\"bytes\":%zu,\"execs\":%zu,\"exits\":%zu,\"latency\":{",
	       this.messages, this.bytes, this.execs, this.exits);
	print_quantiles(this.latencies, measured);
	puts("}}");
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupt };
	nghttp2_session *session;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: receive SOCKET [PROGRAM EXPECTED]\n");
		return 2;
	}
	if (argc == 4) {
		look_for(argv[2]);
		this.expected = strtoul(argv[3], NULL, 10);
	}
	this.latencies = calloc(this.expected + 1, sizeof(int64_t));
	this.capacity = 64 << 10;
	this.message = malloc(this.capacity);
	this.wanted = PREFIX;
	if (!this.latencies || !this.message)
		fail("receive");
	this.socket = connect_to(argv[1]);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	session = subscribe();
	flush(session);
	receive_all(session);
	nghttp2_session_del(session);
	if (!this.subscribed) {
		fprintf(stderr, "receive: %s: no stream of events\n", argv[1]);
		return 1;
	}
	report();
	return 0;
}
