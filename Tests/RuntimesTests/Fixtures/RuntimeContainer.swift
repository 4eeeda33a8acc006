// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A container made by runc or crun itself, with the runtime's state in a directory of the test's.
struct RuntimeContainer {
    enum Runtime: String, CaseIterable { case runc, crun }

    let runtime: Runtime
    let id = uniqueWord("apus-container")
    let scratch: Scratch
    /// What the runtime calls `--root`.
    var root: String { scratch("state") }
    var bundle: String { scratch("bundle") }

    /// Runs `body` beside the container.
    static func with(
        _ runtime: Runtime, _ annotations: [String: String] = [:], command: String = "run",
        _ body: (RuntimeContainer) async throws -> Void
    ) async throws {
        let container = RuntimeContainer(runtime: runtime, scratch: try Scratch())
        try await container.makeBundle(annotations)
        do {
            try await container.start(command)
            try await body(container)
        } catch {
            try? await container.delete()
            throw error
        }
        try await container.delete()
    }

    /// The init's pid on the host, as the runtime tells it.
    var pid: UInt32? { UInt32(scratch.read("pid")) }

    func run(_ words: String...) async throws { try await call(words) }

    private func start(_ command: String) async throws {
        let detach = command == "run" ? ["--detach"] : []
        try await call([command] + detach + ["--bundle", bundle, "--pid-file", scratch("pid"), id])
    }

    private func delete() async throws { try await call(["delete", "--force", id]) }

    private func call(_ words: [String]) async throws {
        let command = [try Program.find(runtime.rawValue), "--root", root] + words
        switch runtime {
        case .runc: try await Program.run(command)
        case .crun: try await Program.run(withCgroup2(command))
        }
    }

    private func makeBundle(_ annotations: [String: String]) async throws {
        try await makeRootFilesystem(scratch, "bundle/rootfs")
        let config: [String: Any] = [
            "ociVersion": "1.0.2", "root": ["path": "rootfs", "readonly": true],
            "process": [
                "args": ["/bin/busybox", "sleep", "600"], "cwd": "/", "user": ["uid": 0, "gid": 0],
                "env": ["PATH=/bin"],
            ],
            "annotations": annotations,
            "mounts": [["destination": "/proc", "type": "proc", "source": "proc"]],
            "linux": ["cgroupsPath": "/\(id)", "namespaces": [["type": "pid"], ["type": "mount"]]],
        ]
        let json = try JSONSerialization.data(withJSONObject: config)
        try scratch.write("bundle/config.json", String(decoding: json, as: UTF8.self))
    }
}

/// A root file system with nothing but busybox.
func makeRootFilesystem(_ scratch: Scratch, _ name: String) async throws {
    for directory in ["bin", "proc", "dev"] { try scratch.directory("\(name)/\(directory)") }
    try FileManager.default.copyItem(atPath: Program.find("busybox"), toPath: scratch("\(name)/bin/busybox"))
}

/// crun and Podman refuse hosts on which v1 and v2 are both mounted: they get a view of their own, with cgroup2 alone.
func withCgroup2(_ command: [String]) -> [String] {
    let script = "umount --recursive /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\""
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh"] + command
}
