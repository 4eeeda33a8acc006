// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Where agents pin what shall outlive them: made for the length of a test where the machine has none.
enum BPFFileSystem {
    private static let path = "/sys/fs/bpf"

    static func with(_ body: () async throws -> Void) async throws {
        let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8).split(separator: "\n")
        if mounts.contains(where: { $0.split(separator: " ").dropFirst().prefix(2) == [Substring(path), "bpf"] }) {
            return try await body()
        }
        guard mount("bpf", path, "bpf", 0, "mode=0700") == 0 else {
            throw Failure("cannot mount \(path): errno \(errno)")
        }
        defer { umount(path) }
        try await body()
    }
}
