// SPDX-License-Identifier: Apache-2.0
import CElf
import Glibc
import Models

/// Probes that a program brings, by the notes that <sys/sdt.h> leaves in its file.
extension UserSymbols {
    /// Names that an error tells.
    private static let mostNames = 8

    /// Finds a probe in a file.
    package static func probe(
        _ name: String, of provider: String, in path: String
    ) throws(UserProbeError) -> UserProbe {
        let found: Result<UserProbe, UserProbeError>
        do throws(SensorError) {
            found = try reading(path) { symbols throws(SensorError) in try symbols.probe(name, of: provider) }
        } catch {
            throw UserProbeError(
                .path,
                "cannot read the probes of \(path): "
                    + (error.log.isEmpty ? String(cString: strerror(error.errno)) : error.log))
        }
        return try found.get()
    }

    private func probe(
        _ name: String, of provider: String
    ) throws(SensorError) -> Result<UserProbe, UserProbeError> {
        if let reason = try foreignness() {
            return .failure(UserProbeError(.path, "cannot read the probes of \(path): \(reason)"))
        }
        let (notes, base) = try probeNotes()
        let providers = Set(notes.map(\.provider))
        guard !providers.isEmpty else {
            let reason = "it was built without, or is stripped of them"
            return .failure(UserProbeError(.path, "\(path) brings no probes: \(reason)"))
        }
        guard providers.contains(provider) else {
            return .failure(
                UserProbeError(
                    .provider,
                    "\(path) has no provider \(provider.debugDescription) of probes"
                        + Self.there(providers, provider)))
        }
        let own = notes.filter { $0.provider == provider }
        var locations: [UInt64: UserProbe.Location] = [:]
        let wanted = own.filter { $0.name == name }
        guard !wanted.isEmpty else {
            return .failure(
                UserProbeError(
                    .name,
                    "the provider \(provider) of \(path) has no probe \(name.debugDescription)"
                        + Self.there(Set(own.map(\.name)), name)))
        }
        let objects = try objects(named: wanted)
        for note in wanted {
            let moved = note.base == 0 || base == 0 ? 0 : base &- note.base
            let address = note.address &+ moved
            guard let offset = try offset(of: address, inSegmentsWith: UInt32(PF_X)) else {
                return .failure(Self.misplaced(path, provider, name, address, "executable"))
            }
            var location = UserProbe.Location(
                offset: offset,
                arguments: ProbeArgument.arguments(of: note.arguments, on: .own)
                    .map { $0.resolved(at: address, among: objects) })
            if note.semaphore != 0 {
                let address = note.semaphore &+ moved
                guard let offset = try self.offset(of: address, inSegmentsWith: UInt32(PF_W)) else {
                    return .failure(Self.misplaced(path, provider, name, address, "writable"))
                }
                location.semaphore = offset
            }
            // A probe that was inlined, or folded with another, can have several notes of one place.
            if locations[offset] == nil { locations[offset] = location }
        }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw SensorError("look at", path) }
        return .success(
            UserProbe(
                path: path, provider: provider, name: name,
                file: .init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
                locations: locations.values.sorted { $0.offset < $1.offset }))
    }

    /// Why its notes are of no use here; nil if they are.
    private func foreignness() throws(SensorError) -> String? {
        var header = GElf_Ehdr()
        guard gelf_getehdr(elf, &header) != nil else { throw Self.failure(path) }
        let machine = ProbeArgument.Machine.own == .aarch64 ? EM_AARCH64 : EM_X86_64
        guard header.e_machine == UInt16(machine), gelf_getclass(elf) == ELFCLASS64 else {
            return "it is a program of 32 bits, or of another machine"
        }
        return nil
    }

    /// All of the file's, and where the section is by which one sees that it was moved after they were written; 0: none.
    private func probeNotes() throws(SensorError) -> (notes: [ProbeNote], base: UInt64) {
        var strings = 0
        guard elf_getshdrstrndx(elf, &strings) == 0 else { throw Self.failure(path) }
        // Without sections there is nothing, and no names of them.
        guard elf_nextscn(elf, nil) != nil else { return ([], 0) }
        try bound(section: strings)
        var (notes, base): ([ProbeNote], UInt64) = ([], 0)
        var section: OpaquePointer?
        while true {
            section = elf_nextscn(elf, section)
            guard let section else { break }
            var header = GElf_Shdr()
            guard gelf_getshdr(section, &header) != nil else { throw Self.failure(path) }
            guard let bytes = elf_strptr(elf, strings, Int(header.sh_name)) else { continue }
            switch String(cString: bytes) {
            case ".stapsdt.base": base = header.sh_addr
            case ".note.stapsdt" where header.sh_type == UInt32(SHT_NOTE):
                guard header.sh_size <= UInt64(ProbeNote.mostBytes) else {
                    throw SensorError(
                        "read the probes of", path, errno: EFBIG, log: "its notes have more than 16 MiB")
                }
                guard let data = elf_rawdata(section, nil) else { throw Self.failure(path) }
                let content = [UInt8](UnsafeRawBufferPointer(start: data.pointee.d_buf, count: data.pointee.d_size))
                notes += ProbeNote.notes(in: content, atMost: ProbeNote.mostNotes - notes.count)
            default: break
            }
        }
        return (notes, base)
    }

    /// Addresses of the data that these notes' arguments are in; of a name that several have none.
    private func objects(named notes: [ProbeNote]) throws(SensorError) -> [String: UInt64] {
        var wanted: Set<String> = []
        for argument in notes.flatMap({ ProbeArgument.arguments(of: $0.arguments, on: .own) }) {
            if case .symbol(let name, _) = argument.source { wanted.insert(name) }
        }
        return wanted.isEmpty ? [:] : try addresses(ofData: wanted)
    }

    private static func misplaced(
        _ path: String, _ provider: String, _ name: String, _ address: UInt64, _ kind: String
    ) -> UserProbeError {
        UserProbeError(
            .path,
            "\(path) says that its probe \(provider):\(name) is at 0x\(String(address, radix: 16)), where no \(kind) segment is"
        )
    }

    /// `: it has "a", "b" and 3 more; did you mean "b"?`
    private static func there(_ names: Set<String>, _ wanted: String) -> String {
        let sorted = names.sorted()
        let shown = sorted.prefix(mostNames).map { String($0.prefix(64)).debugDescription }.joined(separator: ", ")
        let more = sorted.count > mostNames ? " and \(sorted.count - mostNames) more" : ""
        let nearest = nearestName(to: wanted, among: sorted.prefix(1024))
        return ": it has \(shown)\(more)" + (nearest.map { "; did you mean \($0.debugDescription)?" } ?? "")
    }
}

extension ProbeArgument {
    /// With data of the file as what is so far from the instruction, which holds wherever the file is loaded.
    func resolved(at address: UInt64, among objects: [String: UInt64], on machine: Machine = .own) -> ProbeArgument {
        guard case .symbol(let name, let displacement) = source else { return self }
        var resolved = self
        if let object = objects[name] {
            let distance = Int64(bitPattern: object &- address) &+ displacement
            resolved.source = .memory(base: machine.instructionPointer, displacement: distance)
        } else {
            resolved.source = .unreadable("the file has no symbol of that name, or several: it may be stripped")
        }
        return resolved
    }
}
