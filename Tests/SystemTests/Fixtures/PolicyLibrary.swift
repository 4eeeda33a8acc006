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
    var killing: String {
        get throws {
            let (text, word) = (try text, "action: Post")
            guard text.contains(word) else { throw Failure("\(name).yaml does not say \(word)") }
            return text.replacingOccurrences(of: word, with: "action: Sigkill")
        }
    }

    /// What its deeds happen in.
    var container: ContainerSetup {
        var setup = ContainerSetup()
        setup.programs = ["deed"]
        setup.capabilities = capabilities
        setup.hasMaskedPaths = true
        setup.files = [
            "/etc/passwd": "root:x:0:0::/:/bin/sh\n", "/etc/shadow": "root:*:::::::\n", "/tmp/plain": "x\n",
            "/tmp/alias": "x\n", "/mnt/plain": "x\n", Self.tool: "x\n", Self.token: "a token",
            Self.tokenDirectory + "/namespace": "shop",
        ]
        return setup
    }

    /// As the kubelet has them: below a directory that is named by the time. The usual name is a link to it.
    static let tokenDirectory = "/run/secrets/kubernetes.io/serviceaccount"
    static let token = tokenDirectory + "/token"
    /// Where the kubelet's links lead; not in here.
    static let dataToken = tokenDirectory + "/..data/token"
}

extension LibraryPolicy: CustomTestStringConvertible {
    var testDescription: String { name }
}

extension LibraryPolicy {
    static let corePattern = "/proc/sys/kernel/core_pattern"
    /// Connecting without waiting: refused, under way, or no way.
    static let unanswered: Set<Int32> = [ECONNREFUSED, EINPROGRESS, ENETUNREACH, EHOSTUNREACH, EACCES, 0]
    /// A copy of deed: a shell, as far as its name goes.
    static let bash = "/tmp/bash"
    /// A file where programs are.
    static let tool = "/bin/tool"

    /// What makes it, in a container.
    static let preparation = "busybox cp /deed \(bash)"

    /// Those that watch system calls: on every kernel.
    static let ofSystemCalls = [
        LibraryPolicy(
            name: "mount",
            deeds: [
                Deed("mount", "proc", "/tmp", seenAt: "mount", showing: "\"proc\"", ends: [EPERM]),
                Deed("fsopen", "cgroup2", seenAt: "fsopen", showing: "\"cgroup2\"", ends: [EPERM]),
                Deed("remount", "/proc/irq", seenAt: "mount", showing: "/proc/irq", ends: [EPERM]),
                Deed("umount", "/proc/irq", seenAt: "umount2", showing: "/proc/irq", ends: [EPERM]),
                Deed("handle", "/", seenAt: "open_by_handle_at", ends: [EPERM, ESTALE, EOPNOTSUPP]),
            ],
            neighbours: [
                Deed("mount", "tmpfs", "/tmp", ends: [EPERM]), Deed("fsopen", "tmpfs", ends: [EPERM]),
                Deed("umount", "/tmp", ends: [EPERM]), Deed("openat", "/proc/self/mounts"),
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
                Deed(
                    "creat", "/tmp/kernel//./modprobe", seenAt: "creat", showing: "/tmp/kernel//./modprobe",
                    ends: [ENOENT]),
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
                Deed(
                    "openat", "/root/.aws//./credentials", seenAt: "openat", showing: "/root/.aws//./credentials",
                    ends: [ENOENT]),
                Deed("/bin/sh", "-c", "cd /etc; /deed openat shadow", seenAt: "openat", showing: "shadow"),
            ],
            neighbours: [Deed("openat", "/etc/passwd"), Deed("open", "/etc/passwd"), Deed("openat2", "/etc/passwd")]),
        LibraryPolicy(
            name: "service-account",
            deeds: [
                Deed("openat", token, seenAt: "openat", showing: token),
                Deed("open", token, seenAt: "open", showing: token),
                Deed("openat2", token, seenAt: "openat2", showing: token),
                Deed("open", tokenDirectory + "/./token", seenAt: "open", showing: "/./token"),
                Deed("/bin/sh", "-c", "cd \(tokenDirectory); /deed openat token", seenAt: "openat", showing: "token"),
                Deed("openat", dataToken, seenAt: "openat", showing: dataToken, ends: [ENOENT]),
            ],
            neighbours: [Deed("openat", tokenDirectory + "/namespace"), Deed("openat", "/etc/passwd")]),
        LibraryPolicy(
            name: "cloud-metadata",
            deeds: [
                Deed(
                    "connect", "169.254.169.254", "80", seenAt: "connect", showing: "169.254.169.254", ends: unanswered),
                Deed(
                    "connect", "::ffff:169.254.169.254", "80", seenAt: "connect", showing: "169.254.169.254",
                    ends: unanswered),
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
                Deed("truncate", tool, seenAt: "truncate", showing: tool),
                Deed("empty", tool, seenAt: "openat", showing: tool),
                // Names that say it in another way.
                Deed("openat", "/tmp/..//bin/tool", "w", seenAt: "openat", showing: "/tmp/..//bin/tool"),
                Deed("open", "/proc/self/root/bin/tool", "w", seenAt: "open", showing: "/proc/self/root/bin/tool"),
                Deed("rename", "/tmp/new", "//bin/planted", seenAt: "rename", showing: "//bin/planted"),
                // From there and back; and all of it.
                Deed("exchange", tool, "/tmp/plain", seenAt: "renameat2", showing: tool),
                Deed("rename", "/tmp/new", "/sbin", seenAt: "rename", showing: "/sbin"),
            ],
            neighbours: [
                Deed("write", "/tmp/planted"), Deed("openat", "/bin/busybox"), Deed("open", "/bin/busybox"),
                Deed("creat", "/tmp/planted"), Deed("rename", "/tmp/new", "/tmp/old"),
                Deed("renameat", "/tmp/new", "/tmp/old"), Deed("link", "/tmp/new", "/tmp/old"),
                Deed("symlinkat", "/bin/busybox", "/tmp/old"), Deed("truncate", "/tmp/plain"),
                Deed("exchange", "/tmp/plain", "/tmp/alias"), Deed("openat", "/tmp/./plain", "w"),
            ]),
    ]
}
