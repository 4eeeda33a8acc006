// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sensors

@Suite("Notes of the probes that programs bring")
struct ProbeNoteTests {
    private static func x86(_ offset: UInt16) -> ProbeArgument.Register { .init(offset: offset) }

    private func arguments(_ text: String, _ machine: ProbeArgument.Machine = .x86_64) -> [ProbeArgument] {
        ProbeArgument.arguments(of: text.utf8, on: machine)
    }

    // MARK: Arguments

    private static let registers: [(String, UInt16)] = [
        ("rax", 80), ("eax", 80), ("ax", 80), ("al", 80), ("ah", 81), ("rbx", 40), ("bl", 40), ("bh", 41), ("rcx", 88),
        ("ecx", 88), ("rdx", 96), ("dh", 97), ("rsi", 104), ("esi", 104), ("si", 104), ("sil", 104), ("rdi", 112),
        ("edi", 112), ("dil", 112), ("rbp", 32), ("bpl", 32), ("rsp", 152), ("esp", 152), ("spl", 152), ("r8", 72),
        ("r8d", 72), ("r9w", 64), ("r10b", 56), ("r11", 48), ("r12", 24), ("r13d", 16), ("r14", 8), ("r15", 0),
        ("r15b", 0),
    ]

    @Test("each register by each of its names, where the kernel keeps it", arguments: registers)
    func register(_ name: String, _ offset: UInt16) {
        #expect(arguments("8@%\(name)").map(\.source) == [.register(.init(offset: offset))])
    }

    @Test("sizes and signs")
    func sizes() {
        let found = arguments("-1@%al 1@%al -2@%ax 2@%ax -4@%eax 4@%eax -8@%rax 8@%rax")
        #expect(found.map(\.size) == [1, 1, 2, 2, 4, 4, 8, 8])
        #expect(found.map(\.isSigned) == [true, false, true, false, true, false, true, false])
        #expect(found.map(\.text).joined(separator: " ") == "-1@%al 1@%al -2@%ax 2@%ax -4@%eax 4@%eax -8@%rax 8@%rax")
    }

    private static let operands: [(String, ProbeArgument.Source)] = [
        ("$17", .constant(17)), ("$-5", .constant(-5)), ("$0x10", .constant(16)),
        ("$18446744073709551615", .constant(-1)),
        ("(%rdi)", .memory(base: x86(112), displacement: 0)),
        ("-24(%rbp)", .memory(base: x86(32), displacement: -24)),
        ("0x20(%rsp)", .memory(base: x86(152), displacement: 32)),
        ("8(%rax,%rcx)", .memory(base: x86(80), index: x86(88), displacement: 8)),
        ("(%rax,%rcx,4)", .memory(base: x86(80), index: x86(88), shift: 2, displacement: 0)),
        ("-8(,%r9,8)", .memory(base: nil, index: x86(64), shift: 3, displacement: -8)),
        ("counter(%rip)", .symbol("counter", displacement: 0)),
        ("counter+12(%rip)", .symbol("counter", displacement: 12)),
        ("4+counter-2(%rip)", .symbol("counter", displacement: 2)),
    ]

    @Test("operands of x86-64", arguments: operands)
    func operand(_ text: String, _ source: ProbeArgument.Source) {
        #expect(arguments("-4@\(text)").map(\.source) == [source])
    }

    @Test("operands of arm64, blanks between their brackets")
    func armOperands() {
        let found = arguments("-4@[sp, 60] 8@x0 4@w30 -8@[x1] -4@5 -4@-1 8@[x2, #-16] 4@[x3, x4] 8@sp 8f@d0", .aarch64)
        #expect(
            found.map(\.source) == [
                .memory(base: .init(offset: 248), displacement: 60), .register(.init(offset: 0)),
                .register(.init(offset: 240)), .memory(base: .init(offset: 8), displacement: 0), .constant(5),
                .constant(-1),
                .memory(base: .init(offset: 16), displacement: -16),
                .memory(base: .init(offset: 24), index: .init(offset: 32), displacement: 0),
                .register(.init(offset: 248)), .unreadable("it is a floating-point number"),
            ])
        #expect(found[0].size == 4 && found[0].isSigned && found[0].text == "-4@[sp, 60]")
        for text in ["8@x31", "8@[w1]", "8@[x1", "8@[x1, x2, x3]", "8@[]", "8@v0", "8@lr"] {
            #expect(arguments(text, .aarch64)[0].isUnreadable, "\(text)")
        }
    }

    private static let nonsense = [
        "8f@%xmm0", "8@%xmm0", "16@%rax", "@%rax", "0@%rax", "-@%rax", "%rax", "8@", "8@%", "8@%foo", "8@%fs:0(%rax)",
        "8@%rip", "8@$counter", "8@counter", "8@(%eax)", "8@()", "8@(,)", "8@(%rax,%rbx,3)", "8@(%rax,%rbx,4,5)",
        "8@x(%rax)", "8@(%rip)", "8@a+b(%rip)", "8@-a(%rip)", "8@counter@GOTPCREL(%rip)",
        "8@99999999999999999999(%rax)", "8@\u{1b}[2J]", String(repeating: "8", count: 300) + "@%rax",
    ]

    @Test("what is in no form that can be read is known to be so, and the others are read", arguments: nonsense)
    func unreadable(_ text: String) throws {
        let found = arguments(text + " -4@%edi")
        try #require(found.count == 2)
        #expect(found[0].isUnreadable, "\(text): \(found[0].source)")
        #expect(found[0].text.utf8.allSatisfy { (0x20...0x7e).contains($0) } && found[0].text.utf8.count <= 256)
        #expect(found[1].source == .register(.init(offset: 112)))
    }

    @Test(
        "brackets that nobody closes have the rest", arguments: ["8@(%rax", "8@" + String(repeating: "(", count: 200)])
    func unclosed(_ text: String) {
        let found = arguments(text + " -4@%edi")
        #expect(found.count == 1)
        #expect(found.first?.isUnreadable == true, "\(found)")
    }

    @Test("no more arguments than there can be")
    func many() {
        #expect(arguments("").isEmpty && arguments("   ").isEmpty)
        #expect(arguments(String(repeating: "8@%rax ", count: 5000)).count == 12)
    }

    @Test("data of the file is so far from the instruction, wherever both are loaded")
    func data() {
        let argument = arguments("4@counter+8(%rip)")[0]
        #expect(
            argument.resolved(at: 0x1000, among: ["counter": 0x4000], on: .x86_64).source
                == .memory(base: .init(offset: 128), displacement: 0x3008))
        #expect(argument.resolved(at: 0x1000, among: [:], on: .x86_64).isUnreadable)
    }

    // MARK: Sections

    private func note(
        _ owner: String = "stapsdt\0", type: UInt32 = 3, _ texts: String = "libc\0setjmp\08@%rdi -4@%esi 8@%rax\0"
    ) -> [UInt8] {
        var content: [UInt8] = []
        for number in [UInt64(0x3e_d5e1), 0x1b_2d00, 0x40_0010] { content += bytes(number, 8) }
        content += Array(texts.utf8)
        let padding = { (count: Int) in [UInt8](repeating: 0, count: (4 - count % 4) % 4) }
        return bytes(UInt64(owner.utf8.count), 4) + bytes(UInt64(content.count), 4) + bytes(UInt64(type), 4)
            + Array(owner.utf8) + padding(owner.utf8.count) + content + padding(content.count)
    }

    private func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }

    @Test("a note as compilers write it")
    func whole() throws {
        let found = ProbeNote.notes(in: note())
        #expect(
            found == [
                ProbeNote(
                    address: 0x3e_d5e1, base: 0x1b_2d00, semaphore: 0x40_0010, provider: "libc", name: "setjmp",
                    arguments: Array("8@%rdi -4@%esi 8@%rax".utf8))
            ])
        #expect(arguments("8@%rdi -4@%esi 8@%rax").map(\.size) == [8, 4, 8])
        // What is behind a byte too many is read all the same, and other notes are passed over.
        let others =
            note("GNU\0") + note(type: 4) + note("", type: 3, "") + note() + note("stapsdt\0", "a\0b\0\0") + [1, 2]
        #expect(ProbeNote.notes(in: others).map(\.name) == ["setjmp", "b"])
        #expect(ProbeNote.notes(in: others).map(\.arguments.count) == [21, 0])
    }

    @Test("a note that does not hold together is none, and those behind it are read")
    func broken() {
        let long = String(repeating: "x", count: 5000) + "\0b\0c\0"
        for texts in ["", "a", "a\0", "a\0b", "a\0b\0", "a\0b\0c", "\0b\0c\0", "a\0\0c\0", long] {
            #expect(ProbeNote.notes(in: note("stapsdt\0", texts) + note()).count == 1, "\(texts.prefix(20))")
        }
    }

    @Test("sizes that lead out of the section end it")
    func hostile() {
        let whole = note()
        for length in 0..<whole.count - 3 {
            #expect(ProbeNote.notes(in: Array(whole.prefix(length))).isEmpty, "\(length)")
        }
        for field in [0, 4] {
            for size: UInt64 in [0, 1, 0x7fff_ffff, 0xffff_fffc, 0xffff_ffff] {
                var section = whole
                section.replaceSubrange(field..<field + 4, with: bytes(size, 4))
                #expect(ProbeNote.notes(in: section).isEmpty, "\(field): \(size)")
            }
        }
        let many = Array(repeatElement(whole, count: 100).joined())
        #expect(ProbeNote.notes(in: many).count == 100 && ProbeNote.notes(in: many, atMost: 7).count == 7)
        for _ in 0..<2000 {
            var section = whole + whole
            for _ in 0..<4 { section[Int.random(in: 0..<section.count)] = .random(in: 0...255) }
            for note in ProbeNote.notes(in: section) { _ = ProbeArgument.arguments(of: note.arguments, on: .x86_64) }
        }
    }

    // MARK: Files

    private func reason(_ bytes: [UInt8]) throws -> String {
        let path = "/tmp/apus-probes-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        do throws(UserProbeError) {
            _ = try UserSymbols.probe("pass", of: "apus", in: path)
            return ""
        } catch { return error.description.replacing(path, with: "FILE") }
    }

    @Test("a file is an error, whatever is wrong with it")
    func files() throws {
        let whole = OwnProcess.bytes(of: TestProgram.probes)
        #expect(try reason(whole).isEmpty)
        #expect(try reason([]).contains("it is no ELF file"))
        #expect(try reason(Array("#!/bin/sh\n".utf8)).contains("it is no ELF file"))
        // Of another machine; of 32 bits.
        #expect(try reason(changed(whole, 18, [0xf3, 0])).contains("32 bits, or of another machine"))
        #expect(try !reason(changed(whole, 4, [1])).isEmpty)
        // Without a table of sections there is nothing to find.
        let sectionless = changed(whole, 40, [UInt8](repeating: 0, count: 8)).changed(60, [0, 0])
        #expect(try reason(sectionless).contains("brings no probes"))
        for length in [40, 64, 4096, whole.count / 2, whole.count - 64] {
            #expect(try !reason(Array(whole.prefix(length))).isEmpty, "\(length)")
        }
        // Tables of sections and segments that lead anywhere.
        for (at, count) in [(32, 8), (40, 8), (54, 2), (56, 2), (58, 2), (60, 2), (62, 2)] {
            for byte: UInt8 in [0, 1, 0x7f, 0xff] {
                _ = try reason(changed(whole, at, [UInt8](repeating: byte, count: count)))
            }
        }
    }

    @Test("sections that claim what no file has, and notes of places that no segment has")
    func sections() throws {
        let whole = OwnProcess.bytes(of: TestProgram.probes)
        let notes = try #require(Section.of(whole, ".note.stapsdt"))
        for size: UInt64 in [0, 1, 16 << 20 + 1, 1 << 40, .max] {
            #expect(try !reason(changed(whole, notes.header + 32, bytes(size, 8))).isEmpty, "\(size)")
        }
        #expect(try !reason(changed(whole, notes.header + 24, bytes(.max, 8))).isEmpty)
        // The first note's address, behind its head and owner.
        let start = notes.offset + 20
        for address: UInt64 in [0, 1, .max] {
            #expect(
                try reason(changed(whole, start, bytes(address, 8))).contains("where no executable segment is"),
                "\(address)")
        }
        #expect(try reason(changed(whole, start + 16, bytes(1, 8))).contains("where no writable segment is"))
    }

    /// A section's header and content, by its name: both where they are in the file.
    private struct Section {
        var header: Int
        var offset: Int

        static func of(_ file: [UInt8], _ name: String) -> Section? {
            func number(_ at: Int, _ count: Int) -> Int {
                (0..<count).reversed().reduce(0) { $0 << 8 | Int(file[at + $1]) }
            }
            let (table, count) = (number(40, 8), number(60, 2))
            let strings = number(table + 64 * number(62, 2) + 24, 8)
            return (0..<count).map { table + 64 * $0 }.first {
                file[(strings + number($0, 4))...].prefix { $0 != 0 }.elementsEqual(name.utf8)
            }.map { Section(header: $0, offset: number($0 + 24, 8)) }
        }
    }

    private func changed(_ file: [UInt8], _ at: Int, _ bytes: [UInt8]) -> [UInt8] { file.changed(at, bytes) }
}

extension ProbeArgument {
    fileprivate var isUnreadable: Bool { if case .unreadable = source { true } else { false } }
}

extension [UInt8] {
    fileprivate func changed(_ at: Int, _ bytes: [UInt8]) -> [UInt8] {
        var changed = self
        changed.replaceSubrange(at..<at + bytes.count, with: bytes)
        return changed
    }
}
