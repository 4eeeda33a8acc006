// SPDX-License-Identifier: Apache-2.0
import CElf
import Glibc

/// The functions of a program or library, and where in its file they are, which is what uprobes go by.
///
/// The file may be anybody's: it is read, not mapped, so that one that shrinks meanwhile is an error and no more.
package struct UserSymbols {
    private static let mostBytes: UInt64 = 256 << 20

    let path: String
    let file: Int32
    let elf: OpaquePointer

    /// Calls `body` with the symbols of a file.
    package static func reading<Result>(
        _ path: String, _ body: (borrowing UserSymbols) throws(SensorError) -> Result
    ) throws(SensorError) -> Result {
        elf_version(UInt32(EV_CURRENT))
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw SensorError("open", path) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SensorError("read the functions of", path, errno: EINVAL, log: "it is not a regular file")
        }
        guard let elf = elf_begin(file, ELF_C_READ, nil) else { throw failure(path) }
        defer { elf_end(elf) }
        guard elf_kind(elf) == ELF_K_ELF else {
            throw SensorError("read the functions of", path, errno: ENOEXEC, log: "it is no ELF file")
        }
        return try body(UserSymbols(path: path, file: file, elf: elf))
    }

    /// The offsets of functions, in the order of their names.
    package static func offsets(of names: [String], in path: String) throws(SensorError) -> [UInt64] {
        try reading(path) { symbols throws(SensorError) in try symbols.offsets(of: names) }
    }

    /// A name may have a version behind `@`; of several functions of one name the first in the file's order is meant.
    package func offsets(of names: [String]) throws(SensorError) -> [UInt64] {
        var found: [String: GElf_Sym] = [:]
        let wanted = Set(names)
        let tables = try forEachSymbol(of: [STT_FUNC, STT_GNU_IFUNC]) { name, symbol in
            for candidate in [name, String(name.prefix { $0 != "@" })]
            where wanted.contains(candidate) && found[candidate] == nil {
                found[candidate] = symbol
            }
        }
        guard tables > 0 else {
            throw SensorError("find functions in", path, errno: ENOENT, log: "it has no symbols (it is stripped)")
        }
        var offsets: [UInt64] = []
        for name in names {
            guard let symbol = found[name] else {
                throw SensorError("find the function \(name) in", path, errno: ENOENT)
            }
            guard symbol.st_info & 0xf != UInt8(STT_GNU_IFUNC) else {
                throw SensorError(
                    "use the function \(name) of", path, errno: ENOTSUP,
                    log: "which code it is is chosen when a program starts: name that code's function instead")
            }
            offsets.append(try offset(of: name, at: symbol.st_value))
        }
        return offsets
    }

    /// The addresses of data of these names, but for what stands for several.
    func addresses(ofData names: Set<String>) throws(SensorError) -> [String: UInt64] {
        var found: [String: Set<UInt64>] = [:]
        _ = try forEachSymbol(of: [STT_OBJECT]) { name, symbol in
            if names.contains(name) { found[name, default: []].insert(symbol.st_value) }
        }
        return found.compactMapValues { $0.count == 1 ? $0.first : nil }
    }

    /// Calls `body` with each symbol of some kinds (`STT_…`) that is in this file.
    /// - Returns: how many tables there are.
    private func forEachSymbol(
        of kinds: Set<Int32>, _ body: (String, GElf_Sym) -> Void
    ) throws(SensorError) -> Int {
        var tables = 0
        var section: OpaquePointer?
        while true {
            section = elf_nextscn(elf, section)
            guard let section else { break }
            var header = GElf_Shdr()
            guard gelf_getshdr(section, &header) != nil else { throw Self.failure(path) }
            guard header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM else { continue }
            tables += 1
            try bound(header, section: Int(header.sh_link))
            guard let data = elf_getdata(section, nil), header.sh_entsize > 0 else { throw Self.failure(path) }
            let count = Int32(clamping: UInt64(data.pointee.d_size) / header.sh_entsize)
            for index in 0..<count {
                var symbol = GElf_Sym()
                guard gelf_getsym(data, index, &symbol) != nil else { throw Self.failure(path) }
                guard symbol.st_shndx != UInt16(SHN_UNDEF), symbol.st_value != 0,
                    kinds.contains(Int32(symbol.st_info & 0xf)),
                    let bytes = elf_strptr(elf, Int(header.sh_link), Int(symbol.st_name))
                else { continue }
                body(String(cString: bytes), symbol)
            }
        }
        return tables
    }

    /// What a header claims is read into memory: no more than that of the largest programs.
    func bound(_ header: GElf_Shdr? = nil, section strings: Int) throws(SensorError) {
        var names = GElf_Shdr()
        guard let section = elf_getscn(elf, strings), gelf_getshdr(section, &names) != nil else {
            throw Self.failure(path)
        }
        guard max(header?.sh_size ?? 0, names.sh_size) <= Self.mostBytes else {
            throw SensorError("read the symbols of", path, errno: EFBIG, log: "a table of its has more than 256 MiB")
        }
    }

    /// The same of a function, which has to be somewhere.
    private func offset(of name: String, at address: UInt64) throws(SensorError) -> UInt64 {
        if let offset = try offset(of: address, inSegmentsWith: UInt32(PF_X)) { return offset }
        throw SensorError("use the function \(name) of", path, errno: EINVAL, log: "it is in no executable segment")
    }

    /// Where in the file an address is that the program has once it is loaded; nil where no segment of that permission
    /// has it.
    func offset(of address: UInt64, inSegmentsWith permission: UInt32) throws(SensorError) -> UInt64? {
        var count = 0
        guard elf_getphdrnum(elf, &count) == 0 else { throw Self.failure(path) }
        for index in 0..<Int32(clamping: count) {
            var segment = GElf_Phdr()
            guard gelf_getphdr(elf, index, &segment) != nil else { throw Self.failure(path) }
            guard segment.p_type == UInt32(PT_LOAD), segment.p_flags & permission != 0, address >= segment.p_vaddr,
                address - segment.p_vaddr < segment.p_filesz
            else { continue }
            let (offset, overflow) = (address - segment.p_vaddr).addingReportingOverflow(segment.p_offset)
            if !overflow { return offset }
        }
        return nil
    }

    static func failure(_ path: String) -> SensorError {
        SensorError(
            "read the functions of", path, errno: ENOEXEC, log: String(cString: elf_errmsg(-1)))
    }
}
