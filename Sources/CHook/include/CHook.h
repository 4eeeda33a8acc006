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

/// Starts the one timer that bounds everything the hook does. `reserve_ms`, less than the whole, is
/// what of it is kept back for the spool; 0 without one.
void apus_guard_start(uint32_t timeout_ms, uint32_t reserve_ms);

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

/// Leaves the prepared request in the spool, if there is one and the container is to start, and
/// logs how that went. Safe in a signal handler; does nothing the second time.
void apus_guard_spool(void);

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

// -- spool.c

/// Says what to leave in which directory, under which name. Everything stays where it is until the
/// hook ends. A directory of NULL takes it back.
void apus_spool_prepare(const uint8_t *directory, const uint8_t *name, const uint8_t *bytes,
			size_t length);

bool apus_spool_is_prepared(void);

/// Writes it: a whole file of mode 0600 or none, in a directory of root's alone. Safe in a signal
/// handler. Returns 0 or the error number.
int apus_spool_write(void);
#define APUS_UNSAFE_DIRECTORY 100001
#define APUS_SPOOL_IS_FULL 100002

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

/// Whether group or others may write to the hook's own file; false if that cannot be seen.
bool apus_own_file_is_writable_by_others(void);

/// What an error number means, in English.
const char *apus_error_text(int error);

/// Microseconds of the monotonic clock.
uint64_t apus_clock_us(void);

// -- failpoint.c

/// Debug builds only: dies as the name says ("trap", "segfault", "abort", "overflow"; "twice" is a
/// fault in the guard's handler). False if there is no such name.
bool apus_failpoint(const char *name);

#endif
