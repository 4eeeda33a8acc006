// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// Fields of structures that hooks pass: `resolve`.
extension Planning {
    /// The way to a field, as the type of what it leads to asks; nil where there is none.
    ///
    /// - Parameter index: which argument it begins at; nil: what is returned.
    mutating func way(
        _ argument: HookArgument, from index: Int?, of request: HookRequest, _ path: String
    ) -> (FieldPath, ArgumentType)? {
        guard let passers = passers(of: request, path) else { return nil }
        var found: (passer: KernelTypes.Passer, way: FieldPath)?
        for passer in passers {
            do throws(FieldPathError) {
                let way = try kernel.path(argument.fields, from: index, of: passer)
                if let found, found.way != way {
                    report(
                        "\(path).resolve",
                        "it leads elsewhere from \(passer) than from \(found.passer), and they share a program",
                        "write a hook for each")
                    return nil
                }
                found = (passer, way)
            } catch {
                report("\(path).resolve", "\(argument.fieldPath) from \(passer): \(error)")
                return nil
            }
        }
        guard let way = found?.way else { return nil }
        guard let type = way.end.fitting(argument.type) else {
            report(
                "\(path).type",
                "\(argument.fieldPath) is \(way.end), which cannot be read as \(argument.type.rawValue)",
                way.end.fitting(.auto).map { "\($0.rawValue) could be" } ?? "")
            return nil
        }
        return (way, type)
    }

    /// Whose types say what the hook passes; nil where none do.
    private mutating func passers(of request: HookRequest, _ path: String) -> [KernelTypes.Passer]? {
        let refusal: (reason: String, advice: String)
        switch request.kind {
        // Of those that are not there something is said elsewhere.
        case .function: return request.functions.filter(kernel.hasFunction).map { .function($0) }
        case .securityHook(let name): return [.securityHook(name)]
        case .rawTracepoint: return request.rawTracepoint.map { [.rawTracepoint($0)] }
        case .tracepoint:
            refusal = ("a tracepoint's record has no structures", "with raw: true the tracepoint passes them")
        case .systemCall:
            refusal = (
                "a system call passes numbers and addresses of the program's, and no structures of the kernel's",
                "watch the function that does its work (syscall: false)"
            )
        case .userFunction:
            refusal = ("nothing tells the types of what functions of programs pass", "leave it out")
        case .userProbe:
            refusal = ("nothing tells the types of what probes of programs pass", "leave it out")
        }
        report("\(path).resolve", refusal.reason, refusal.advice)
        return nil
    }
}

extension HookArgument {
    /// `mm.owner.comm`
    var fieldPath: String { fields.joined(separator: ".") }
}

extension FieldPath.End {
    /// What an argument of a type is read as there; nil where it cannot be. `auto` is whatever is there.
    func fitting(_ type: ArgumentType) -> ArgumentType? {
        switch self {
        case .number(let bytes, let isSigned):
            if type == .auto { return .integer(bytes, isSigned: isSigned) }
            // An address, as mm.arg_start is.
            if bytes == 8, type.isInCallersMemory { return type }
            guard type.kernelType?.isNumber == true || type == .fd else { return nil }
            return type.fitting(bytes: bytes, isSigned: isSigned)
        case .text, .array:
            let isText = if case .text = self { true } else { false }
            if type == .auto { return isText ? .string : .charBuffer }
            return type == .string || type == .charBuffer ? type : nil
        case .pointer(let name):
            if type == .auto { return Self.texts.contains(name) ? .string : Self.type(of: name) ?? .uint64 }
            if type.kernelType?.isNumber == true { return type.fitting(bytes: 8, isSigned: false) }
            // Of what a void pointer leads to the policy knows more.
            if name.isEmpty { return type }
            if Self.texts.contains(name) { return type == .string || type == .charBuffer ? type : nil }
            return type.structures.contains(name) ? type : nil
        case .structure(let name):
            if type == .auto { return Self.type(of: name) }
            return type.structures.contains(name) ? type : nil
        }
    }

    /// What C has text in.
    private static let texts: Set = ["char", "unsigned char", "signed char"]

    private static func type(of structure: String) -> ArgumentType? {
        structure.isEmpty ? nil : ArgumentType.allCases.first { $0.structures.contains(structure) }
    }

    /// How many bytes there are, where that is known.
    var byteCount: Int? {
        switch self {
        case .text(let bytes), .array(let bytes): bytes
        case .number, .pointer, .structure: nil
        }
    }
}

extension FieldPath.End: CustomStringConvertible {
    package var description: String {
        switch self {
        case .number(let bytes, _): "a number of \((bytes * 8).of("bit"))"
        case .text(let bytes): "text of \(bytes.of("byte")) at most"
        case .pointer(let name): name.isEmpty ? "an address" : "the address of \(name)"
        case .structure(let name): name.isEmpty ? "a structure without a name" : "a struct \(name)"
        case .array(let bytes): "an array of \(bytes.of("byte"))"
        }
    }
}

extension ArgumentType {
    /// What the kernel calls the structures that are read as this.
    var structures: Set<String> {
        switch self {
        case .skb: ["sk_buff"]
        case .sock: ["sock"]
        case .socket: ["socket"]
        case .socketAddress: ["sockaddr", "sockaddr_storage", "__kernel_sockaddr_storage", "sockaddr_unsized"]
        case .unixSocketAddress: ["sockaddr_un", "sockaddr", "__kernel_sockaddr_storage"]
        case .file: ["file"]
        case .filename: ["filename"]
        case .path: ["path"]
        case .dentry: ["dentry"]
        case .kiocb: ["kiocb"]
        case .bpfAttributes: ["bpf_attr"]
        case .perfEvent: ["perf_event"]
        case .bpfMap: ["bpf_map"]
        case .bpfProgram: ["bpf_prog"]
        case .userNamespace: ["user_namespace"]
        case .iovIterator: ["iov_iter"]
        case .credentials: ["cred"]
        case .loadInfo: ["load_info"]
        case .module: ["module"]
        case .binaryParameters: ["linux_binprm"]
        case .networkDevice: ["net_device"]
        // Newer kernels have it without a name.
        case .capabilitySet, .inheritableCapabilities, .permittedCapabilities, .effectiveCapabilities:
            ["kernel_cap_struct", ""]
        case .auto, .int, .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .uint64, .size, .charBuffer,
            .charIOVector, .string, .fd, .nop, .bpfCommand, .capability, .syscall64, .dataLocation:
            []
        }
    }
}
