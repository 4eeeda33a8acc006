// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

@testable import Processes

extension KernelTests {
    /// Values at their limits, and addresses that lead nowhere, or where they must not.
    @Suite struct ValueBoundsTests: KernelSuite {
        private static let opened = Watched(
            place: .enter("openat"), values: [pol_argument(POL_STRING, at: 24, POL_USER)])

        private static func written(_ flags: pol_argument_flag = POL_USER) -> Watched {
            var value = pol_argument(POL_BUFFER, raw: 0, count: 1, at: 24)
            value.flags = UInt8(flags.rawValue)
            return Watched(place: .enter("write"), values: [value, pol_argument(POL_U64, raw: 1, at: 32)])
        }

        private static let writtenInPieces = Watched(
            place: .enter("writev"),
            values: [
                pol_argument(POL_IOVEC, raw: 0, count: 1, at: 24, POL_USER, POL_MORE),
                pol_argument(POL_U64, raw: 1, at: 32),
            ])

        private func only(_ watched: Watched, _ action: () throws -> Void) throws -> Seen {
            let hits = try watched.hits(on: sensors, action).values
            return try #require(hits.only?.first)
        }

        @Test("a text of 4096 bytes is whole, one of more is cut there", arguments: [0, 1, 4095, 4096, 4097, 9000])
        func texts(_ length: Int) throws {
            let seen = try only(Self.opened) { Acts.open(String(repeating: "x", count: length)) }
            #expect(seen.text == String(repeating: "x", count: min(length, 4096)))
            #expect(seen.has(POL_TRUNCATED) == (length > 4096))
            #expect(!seen.has(POL_UNREADABLE))
        }

        @Test("a buffer of 4096 bytes is whole, one of more is cut there", arguments: [0, 1, 4095, 4096, 4097, 9000])
        func buffers(_ length: Int) throws {
            let text = String(repeating: "y", count: length)
            let seen = try only(Self.written()) { try Acts.write(text) }
            #expect(seen.text == String(repeating: "y", count: min(length, 4096)))
            #expect(seen.has(POL_TRUNCATED) == (length > 4096))
            #expect(!seen.has(POL_UNREADABLE) && !seen.has(POL_CONTINUED))
        }

        @Test("five of the longest texts are in one record")
        func roomForAll() throws {
            let value = pol_argument(POL_STRING, at: 24, POL_USER)
            let watched = Watched(place: .enter("openat"), values: [value, value, value, value, value])
            var all = watched
            for index in 0..<5 { all.values[index].raw = UInt8(index) }
            let text = String(repeating: "z", count: 4096)
            let hits = try all.hits(on: sensors) { Acts.open(text) }.values
            #expect(hits.only?.map(\.text) == Array(repeating: text, count: 5))
            #expect(hits.joined().allSatisfy { $0.flags == 0 })
        }

        /// Two pages, the second of which is not to be read.
        private func withLastPage(_ body: (UnsafeMutableRawPointer) throws -> Void) throws {
            let pages = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let pages, pages != MAP_FAILED else { throw TestFailure("no pages: errno \(errno)") }
            defer { munmap(pages, 8192) }
            memset(pages, 0x71, 8192)
            mprotect(pages + 4096, 4096, PROT_NONE)
            try body(pages + 4096)
        }

        @Test("what ends before a page that cannot be read is told up to there")
        func halves() throws {
            try withLastPage { end in
                let text = try only(Self.opened) { _ = Acts.call(257, -100, Int(bitPattern: end - 5)) }
                #expect(text.description == "qqqqq unreadable")
                let buffer = try only(Self.written()) { try Acts.withNull { _ = write($0, end - 6, 100) } }
                #expect(buffer.description == "qqqqqq unreadable")
                let pieces = try only(Self.writtenInPieces) {
                    let vector = [iovec(iov_base: end - 3, iov_len: 3), iovec(iov_base: end - 2, iov_len: 5)]
                    try Acts.withNull { _ = writev($0, vector, 2) }
                }
                #expect(pieces.description == "qqqqq unreadable")
            }
        }

        @Test("a size of 2^63 or -1 reads what is there and no more", arguments: [Int.min, -1])
        func hugeSizes(_ size: Int) throws {
            try withLastPage { end in
                let seen = try only(Self.written()) { Acts.call(1, -1, Int(bitPattern: end - 7), size) }
                #expect(seen.text == "qqqqqqq")
                #expect(seen.has(POL_UNREADABLE))
            }
            let seen = try only(Self.writtenInPieces) { Acts.call(20, -1, 8, size) }
            #expect(seen.bytes.isEmpty && seen.has(POL_UNREADABLE))
        }

        @Test("an int that counts is none below 0")
        func negativeCounts() throws {
            var watched = Self.written()
            watched.values[0].flags |= UInt8(POL_COUNT_32.rawValue)
            let seen = try only(watched) { Acts.call(1, -1, 8, -1) }
            #expect(seen.bytes.isEmpty && seen.flags == 0)
        }

        @Test("nowhere is not read, and said so", arguments: [0, 8, 0x7fff_ffff_f000, Int.min, -8])
        func nowhere(_ address: Int) throws {
            let text = try only(Self.opened) { Acts.call(257, -100, address) }
            #expect(text.description == " unreadable")
            let buffer = try only(Self.written()) { Acts.call(1, -1, address, 64) }
            #expect(buffer.description == " unreadable")
            let pieces = try only(Self.writtenInPieces) { Acts.call(20, -1, address, 3) }
            #expect(pieces.description == " unreadable")
            let nothing = try only(Self.written()) { Acts.call(1, -1, address, 0) }
            #expect(nothing.description == "")
        }

        /// Where the kernel has a function.
        private func kernelsCode() throws -> Int {
            let file = try #require(fopen("/proc/kallsyms", "r"))
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 512)
            while fgets(&line, 512, file) != nil {
                let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
                let words = text.split { " \n\t".contains($0) }
                guard words.count > 2, words[2] == "__x64_sys_getpid" else { continue }
                if let address = UInt(words[0], radix: 16), address > 0 { return Int(bitPattern: address) }
            }
            throw TestFailure("the kernel does not tell its addresses")
        }

        @Test("a program that gives the kernel's addresses does not have its memory told")
        func kernelMemory() throws {
            let address = try kernelsCode()
            #expect(try only(Self.opened) { Acts.call(257, -100, address) }.description == " unreadable")
            #expect(try only(Self.written()) { Acts.call(1, -1, address, 16) }.description == " unreadable")
            #expect(try only(Self.writtenInPieces) { Acts.call(20, -1, address, 1) }.description == " unreadable")
            let piece = [iovec(iov_base: UnsafeMutableRawPointer(bitPattern: address), iov_len: 16)]
            let seen = try only(Self.writtenInPieces) { _ = writev(-1, piece, 1) }
            #expect(seen.description == " unreadable")
            // There are bytes: whoever is not told that a program gave the address reads them.
            let control = try only(Self.written(POL_COUNT_32)) { Acts.call(1, -1, address, 10) }
            #expect(control.bytes.count == 10 && control.flags == 0)
        }

        @Test(
            "structures of the kernel are not looked for where a program says",
            arguments: [POL_SOCK, POL_FILE, POL_PATH, POL_CRED, POL_SKB, POL_FILENAME, POL_BPF_MAP, POL_ITERATOR])
        func kernelStructures(_ type: pol_type) throws {
            let address = try kernelsCode()
            let watched = Watched(place: .enter("openat"), values: [pol_argument(type, at: 24, POL_USER)])
            let seen = try only(watched) { Acts.call(257, -100, address) }
            #expect(seen.bytes.isEmpty && seen.has(POL_UNREADABLE))
        }

        // MARK: Long values

        @Test(
            "a long buffer comes whole in records of its own, up to the limit",
            arguments: [4096, 4097, 20_480, 20_481, 327_359, 327_360, 327_361, 1_000_000])
        func longBuffers(_ length: Int) throws {
            var watched = Self.written()
            watched.values[0].flags |= UInt8(POL_MORE.rawValue)
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
            let hits = try watched.hits(on: sensors) {
                try Acts.withNull { file in _ = write(file, bytes, bytes.count) }
            }
            let limit = Int(POL_DATA_MAX.rawValue)
            if length <= 4096 {
                #expect(hits.values.only?.first?.bytes == bytes)
                #expect(hits.long.isEmpty)
                return
            }
            let long = try #require(hits.long.only)
            #expect(long.isComplete)
            #expect(try long.value == Array(bytes.prefix(limit)))
            #expect(long.rests[0]?.isWhole == (length <= limit))
        }

        @Test("pieces come whole, whatever their sizes", arguments: [3, 1000, 70_000])
        func longVectors(_ size: Int) throws {
            let pieces = (0..<200).map { index in
                [UInt8](repeating: UInt8(index), count: index % 3 == 0 ? 0 : size * 150 / 200 % 4000 + index)
            }
            let whole = Array(pieces.joined())
            let hits = try Self.writtenInPieces.hits(on: sensors) { try Acts.writePieces(pieces) }
            let long = try #require(hits.long.only)
            #expect(long.isComplete)
            #expect(try long.value == Array(whole.prefix(Int(POL_DATA_MAX.rawValue))))
        }
    }
}
