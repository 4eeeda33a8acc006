// SPDX-License-Identifier: Apache-2.0

/// A line of /proc/PID/maps that may be executed.
struct Mapping: Equatable {
    var start: UInt64
    var end: UInt64
    /// In the file.
    var offset: UInt64
    /// As the line has it: `fd:01`.
    var device: String
    var inode: UInt64
    /// As the process sees it; `[vdso]` and the like are no files.
    var path: String

    var isFile: Bool { inode != 0 && path.hasPrefix("/") }
    var hasOwnDevice: Bool { !device.hasPrefix("00:") }

    /// - Parameter maps: the file's text.
    static func executable(in maps: [UInt8]) -> [Mapping] {
        maps.split(separator: UInt8(ascii: "\n")).compactMap(Mapping.init)
    }

    private init?(_ line: ArraySlice<UInt8>) {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: false)
        guard words.count >= 5, words[1].count == 4, words[1].dropFirst(2).first == UInt8(ascii: "x") else {
            return nil
        }
        let range = words[0].split(separator: UInt8(ascii: "-"))
        guard range.count == 2, let start = KernelSymbols.hexadecimal(range[0]),
            let end = KernelSymbols.hexadecimal(range[1]), start < end,
            let offset = KernelSymbols.hexadecimal(words[2]),
            let inode = UInt64(String(decoding: words[4], as: UTF8.self))
        else { return nil }
        self.start = start
        self.end = end
        self.offset = offset
        self.inode = inode
        device = String(decoding: words[3], as: UTF8.self)
        let path = words.count > 5 ? words[5].drop { $0 == UInt8(ascii: " ") } : []
        self.path = Self.unescaped(path)
    }

    /// A newline in a name is written `\012`, and nothing else is.
    private static func unescaped(_ path: ArraySlice<UInt8>) -> String {
        let text = String(decoding: path, as: UTF8.self)
        return text.contains("\\012")
            ? text.split(separator: "\\012", omittingEmptySubsequences: false)
                .joined(separator: "\n") : text
    }
}
