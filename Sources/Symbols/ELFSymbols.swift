// SPDX-License-Identifier: Apache-2.0

/// The functions of a program or library by their places in the file, from its own symbol table. Files are anybody's:
/// whatever does not hold together has no symbols, and what is read is bounded.
struct ELFSymbols {
    private struct Segment {
        var offset: UInt64
        var size: UInt64
        var address: UInt64
    }

    private var segments: [Segment] = []
    private var addresses: [UInt64] = []
    private var functions: [(size: UInt64, name: Int)] = []
    private var strings: [UInt8] = []

    private static let mostSegments = 256
    private static let mostSections = 4096
    private static let mostSymbolBytes = 24 << 20
    private static let mostStringBytes = 24 << 20
    private static let longestName = 1024

    /// The memory that it takes, more or less.
    var size: Int { 64 + strings.count + 32 * addresses.count }

    /// Nil for a file that is no little-endian ELF file of 64 bits.
    init?(_ file: OpenFile) {
        guard let header = file.bytes(at: 0, 64), header.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else {
            return nil
        }
        readSegments(file, header)
        readSymbols(file, header)
    }

    private mutating func readSegments(_ file: OpenFile, _ header: [UInt8]) {
        let (count, size) = (Int(header.number16(56)), Int(header.number16(54)))
        guard count <= Self.mostSegments, size >= 56, size <= 256,
            let table = file.bytes(at: header.number64(32), count * size)
        else { return }
        for start in stride(from: 0, to: count * size, by: size) where table.number32(start) == 1 {
            segments.append(
                Segment(
                    offset: table.number64(start + 8), size: table.number64(start + 32),
                    address: table.number64(start + 16)))
        }
    }

    /// Of the whole table, or where it was stripped of the one that the dynamic linker needs.
    private mutating func readSymbols(_ file: OpenFile, _ header: [UInt8]) {
        let (count, size) = (Int(header.number16(60)), Int(header.number16(58)))
        guard count > 0, count <= Self.mostSections, size >= 64, size <= 256,
            let sections = file.bytes(at: header.number64(40), count * size)
        else { return }
        func section(ofType type: UInt32) -> Int? {
            stride(from: 0, to: count * size, by: size).first { sections.number32($0 + 4) == type }
        }
        guard let symbols = section(ofType: 2) ?? section(ofType: 11) else { return }
        let link = Int(sections.number32(symbols + 40))
        guard link < count, let bytes = Int(exactly: sections.number64(symbols + 32)), bytes <= Self.mostSymbolBytes,
            let length = Int(exactly: sections.number64(link * size + 32)), length <= Self.mostStringBytes,
            let table = file.bytes(at: sections.number64(symbols + 24), bytes),
            let strings = file.bytes(at: sections.number64(link * size + 24), length)
        else { return }
        self.strings = strings
        var found: [(address: UInt64, size: UInt64, name: Int)] = []
        for start in stride(from: 0, to: bytes - bytes % 24, by: 24) {
            let type = table[start + 4] & 15
            let address = table.number64(start + 8)
            // Functions, and those chosen when the program begins, that are in this file.
            guard type == 2 || type == 10, address != 0, table.number16(start + 6) != 0 else { continue }
            found.append((address, table.number64(start + 16), Int(table.number32(start))))
        }
        found.sort { ($0.address, $1.size) < ($1.address, $0.size) }
        addresses = found.map(\.address)
        functions = found.map { ($0.size, $0.name) }
    }

    /// The function at a place of the file, and how far behind its beginning that is.
    func function(at offset: UInt64) -> (name: String, offset: UInt64)? {
        guard let segment = segments.first(where: { offset >= $0.offset && offset - $0.offset < $0.size }) else {
            return nil
        }
        let address = segment.address &+ (offset - segment.offset)
        // One of an earlier segment does not reach into this one, whatever size it has.
        guard let index = addresses.lastIndex(notAbove: address), addresses[index] >= segment.address else {
            return nil
        }
        let into = address - addresses[index]
        // Hand-written ones have no size: they reach to the next.
        guard functions[index].size == 0 || into < functions[index].size, functions[index].name < strings.count else {
            return nil
        }
        let name = strings[functions[index].name...].prefix(Self.longestName).prefix { $0 != 0 }
        return name.isEmpty ? nil : (String(decoding: name, as: UTF8.self), into)
    }
}

extension [UInt8] {
    fileprivate func number16(_ at: Int) -> UInt16 { UInt16(self[at]) | UInt16(self[at + 1]) << 8 }
    fileprivate func number32(_ at: Int) -> UInt32 { UInt32(number16(at)) | UInt32(number16(at + 2)) << 16 }
    fileprivate func number64(_ at: Int) -> UInt64 { UInt64(number32(at)) | UInt64(number32(at + 4)) << 32 }
}
