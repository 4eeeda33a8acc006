// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Glibc
internal import Policies
internal import Sensors

/// From a record's bytes to what an event tells. A value that is not as long as its type says is told as unreadable.
extension HitArgument {
    /// - Parameters:
    ///   - value: nil if the record has none.
    ///   - rest: what followed it.
    ///   - host: the host's namespaces.
    init(
        _ argument: HookDescription.Argument, _ value: PolicyView.Value?, _ rest: ValueRest?, is32Bit: Bool,
        host: NamespaceNumbers
    ) {
        let context = ValueContext(type: argument.type, rest: rest, is32Bit: is32Bit, host: host)
        var (read, remark): (HookValue, Remark?) = (.none, nil)
        if let value {
            read = value.has(POL_NO_ROOM) ? .none : context.read(value) ?? .none
            if value.has(POL_NO_ROOM) {
                remark = .noRoom
            } else if value.has(POL_UNREADABLE) || read == .none {
                remark = .unreadable
            } else if value.has(POL_TRUNCATED), !read.tellsThatItIsCut {
                remark = .truncated
            }
        } else {
            remark = .missing
        }
        self.init(read, label: argument.label, remark)
    }
}

extension HookValue {
    fileprivate var tellsThatItIsCut: Bool {
        switch self {
        case .truncatedBytes, .path, .file, .binary: true
        default: false
        }
    }
}

private struct ValueContext {
    let type: ArgumentType
    let rest: ValueRest?
    let is32Bit: Bool
    let host: NamespaceNumbers

    func read(_ value: PolicyView.Value) -> HookValue? {
        let bytes = value.bytes
        switch pol_type(UInt32(value.head.type)) {
        case POL_I8, POL_U8, POL_I16, POL_U16, POL_I32, POL_U32, POL_I64, POL_U64:
            return value.number.map { number($0, of: pol_type(UInt32(value.head.type))) }
        case POL_SYSCALL:
            return value.number.map { systemCall(UInt32(truncatingIfNeeded: $0)) }
        case POL_STRING, POL_FILENAME:
            return bytes.isEmpty && value.has(POL_UNREADABLE) ? nil : .string(text(bytes))
        case POL_DATA_LOC:
            return bytes.isEmpty && value.has(POL_UNREADABLE) ? nil : .string(text(beforeNUL(bytes)))
        case POL_NET_DEVICE:
            return bytes.isEmpty ? nil : .networkDevice(text(bytes))
        case POL_BUFFER, POL_IOVEC, POL_ITERATOR:
            if bytes.isEmpty, value.has(POL_UNREADABLE) { return nil }
            let all = Array(bytes) + (rest?.bytes ?? [])
            let isCut =
                value.has(POL_TRUNCATED) || value.has(POL_UNREADABLE)
                || value.has(POL_CONTINUED) && rest?.isWhole != true
            return isCut ? .truncatedBytes(all, of: 0) : .bytes(all)
        case POL_PATH, POL_DENTRY: return file(value).map(HookValue.path)
        case POL_FILE, POL_FD, POL_KIOCB: return file(value).map(HookValue.file)
        case POL_BINPRM: return file(value).map(HookValue.binary)
        case POL_SOCK, POL_SOCKET: return fixed(bytes).map { .socket(socket($0)) }
        case POL_SKB: return fixed(bytes).map { .packet(socket($0)) }
        case POL_SOCKADDR: return value.has(POL_UNREADABLE) ? nil : fixed(bytes).map { address($0, bytes) }
        case POL_CRED:
            return fixed(bytes).map { (record: rec_creds) in
                let number = record.user_ns_level == 0 ? host.userNumber : 0
                return .credentials(Credentials(record, namespace: number), CapabilitySets(record))
            }
        case POL_USER_NAMESPACE:
            return fixed(bytes).map { (ns: pol_user_namespace) in
                .userNamespace(.init(level: ns.level, owner: ns.owner, group: ns.group, number: ns.inum))
            }
        case POL_CAPABILITIES: return fixed(bytes).map { .capabilities(capabilityKind, $0) }
        case POL_BPF_ATTR: return fixed(bytes).map { .bpfAttributes(program($0)) }
        case POL_BPF_PROG: return fixed(bytes).map { .bpfProgram(program($0)) }
        case POL_BPF_MAP:
            return fixed(bytes).map { (map: pol_bpf_map) in
                .bpfMap(
                    .init(
                        type: map.kind, keySize: map.key_size, valueSize: map.value_size,
                        maxEntries: map.max_entries, name: characters(map.name)))
            }
        case POL_PERF_EVENT:
            return fixed(bytes).map { (event: pol_perf_event) in
                .perfEvent(
                    .init(
                        function: characters(event.function), type: event.type, config: event.config,
                        offset: event.offset))
            }
        case POL_MODULE, POL_LOAD_INFO:
            return fixed(bytes).map { (module: pol_module) in
                .module(
                    .init(
                        name: characters(module.name),
                        isSignatureGood: module.signature_ok < 2 ? module.signature_ok == 1 : nil,
                        taints: module.taints))
            }
        default: return nil
        }
    }

    /// What a number is called where the policy's type does not say it, is by the width that it was read with.
    private func number(_ number: UInt64, of width: pol_type) -> HookValue {
        let low = UInt32(truncatingIfNeeded: number)
        switch type {
        case .int, .int8, .int16, .int32: return .int(Int32(bitPattern: low))
        case .uint8, .uint16, .uint32: return .uint(low)
        case .int64: return .long(Int64(bitPattern: number))
        case .uint64, .size: return .size(number)
        case .bpfCommand: return .bpfCommand(low)
        case .capability: return .capability(Int32(bitPattern: low))
        case .capabilitySet, .inheritableCapabilities, .permittedCapabilities, .effectiveCapabilities:
            return .capabilities(capabilityKind, number)
        case .syscall64: return systemCall(low)
        default: break
        }
        switch width {
        case POL_I8, POL_I16, POL_I32: return .int(Int32(bitPattern: low))
        case POL_U8, POL_U16, POL_U32: return .uint(low)
        case POL_I64: return .long(Int64(bitPattern: number))
        default: return .size(number)
        }
    }

    private func systemCall(_ number: UInt32) -> HookValue {
        let flag: UInt32 = 1 << 31  // POL_SYSCALL_32
        return .systemCall(number & ~flag, is32Bit: is32Bit || number & flag != 0)
    }

    private var capabilityKind: HookValue.CapabilityKind {
        switch type {
        case .inheritableCapabilities: .inheritable
        case .permittedCapabilities: .permitted
        case .effectiveCapabilities: .effective
        default: .kernel
        }
    }

    // MARK: Structures

    private func fixed<Fixed: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer) -> Fixed? {
        bytes.count >= MemoryLayout<Fixed>.size ? bytes.loadUnaligned(as: Fixed.self) : nil
    }

    private func file(_ value: PolicyView.Value) -> HookValue.File? {
        guard let head: pol_path = fixed(value.bytes) else { return nil }
        let path = text(UnsafeRawBufferPointer(rebasing: value.bytes[MemoryLayout<pol_path>.size...]))
        var flags: [String] = []
        // The reference's word for a path without its beginning.
        if head.flags & POL_PATH_UNRESOLVED.rawValue != 0 || value.has(POL_TRUNCATED) {
            flags.append("unresolvedPathComponents")
        }
        if head.flags & POL_PATH_OUTSIDE.rawValue != 0 { flags.append("unreachable") }
        return .init(path: path, flags: flags.joined(separator: " "), mode: head.mode)
    }

    private func socket(_ record: pol_sock) -> HookValue.Socket {
        .init(
            family: record.family, type: record.type, proto: record.protocol, state: record.state, mark: record.mark,
            priority: record.priority, from: address(record.from, record.family),
            to: address(record.to, record.family), fromPort: record.from_port, toPort: record.to_port,
            cookie: record.cookie, hash: record.hash, length: record.length, securityPaths: record.sec_path_len,
            offloadedPaths: record.sec_path_olen)
    }

    private func address(_ record: pol_sock, _ bytes: UnsafeRawBufferPointer) -> HookValue {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[MemoryLayout<pol_sock>.size...])
        let path = record.family == UInt16(AF_UNIX) ? localPath(rest) : nil
        if type == .unixSocketAddress, let path { return .localAddress(path: path) }
        return .socketAddress(
            family: record.family, address: path ?? address(record.to, record.family), port: record.to_port)
    }

    /// An abstract name begins with NUL, which `ss` and /proc write as `@`.
    private func localPath(_ bytes: UnsafeRawBufferPointer) -> String {
        guard bytes.first == 0 else { return text(beforeNUL(bytes)) }
        let name = beforeNUL(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
        return name.isEmpty ? "" : "@" + text(name)
    }

    private func program(_ record: pol_bpf_attr) -> HookValue.BPFProgram {
        .init(type: record.kind, instructions: record.count, name: characters(record.name))
    }

    // MARK: Text

    private func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    private func beforeNUL(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != 0 })
    }

    /// A C array of characters, which need not end.
    private func characters<Array>(_ array: Array) -> String {
        withUnsafeBytes(of: array) { text(beforeNUL($0)) }
    }

    private func address<Bytes>(_ bytes: Bytes, _ family: UInt16) -> String {
        withUnsafeBytes(of: bytes) { bytes in
            guard let start = bytes.baseAddress, bytes.count == 16 else { return "" }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let length = socklen_t(text.count)
            switch Int32(family) {
            case AF_INET: inet_ntop(AF_INET, start + 12, &text, length)
            case AF_INET6: inet_ntop(AF_INET6, start, &text, length)
            default: return ""
            }
            return text.withUnsafeBytes { self.text(beforeNUL($0)) }
        }
    }
}
