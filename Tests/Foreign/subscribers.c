// SPDX-License-Identifier: Apache-2.0
// A thousand subscribers that do not decode, and three that behave badly.
//
//   subscribers SOCKET WORD EXPECTED STORMS SECONDS CONNECTIONSxSTREAMS...
//
// Makes so many connections with so many GetEvents streams each, which ask to be told of losses,
// and beside them one connection each that is slow (a kilobyte a second), mute (never reads again
// once it has its headers), and cut (goes in the middle of a message). Says "subscribed" when all
// have their headers.
//
// Counts in each stream the exec and exit events with WORD in them. Says "have N" each time that
// all well-behaved ones have EXPECTED more of both. After STORMS times, or SECONDS, or on SIGTERM,
// the slow one takes what is left, and an object is printed: how many streams of a kind there were,
// the least and the most events that one had, what they were told to be missing. Then it stays
// until SIGTERM.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	PREFIX = 5, /* bytes before each gRPC message: a flag and the length */
	EXEC = 1,   /* fields of GetEventsResponse */
	EXIT = 5,
	LOSS = 50000,
	SLOW_CLIENT = 4,      /* EventLoss.Cause */
	SMALL = 64 << 10,     /* windows: of who shall make the agent wait, */
	LARGE = 8 << 20,      /* and of who shall not */
	CUT_AFTER = 20,	      /* messages */
	SLOW_READS = 1 << 10, /* bytes each SLOW_PAUSE */
	SLOW_PAUSE = 1000,    /* ms */
};

enum role { GOOD, SLOW, MUTE, CUT };

struct stream {
	struct connection *connection;
	int32_t id;
	uint8_t *message; /* prefix included */
	size_t capacity, filled, wanted;
	uint64_t messages, execs, exits, slow, other;
	bool is_open, ended;
};

struct connection {
	enum role role;
	int socket;
	nghttp2_session *session;
	struct stream *streams;
	long count;
};

static struct connection *connections;
static struct pollfd *polls;
static long connection_count, stream_count, open_count, complete;
static bool slow_hurries;
static const char *word;
static size_t word_length;
static uint64_t goal;
static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

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

/* The next field: its number, and where its bytes are; of a varint its value. */
static bool field(const uint8_t **at, const uint8_t *end, uint64_t *number, const uint8_t **bytes,
		  uint64_t *value)
{
	uint64_t tag;

	if (*at >= end)
		return false;
	tag = varint(at, end);
	*value = varint(at, end);
	*number = tag >> 3;
	*bytes = *at;
	if ((tag & 7) == 2) {
		if (*value > (uint64_t)(end - *at))
			return false;
		*at += *value;
	}
	return true;
}

static void add_loss(struct stream *stream, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *gap, *bytes;
	uint64_t number, length, value;

	while (field(&at, end, &number, &gap, &length)) {
		const uint8_t *inner = gap;
		uint64_t cause = 0, count = 0;

		while (field(&inner, gap + length, &number, &bytes, &value)) {
			if (number == 1)
				cause = value;
			if (number == 3)
				count = value;
		}
		if (cause == SLOW_CLIENT)
			stream->slow += count;
		else
			stream->other += count;
	}
}

static bool is_complete(const struct stream *stream)
{
	return stream->execs >= goal && stream->exits >= goal;
}

static void look_at(struct stream *stream)
{
	const uint8_t *at = stream->message + PREFIX, *end = stream->message + stream->wanted,
		      *bytes;
	uint64_t number, length;
	bool was_complete = is_complete(stream);

	stream->messages++;
	while (field(&at, end, &number, &bytes, &length)) {
		if (number == LOSS)
			add_loss(stream, bytes, bytes + length);
		if ((number == EXEC || number == EXIT) && memmem(bytes, length, word, word_length))
			*(number == EXEC ? &stream->execs : &stream->exits) += 1;
	}
	if (stream->connection->role == GOOD && !was_complete)
		complete += is_complete(stream);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t length, void *user)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)flags, (void)user;
	while (stream && length) {
		size_t piece = stream->wanted - stream->filled;

		piece = piece < length ? piece : length;
		memcpy(stream->message + stream->filled, data, piece);
		stream->filled += piece;
		data += piece;
		length -= piece;
		if (stream->filled < stream->wanted)
			break;
		if (stream->wanted == PREFIX) {
			uint8_t *p = stream->message;

			stream->wanted +=
				(size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
			if (stream->wanted > stream->capacity) {
				stream->capacity = stream->wanted;
				stream->message = realloc(stream->message, stream->capacity);
				if (!stream->message)
					fail("subscribers: a message");
			}
			if (stream->wanted > PREFIX)
				continue;
		}
		look_at(stream);
		stream->filled = 0;
		stream->wanted = PREFIX;
	}
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct stream *stream;

	(void)user;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		return 0;
	stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (stream && !stream->is_open) {
		stream->is_open = true;
		open_count++;
	}
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)error, (void)user;
	if (stream)
		stream->ended = true;
	return 0;
}

static ssize_t request(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length,
		       uint32_t *flags, nghttp2_data_source *source, void *user)
{
	/* GetEventsRequest { options { loss: true } }, of which options is field 50000. */
	static const uint8_t message[] = { 0, 0, 0, 0, 6, 0x82, 0xb5, 0x18, 2, 8, 1 };

	(void)session, (void)stream, (void)source, (void)user;
	if (length < sizeof(message))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(buffer, message, sizeof(message));
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return sizeof(message);
}

static void flush(struct connection *connection)
{
	const uint8_t *data;
	ssize_t length;

	while ((length = nghttp2_session_mem_send(connection->session, &data)) > 0)
		for (ssize_t sent; length > 0; length -= sent, data += sent)
			if ((sent = send(connection->socket, data, length, MSG_NOSIGNAL)) < 0)
				return;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "subscribers: %s: too long for the path of a socket\n", path);
		exit(2);
	}
	strcpy(address.sun_path, path);
	if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(path);
	return descriptor;
}

static void subscribe(struct connection *connection, const char *path, enum role role, long count)
{
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
	uint32_t window = role == GOOD ? LARGE : SMALL;
	nghttp2_settings_entry setting = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window };
	nghttp2_data_provider body = { .read_callback = request };
	nghttp2_session_callbacks *callbacks;

	*connection = (struct connection){ .role = role, .count = count };
	connection->socket = connect_to(path);
	connection->streams = calloc(count, sizeof(*connection->streams));
	if (!connection->streams || nghttp2_session_callbacks_new(&callbacks))
		fail("subscribers");
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	if (nghttp2_session_client_new(&connection->session, callbacks, NULL))
		fail("subscribers: nghttp2");
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &setting, 1);
	nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
					      role == GOOD ? 8 * LARGE : SMALL);
	for (long i = 0; i < count; i++) {
		struct stream *stream = &connection->streams[i];

		stream->connection = connection;
		stream->wanted = PREFIX;
		stream->capacity = 4096;
		stream->message = malloc(stream->capacity);
		if (!stream->message)
			fail("subscribers");
		stream->id =
			nghttp2_submit_request(connection->session, NULL, headers,
					       sizeof(headers) / sizeof(*headers), &body, stream);
		if (stream->id < 0)
			fail("subscribers: a request");
	}
	stream_count += count;
	flush(connection);
}

static void leave(struct connection *connection, struct pollfd *poll)
{
	close(connection->socket);
	connection->socket = poll->fd = -1;
}

static void receive(struct connection *connection, struct pollfd *poll)
{
	static uint8_t buffer[256 << 10];
	struct stream *first = connection->streams;
	bool isCut = connection->role == CUT;
	size_t room = connection->role == SLOW && !slow_hurries ? SLOW_READS
		      : isCut					? 100
								: sizeof(buffer);
	ssize_t length;

	if (connection->role == MUTE && first->is_open)
		return;
	length = recv(connection->socket, buffer, room, MSG_DONTWAIT);
	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0 || nghttp2_session_mem_recv(connection->session, buffer, length) < 0) {
		leave(connection, poll);
		return;
	}
	/* A message has begun and not ended. */
	if (isCut && first->messages >= CUT_AFTER && first->filled > PREFIX) {
		leave(connection, poll);
		return;
	}
	flush(connection);
}

/* One look at all who may have something; the slow one only when its time has come. */
static void look(int timeout)
{
	static int64_t slow_at;
	int64_t now = now_ms();
	bool slow_is_due = slow_hurries || now >= slow_at;

	if (slow_is_due)
		slow_at = now + SLOW_PAUSE;
	for (long i = 0; i < connection_count; i++) {
		struct connection *c = &connections[i];
		bool waits = (c->role == MUTE && c->streams->is_open) ||
			     (c->role == SLOW && !slow_is_due);

		polls[i] = (struct pollfd){ waits ? -1 : c->socket, POLLIN, 0 };
	}
	if (poll(polls, connection_count, timeout) <= 0)
		return;
	for (long i = 0; i < connection_count; i++)
		if (polls[i].revents)
			receive(&connections[i], &polls[i]);
}

static void print_group(enum role role, const char *name)
{
	uint64_t least = UINT64_MAX, most = 0, slow = 0, other = 0, messages = 0;
	long count = 0, ended = 0;

	for (long i = 0; i < connection_count; i++) {
		struct connection *c = &connections[i];

		for (long j = 0; j < c->count && c->role == role; j++) {
			struct stream *s = &c->streams[j];
			uint64_t events = s->execs + s->exits;

			least = events < least ? events : least;
			most = events > most ? events : most;
			slow += s->slow;
			other += s->other;
			messages += s->messages;
			ended += s->ended || c->socket < 0;
			count++;
		}
	}
	printf("\"%s\":{\"streams\":%ld,\"ended\":%ld,\"messages\":%lu,\"least\":%lu,\"most\":%lu,"
	       "\"slow\":%lu,\"other\":%lu}",
	       name, count, ended, messages, least, most, slow, other);
}

/* Until all who behave have so many more, or nobody waits any longer. */
static void await_storm(uint64_t expected, int64_t end)
{
	goal += expected;
	complete = 0;
	for (long i = 0; i < connection_count; i++)
		for (long j = 0; j < connections[i].count && connections[i].role == GOOD; j++)
			complete += is_complete(&connections[i].streams[j]);
	while (complete < stream_count - 3 && !interrupted && now_ms() < end)
		look(20);
	if (complete == stream_count - 3) {
		printf("have %lu\n", goal);
		fflush(stdout);
	}
}

/* The slow one gets what is left, and what it has missed. */
static void let_slow_finish(int64_t end)
{
	struct stream *slow = connections[connection_count - 3].streams;
	uint64_t before = 0;

	slow_hurries = true;
	for (int64_t quiet = 0; now_ms() < end && !interrupted; look(20)) {
		if (slow->messages != before)
			quiet = now_ms() + 3000;
		before = slow->messages;
		if (quiet && now_ms() >= quiet)
			break;
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupt };
	long next = 0;
	int64_t end;

	if (argc < 7) {
		fprintf(stderr, "usage: subscribers SOCKET WORD EXPECTED STORMS SECONDS "
				"CONNECTIONSxSTREAMS...\n");
		return 2;
	}
	word = argv[2];
	word_length = strlen(word);
	end = now_ms() + 1000 * atol(argv[5]);
	sigaction(SIGTERM, &action, NULL);
	for (int i = 6; i < argc; i++)
		connection_count += atol(argv[i]);
	connection_count += 3;
	connections = calloc(connection_count, sizeof(*connections));
	polls = calloc(connection_count, sizeof(*polls));
	if (!connections || !polls)
		fail("subscribers");
	for (int i = 6; i < argc; i++) {
		const char *times = strchr(argv[i], 'x');
		long streams = times ? atol(times + 1) : 1;

		for (long j = 0; j < atol(argv[i]); j++)
			subscribe(&connections[next++], argv[1], GOOD, streams);
	}
	for (enum role role = SLOW; role <= CUT; role++)
		subscribe(&connections[next++], argv[1], role, 1);

	while (open_count < stream_count && !interrupted && now_ms() < end)
		look(20);
	if (open_count < stream_count) {
		fprintf(stderr, "subscribers: %ld of %ld streams have their headers\n", open_count,
			stream_count);
		return 1;
	}
	puts("subscribed");
	fflush(stdout);
	for (long i = 0; i < atol(argv[4]) && !interrupted; i++)
		await_storm(strtoull(argv[3], NULL, 10), end);
	let_slow_finish(end);
	printf("{\"complete\":%ld,", complete);
	print_group(GOOD, "good");
	putchar(',');
	print_group(SLOW, "slow");
	putchar(',');
	print_group(MUTE, "mute");
	putchar(',');
	print_group(CUT, "cut");
	puts("}");
	fflush(stdout);
	/* Whoever reads this may want to look at the agent while all are still there. */
	while (!interrupted && now_ms() < end)
		look(20);
	return 0;
}
