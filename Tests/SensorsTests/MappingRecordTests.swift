// SPDX-License-Identifier: Apache-2.0
import Sensors
import Testing

/// Records of mapped files as the kernel writes them, whole and otherwise.
@Suite struct MappingRecordTests {
    /// struct perf_event_header and what follows it, little end first.
    private func record(_ type: UInt32, _ misc: UInt16 = 0, _ body: [UInt8], time: UInt64 = 77) -> [UInt8] {
        let rest = body + bytes(time)
        return bytes(type) + bytes(misc) + bytes(UInt16(rest.count + 8)) + rest
    }

    private func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// pid, tid, address, length, offset, build id or device and inode, protection, flags, path.
    private func mapping(
        _ path: String, id: [UInt8] = [], idLength: UInt8? = nil, protection: UInt32 = 5, ends: Bool = true
    ) -> [UInt8] {
        var body = bytes(UInt32(4711)) + bytes(UInt32(4712)) + [UInt8](repeating: 9, count: 24)
        let room = id + [UInt8](repeating: 0, count: 20 - id.count)
        body += [idLength ?? UInt8(id.count), 0, 0, 0] + room
        body += bytes(protection) + bytes(UInt32(2)) + Array(path.utf8)
        if ends { body += [UInt8](repeating: 0, count: 8 - path.utf8.count % 8) }
        return body
    }

    private func read(_ bytes: [UInt8]) throws -> MappingRecord { try bytes.withUnsafeBytes { try MappingRecord($0) } }

    private static let hasBuildID: UInt16 = 1 << 14

    @Test("a mapped file has its process, its time, its path and its build id")
    func mapped() throws {
        let id = [UInt8](1...20)
        #expect(
            try read(record(10, 2 | Self.hasBuildID, mapping("/lib/x.so", id: id)))
                == .mapped(MappedFile(process: 4711, time: 77, path: "/lib/x.so", buildID: id)))
        // Where there is no build id, the device and the inode are in its place.
        #expect(
            try read(record(10, 2, mapping("/lib/x.so", id: id)))
                == .mapped(MappedFile(process: 4711, time: 77, path: "/lib/x.so", buildID: [])))
        let short = try read(record(10, Self.hasBuildID, mapping("/lib/x.so", id: [1, 2, 3])))
        #expect(short == .mapped(MappedFile(process: 4711, time: 77, path: "/lib/x.so", buildID: [1, 2, 3])))
    }

    @Test("what is no file, or not to be run, is of no interest")
    func others() throws {
        for path in ["//anon", "[vdso]", "[heap]", "", "anon_inode:[perf_event]"] {
            #expect(try read(record(10, 2, mapping(path))) == .other)
        }
        #expect(try read(record(10, 2, mapping("/etc/passwd", protection: 3))) == .other)
        #expect(try read(record(7, 0, [UInt8](repeating: 0, count: 24))) == .other)
        #expect(try read(record(3, 0, bytes(UInt64(5)) + bytes(UInt64(0)))) == .other)
    }

    @Test("the beginning of an exec, and what was lost, are told")
    func marks() throws {
        let comm = bytes(UInt32(4711)) + bytes(UInt32(4712)) + Array("cat\0\0\0\0\0".utf8)
        #expect(try read(record(3, 1 << 13, comm)) == .executes(process: 4711, time: 77))
        #expect(try read(record(2, 0, bytes(UInt64(1)) + bytes(UInt64(12)))) == .lost(12))
    }

    @Test("names may have any bytes, and as many as the kernel's longest path")
    func names() throws {
        let long = "/" + String(repeating: "é", count: 2047)
        #expect(
            try read(record(10, 2, mapping(long)))
                == .mapped(MappedFile(process: 4711, time: 77, path: long, buildID: [])))
        var odd = mapping("/x\u{1b}[2J\ny")
        odd[odd.count - 6] = 0xff
        guard case .mapped(let file) = try read(record(10, 2, odd)) else { throw TestFailure("no mapping") }
        #expect(file.path.hasPrefix("/x\u{1b}[2J"))
        #expect(throws: MalformedRecord.self) {
            try read(record(10, 2, mapping("/" + String(repeating: "a", count: 4096))))
        }
    }

    @Test("a record that is cut anywhere is refused, or says nothing of what was cut off")
    func cut() throws {
        let records = [
            record(10, 2 | Self.hasBuildID, mapping("/lib/x.so", id: [UInt8](1...20))),
            record(3, 1 << 13, bytes(UInt32(1)) + bytes(UInt32(1)) + Array("cat\0\0\0\0\0".utf8)),
            record(2, 0, bytes(UInt64(1)) + bytes(UInt64(12))),
        ]
        for whole in records {
            for count in 0..<whole.count {
                guard let read = try? read(Array(whole[..<count])) else { continue }
                if case .mapped(let file) = read { #expect("/lib/x.so".hasPrefix(file.path)) }
            }
            #expect(throws: MalformedRecord.self) { try read(Array(whole[..<12])) }
        }
    }

    @Test("a path without an end and a build id that is too long are refused")
    func hostile() throws {
        #expect(throws: MalformedRecord.self) { try read(record(10, 2, mapping("/libx.so", ends: false))) }
        for length: UInt8 in [21, 255] {
            #expect(throws: MalformedRecord.self) {
                try read(record(10, Self.hasBuildID, mapping("/lib/x.so", id: [1], idLength: length)))
            }
        }
    }
}
