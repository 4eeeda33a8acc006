// SPDX-License-Identifier: Apache-2.0
internal import Models

/// tetragon.KprobeArgument in protobuf. What is in a oneof is written whatever it is, 0 and "" too.
extension HitArgument {
    func append(to w: inout ProtobufWriter, host: NamespaceNumbers) {
        switch value {
        case .none: break
        case .string(let text): w.string(1, text, always: true)
        case .int(let number): w.number(2, UInt64(bitPattern: Int64(number)))
        case .packet(let packet): w.message(3) { packet.appendPacket(to: &$0) }
        case .size(let number): w.number(4, number)
        case .bytes(let bytes): w.data(5, bytes)
        case .path(let file): w.message(6) { file.append(to: &$0) }
        case .file(let file): w.message(7) { file.append(to: &$0) }
        case .truncatedBytes(let bytes, let size):
            w.message(8) {
                if !bytes.isEmpty { $0.data(1, bytes) }
                $0.uint64(2, size)
            }
        case .socket(let socket): w.message(9) { socket.append(to: &$0) }
        case .long(let number): w.number(11, UInt64(bitPattern: number))
        case .bpfAttributes(let program): w.message(12) { program.append(to: &$0) }
        case .perfEvent(let event):
            w.message(13) {
                $0.string(1, event.function)
                $0.string(2, KernelNames.perfEvent(event.type))
                $0.uint64(3, event.config)
                $0.uint64(4, event.offset)
            }
        case .bpfMap(let map):
            w.message(14) {
                $0.string(1, KernelNames.bpfMap(map.type))
                $0.uint32(2, map.keySize)
                $0.uint32(3, map.valueSize)
                $0.uint32(4, map.maxEntries)
                $0.string(5, map.name)
            }
        case .uint(let number): w.number(15, UInt64(number))
        case .capability(let number):
            w.message(17) {
                $0.signed(1, number)
                $0.string(2, CapabilitySets.name(of: number) ?? "")
            }
        case .credentials(let credentials, let sets):
            w.message(19) { ProcessEncoder.credentials(credentials, sets, host: host, &$0) }
        case .userNamespace(let namespace):
            w.message(20) {
                $0.signed(1, namespace.level)
                $0.wrapped(2, namespace.owner)
                $0.wrapped(3, namespace.group)
                let number = namespace.number
                $0.message(4) { ProcessEncoder.namespace(number, isHost: host.hasUserNamespace(number), &$0) }
            }
        case .module(let module):
            w.message(21) {
                $0.string(1, module.name)
                if let isGood = module.isSignatureGood { $0.wrapped(2, isGood ? 1 : 0) }
                $0.packed(3, varints: TaintName.all.map(\.bit).filter { module.taints & $0 != 0 })
            }
        case .capabilities(let kind, let set): w.string(kind.field, set.hexadecimal, always: true)
        case .binary(let file):
            w.message(26) {
                $0.string(1, file.path)
                $0.string(2, file.flags)
                $0.string(3, file.permission)
            }
        case .networkDevice(let name): w.message(27) { $0.string(1, name) }
        case .bpfCommand(let number): w.number(28, UInt64(bitPattern: Int64(Int32(bitPattern: number))))
        case .systemCall(let number, let is32Bit):
            w.message(29) {
                $0.uint32(1, number)
                $0.string(2, SystemCallABI.name(is32Bit: is32Bit))
            }
        case .socketAddress(let family, let address, let port):
            w.message(30) {
                $0.string(1, KernelNames.family(family))
                $0.string(2, address)
                $0.uint32(3, UInt32(port))
            }
        case .bpfProgram(let program): w.message(31) { program.append(to: &$0) }
        case .localAddress(let path):
            w.message(33) {
                $0.string(1, "AF_UNIX")
                $0.string(2, path)
            }
        }
        w.string(18, label)
    }
}

extension HookValue.File {
    fileprivate func append(to w: inout ProtobufWriter) {
        w.string(2, path)
        w.string(3, flags)
        w.string(4, permission)
    }
}

extension HookValue.Socket {
    fileprivate func append(to w: inout ProtobufWriter) {
        w.string(1, KernelNames.family(family))
        w.string(2, KernelNames.socketType(type))
        w.string(3, KernelNames.networkProtocol(proto))
        w.uint32(4, mark)
        w.uint32(5, priority)
        w.string(6, from)
        w.string(7, to)
        w.uint32(8, UInt32(fromPort))
        w.uint32(9, UInt32(toPort))
        w.uint64(10, cookie)
        w.string(11, KernelNames.state(state))
    }

    fileprivate func appendPacket(to w: inout ProtobufWriter) {
        w.uint32(1, hash)
        w.uint32(2, length)
        w.uint32(3, priority)
        w.uint32(4, mark)
        w.string(5, from)
        w.string(6, to)
        w.uint32(7, UInt32(fromPort))
        w.uint32(8, UInt32(toPort))
        w.uint32(9, UInt32(proto))
        w.uint32(10, securityPaths)
        w.uint32(11, offloadedPaths)
        w.string(12, KernelNames.networkProtocol(proto))
        w.string(13, KernelNames.family(family))
    }
}

extension HookValue.BPFProgram {
    fileprivate func append(to w: inout ProtobufWriter) {
        w.string(1, KernelNames.bpfProgram(type))
        w.uint32(2, instructions)
        w.string(3, name)
    }
}

extension HookValue.CapabilityKind {
    fileprivate var field: UInt32 {
        switch self {
        case .kernel: 22
        case .inheritable: 23
        case .permitted: 24
        case .effective: 25
        }
    }
}

extension ProtobufWriter {
    /// A number of any kind, 0 too.
    mutating func number(_ field: UInt32, _ value: UInt64) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    mutating func data(_ field: UInt32, _ bytes: [UInt8]) {
        lengthDelimited(field, count: bytes.count)
        self.bytes.append(contentsOf: bytes)
    }

    /// google.protobuf.Int32Value
    mutating func signed(_ field: UInt32, _ value: Int32) {
        message(field) { if value != 0 { $0.number(1, UInt64(bitPattern: Int64(value))) } }
    }

    /// A packed repeated enum.
    mutating func packed(_ field: UInt32, varints values: [UInt64]) {
        guard !values.isEmpty else { return }
        message(field) { for value in values { $0.varint(value) } }
    }
}
