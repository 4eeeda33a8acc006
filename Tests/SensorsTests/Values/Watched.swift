// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors

@testable import Processes

/// A value as a hook's record had it.
struct Seen: Equatable {
    var index: UInt8
    var type: pol_type
    var flags: UInt16
    var bytes: [UInt8]

    init(_ value: PolicyView.Value) {
        index = value.head.index
        type = pol_type(UInt32(value.head.type))
        flags = value.head.flags
        bytes = Array(value.bytes)
    }

    func has(_ flag: pol_value_flag) -> Bool { UInt32(flags) & flag.rawValue != 0 }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func structure<Fixed: BitwiseCopyable>(as type: Fixed.Type) -> Fixed? {
        bytes.count >= MemoryLayout<Fixed>.size ? bytes.withUnsafeBytes { $0.loadUnaligned(as: type) } : nil
    }

    func text(after size: Int) -> String { String(decoding: bytes.dropFirst(size), as: UTF8.self) }
}

/// A hook with the values that are read of it.
struct Watched {
    var place: PolicyProgram.Place
    var values: [pol_argument]
    var resolutions: [Int: pol_resolution] = [:]
    /// Values that the hook passes; of probes it does not matter.
    var passed: UInt8 = 5
    var isCall = false
    var hasReturn = false

    /// What the calling thread, or anybody, made it say: a hit's values each.
    func hits(
        on sensors: BaseSensors, ofAnybody: Bool = false, _ action: () throws -> Void
    ) throws -> (values: [[Seen]], long: [PartialHit]) {
        var shape = pol_shape()
        shape.raw_count = passed
        shape.is_syscall = isCall ? 1 : 0
        shape.has_return = hasReturn ? 1 : 0
        shape.has_more = values.contains { UInt32($0.flags) & POL_MORE.rawValue != 0 } ? 1 : 0
        withUnsafeMutableBytes(of: &shape.arguments) { bytes in
            for (index, value) in values.enumerated() { bytes.bindMemory(to: pol_argument.self)[index] = value }
        }
        withUnsafeMutableBytes(of: &shape.resolutions) { bytes in
            for (index, value) in resolutions { bytes.bindMemory(to: pol_resolution.self)[index] = value }
        }
        let maps = try sensors.policyMaps(Hierarchy.configuration(ringBytes: 64 << 20), types: kernelTypes.get())
        let program = try PolicyProgram(at: place, shape: shape, capacity: PolicyCapacity(), sharing: maps)
        var row = pol_row()
        row.id = 7
        row.until = .max
        try program.setRow(0, row)
        try maps.setGeneration(1)
        try program.attach()
        defer { program.detach() }
        try action()
        program.detach()

        let thread = UInt32(truncatingIfNeeded: Acts.call(186))
        var hits: [[Seen]] = []
        var partial = PartialHits()
        var long: [PartialHit] = []
        while try sensors.drain(
            limit: 256,
            { bytes in
                switch try? Record(bytes) {
                case .policy(let view)? where view.fixed.row == 7 && (ofAnybody || view.fixed.tid == thread):
                    if view.has(POL_AWAITS_RETURN) { break }
                    hits.append(view.values.map(Seen.init))
                    if let hit = PartialHit(view, record: bytes) { long += partial.add(hit) }
                case .policyData(let part)?: long += partial.append(part)
                default: break
                }
            }) > 0
        {}
        return (hits, long + partial.take(ofProcess: nil))
    }
}

extension PartialHit {
    /// The first value, as far as it has come.
    var value: [UInt8] {
        get throws {
            let beginning = try record.withUnsafeBytes {
                try PolicyView($0).values.first { _ in true }.map { Array($0.bytes) }
            }
            return (beginning ?? []) + (rests[0]?.bytes ?? [])
        }
    }
}

/// Reading them takes an emulated machine a second.
nonisolated(unsafe) let kernelTypes = Result { try KernelTypes() }

extension pol_argument {
    /// - Parameters:
    ///   - raw: which of the hook's values; of a tracepoint, which argument this is.
    ///   - count: which of them says how many bytes there are.
    init(
        _ type: pol_type, raw: UInt8 = 0, count: UInt8? = nil, at offset: UInt16 = 0, max: UInt16 = 4096,
        _ flags: pol_argument_flag...
    ) {
        self.init(
            type: UInt8(type.rawValue), raw: raw, size_raw: count.map { $0 + 1 } ?? 0,
            flags: flags.reduce(0) { $0 | UInt8($1.rawValue) }, offset: offset, max: max)
    }
}

extension Seen: CustomStringConvertible {
    /// Exactly what it says, for tables.
    var description: String {
        let marks =
            (has(POL_TRUNCATED) ? " cut" : "") + (has(POL_UNREADABLE) ? " unreadable" : "")
            + (has(POL_CONTINUED) ? " continued" : "")
        return said + marks
    }

    private var said: String {
        switch type {
        case POL_I8, POL_I16, POL_I32, POL_I64: return structure(as: Int64.self).map { "\($0)" } ?? "-"
        case POL_U8, POL_U16, POL_U32, POL_U64, POL_SYSCALL: return structure(as: UInt64.self).map { "\($0)" } ?? "-"
        case POL_PATH, POL_FILE, POL_DENTRY, POL_FD, POL_KIOCB, POL_BINPRM:
            guard let head = structure(as: pol_path.self) else { return "-" }
            let kind = ["", "fifo", "char", "", "directory", "", "block", "", "file", "", "link", "", "socket"]
            let number = Int(head.mode >> 12)
            return "\(kind.indices.contains(number) ? kind[number] : "?") \(text(after: MemoryLayout<pol_path>.size))"
        case POL_SOCK, POL_SOCKET, POL_SKB:
            guard let sock = structure(as: pol_sock.self) else { return "-" }
            let state = sock.state == 0 ? "" : " state \(sock.state)"
            return "family \(sock.family) protocol \(sock.protocol) \(address(sock.from)):\(sock.from_port)"
                + " to \(address(sock.to)):\(sock.to_port)\(state)"
        case POL_SOCKADDR:
            guard let sock = structure(as: pol_sock.self) else { return "-" }
            let name = text(after: MemoryLayout<pol_sock>.size)
            return sock.family == 1 ? "unix \(name)" : "family \(sock.family) \(address(sock.to)):\(sock.to_port)"
        case POL_CRED:
            guard let cred = structure(as: rec_creds.self) else { return "-" }
            return "uid \(cred.uid) \(cred.euid) \(cred.suid) gid \(cred.gid) effective \(cred.cap_effective)"
        case POL_USER_NAMESPACE:
            guard let space = structure(as: pol_user_namespace.self) else { return "-" }
            return "level \(space.level) owner \(space.owner) \(space.group) inode \(space.inum)"
        case POL_CAPABILITIES: return structure(as: UInt64.self).map { "\($0)" } ?? "-"
        case POL_BPF_ATTR, POL_BPF_PROG:
            guard let attributes = structure(as: pol_bpf_attr.self) else { return "-" }
            return "type \(attributes.kind) instructions \(attributes.count) \(string(attributes.name))"
        case POL_BPF_MAP:
            guard let map = structure(as: pol_bpf_map.self) else { return "-" }
            return "type \(map.kind) \(map.key_size)/\(map.value_size) x \(map.max_entries) \(string(map.name))"
        case POL_PERF_EVENT:
            guard let event = structure(as: pol_perf_event.self) else { return "-" }
            return "type \(event.type) config \(event.config) offset \(event.offset) \(string(event.function))"
        case POL_MODULE, POL_LOAD_INFO:
            guard let module = structure(as: pol_module.self) else { return "-" }
            return "module \(string(module.name)) signed \(module.signature_ok)"
        default: return text
        }
    }

    private func address<Bytes>(_ bytes: Bytes) -> String {
        let bytes = withUnsafeBytes(of: bytes) { Array($0) }
        if bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]) {
            return bytes[12...].map { "\($0)" }.joined(separator: ".")
        }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = bytes.withUnsafeBytes { inet_ntop(AF_INET6, $0.baseAddress, &text, UInt32(text.count)) }
        return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    private func string<Bytes>(_ bytes: Bytes) -> String {
        withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
