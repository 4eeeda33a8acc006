// SPDX-License-Identifier: Apache-2.0

/// tetragon.KprobeArgument in protobuf's JSON form.
extension HitArgument {
    func append(to w: inout JSONWriter, host: NamespaceNumbers) {
        switch value {
        case .none: break
        case .string(let text): w.text("string_arg", text)
        case .int(let number): w.integer("int_arg", Int64(number))
        case .packet(let packet): w.object("skb_arg") { packet.appendPacket(to: &$0) }
        case .size(let number): w.long("size_arg", String(number))
        case .bytes(let bytes): w.data("bytes_arg", bytes)
        case .path(let file): w.object("path_arg") { file.append(to: &$0) }
        case .file(let file): w.object("file_arg") { file.append(to: &$0) }
        case .truncatedBytes(let bytes, let size):
            w.object("truncated_bytes_arg") {
                if !bytes.isEmpty { $0.data("bytes_arg", bytes) }
                $0.quoted("orig_size", size)
            }
        case .socket(let socket): w.object("sock_arg") { socket.append(to: &$0) }
        case .long(let number): w.long("long_arg", String(number))
        case .bpfAttributes(let program): w.object("bpf_attr_arg") { program.append(to: &$0) }
        case .perfEvent(let event):
            w.object("perf_event_arg") {
                $0.string("KprobeFunc", event.function)
                $0.string("Type", KernelNames.perfEvent(event.type))
                $0.quoted("Config", event.config)
                $0.quoted("ProbeOffset", event.offset)
            }
        case .bpfMap(let map):
            w.object("bpf_map_arg") {
                $0.string("MapType", KernelNames.bpfMap(map.type))
                $0.number("KeySize", map.keySize)
                $0.number("ValueSize", map.valueSize)
                $0.number("MaxEntries", map.maxEntries)
                $0.string("MapName", map.name)
            }
        case .uint(let number): w.integer("uint_arg", Int64(number))
        case .capability(let number):
            w.object("capability_arg") {
                $0.integer("value", Int64(number))
                $0.string("name", CapabilitySets.name(of: number) ?? "")
            }
        case .credentials(let credentials, let sets):
            w.object("process_credentials_arg") { ProcessEncoder.credentials(credentials, sets, host: host, &$0) }
        case .userNamespace(let namespace):
            w.object("user_ns_arg") {
                $0.integer("level", Int64(namespace.level))
                $0.wrapped("uid", namespace.owner)
                $0.wrapped("gid", namespace.group)
                let number = namespace.number
                $0.object("ns") { ProcessEncoder.namespace(number, isHost: host.hasUserNamespace(number), &$0) }
            }
        case .module(let module):
            w.object("module_arg") {
                $0.string("name", module.name)
                if let isGood = module.isSignatureGood { $0.bool("signature_ok", isGood) }
                $0.names("tainted", TaintName.all.filter { module.taints & $0.bit != 0 }.map(\.name))
            }
        case .capabilities(let kind, let set): w.text(kind.name, set.hexadecimal)
        case .binary(let file): w.object("linux_binprm_arg") { file.append(to: &$0) }
        case .networkDevice(let name): w.object("net_dev_arg") { $0.string("name", name) }
        case .bpfCommand(let number):
            if let name = KernelNames.bpfCommand(number) {
                w.name("bpf_cmd_arg", name)
            } else {
                w.integer("bpf_cmd_arg", Int64(Int32(bitPattern: number)))
            }
        case .systemCall(let number, let is32Bit):
            w.object("syscall_id") {
                $0.number("id", number)
                $0.string("abi", SystemCallABI.name(is32Bit: is32Bit))
            }
        case .socketAddress(let family, let address, let port):
            w.object("sockaddr_arg") {
                $0.string("family", KernelNames.family(family))
                $0.string("addr", address)
                $0.number("port", UInt32(port))
            }
        case .bpfProgram(let program): w.object("bpf_prog_arg") { program.append(to: &$0) }
        case .localAddress(let path):
            w.object("sockaddrun_arg") {
                $0.string("family", "AF_UNIX")
                $0.string("path", path)
            }
        }
        w.string("label", label)
    }
}

extension HookValue.File {
    fileprivate func append(to w: inout JSONWriter) {
        w.string("path", path)
        w.string("flags", flags)
        w.string("permission", permission)
    }
}

extension HookValue.Socket {
    fileprivate func append(to w: inout JSONWriter) {
        w.string("family", KernelNames.family(family))
        w.string("type", KernelNames.socketType(type))
        w.string("protocol", KernelNames.networkProtocol(proto))
        w.number("mark", mark)
        w.number("priority", priority)
        w.string("saddr", from)
        w.string("daddr", to)
        w.number("sport", UInt32(fromPort))
        w.number("dport", UInt32(toPort))
        w.quoted("cookie", cookie)
        w.string("state", KernelNames.state(state))
    }

    fileprivate func appendPacket(to w: inout JSONWriter) {
        w.number("hash", hash)
        w.number("len", length)
        w.number("priority", priority)
        w.number("mark", mark)
        w.string("saddr", from)
        w.string("daddr", to)
        w.number("sport", UInt32(fromPort))
        w.number("dport", UInt32(toPort))
        w.number("proto", UInt32(proto))
        w.number("sec_path_len", securityPaths)
        w.number("sec_path_olen", offloadedPaths)
        w.string("protocol", KernelNames.networkProtocol(proto))
        w.string("family", KernelNames.family(family))
    }
}

extension HookValue.BPFProgram {
    fileprivate func append(to w: inout JSONWriter) {
        w.string("ProgType", KernelNames.bpfProgram(type))
        w.number("InsnCnt", instructions)
        w.string("ProgName", name)
    }
}

extension HookValue.CapabilityKind {
    fileprivate var name: StaticString {
        switch self {
        case .kernel: "kernel_cap_t_arg"
        case .inheritable: "cap_inheritable_arg"
        case .permitted: "cap_permitted_arg"
        case .effective: "cap_effective_arg"
        }
    }
}

/// How a module taints the kernel: bits, by the API's names (TaintedBitsType).
struct TaintName {
    let bit: UInt64
    let name: StaticString

    static let all = [
        TaintName(bit: 1, name: "TAINT_PROPRIETARY_MODULE"), TaintName(bit: 2, name: "TAINT_FORCED_MODULE"),
        TaintName(bit: 4, name: "TAINT_FORCED_UNLOAD_MODULE"), TaintName(bit: 1024, name: "TAINT_STAGED_MODULE"),
        TaintName(bit: 4096, name: "TAINT_OUT_OF_TREE_MODULE"), TaintName(bit: 8192, name: "TAINT_UNSIGNED_MODULE"),
        TaintName(bit: 32768, name: "TAINT_KERNEL_LIVE_PATCH_MODULE"),
        TaintName(bit: 262_144, name: "TAINT_TEST_MODULE"),
    ]
}

/// By which table of system calls a number counts, as the API writes it.
enum SystemCallABI {
    static func name(is32Bit: Bool) -> String {
        #if arch(arm64)
            is32Bit ? "arm32" : "arm64"
        #else
            is32Bit ? "i386" : "x64"
        #endif
    }
}

extension CapabilitySets {
    static func name(of number: Int32) -> String? {
        names.indices.contains(Int(number)) ? "\(names[Int(number)])" : nil
    }
}

extension UInt64 {
    /// All sixteen digits.
    var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
