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
extern const uint64_t apus_magic_cgroup2, apus_magic_cgroup1;

/// Kernel thread-safe name of the calling thread, for ps and perf. At most 15 bytes.
void apus_name_thread(const char *name);

/// A non-blocking eventfd(2), closed on exec: how other threads wake the writer. -1 and errno on
/// failure.
int apus_eventfd(void);

#endif
