// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The few files of /proc that the agent reads, each read bounded. Nil means that the process is gone or out of reach.
package struct Procfs: Sendable {
    package let root: String

    /// - Parameter root: where the host's procfs is mounted, usually "/proc".
    package init(root: String = "/proc") {
        self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    /// One read of /proc/PID/stat.
    package func stat(of pid: UInt32) -> ProcessStat? {
        // The kernel makes the file in one piece: what is not there at once is not there.
        firstRead("\(pid)/stat", limit: 4096).flatMap(ProcessStat.init)
    }

    /// The real parent's pid.
    package func parent(of pid: UInt32) -> UInt32? { stat(of: pid)?.parent }

    /// When the process was forked, as ``ProcessStat/startTime``; nil also for one that has ended and is not waited for
    /// yet.
    package func startTime(of pid: UInt32) -> UInt64? {
        stat(of: pid).flatMap { $0.hasEnded ? nil : $0.startTime }
    }

    /// Which directory is the process's root.
    package func rootDirectory(of pid: UInt32) -> FileIdentity? { FileIdentity("\(root)/\(pid)/root") }

    /// The process's cgroup in the given hierarchy, as a path below that hierarchy's root.
    package func cgroupPath(of pid: UInt32, in hierarchy: CgroupHierarchy) -> String? {
        text("\(pid)/cgroup", limit: 65536).flatMap { hierarchy.path(inCgroupFile: $0) }
    }

    /// The inode number of a namespace ("mnt", "pid", …) of the process.
    package func namespace(_ name: String, of pid: UInt32) -> UInt32? {
        guard let link = link("\(pid)/ns/\(name)"), let open = link.lastIndex(of: "["), link.last == "]" else {
            return nil
        }
        return UInt32(link[link.index(after: open)...].dropLast())
    }

    /// The namespaces that tell containers apart.
    package func namespaces(of pid: UInt32) -> NamespaceKey? {
        guard let mount = namespace("mnt", of: pid), let pidNamespace = namespace("pid", of: pid) else { return nil }
        return NamespaceKey(mount: mount, pid: pidNamespace)
    }

    /// The argument vector's memory: each argument ended by NUL. At most `limit` bytes.
    package func arguments(of pid: UInt32, limit: Int) -> [UInt8]? { bytes("\(pid)/cmdline", limit: limit) }

    /// The environment's memory: each variable ended by NUL. At most `limit` bytes.
    package func environment(of pid: UInt32, limit: Int) -> [UInt8]? { bytes("\(pid)/environ", limit: limit) }

    /// The short name of the process (15 bytes at most), as the process may have changed it.
    package func name(of pid: UInt32) -> String? {
        text("\(pid)/comm", limit: 64).map { $0.last == "\n" ? String($0.dropLast()) : $0 }
    }

    /// A file below the root as text; invalid UTF-8 is repaired.
    package func text(_ path: String, limit: Int) -> String? {
        bytes(path, limit: limit).map { String(decoding: $0, as: UTF8.self) }
    }

    private func bytes(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var result: [UInt8] = []
        while result.count < limit {
            let part = part(of: descriptor, min(limit - result.count, result.isEmpty ? 4096 : 65536))
            if part.isEmpty { break }
            result += part
        }
        return result
    }

    private func firstRead(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return part(of: descriptor, limit)
    }

    private func part(of descriptor: Int32, _ wanted: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            var got = read(descriptor, buffer.baseAddress, wanted)
            while got < 0 && errno == EINTR { got = read(descriptor, buffer.baseAddress, wanted) }
            count = max(got, 0)
        }
    }

    private func link(_ path: String) -> String? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 256) { buffer, count in
            let got = buffer.withMemoryRebound(to: CChar.self) {
                readlink("\(root)/\(path)", $0.baseAddress!, $0.count)
            }
            count = max(got, 0)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

/// What tells a file or directory from every other that is there at the moment.
package struct FileIdentity: Equatable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// Follows links. Nil if there is no such file.
    package init?(_ path: String) {
        var status = stat()
        guard fstatat(AT_FDCWD, path, &status, 0) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}
