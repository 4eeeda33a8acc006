// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The names of the functions that probes can be put on. Some megabytes, and some tens of milliseconds to read.
package struct KernelFunctions: Sendable {
    /// Each between two newlines, and a NUL behind the last.
    private var names: [UInt8] = [newline, 0]

    private static let newline = UInt8(ascii: "\n")
    /// Of names; kernels have some 3 MiB of them.
    private static let mostBytes = 32 << 20

    /// By the kernel's own list of what can be traced where it keeps one, else by its symbols. Empty if neither can be
    /// read.
    package init() {
        if let directory = try? Tracefs(), read("\(directory.path)/available_filter_functions", { $0 }) { return }
        names = [Self.newline, 0]
        // `ffffffff81000000 T _text`: address, kind, name, and for modules whose.
        _ = read("/proc/kallsyms") { line in
            let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
            guard words.count == 3, words[1].elementsEqual("t".utf8) || words[1].elementsEqual("T".utf8) else {
                return nil
            }
            return words[2]
        }
    }

    package var isEmpty: Bool { names.count <= 2 }

    package func contains(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 }) else { return false }
        let line = [Self.newline] + Array(name.utf8) + [Self.newline, 0]
        return names.withUnsafeBytes { names in
            line.withUnsafeBytes { line in
                guard let names = names.baseAddress?.assumingMemoryBound(to: CChar.self),
                    let line = line.baseAddress?.assumingMemoryBound(to: CChar.self)
                else { return false }
                return strstr(names, line) != nil
            }
        }
    }

    /// - Parameter most: How many at most.
    package func all(atMost most: Int, where isWanted: (String) -> Bool) -> [String] {
        var found: [String] = []
        for line in names.dropLast().split(separator: Self.newline) {
            let name = String(decoding: line, as: UTF8.self)
            if isWanted(name) { found.append(name) }
            if found.count == most { break }
        }
        return found
    }

    /// - Returns: Whether the file gave any.
    private mutating func read(_ path: String, _ name: (ArraySlice<UInt8>) -> ArraySlice<UInt8>?) -> Bool {
        var rest: [UInt8] = []
        names.removeLast()
        defer { names.append(0) }
        _ = Self.forEachPiece(of: path) { piece in
            rest += piece
            guard let end = rest.lastIndex(of: Self.newline) else { return rest.count < 1 << 16 }
            for line in rest[..<end].split(separator: Self.newline) {
                guard let name = name(line), !name.contains(0) else { continue }
                // Functions of modules have their module's name behind them.
                names += name.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
                names.append(Self.newline)
            }
            rest.removeSubrange(...end)
            return names.count < Self.mostBytes
        }
        return names.count > 1
    }

    /// - Parameter body: Answers whether to go on.
    /// - Returns: Whether it came to the end.
    private static func forEachPiece(of path: String, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count == 0 { return true }
                if count < 0 {
                    if errno == EINTR { continue }
                    return false
                }
                guard body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return false }
            }
        }
    }
}
