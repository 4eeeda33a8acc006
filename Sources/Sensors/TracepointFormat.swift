// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A field of a tracepoint's record, as tracefs describes it (events/…/format).
///
/// Policies count a record's fields as its format lists them: the four that every record begins with are 0 to 3.
package struct TracepointField: Sendable, Equatable {
    package var name: String
    /// Both in bytes.
    package var offset: Int
    package var size: Int
    package var isSigned: Bool
    package var kind: Kind

    package enum Kind: Sendable, Equatable {
        case number
        /// An address, of text if it is one of char.
        case pointer(toText: Bool)
        /// Text, or other elements, in the record itself.
        case array(ofText: Bool)
        /// Offset and length of such in the record's end (__data_loc).
        case dataLocation
        /// What no type of a policy's argument can be: a structure, or a place that is said in another way (__rel_loc).
        case other
    }

    package init(name: String, offset: Int, size: Int, isSigned: Bool, kind: Kind) {
        self.name = name
        self.offset = offset
        self.size = size
        self.isSigned = isSigned
        self.kind = kind
    }

    /// The fields of an event in their order; nil if the kernel has no such event.
    package static func fields(subsystem: String, event: String) -> [TracepointField]? {
        // They become parts of a path.
        guard [subsystem, event].allSatisfy({ !$0.isEmpty && !$0.utf8.contains(0x2f) && $0 != "." && $0 != ".." }),
            let directory = try? Tracefs(),
            let format = read("\(directory.path)/events/\(subsystem)/\(event)/format")
        else { return nil }
        return fields(of: format)
    }

    /// Lines that are no fields, and fields that do not say where they are, are not there; nor is what comes behind the
    /// 64 fields that a policy can name.
    package static func fields(of format: String) -> [TracepointField] {
        let lines = format.split(separator: "\n").prefix { !$0.hasPrefix("print fmt:") }
        let isCall = lines.contains { $0.hasPrefix("name: sys_enter_") }
        return Array(lines.lazy.compactMap { Self($0, isCallsArgument: isCall) }.prefix(64))
    }

    private static let longestFormat = 1 << 16

    private static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count < longestFormat {
            let count = Glibc.read(file, &piece, piece.count)
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension TracepointField {
    /// `field:const char * filename; offset:16; size:8; signed:0;`
    fileprivate init?(_ line: Substring, isCallsArgument: Bool) {
        var parts: [Substring: Substring] = [:]
        for part in line.split(separator: ";") {
            let part = part.drop { $0 == " " || $0 == "\t" }
            guard let colon = part.firstIndex(of: ":") else { continue }
            parts[part[..<colon]] = part[part.index(after: colon)...]
        }
        guard let declaration = parts["field"], let offset = parts["offset"].flatMap({ UInt16($0) }),
            let size = parts["size"].flatMap({ UInt16($0) }), size > 0
        else { return nil }
        let words = declaration.split { $0 == " " || $0 == "*" || $0 == "\t" }
        guard let name = words.last?.prefix(while: { $0 != "[" }), !name.isEmpty else { return nil }
        self.init(
            name: String(name), offset: Int(offset), size: Int(size), isSigned: parts["signed"] == "1",
            kind: Kind(declaration, words.dropLast(), size: Int(size)))
        // A system call's arguments all have a register's width there, and no sign. The type has the lower end.
        if isCallsArgument, kind == .number, self.size == 8, let type = words.dropLast().last {
            (self.size, isSigned) = Self.width(of: type, isUnsigned: words.contains("unsigned"))
        }
    }

    private static func width(of type: Substring, isUnsigned: Bool) -> (Int, isSigned: Bool) {
        switch type {
        case "int", "pid_t", "clockid_t", "timer_t", "key_t", "key_serial_t", "rwf_t", "mqd_t": (4, !isUnsigned)
        case "unsigned", "u32", "__u32", "uint32_t", "uid_t", "gid_t", "qid_t", "socklen_t": (4, false)
        case "umode_t", "mode_t": (2, false)
        case "long", "loff_t", "off_t", "s64", "__s64": (8, !isUnsigned)
        default: (8, false)
        }
    }
}

extension TracepointField.Kind {
    fileprivate init(_ declaration: Substring, _ type: ArraySlice<Substring>, size: Int) {
        let stars = declaration.utf8.count { $0 == UInt8(ascii: "*") }
        let isText = type.contains { $0 == "char" || $0 == "char[]" }
        if type.first == "__data_loc" {
            self = size == 4 ? .dataLocation : .other
        } else if type.first == "__rel_loc" {
            self = .other
        } else if declaration.utf8.contains(UInt8(ascii: "[")) {
            self = .array(ofText: isText && stars == 0 && !type.contains("unsigned"))
        } else if stars > 0 {
            self = size == 8 ? .pointer(toText: isText && stars == 1) : .other
        } else {
            self = [1, 2, 4, 8].contains(size) ? .number : .other
        }
    }
}
