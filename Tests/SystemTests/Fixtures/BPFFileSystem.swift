// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Where agents pin what shall outlive them: made for the length of a test where the machine has none.
enum BPFFileSystem {
    private static let path = "/sys/fs/bpf"
    private static let magic = 0xcafe_4a11

    static func with(_ body: () async throws -> Void) async throws {
        let output = try await Command(["/usr/bin/stat", "-f", "-c", "%t", path]).outcome().output
        guard Int(output.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16) != magic else {
            return try await body()
        }
        guard mount("bpf", path, "bpf", 0, "mode=0700") == 0 else {
            throw Failure("cannot mount \(path): errno \(errno)")
        }
        defer { umount(path) }
        try await body()
    }
}
