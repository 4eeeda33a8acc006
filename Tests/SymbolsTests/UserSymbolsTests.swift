// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Symbols

@Suite("Names of places in programs")
struct UserSymbolsTests {
    @Test("executable mappings are read from maps")
    func maps() throws {
        let text = """
            55d0c0000000-55d0c0001000 r--p 00000000 fd:01 1234                       /usr/bin/a b
            55d0c0001000-55d0c0005000 r-xp 00001000 fd:01 1234                       /usr/bin/a b
            7f0000000000-7f0000001000 rwxp 00000000 00:00 0 
            7f0000002000-7f0000003000 --xp 00000000 00:2a 7                          /tmp/x\\012y (deleted)
            7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]
            broken
            zz-yy r-xp 0 0 0 0
            """
        let mappings = Mapping.executable(in: Array(text.utf8))
        #expect(mappings.map(\.path) == ["/usr/bin/a b", "", "/tmp/x\ny (deleted)", "[vdso]"])
        #expect(mappings.map(\.isFile) == [true, false, true, false])
        let first = try #require(mappings.first)
        #expect(first.start == 0x55d0_c000_1000 && first.offset == 0x1000 && first.inode == 1234)
        #expect(first.hasOwnDevice && !mappings[2].hasOwnDevice)
    }

    /// A function of a library that is not stripped of what the dynamic linker needs.
    private var known: (name: String, address: UInt64)? {
        guard let library = dlopen("libc.so.6", RTLD_NOW), let address = dlsym(library, "getppid") else { return nil }
        return ("getppid", UInt64(UInt(bitPattern: address)))
    }

    @Test("a place in this process's C library has the function's name and its distance from it")
    func own() throws {
        let known = try #require(self.known)
        let namer = StackNamer(procfs: "/proc")
        for _ in 0..<2 {
            let frames = namer.userFrames(
                [StackFrame(address: known.address &+ 3), StackFrame(address: 16)], of: UInt32(getpid()))
            #expect(frames[0].symbol.contains(known.name) && frames[0].offset == 3)
            #expect(frames[0].module.hasSuffix("libc.so.6") && frames[0].address == known.address &+ 3)
            #expect(frames[1] == StackFrame(address: 16))
        }
    }

    @Test("of a process that is gone nothing is known")
    func gone() {
        #expect(StackNamer(procfs: "/proc").userFrames([StackFrame(address: 1)], of: 0) == [StackFrame(address: 1)])
    }

    private func symbols(_ bytes: [UInt8]) throws -> ELFSymbols? {
        let path = "/tmp/apus-symbols-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY, 0o600)
        try #require(descriptor >= 0)
        defer { unlink(path) }
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        return OpenFile(path).flatMap { ELFSymbols($0) }
    }

    @Test("files that are no programs, and programs that do not hold together, have no symbols")
    func hostile() throws {
        #expect(try symbols([]) == nil)
        #expect(try symbols(Array("#!/bin/sh\n".utf8) + [UInt8](repeating: 0, count: 100)) == nil)

        let whole = program([("f", 0x401000, 4)])
        // Every byte of its tables in turn says something else, and the file ends anywhere.
        for index in 6..<whole.count {
            _ = try symbols(Array(whole.prefix(index)))?.function(at: 0x1001)
            for value in [0, 0x7f, 0xff] as [UInt8] {
                var bytes = whole
                bytes[index] = value
                _ = try symbols(bytes)?.function(at: 0x1001)
            }
        }
        let cut = try #require(try symbols(whole))
        #expect(cut.function(at: .max) == nil)
    }

    /// A program with one segment, from 0x1000 of the file to address 0x401000, and these functions.
    private func program(_ functions: [(name: String, address: UInt64, size: UInt64)]) -> [UInt8] {
        func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
        var strings: [UInt8] = [0]
        var symbols = [UInt8](repeating: 0, count: 24)
        for function in functions {
            symbols += bytes(UInt32(strings.count)) + [2, 0] + bytes(UInt16(1))
            symbols += bytes(function.address) + bytes(function.size)
            strings += Array(function.name.utf8) + [0]
        }
        func section(_ type: UInt32, _ offset: Int, _ size: Int, link: UInt32) -> [UInt8] {
            bytes(UInt32(0)) + bytes(type) + bytes(UInt64(0)) + bytes(UInt64(0)) + bytes(UInt64(offset))
                + bytes(UInt64(size)) + bytes(link) + bytes(UInt32(0)) + bytes(UInt64(0)) + bytes(UInt64(0))
        }
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        file += bytes(UInt16(2)) + bytes(UInt16(62)) + bytes(UInt32(1)) + bytes(UInt64(0x401000))
        file += bytes(UInt64(64)) + bytes(UInt64(120)) + bytes(UInt32(0))
        file += [64, 56, 1, 64, 3, 0].flatMap { bytes(UInt16($0)) }
        file += bytes(UInt32(1)) + bytes(UInt32(5)) + bytes(UInt64(0x1000)) + bytes(UInt64(0x401000))
        file += bytes(UInt64(0x401000)) + bytes(UInt64(0x1000)) + bytes(UInt64(0x1000)) + bytes(UInt64(0x1000))
        let tables = 120 + 3 * 64
        file += section(0, 0, 0, link: 0) + section(2, tables, symbols.count, link: 2)
        file += section(3, tables + symbols.count, strings.count, link: 0)
        return file + symbols + strings
    }

    @Test("a place of a file is in the function whose address is mapped there")
    func exact() throws {
        let symbols = try #require(
            try symbols(
                program([("second", 0x401100, 0x10), ("first", 0x401000, 0x40), ("by_hand", 0x401200, 0)])))
        func name(_ offset: UInt64) -> String? { symbols.function(at: offset).map { "\($0.name)+\($0.offset)" } }
        #expect(name(0x1000) == "first+0" && name(0x103f) == "first+63")
        #expect(name(0x1040) == nil && name(0x110f) == "second+15" && name(0x1110) == nil)
        #expect(name(0x1234) == "by_hand+52")
        #expect(name(0xfff) == nil && name(0x2000) == nil)
    }

    @Test("a function of another segment does not reach into this one")
    func otherSegment() throws {
        let symbols = try #require(
            try symbols(program([("by_hand", 0x1000, 0), ("sized", 0x2000, .max), ("f", 0x401100, 4)])))
        #expect(symbols.function(at: 0x1000) == nil && symbols.function(at: 0x10ff) == nil)
        #expect(symbols.function(at: 0x1101)?.name == "f")
    }
}

@Suite("Trees of stacks")
struct StackTreeTests {
    private func frames(_ names: String...) -> [StackFrame] { names.map { StackFrame(address: 1, symbol: $0) } }

    @Test("stacks are merged from the outermost call inwards, with counts and programs")
    func merged() throws {
        var tree = StackTree()
        tree.add(frames("c", "b", "a"), label: "/x")
        tree.add(frames("d", "b", "a"), label: "/y")
        tree.add(frames("d", "b", "a"), label: "/y")
        let root = tree.snapshot
        #expect(root.count == 3 && root.labels == ["/x": 1, "/y": 2] && root.children.map(\.frame.symbol) == ["a"])
        let b = try #require(root.children.first?.children.first)
        #expect(b.count == 3 && b.children.map(\.frame.symbol) == ["c", "d"] && b.children.map(\.count) == [1, 2])
        tree.add(frames("a"), label: "/x")
        #expect(root.count == 3 && tree.snapshot.count == 4)
    }

    @Test("a tree is bounded in places and programs")
    func bounded() {
        var tree = StackTree()
        for number in 0..<10_000 { tree.add([StackFrame(address: UInt64(number))], label: "\(number)") }
        let root = tree.snapshot
        #expect(root.count == 10_000 && root.children.count == StackTree.mostNodes - 1)
        #expect(root.labels.count <= StackTree.mostLabels + 1 && root.labels.values.reduce(0, +) == 10_000)
    }
}
