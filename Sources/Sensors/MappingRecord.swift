// SPDX-License-Identifier: Apache-2.0

/// What a ring of ``MappedFiles`` tells: perf_event_open(2)'s records, of which a few kinds are asked for.
package enum MappingRecord: Sendable, Equatable {
    /// A process has mapped a file to run it.
    case mapped(MappedFile)
    /// A process has begun to execute another program: what it maps from here on is that program's.
    case executes(process: UInt32, time: UInt64)
    /// So many records found no room.
    case lost(UInt64)
    /// Of no interest.
    case other
}

/// A file that a process maps to run it.
package struct MappedFile: Sendable, Equatable {
    /// Host pid; 0 of one that the agent's pid namespace does not have.
    package var process: UInt32
    /// Nanoseconds of CLOCK_BOOTTIME.
    package var time: UInt64
    /// From the process's root.
    package var path: String
    /// Of 20 bytes at most; empty of a file without one.
    package var buildID: [UInt8]

    package init(process: UInt32, time: UInt64, path: String, buildID: [UInt8]) {
        self.process = process
        self.time = time
        self.path = path
        self.buildID = buildID
    }
}

extension MappingRecord {
    /// struct perf_event_header: type, what there is to know of it, and the record's size.
    static let headBytes = 8
    /// The kernel's PATH_MAX.
    private static let longestPath = 4096
    private static let longestBuildID = 20

    private enum Kind {
        static let lost: UInt32 = 2
        static let comm: UInt32 = 3
        static let mapped: UInt32 = 10
    }

    private enum Misc {
        static let isExec: UInt16 = 1 << 13
        static let hasBuildID: UInt16 = 1 << 14
    }

    /// PROT_EXEC
    private static let mayBeRun: UInt32 = 4

    /// - Parameter bytes: a whole record, head and all.
    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        let parts = Parts(bytes: bytes)
        let (kind, misc): (UInt32, UInt16) = (try parts.number(at: 0), try parts.number(at: 4))
        switch kind {
        case Kind.lost: self = .lost(try parts.number(at: 16))
        case Kind.comm:
            guard misc & Misc.isExec != 0 else {
                self = .other
                return
            }
            self = .executes(process: try parts.number(at: 8), time: try parts.time)
        case Kind.mapped: self = try Self.mapped(parts, hasBuildID: misc & Misc.hasBuildID != 0)
        default: self = .other
        }
    }

    private static func mapped(_ parts: Parts, hasBuildID: Bool) throws(MalformedRecord) -> MappingRecord {
        // pid, tid, address, length, offset; the build id, or the file's device and inode; protection, flags, path.
        let protection: UInt32 = try parts.number(at: 64)
        let path = try parts.text(from: 72, atMost: longestPath)
        // Anonymous memory is //anon, the kernel's own code [vdso].
        guard protection & mayBeRun != 0, path.first == 0x2f, !path.elementsEqual("//anon".utf8) else { return .other }
        var buildID: [UInt8] = []
        if hasBuildID {
            let length: UInt8 = try parts.number(at: 40)
            guard length <= longestBuildID else { throw parts.malformed }
            buildID = try parts.bytes(44, Int(length))
        }
        return .mapped(
            MappedFile(
                process: try parts.number(at: 8), time: try parts.time, path: String(decoding: path, as: UTF8.self),
                buildID: buildID))
    }
}

/// A record's parts, as far as it has them.
private struct Parts {
    let bytes: UnsafeRawBufferPointer

    /// It is the last eight bytes of a record.
    private static let timeBytes = 8

    var malformed: MalformedRecord {
        MalformedRecord(type: bytes.count < 2 ? 0 : bytes.loadUnaligned(as: UInt16.self), size: bytes.count)
    }

    var time: UInt64 {
        get throws(MalformedRecord) { try number(at: max(bytes.count - Self.timeBytes, MappingRecord.headBytes)) }
    }

    func number<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int) throws(MalformedRecord) -> Number {
        guard offset + MemoryLayout<Number>.size <= bytes.count else { throw malformed }
        return bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
    }

    func bytes(_ offset: Int, _ count: Int) throws(MalformedRecord) -> [UInt8] {
        guard offset + count <= bytes.count else { throw malformed }
        return Array(bytes[offset..<offset + count])
    }

    /// Up to a NUL byte, which there has to be before the time.
    func text(from offset: Int, atMost limit: Int) throws(MalformedRecord) -> Slice<UnsafeRawBufferPointer> {
        let end = bytes.count - Self.timeBytes
        guard offset < end, let nul = bytes[offset..<end].firstIndex(of: 0), nul - offset <= limit else {
            throw malformed
        }
        return bytes[offset..<nul]
    }
}
