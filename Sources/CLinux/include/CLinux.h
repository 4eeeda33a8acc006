// SPDX-License-Identifier: Apache-2.0
// System calls and constants that Swift's Glibc module does not show, each a few lines.
#ifndef APUS_CLINUX_H
#define APUS_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The kernfs id of a cgroup directory, as bpf_get_current_cgroup_id and the BPF records name it:
/// the first eight bytes of its file handle. Returns 0 and sets errno on failure.
/// (name_to_handle_at needs _GNU_SOURCE.)
uint64_t apus_cgroup_id(int directory_fd, const char *path);

/// Filesystem type of a path (statfs(2) f_type), 0 on failure. The constants are macros of
/// linux/magic.h.
uint64_t apus_filesystem_type(const char *path);
extern const uint64_t apus_magic_cgroup2, apus_magic_cgroup1, apus_magic_bpf;

/// A mount of a filesystem that is in no directory tree (kernel 5.2): reachable through the
/// descriptor alone, gone with it. -1 and errno on failure.
int apus_detached_mount(const char *filesystem);

/// A file in memory (memfd), closed on exec. -1 and errno on failure.
int apus_memory_file(const char *name);

/// Kernel thread-safe name of the calling thread, for ps and perf. At most 15 bytes.
void apus_name_thread(const char *name);

/// A non-blocking eventfd(2), closed on exec: how other threads wake the writer. -1 and errno on
/// failure.
int apus_eventfd(void);

/// A descriptor of a process (pidfd), closed on exec; readable once it has exited. -1 and errno on
/// failure. (glibc has it from 2.36.)
int apus_pidfd_open(pid_t pid);

/// A disabled perf event: of a tracepoint by its number `config`, or of a kprobe or uprobe at
/// `name` (a function, a file) and `offset`. Of the calling thread if `own`, else of CPU 0. -1 and
/// errno on failure. (glibc has no perf_event_open.)
int apus_perf_event(uint32_t type, uint64_t config, const char *name, uint64_t offset, int own);

/// A perf event of a CPU that has the kernel write into its ring (mmap of the descriptor) which
/// files processes map to run them (PERF_RECORD_MMAP2, with the build id where the file has one),
/// when they execute another program (PERF_RECORD_COMM), and how many of these found no room; each
/// record ends with its time in ns of CLOCK_BOOTTIME. -1 and errno on failure: EINVAL before
/// Linux 5.12.
int apus_mapping_event(int cpu);

/// A descriptor that is readable when one of those that are added to it is (epoll). -1 and errno on
/// failure.
int apus_wait_set(void);
int apus_wait_set_add(int set, int descriptor);

/// Makes the event run a BPF program. -1 and errno on failure.
int apus_perf_event_attach(int event, int program);

/// Attaches a program of that type to places of a file by a uprobe.multi link (kernel 6.6), to the
/// returns from there if `returns`. A cookie for each, or NULL. Where a program asks whether
/// somebody watches a place there is a semaphore, at an offset of the same file (else 0, or NULL
/// for all): it is raised in each process for as long as the link is there. Returns the link, or -1
/// and errno.
int apus_link_uprobe_multi(int program, const char *path, const uint64_t *offsets,
			   const uint64_t *semaphores, const uint64_t *cookies, uint32_t count,
			   int returns);
enum { apus_trace_uprobe_multi = 48 };

/// How often the kernel did not call the program of a link to functions of its own; 0 where it does
/// not say (before 6.7).
uint64_t apus_link_missed(int link);

/// Returns when whatever the kernel's programs were doing when it was called is over. -1 and errno
/// where the kernel cannot tell.
int apus_wait_for_readers(void);

/// Takes the program's code and constants out of resident memory; what is still used comes back
/// page by page.
void apus_forget_startup_code(void);

#endif
