// SPDX-License-Identifier: Apache-2.0
// What Embedded Swift cannot do for the hook by itself: the entry point, the guard that bounds
// everything, and the few system calls that are variadic, need errno or have structures that do not
// import. No _GNU_SOURCE in this header.
#ifndef APUS_CHOOK_H
#define APUS_CHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// -- entry.c

/// The command line as the kernel gave it. NULL past its end.
const char *apus_argument(size_t index);

// -- guard.c

/// Installs the handlers: from here on a fault or an alarm ends the hook by the fail mode instead
/// of by a signal, which the runtime would take for a failed hook.
void apus_guard_install(void);

/// Starts the one timer that bounds everything the hook does.
void apus_guard_start(uint32_t timeout_ms);

/// What the hook exits with when it fails: 1 to fail the container, 0 to let it start.
void apus_guard_set_failure_exit(int code);

/// Says what the hook is doing now, for the log line of a time-out or a fault. The text must be
/// static.
void apus_guard_set_phase(const uint8_t *phase);

/// Fields for that same line (stage, container id), escaped already.
void apus_guard_set_context(const uint8_t *fields, size_t length);

/// Ends the hook after a failure that has been logged. If that fails the container, the reason goes
/// to stderr too, where the runtime picks it up. `fields` are escaped already.
_Noreturn void apus_guard_fail(const uint8_t *fields, size_t length);

/// exit(0) without atexit handlers: there is nothing to flush.
_Noreturn void apus_guard_succeed(void);

// -- log.c

/// Opens the log file. Until then, and if it cannot be opened, lines go to stderr. Returns 0 or the
/// error number.
int apus_log_open(const char *path);

/// Writes one line: the time, then these fields. Safe in a signal handler.
void apus_log_write(const char *level, const uint8_t *fields, size_t length);

/// Writes to stdout, stderr or a pipe as far as that does not block. Safe in a signal handler.
void apus_write(int fd, const void *bytes, size_t length);

// -- system.c: results are >= 0, or a negated error number

/// Makes sure that descriptors 0, 1 and 2 are open, so that no file of ours can become somebody's
/// stderr.
void apus_open_standard_descriptors(void);

/// Opens a regular file for reading: no symbolic link at its end, no magic link anywhere, no
/// waiting for a FIFO.
int apus_open_regular(const char *path);
#define APUS_NOT_A_REGULAR_FILE 100000

/// read(2), through interruptions and non-blocking descriptors.
long apus_read(int fd, void *buffer, size_t capacity);

/// Sends all of it. SIGPIPE is never raised.
int apus_send_all(int fd, const void *bytes, size_t length);

/// Connects to the unix socket at this absolute path.
int apus_connect(const char *path);

void apus_close(int fd);

/// What an error number means, in English.
const char *apus_error_text(int error);

/// Microseconds of the monotonic clock.
uint64_t apus_clock_us(void);

// -- failpoint.c

/// Debug builds only: dies as the name says ("trap", "segfault", "abort", "overflow"). False if
/// there is no such name.
bool apus_failpoint(const char *name);

#endif
