// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Why a test cannot go on.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A word that no other test and no other process of the machine uses.
func uniqueWord(_ prefix: String) -> String {
    "\(prefix)-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
}

/// A directory of one test, gone with it.
final class Scratch: Sendable {
    let path = "/tmp/\(uniqueWord("apus-runtimes"))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func directory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: self(name), withIntermediateDirectories: true)
    }

    /// Writes a file, and makes the directories that it needs.
    func write(_ name: String, _ content: String) throws {
        let file = URL(filePath: self(name))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: file)
    }

    func read(_ name: String) -> String {
        FileManager.default.contents(atPath: self(name)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// A cgroup that belongs to a test, with everything that was made in it. Runtimes leave the parents of their own.
enum Cgroups {
    /// Removes a directory of the root in each hierarchy that is mounted, once the processes in it have ended.
    static func remove(_ name: String) async {
        for _ in 0..<100 {
            if removeNow(name) { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// - Returns: whether nothing is left.
    private static func removeNow(_ name: String) -> Bool {
        let root = "/sys/fs/cgroup"
        let hierarchies = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        var isGone = true
        for place in [root] + hierarchies.map({ "\(root)/\($0)" }) {
            let all = FileManager.default.enumerator(atPath: "\(place)/\(name)")
            let entries = all?.compactMap { $0 as? String } ?? []
            let directories = entries.filter {
                (try? URL(filePath: "\(place)/\(name)/\($0)").resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory
                    == true
            }
            for directory in directories.reversed() { rmdir("\(place)/\(name)/\(directory)") }
            if rmdir("\(place)/\(name)") != 0, errno == EBUSY || errno == ENOTEMPTY { isGone = false }
        }
        return isGone
    }
}
