// SPDX-License-Identifier: Apache-2.0
import Foundation

extension LibraryPolicy {
    /// Those that watch LSM hooks, and prevent there.
    static let ofSecurityHooks = [
        LibraryPolicy(
            name: "mount-lsm", capabilities: ["CAP_SYS_ADMIN"],
            deeds: [
                Deed("mount", "proc", "/mnt", seenAt: "sb_mount", showing: "\"proc\""),
                // Never put into the tree.
                Deed("fsmount", "proc", seenAt: "sb_kern_mount", showing: "\"proc\""),
                Deed("remount", "/proc/irq", seenAt: "sb_mount", showing: "/proc/irq"),
            ],
            neighbours: [
                Deed("mount", "tmpfs", "/mnt"), Deed("fsmount", "tmpfs"), Deed("bind", "/etc", "/mnt"),
                Deed("umount", "/mnt"),
            ]),
        LibraryPolicy(
            name: "namespaces-lsm",
            deeds: [
                Deed("unshare", "0x10000000", seenAt: "userns_create"),
                Deed("clone", "0x10000000", seenAt: "userns_create"),
                Deed("clone3", "0x10000000", seenAt: "userns_create"),
            ],
            neighbours: [Deed("unshare", "0x400"), Deed("clone", "0"), Deed("clone3", "0")]),
        LibraryPolicy(
            name: "kernel-helpers-lsm", capabilities: ["CAP_SYS_ADMIN"],
            deeds: [
                Deed("rewrite", corePattern, seenAt: "file_permission", showing: "/kernel/core_pattern"),
                Deed("write", "/tmp/release_agent", seenAt: "file_permission", showing: "/tmp/release_agent"),
                // By another name.
                Deed(
                    "rewrite", "/tmp/alias", seenAt: "file_permission", showing: "/sys/kernel/core_pattern",
                    after: "/deed bind \(corePattern) /tmp/alias"),
            ],
            neighbours: [Deed("openat", corePattern), Deed("rewrite", "/tmp/plain")]),
        LibraryPolicy(
            name: "credentials-lsm",
            deeds: [
                Deed("openat", "/etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
                // The names by which it is asked for do not matter, nor who opens it.
                Deed("open", "/tmp/../etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
                Deed("openat2", "/proc/self/root/etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
                Deed("ring", "/etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
                Deed("link", "/etc/shadow", "/tmp/stolen", seenAt: "path_link", showing: "/etc/shadow"),
                Deed("rename", "/etc/shadow", "/tmp/stolen", seenAt: "path_rename", showing: "/etc/shadow"),
                Deed("rename", "/tmp/new", "/tmp/authorized_keys", seenAt: "path_rename", showing: "authorized_keys"),
            ],
            neighbours: [
                Deed("openat", "/etc/passwd"), Deed("ring", "/etc/passwd"), Deed("link", "/tmp/new", "/tmp/other"),
                Deed("rename", "/tmp/new", "/tmp/old"),
            ]),
        LibraryPolicy(
            name: "service-account-lsm", deeds: [Deed("openat", token, seenAt: "file_open", showing: token)],
            neighbours: [Deed("openat", tokenDirectory + "/namespace"), Deed("openat", "/etc/passwd")]),
        LibraryPolicy(
            name: "cloud-metadata-lsm",
            deeds: [
                Deed(
                    "connect", "169.254.169.254", "80", seenAt: "socket_connect", showing: "169.254.169.254",
                    ends: unanswered),
                Deed(
                    "connect", "::ffff:169.254.169.254", "80", seenAt: "socket_connect", showing: "169.254.169.254",
                    ends: unanswered),
                Deed(
                    "fastopen", "169.254.169.254", "80", seenAt: "socket_sendmsg", showing: "169.254.169.254",
                    ends: unanswered),
            ],
            neighbours: [
                Deed("connect", "127.0.0.1", "80", ends: unanswered),
                Deed("fastopen", "127.0.0.1", "80", ends: unanswered),
            ]),
        LibraryPolicy(
            // CAP_SYS_PTRACE.
            name: "privileges-lsm", capabilities: ["CAP_SYS_PTRACE"],
            deeds: [Deed("capset", "19", "1", seenAt: "capset"), Deed("regain", seenAt: "task_fix_setuid")],
            neighbours: [Deed("capset", "19", "0"), Deed("setresuid", "0"), Deed("setuid", "1000")]),
        LibraryPolicy(
            name: "kernel-modules-lsm", capabilities: ["CAP_SYS_MODULE"],
            // A program is no module.
            deeds: [
                Deed("finit-module", "/deed", seenAt: "kernel_read_file", showing: "/deed", ends: [ENOEXEC]),
                Deed("init-module", "/deed", seenAt: "kernel_load_data", ends: [ENOEXEC]),
            ],
            neighbours: [Deed("openat", "/deed")]),
        LibraryPolicy(
            name: "bpf-lsm", capabilities: ["CAP_SYS_ADMIN"],
            deeds: [Deed("bpf", seenAt: "bpf"), Deed("perf", seenAt: "perf_event_open")],
            neighbours: [Deed("openat", "/proc/sys/kernel/perf_event_paranoid")]),
        LibraryPolicy(
            name: "reverse-shell-lsm",
            deeds: [
                Deed(
                    bash, "connect", "127.0.0.1", "9", seenAt: "socket_connect", showing: "127.0.0.1", ends: unanswered),
                Deed("shell", "dup2", seenAt: "socket_recvmsg"), Deed("shell", "dup", seenAt: "socket_recvmsg"),
            ],
            neighbours: [
                Deed("connect", "127.0.0.1", "9", ends: unanswered), Deed(bash, "unix", "/tmp/any"),
                Deed("/bin/sh", "-c", "echo x | cat"),
            ]),
        LibraryPolicy(
            name: "miner-pools-lsm",
            deeds: [
                Deed("connect", "127.0.0.1", "3333", seenAt: "socket_connect", showing: "3333", ends: unanswered),
                Deed("fastopen", "127.0.0.1", "3333", seenAt: "socket_sendmsg", showing: "3333", ends: unanswered),
            ],
            neighbours: [
                Deed("connect", "127.0.0.1", "3332", ends: unanswered), Deed("unix", "/tmp/any"),
                Deed("fastopen", "127.0.0.1", "3332", ends: unanswered),
            ]),
        LibraryPolicy(
            name: "runtime-sockets-lsm",
            deeds: [Deed("unix", "/tmp/docker.sock", seenAt: "socket_connect", showing: "/tmp/docker.sock")],
            neighbours: [Deed("unix", "/tmp/any"), Deed("connect", "127.0.0.1", "2375", ends: unanswered)]),
        LibraryPolicy(
            name: "written-binaries-lsm",
            deeds: [
                Deed("write", "/bin/made", seenAt: "path_mknod", showing: "/bin", after: "rm -f /bin/made"),
                // Where it is prevented, kernels from 6.9 on do so when the file is opened.
                Deed("rewrite", tool, seenAt: "file_permission", or: [opening], showing: tool),
                Deed("map", tool, seenAt: "mmap_file", or: [opening], showing: tool),
                Deed("truncate", tool, seenAt: "path_truncate", showing: tool),
                Deed("ftruncate", tool, seenAt: opening, or: ["path_truncate"], showing: tool),
                Deed("empty", tool, seenAt: opening, or: ["path_truncate"], showing: tool),
                Deed("rename", "/tmp/new", "/bin/planted", seenAt: "path_rename", showing: "/bin"),
                // From there and back; and all of it.
                Deed("exchange", tool, "/tmp/plain", seenAt: "path_rename", showing: "/bin"),
                Deed("rename", "/tmp/new", "/sbin", seenAt: "path_rename", showing: "/sbin"),
                Deed("link", "/tmp/new", "/bin/other", seenAt: "path_link", showing: "/bin/other"),
                Deed("symlink", "/tmp/plain", "/bin/another", seenAt: "path_symlink", showing: "/tmp/plain"),
            ],
            neighbours: [
                Deed("write", "/tmp/planted"), Deed("rename", "/tmp/new", "/tmp/old"), Deed("openat", tool),
                Deed("map", "/tmp/old", after: "echo x >/tmp/old"), Deed("truncate", "/tmp/old"),
                Deed("ftruncate", "/tmp/old"), Deed("empty", "/tmp/old"), Deed("exchange", "/tmp/old", "/tmp/planted"),
                Deed("link", "/tmp/old", "/tmp/linked"), Deed("symlink", tool, "/tmp/another"),
            ]),
    ]

    private static let opening = "security_file_post_open"
}
