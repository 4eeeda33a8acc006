// SPDX-License-Identifier: Apache-2.0
// The guard: whatever happens inside the hook, it ends in time and with an exit code that was
// chosen, not suffered.
//
// One timer bounds a stuck stdin, a full backlog and an agent that dribbles alike, and is a
// millisecond late where socket time-outs are up to 35. A hook that dies by a signal fails the
// container, so faults end in a handler as well.
#include "CHook.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t failure_exit;
static const uint8_t *volatile phase = (const uint8_t *)"starting";
static uint8_t context[2048];
static volatile sig_atomic_t context_length;
static uint8_t handler_stack[64 << 10] __attribute__((aligned(16)));

struct text {
	uint8_t bytes[4096];
	size_t length;
};

static void add(struct text *text, const void *bytes, size_t length)
{
	size_t room = sizeof(text->bytes) - text->length;
	if (length > room)
		length = room;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static void add_string(struct text *text, const char *string)
{
	add(text, string, strlen(string));
}

// strsignal() allocates. SIGALRM is not among these: it has a sentence of its own.
static const char *signal_name(int number)
{
	switch (number) {
	case SIGILL:
		return "SIGILL";
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGABRT:
		return "SIGABRT";
	case SIGTRAP:
		return "SIGTRAP";
	case SIGFPE:
		return "SIGFPE";
	default:
		return "unknown";
	}
}

static void on_signal(int number)
{
	static volatile sig_atomic_t entered;
	if (entered)
		_exit(failure_exit); // a fault in here, or an alarm during one
	entered = 1;

	struct text text = { .length = 0 };
	if (number == SIGALRM) {
		add_string(&text, "msg=\"timed out\"");
	} else {
		add_string(&text, "msg=\"the hook crashed\" signal=");
		add_string(&text, signal_name(number));
	}
	add_string(&text, " phase=\"");
	add_string(&text, (const char *)phase);
	add_string(&text, "\"");
	if (context_length > 0) {
		add_string(&text, " ");
		add(&text, context, (size_t)context_length);
	}
	apus_log_write("error", text.bytes, text.length);
	if (number == SIGALRM)
		apus_guard_spool();
	apus_guard_fail(text.bytes, text.length);
}

void apus_guard_spool(void)
{
	static volatile sig_atomic_t begun;
	// A container that is not to start needs no identity; and one attempt is enough.
	if (begun || failure_exit != 0 || !apus_spool_is_prepared())
		return;
	begun = 1;
	phase = (const uint8_t *)"leaving the request in the spool";
	int error = apus_spool_write();

	struct text text = { .length = 0 };
	if (error == 0) {
		add_string(&text, "msg=\"left the request for the agent's next start\"");
	} else {
		add_string(&text, "msg=\"cannot leave the request in the spool\" error=\"");
		add_string(&text, apus_error_text(error));
		add_string(&text, "\"");
	}
	if (context_length > 0) {
		add_string(&text, " ");
		add(&text, context, (size_t)context_length);
	}
	apus_log_write(error == 0 ? "info" : "warning", text.bytes, text.length);
}

void apus_guard_install(void)
{
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	sigaltstack(&stack, NULL);

	static const int handled[] = { SIGALRM, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGFPE };
	// Not deferred: a second fault must come back here, where it is seen, instead of killing
	// the process.
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaction(handled[i], &action, NULL);

	// A reader that went away and a file size limit are errors of a call, no reason to die.
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);

	// The runtime's signal mask is inherited and may hold the alarm back.
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct timeval milliseconds(uint32_t count)
{
	return (struct timeval){ .tv_sec = count / 1000, .tv_usec = count % 1000 * 1000 };
}

void apus_guard_start(uint32_t timeout_ms, uint32_t reserve_ms)
{
	// The second alarm ends whatever the first one's handler is stuck in.
	struct itimerval timer = {
		.it_value = milliseconds(timeout_ms - reserve_ms),
		.it_interval = milliseconds(reserve_ms > 0 ? reserve_ms : 10),
	};
	setitimer(ITIMER_REAL, &timer, NULL);
}

void apus_guard_set_failure_exit(int code)
{
	failure_exit = code;
}

void apus_guard_set_phase(const uint8_t *text)
{
	phase = text;
}

void apus_guard_set_context(const uint8_t *fields, size_t length)
{
	context_length = 0; // an alarm now finds no context, not half of one
	if (length > sizeof(context))
		length = sizeof(context);
	memcpy(context, fields, length);
	context_length = (sig_atomic_t)length;
}

void apus_guard_fail(const uint8_t *fields, size_t length)
{
	if (failure_exit != 0) {
		struct text text = { .length = 0 };
		add_string(&text, "apus-oci-hook: failing the container, because --fail-closed ");
		add_string(&text, "is set and its namespace is not in --fail-allow-namespaces: ");
		if (length > sizeof(text.bytes) - text.length - 1)
			length = sizeof(text.bytes) - text.length - 1;
		add(&text, fields, length);
		add_string(&text, "\n");
		apus_write(STDERR_FILENO, text.bytes, text.length);
	}
	_exit(failure_exit);
}

void apus_guard_succeed(void)
{
	_exit(0);
}
