// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The few files of /proc that the agent reads, each read bounded. Nil means that the process is gone or out of reach.
package struct Procfs: Sendable {
    package let root: String

    /// - Parameter root: where the host's procfs is mounted, usually "/proc".
    package init(root: String = "/proc") {
        self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    /// The real parent's pid, from /proc/PID/stat: the second field after the command's closing parenthesis.
    package func parent(of pid: UInt32) -> UInt32? {
        guard let stat = text("\(pid)/stat", limit: 4096), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? UInt32(fields[1]) : nil
    }

    /// When the process started, in clock ticks since boot; nil also for one that has ended and is not waited for yet.
    package func startTime(of pid: UInt32) -> UInt64? {
        guard let stat = text("\(pid)/stat", limit: 4096), let end = stat.lastIndex(of: ")") else { return nil }
        // The third field is the state, the 22nd the start.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, !["Z", "X"].contains(fields[0]) else { return nil }
        return UInt64(fields[19])
    }

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

    /// The argument vector's memory: each argument ended by NUL. At most `limit` bytes.
    package func arguments(of pid: UInt32, limit: Int) -> [UInt8]? { bytes("\(pid)/cmdline", limit: limit) }

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
            let wanted = min(limit - result.count, result.isEmpty ? 4096 : 65536)
            let part = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                var got = read(descriptor, buffer.baseAddress, wanted)
                while got < 0 && errno == EINTR { got = read(descriptor, buffer.baseAddress, wanted) }
                count = max(got, 0)
            }
            if part.isEmpty { break }
            result += part
        }
        return result
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
