// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A byte that says what the rest is: a program's file, a process's list of mappings, the kernel's list of functions,
/// notes of a program's probes.
/// Read as names for stacks are looked for in them, for places from the last eight bytes on.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: bytes, count: count)
    guard let what = input.first else { return 0 }
    let content = Array(input.dropFirst())
    let place = content.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch what % 3 {
    case _ where what == .max: check(ProbeNote.notes(in: content, atMost: 100))
    case 0: find(in: program(content), at: place)
    case 1: check(Mapping.executable(in: content))
    default: find(in: KernelSymbols(kallsyms: content), at: place)
    }
    return 0
}

private func find(in symbols: ELFSymbols?, at place: UInt64) {
    guard let symbols else { return }
    for offset in [0, 64, place, place & 0xffff] {
        guard let function = symbols.function(at: offset) else { continue }
        // Each byte that is no text is three.
        precondition(1...3072 ~= function.name.utf8.count && function.offset <= offset)
    }
}

private func find(in symbols: KernelSymbols, at place: UInt64) {
    var tree = StackTree()
    let frames = [1, place, place & 0xffff, .max].map { symbols.frame(at: $0) ?? StackFrame(address: $0) }
    for frame in frames { precondition(frame.offset <= frame.address) }
    tree.add(frames, label: "a")
    precondition(tree.snapshot.count == 1)
}

private func check(_ mappings: [Mapping]) {
    for mapping in mappings { precondition(mapping.start < mapping.end && (!mapping.isFile || mapping.inode != 0)) }
}

private func check(_ notes: [ProbeNote]) {
    precondition(notes.count <= 100)
    for note in notes {
        precondition(!note.name.isEmpty && !note.provider.isEmpty)
        for machine in [ProbeArgument.Machine.x86_64, .aarch64] {
            let arguments = ProbeArgument.arguments(of: note.arguments, on: machine)
            precondition(arguments.count <= 12)
            for argument in arguments {
                precondition([1, 2, 4, 8].contains(argument.size) && argument.text.utf8.count <= 256)
            }
        }
    }
}

private func program(_ content: [UInt8]) -> ELFSymbols? {
    let written = content.withUnsafeBytes { ftruncate(file, 0) == 0 ? pwrite(file, $0.baseAddress, $0.count, 0) : -1 }
    precondition(written == content.count, "the file that the program is read from")
    return OpenFile("/proc/self/fd/\(file)").flatMap { ELFSymbols($0) }
}

private let file = fileno(tmpfile())
