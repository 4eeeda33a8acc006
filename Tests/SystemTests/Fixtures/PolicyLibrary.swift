// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A policy of policies/, what it is for, and the harmless neighbours of that.
struct LibraryPolicy: Sendable {
    /// The file's name and the policy's.
    let name: String
    /// What the deeds take, so that nothing but the policy refuses them.
    var capabilities: [String] = []
    let deeds: [Deed]
    let neighbours: [Deed]

    var text: String { get throws { try String(contentsOfFile: Artifacts.policy("\(name).yaml"), encoding: .utf8) } }

    /// The policy, killing what it otherwise tells of.
    var killing: String { get throws { try replacing("action: Post", with: "action: Sigkill") } }

    /// The policy, preventing what it otherwise tells of.
    var enforcing: String { get throws { try replacing("value: monitor}", with: "value: enforce}") } }

    private func replacing(_ word: String, with other: String) throws -> String {
        let text = try text
        guard text.contains(word) else { throw Failure("\(name).yaml does not say \(word)") }
        return text.replacingOccurrences(of: word, with: other)
    }

    /// What its deeds happen in.
    var container: ContainerSetup {
        var setup = ContainerSetup()
        setup.programs = ["deed"]
        setup.capabilities = capabilities
        setup.files = [
            "/etc/passwd": "root:x:0:0::/:/bin/sh\n", "/etc/shadow": "root:*:::::::\n", "/tmp/plain": "x\n",
            Self.token: "a token", Self.tokenDirectory + "/namespace": "shop",
        ]
        return setup
    }

    /// As the kubelet has them: below a directory that is named by the time. The usual name is a link to it.
    private static let tokenDirectory = "/run/secrets/kubernetes.io/serviceaccount"
    private static let token = tokenDirectory + "/token"
    /// Where the kubelet's links lead; not in here.
    private static let dataToken = tokenDirectory + "/..data/token"
}

extension LibraryPolicy: CustomTestStringConvertible {
    var testDescription: String { name }
}

extension LibraryPolicy {
    private static let corePattern = "/proc/sys/kernel/core_pattern"
    /// Connecting without waiting: refused, under way, or no way.
    private static let unanswered: Set<Int32> = [ECONNREFUSED, EINPROGRESS, ENETUNREACH, EHOSTUNREACH, EACCES, 0]
    /// A copy of deed: a shell, as far as its name goes.
    private static let bash = "/tmp/bash"

    /// What makes it, in a container.
    static let preparation = "busybox cp /deed \(bash)"

    /// Those that watch system calls: on every kernel.
    static let ofSystemCalls = [
        LibraryPolicy(
            name: "mount",
            deeds: [
                Deed("mount", "proc", "/tmp", seenAt: "mount", showing: "\"proc\"", ends: [EPERM]),
                Deed("fsopen", "cgroup2", seenAt: "fsopen", showing: "\"cgroup2\"", ends: [EPERM]),
                Deed("handle", "/", seenAt: "open_by_handle_at", ends: [EPERM, ESTALE, EOPNOTSUPP]),
            ],
            neighbours: [
                Deed("mount", "tmpfs", "/tmp", ends: [EPERM]), Deed("fsopen", "tmpfs", ends: [EPERM]),
                Deed("openat", "/proc/self/mounts"),
            ]),
        LibraryPolicy(
            name: "namespaces",
            deeds: [
                Deed("setns", "/proc/self/ns/uts", seenAt: "setns", ends: [EPERM]),
                Deed("unshare", "0x10000000", seenAt: "unshare", showing: "268435456"),
                Deed("clone", "0x10000000", seenAt: "clone", showing: "268435473"),
            ],
            // CLONE_FILES; no flag.
            neighbours: [Deed("unshare", "0x400"), Deed("clone", "0")]),
        LibraryPolicy(
            name: "kernel-helpers",
            // Opened, not written.
            deeds: [
                Deed("openat", corePattern, "w", seenAt: "openat", showing: corePattern),
                Deed("open", corePattern, "w", seenAt: "open", showing: corePattern),
                Deed("openat2", corePattern, "w", seenAt: "openat2", showing: corePattern),
                Deed("creat", "/tmp/release_agent", seenAt: "creat", showing: "release_agent"),
                Deed("/bin/sh", "-c", "cd /tmp; /deed creat modprobe", seenAt: "creat", showing: "modprobe"),
            ],
            neighbours: [
                Deed("openat", corePattern), Deed("open", corePattern), Deed("openat", "/tmp/plain", "w"),
                Deed("creat", "/tmp/release_agent.old"),
            ]),
        LibraryPolicy(
            name: "credentials",
            deeds: [
                Deed("openat", "/etc/shadow", seenAt: "openat", showing: "/etc/shadow"),
                Deed("open", "/tmp/../etc/shadow", seenAt: "open", showing: "/tmp/../etc/shadow"),
                Deed("openat2", "etc/shadow", seenAt: "openat2", showing: "etc/shadow"),
                Deed("open", "/etc/./shadow", seenAt: "open", showing: "/etc/./shadow"),
                Deed("/bin/sh", "-c", "cd /etc; /deed openat shadow", seenAt: "openat", showing: "shadow"),
            ],
            neighbours: [Deed("openat", "/etc/passwd"), Deed("open", "/etc/passwd"), Deed("openat2", "/etc/passwd")]),
        LibraryPolicy(
            name: "service-account",
            deeds: [
                Deed("openat", token, seenAt: "openat", showing: token),
                Deed("open", token, seenAt: "open", showing: token),
                Deed("openat2", token, seenAt: "openat2", showing: token),
                Deed("openat", dataToken, seenAt: "openat", showing: dataToken, ends: [ENOENT]),
            ],
            neighbours: [Deed("openat", tokenDirectory + "/namespace"), Deed("openat", "/etc/passwd")]),
        LibraryPolicy(
            name: "cloud-metadata",
            deeds: [
                Deed(
                    "connect", "169.254.169.254", "80", seenAt: "connect", showing: "169.254.169.254", ends: unanswered),
                Deed(
                    "connect", "168.63.129.16", "80", seenAt: "connect", showing: "168.63.129.16", ends: unanswered),
                Deed(
                    "fastopen", "169.254.169.254", "80", seenAt: "sendto", showing: "169.254.169.254",
                    ends: unanswered),
            ],
            neighbours: [
                Deed("connect", "127.0.0.1", "80", ends: unanswered),
                Deed("connect", "168.63.129.16", "53", ends: unanswered),
                Deed("fastopen", "127.0.0.1", "80", ends: unanswered),
            ]),
        LibraryPolicy(
            name: "privileges",
            deeds: [
                Deed("setuid", "0", seenAt: "setuid"), Deed("setreuid", "0", seenAt: "setreuid"),
                Deed("setresuid", "0", seenAt: "setresuid"), Deed("capset", "0", "1", seenAt: "capset"),
            ],
            neighbours: [Deed("setuid", "1000"), Deed("setreuid", "1000"), Deed("setresuid", "1000")]),
        LibraryPolicy(
            name: "kernel-modules",
            // ENOSYS: a kernel without modules, or without another after it.
            deeds: [
                Deed("finit-module", "/deed", seenAt: "finit_module", ends: [EPERM, ENOSYS]),
                Deed("init-module", "/deed", seenAt: "init_module", ends: [EPERM, ENOSYS]),
                Deed("delete-module", "nonesuch", seenAt: "delete_module", showing: "nonesuch", ends: [EPERM, ENOSYS]),
                Deed("kexec", seenAt: "kexec_load", ends: [EPERM, ENOSYS]),
            ],
            neighbours: [Deed("openat", "/deed"), Deed("openat", "/proc/sys/kernel/ostype")]),
        LibraryPolicy(
            name: "bpf",
            deeds: [
                Deed("bpf", seenAt: "bpf", ends: [0, EPERM]),
                Deed("perf", seenAt: "perf_event_open", ends: [0, EPERM, EACCES]),
            ],
            neighbours: [Deed("openat", "/proc/sys/kernel/perf_event_paranoid")]),
        LibraryPolicy(
            name: "reverse-shell",
            deeds: [
                Deed("shell", "dup2", seenAt: "dup2", showing: "socket:["),
                Deed("shell", "dup3", seenAt: "dup3", showing: "socket:["),
                Deed(bash, "connect", "127.0.0.1", "9", seenAt: "connect", showing: "127.0.0.1", ends: unanswered),
            ],
            neighbours: [
                Deed("/bin/sh", "-c", "echo x | cat >/tmp/copy 2>&1"),
                Deed("connect", "127.0.0.1", "9", ends: unanswered), Deed(bash, "unix", "/tmp/any"),
            ]),
        LibraryPolicy(
            name: "miner-pools",
            deeds: [
                Deed("connect", "127.0.0.1", "3333", seenAt: "connect", showing: "3333", ends: unanswered),
                Deed("fastopen", "127.0.0.1", "3333", seenAt: "sendto", showing: "3333", ends: unanswered),
            ],
            neighbours: [
                Deed("connect", "127.0.0.1", "3332", ends: unanswered), Deed("unix", "/tmp/any"),
                Deed("fastopen", "127.0.0.1", "3332", ends: unanswered),
            ]),
        LibraryPolicy(
            name: "runtime-sockets",
            deeds: [Deed("unix", "/tmp/docker.sock", seenAt: "connect", showing: "/tmp/docker.sock")],
            neighbours: [Deed("unix", "/tmp/any"), Deed("connect", "127.0.0.1", "2375", ends: unanswered)]),
        LibraryPolicy(
            name: "written-binaries",
            deeds: [
                Deed("write", "/bin/planted", seenAt: "openat", showing: "/bin/planted"),
                Deed("open", "/bin/planted", "w", seenAt: "open", showing: "/bin/planted"),
                Deed("creat", "/bin/planted", seenAt: "creat", showing: "/bin/planted"),
                Deed("rename", "/tmp/new", "/bin/planted", seenAt: "rename", showing: "/bin/planted"),
                Deed("renameat", "/tmp/new", "/bin/planted", seenAt: "renameat", showing: "/bin/planted"),
                Deed("renameat2", "/tmp/new", "/bin/planted", seenAt: "renameat2", showing: "/bin/planted"),
                Deed("openat2", "/bin/planted", "w", seenAt: "openat2", showing: "/bin/planted"),
                Deed("link", "/tmp/new", "/bin/other", seenAt: "link", showing: "/bin/other"),
                Deed("linkat", "/tmp/new", "/bin/other", seenAt: "linkat", showing: "/bin/other"),
                Deed("symlink", "/tmp/new", "/bin/other", seenAt: "symlink", showing: "/bin/other"),
                Deed("symlinkat", "/tmp/new", "/bin/other", seenAt: "symlinkat", showing: "/bin/other"),
            ],
            neighbours: [
                Deed("write", "/tmp/planted"), Deed("openat", "/bin/busybox"), Deed("open", "/bin/busybox"),
                Deed("creat", "/tmp/planted"), Deed("rename", "/tmp/new", "/tmp/old"),
                Deed("renameat", "/tmp/new", "/tmp/old"), Deed("link", "/tmp/new", "/tmp/old"),
                Deed("symlinkat", "/bin/busybox", "/tmp/old"),
            ]),
    ]

    /// Those that watch LSM hooks, and prevent there.
    static let ofSecurityHooks = [
        LibraryPolicy(
            name: "mount-lsm", capabilities: ["CAP_SYS_ADMIN"],
            deeds: [
                Deed("mount", "proc", "/tmp", seenAt: "sb_mount", showing: "\"proc\""),
                Deed("move-mount", "proc", "/tmp", seenAt: "move_mount", showing: "/tmp"),
            ],
            neighbours: [Deed("mount", "tmpfs", "/etc"), Deed("fsopen", "tmpfs")]),
        LibraryPolicy(
            name: "namespaces-lsm", deeds: [Deed("unshare", "0x10000000", seenAt: "userns_create")],
            neighbours: [Deed("unshare", "0x400"), Deed("clone", "0")]),
        LibraryPolicy(
            name: "kernel-helpers-lsm",
            deeds: [
                Deed("rewrite", corePattern, seenAt: "file_permission", showing: "/kernel/core_pattern"),
                Deed("write", "/tmp/release_agent", seenAt: "file_permission", showing: "/tmp/release_agent"),
            ],
            neighbours: [Deed("openat", corePattern), Deed("rewrite", "/tmp/plain")]),
        LibraryPolicy(
            name: "credentials-lsm",
            deeds: [
                Deed("openat", "/etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
                // The names by which it is asked for do not matter.
                Deed("open", "/tmp/../etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
                Deed("openat2", "/proc/self/root/etc/shadow", seenAt: "file_open", showing: "\"/etc/shadow\""),
            ],
            neighbours: [Deed("openat", "/etc/passwd")]),
        LibraryPolicy(
            name: "service-account-lsm", deeds: [Deed("openat", token, seenAt: "file_open", showing: token)],
            neighbours: [Deed("openat", tokenDirectory + "/namespace"), Deed("openat", "/etc/passwd")]),
        LibraryPolicy(
            name: "cloud-metadata-lsm",
            deeds: [
                Deed(
                    "connect", "169.254.169.254", "80", seenAt: "socket_connect", showing: "169.254.169.254",
                    ends: unanswered)
            ],
            neighbours: [Deed("connect", "127.0.0.1", "80", ends: unanswered)]),
        LibraryPolicy(
            // CAP_SYS_PTRACE.
            name: "privileges-lsm", capabilities: ["CAP_SYS_PTRACE"],
            deeds: [Deed("capset", "19", "1", seenAt: "capset")], neighbours: [Deed("capset", "19", "0")]),
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
                    bash, "connect", "127.0.0.1", "9", seenAt: "socket_connect", showing: "127.0.0.1", ends: unanswered)
            ],
            neighbours: [Deed("connect", "127.0.0.1", "9", ends: unanswered), Deed(bash, "unix", "/tmp/any")]),
        LibraryPolicy(
            name: "miner-pools-lsm",
            deeds: [Deed("connect", "127.0.0.1", "3333", seenAt: "socket_connect", showing: "3333", ends: unanswered)],
            neighbours: [Deed("connect", "127.0.0.1", "3332", ends: unanswered), Deed("unix", "/tmp/any")]),
        LibraryPolicy(
            name: "runtime-sockets-lsm",
            deeds: [Deed("unix", "/tmp/docker.sock", seenAt: "socket_connect", showing: "/tmp/docker.sock")],
            neighbours: [Deed("unix", "/tmp/any"), Deed("connect", "127.0.0.1", "2375", ends: unanswered)]),
        LibraryPolicy(
            name: "written-binaries-lsm",
            deeds: [
                Deed("write", "/bin/planted", seenAt: "file_permission", showing: "/bin/planted"),
                Deed("rename", "/tmp/new", "/bin/planted", seenAt: "path_rename", showing: "/bin"),
            ],
            neighbours: [Deed("write", "/tmp/planted"), Deed("rename", "/tmp/new", "/tmp/old")]),
    ]
}
