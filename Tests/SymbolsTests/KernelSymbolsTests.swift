// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Symbols

@Suite("Names of places in the kernel")
struct KernelSymbolsTests {
    private let symbols = KernelSymbols(
        kallsyms: Array(
            """
            ffffffff81000000 T _text
            ffffffff81000100 t do_x
            ffffffff81000200 D data
            ffffffff81000300 W weak
            ffffffffc0000000 t mod_open\t[evil]
            0000000000000000 T hidden
            nonsense
            ffffffff8100zz00 T broken
            """.utf8))

    @Test("a place is in the function that begins before it")
    func lookup() {
        func name(_ address: UInt64) -> String? {
            symbols.frame(at: address).map { "\($0.symbol)+\($0.offset) \($0.module)" }
        }
        #expect(name(0xffff_ffff_8100_0000) == "_text+0 ")
        #expect(name(0xffff_ffff_8100_0110) == "do_x+16 ")
        #expect(name(0xffff_ffff_8100_02ff) == "do_x+511 ")
        #expect(name(0xffff_ffff_8100_0300) == "weak+0 ")
        #expect(name(0xffff_ffff_c000_0004) == "mod_open+4 evil")
    }

    @Test("what is before the first, or far behind one, is in none")
    func outside() {
        #expect(symbols.frame(at: 0xffff_ffff_80ff_ffff) == nil && symbols.frame(at: 0) == nil)
        #expect(symbols.frame(at: 0xffff_ffff_9000_0000) == nil && symbols.frame(at: .max) == nil)
        #expect(KernelSymbols(kallsyms: []).isEmpty)
        #expect(KernelSymbols(kallsyms: Array("0000000000000000 T a\n".utf8)).isEmpty)
    }

    @Test("the running kernel's functions are found, where one may know them")
    func real() {
        let namer = StackNamer(procfs: "/proc")
        #expect(namer.kernelFrames([]).isEmpty)
        let text = OpenFile("/proc/kallsyms")?.contents(atMost: KernelSymbols.mostBytes) ?? []
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.contains(" T ") }
        guard let words = line?.split(separator: " "), let address = UInt64(words[0], radix: 16), address != 0 else {
            return
        }
        #expect(namer.kernelFrames([StackFrame(address: address)]).first?.offset == 0)
    }
}
