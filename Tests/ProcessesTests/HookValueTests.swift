// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Policies
import Testing

@testable import Processes

@Suite("Values of hooks, from records to what events tell")
struct HookValueTests {
    /// The argument of a hit that has one value.
    private func read(
        _ type: ArgumentType, _ kind: pol_type, _ bytes: [UInt8], _ flags: pol_value_flag..., recordFlags: UInt32 = 0,
        label: String = ""
    ) throws -> HitArgument {
        var script = Script()
        script.tracker.learn(hook: .sample(arguments: [.init(slot: 2, type: type, label: label)]))
        var hit = HandmadeHit(image(1))
        hit.flags = recordFlags
        let head = pol_value(
            index: 2, type: UInt8(kind.rawValue), flags: UInt16(flags.reduce(0) { $0 | $1.rawValue }),
            length: UInt32(bytes.count))
        hit.values = HandmadeHit.bytes(of: head) + bytes
        script.hit(hit)
        guard case .policy(let made)? = script.events.last?.kind else { throw Missing() }
        return try #require(made.arguments.first)
    }

    private struct Missing: Error {}

    private func bytes<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] { HandmadeHit.bytes(of: value) }

    /// A C array of characters.
    private func fill<Field>(_ field: inout Field, _ text: String) {
        withUnsafeMutableBytes(of: &field) { $0.copyBytes(from: Array(text.utf8).prefix($0.count)) }
    }

    @Test(
        "numbers have the form of their type, with its sign",
        arguments: [
            (.int, POL_I32, -1, .int(-1)), (.int8, POL_I8, -128, .int(-128)), (.int16, POL_I16, -3, .int(-3)),
            (.int32, POL_I32, Int64(Int32.min), .int(.min)), (.uint8, POL_U8, 255, .uint(255)),
            (.uint16, POL_U16, 65535, .uint(65535)), (.uint32, POL_U32, 4_294_967_295, .uint(.max)),
            (.int64, POL_I64, .min, .long(.min)), (.uint64, POL_U64, -1, .size(.max)),
            (.size, POL_U64, 4096, .size(4096)), (.bpfCommand, POL_U32, 5, .bpfCommand(5)),
            (.capability, POL_U32, 21, .capability(21)), (.capabilitySet, POL_U64, 1, .capabilities(.kernel, 1)),
            (.inheritableCapabilities, POL_U64, 2, .capabilities(.inheritable, 2)),
            (.permittedCapabilities, POL_U64, 4, .capabilities(.permitted, 4)),
            (.effectiveCapabilities, POL_U64, -1, .capabilities(.effective, .max)),
            (.auto, POL_U16, 7, .uint(7)), (.auto, POL_I16, -7, .int(-7)), (.auto, POL_I64, -7, .long(-7)),
            (.auto, POL_U64, 7, .size(7)), (.syscall64, POL_I64, 59, .systemCall(59, is32Bit: false)),
        ] as [(ArgumentType, pol_type, Int64, HookValue)])
    func numbers(type: ArgumentType, kind: pol_type, number: Int64, expected: HookValue) throws {
        #expect(try read(type, kind, bytes(number)) == HitArgument(expected, label: ""))
        #expect(try read(type, kind, [1, 2]) == HitArgument(.none, label: "", .unreadable))
    }

    @Test("a system call says by which table its number counts")
    func systemCalls() throws {
        func call(_ number: UInt64, recordFlags: UInt32 = 0) throws -> HookValue {
            try read(.syscall64, POL_SYSCALL, bytes(number), recordFlags: recordFlags).value
        }
        #expect(try call(257) == .systemCall(257, is32Bit: false))
        #expect(try call(1 << 31 | 11) == .systemCall(11, is32Bit: true))
        #expect(try call(11, recordFlags: POL_ABI_32.rawValue) == .systemCall(11, is32Bit: true))
    }

    @Test("text is repaired, ends where it should, and says when it was cut or could not be read")
    func text() throws {
        #expect(try read(.string, POL_STRING, Array("a\nb".utf8)).value == .string("a\nb"))
        #expect(try read(.string, POL_STRING, []).value == .string(""))
        #expect(try read(.filename, POL_FILENAME, [0x61, 0xff]).value == .string("a\u{fffd}"))
        #expect(try read(.dataLocation, POL_DATA_LOC, Array("sh\0junk".utf8)).value == .string("sh"))
        #expect(try read(.networkDevice, POL_NET_DEVICE, Array("eth0".utf8)).value == .networkDevice("eth0"))
        let cut = try read(.string, POL_STRING, Array("abc".utf8), POL_TRUNCATED, label: "path")
        #expect(cut == HitArgument(.string("abc"), label: "path", .truncated) && cut.label == "path (truncated)")
        #expect(try read(.string, POL_STRING, [], POL_UNREADABLE).label == "(unreadable)")
        #expect(try read(.string, POL_STRING, [], POL_UNREADABLE).value == .none)
        #expect(try read(.string, POL_STRING, [], POL_NO_ROOM, label: "x") == HitArgument(.none, label: "x", .noRoom))
    }

    @Test("bytes are whole, or the beginning of more")
    func buffers() throws {
        for (type, kind) in [
            (.charBuffer, POL_BUFFER), (.charIOVector, POL_IOVEC), (.iovIterator, POL_ITERATOR),
        ] as [(ArgumentType, pol_type)] {
            #expect(try read(type, kind, [0, 255]) == HitArgument(.bytes([0, 255]), label: ""))
            #expect(try read(type, kind, []) == HitArgument(.bytes([]), label: ""))
            #expect(try read(type, kind, [1], POL_TRUNCATED) == HitArgument(.truncatedBytes([1], of: 0), label: ""))
            #expect(
                try read(type, kind, [1], POL_UNREADABLE)
                    == HitArgument(.truncatedBytes([1], of: 0), label: "", .unreadable))
            #expect(try read(type, kind, [], POL_UNREADABLE) == HitArgument(.none, label: "", .unreadable))
        }
    }

    @Test("paths and files have their flags and permissions")
    func paths() throws {
        func path(_ mode: UInt32, _ flags: UInt32 = 0, _ text: String = "/etc/passwd") -> [UInt8] {
            bytes(pol_path(mode: mode, fd: 3, flags: flags, pad: 0)) + Array(text.utf8)
        }
        let file = HookValue.File(path: "/etc/passwd", flags: "", mode: 0o100644)
        #expect(file.permission == "-rw-r--r--")
        for (type, kind) in [
            (.file, POL_FILE), (.fd, POL_FD), (.kiocb, POL_KIOCB),
        ] as [(ArgumentType, pol_type)] {
            #expect(try read(type, kind, path(0o100644)).value == .file(file))
        }
        for (type, kind) in [(.path, POL_PATH), (.dentry, POL_DENTRY)] as [(ArgumentType, pol_type)] {
            #expect(try read(type, kind, path(0o100644)).value == .path(file))
        }
        #expect(try read(.binaryParameters, POL_BINPRM, path(0o100644)).value == .binary(file))
        #expect(
            try read(.path, POL_PATH, path(0, POL_PATH_UNRESOLVED.rawValue | POL_PATH_OUTSIDE.rawValue, ""))
                == HitArgument(
                    .path(.init(path: "", flags: "unresolvedPathComponents unreachable", mode: 0)), label: ""))
        #expect(
            try read(.path, POL_PATH, path(0o40755, 0, "/b"), POL_TRUNCATED)
                == HitArgument(.path(.init(path: "/b", flags: "unresolvedPathComponents", mode: 0o40755)), label: ""))
        #expect(try read(.path, POL_PATH, [1]) == HitArgument(.none, label: "", .unreadable))
    }

    @Test(
        "permissions are as ls -l writes them",
        arguments: [
            (0o100755, "-rwxr-xr-x"), (0o104755, "-rwsr-xr-x"), (0o102644, "-rw-r-Sr--"), (0o041777, "drwxrwxrwt"),
            (0o041776, "drwxrwxrwT"), (0o120777, "lrwxrwxrwx"), (0o020620, "crw--w----"), (0o060660, "brw-rw----"),
            (0o010600, "prw-------"), (0o140700, "srwx------"), (0o106711, "-rws--s--x"),
        ])
    func permissions(mode: UInt32, text: String) { #expect(KernelNames.permissions(mode) == text) }

    @Test("sockets and packets have both ends")
    func sockets() throws {
        var record = pol_sock()
        (record.family, record.type, record.protocol, record.state) = (UInt16(AF_INET), 1, 6, 2)
        (record.mark, record.priority, record.cookie) = (3, 4, 5)
        (record.from_port, record.to_port) = (40000, 443)
        withUnsafeMutableBytes(of: &record.from) {
            $0.copyBytes(from: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1])
        }
        withUnsafeMutableBytes(of: &record.to) {
            $0.copyBytes(from: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4])
        }
        var expected = HookValue.Socket(
            family: 2, type: 1, proto: 6, state: 2, mark: 3, priority: 4, from: "10.0.0.1", to: "1.2.3.4",
            fromPort: 40000, toPort: 443, cookie: 5)
        for (type, kind) in [(.sock, POL_SOCK), (.socket, POL_SOCKET)] as [(ArgumentType, pol_type)] {
            #expect(try read(type, kind, bytes(record)).value == .socket(expected))
        }
        (record.hash, record.length, record.sec_path_len, record.sec_path_olen) = (6, 7, 8, 9)
        (expected.hash, expected.length, expected.securityPaths, expected.offloadedPaths) = (6, 7, 8, 9)
        #expect(try read(.skb, POL_SKB, bytes(record)).value == .packet(expected))
        #expect(
            try read(.socketAddress, POL_SOCKADDR, bytes(record)).value
                == .socketAddress(family: 2, address: "1.2.3.4", port: 443))

        record.family = UInt16(AF_INET6)
        withUnsafeMutableBytes(of: &record.to) { $0.copyBytes(from: [0xfd] + [UInt8](repeating: 0, count: 14) + [1]) }
        #expect(
            try read(.socketAddress, POL_SOCKADDR, bytes(record)).value
                == .socketAddress(family: 10, address: "fd00::1", port: 443))
        #expect(
            try read(.socketAddress, POL_SOCKADDR, bytes(record), POL_UNREADABLE)
                == HitArgument(.none, label: "", .unreadable))
        #expect(try read(.sock, POL_SOCK, Array(bytes(record).dropLast())).value == .none)
    }

    @Test("local addresses are paths, or names behind an @")
    func localAddresses() throws {
        var record = pol_sock()
        record.family = UInt16(AF_UNIX)
        func address(_ type: ArgumentType, _ path: [UInt8]) throws -> HookValue {
            try read(type, POL_SOCKADDR, bytes(record) + path).value
        }
        #expect(try address(.unixSocketAddress, Array("/run/x\0yz".utf8)) == .localAddress(path: "/run/x"))
        #expect(try address(.unixSocketAddress, Array("\0name\0".utf8)) == .localAddress(path: "@name"))
        #expect(try address(.unixSocketAddress, []) == .localAddress(path: ""))
        #expect(
            try address(.socketAddress, Array("/run/x\0".utf8)) == .socketAddress(family: 1, address: "/run/x", port: 0)
        )
    }

    @Test("structures")
    func structures() throws {
        var creds = rec_creds()
        (creds.uid, creds.euid, creds.cap_effective, creds.user_ns_level) = (1000, 0, 1 << 21, 1)
        guard case .credentials(let told, let sets) = try read(.credentials, POL_CRED, bytes(creds)).value else {
            Issue.record("no credentials")
            return
        }
        #expect(told.user.real == 1000 && told.user.effective == 0 && sets.effective == 1 << 21)
        #expect(told.namespaceLevel == 1 && told.namespace == 0)

        #expect(
            try read(
                .userNamespace, POL_USER_NAMESPACE, bytes(pol_user_namespace(level: 1, owner: 2, group: 3, inum: 4))
            ).value == .userNamespace(.init(level: 1, owner: 2, group: 3, number: 4)))
        #expect(
            try read(.capabilitySet, POL_CAPABILITIES, bytes(UInt64(1 << 40))).value == .capabilities(.kernel, 1 << 40))

        var attributes = pol_bpf_attr()
        (attributes.kind, attributes.count) = (2, 77)
        fill(&attributes.name, "sixteen_letters_")
        let program = HookValue.BPFProgram(type: 2, instructions: 77, name: "sixteen_letters_")
        #expect(try read(.bpfAttributes, POL_BPF_ATTR, bytes(attributes)).value == .bpfAttributes(program))
        #expect(try read(.bpfProgram, POL_BPF_PROG, bytes(attributes)).value == .bpfProgram(program))

        var map = pol_bpf_map()
        (map.kind, map.key_size, map.value_size, map.max_entries) = (1, 4, 8, 16)
        fill(&map.name, "m")
        #expect(
            try read(.bpfMap, POL_BPF_MAP, bytes(map)).value
                == .bpfMap(.init(type: 1, keySize: 4, valueSize: 8, maxEntries: 16, name: "m")))

        var event = pol_perf_event()
        (event.type, event.config, event.offset) = (2, 300, 16)
        fill(&event.function, "do_x")
        #expect(
            try read(.perfEvent, POL_PERF_EVENT, bytes(event)).value
                == .perfEvent(.init(function: "do_x", type: 2, config: 300, offset: 16)))

        var module = pol_module()
        (module.taints, module.signature_ok) = (1 << 12, 1)
        fill(&module.name, "evil")
        for (type, kind) in [(.module, POL_MODULE), (.loadInfo, POL_LOAD_INFO)] as [(ArgumentType, pol_type)] {
            #expect(
                try read(type, kind, bytes(module)).value
                    == .module(.init(name: "evil", isSignatureGood: true, taints: 1 << 12)))
        }
        module.signature_ok = 2
        #expect(
            try read(.module, POL_MODULE, bytes(module)).value
                == .module(.init(name: "evil", isSignatureGood: nil, taints: 1 << 12)))
    }

    @Test("numbers without a name are told as numbers")
    func names() {
        #expect(KernelNames.family(2) == "AF_INET" && KernelNames.family(16) == "AF_NETLINK")
        #expect(KernelNames.family(45) == "AF_MCTP" && KernelNames.family(999) == "999")
        #expect(KernelNames.socketType(2) == "SOCK_DGRAM" && KernelNames.socketType(9) == "9")
        #expect(KernelNames.networkProtocol(17) == "IPPROTO_UDP" && KernelNames.networkProtocol(3) == "3")
        #expect(KernelNames.state(1) == "TCP_ESTABLISHED" && KernelNames.state(12) == "TCP_NEW_SYN_RECV")
        #expect(KernelNames.state(0) == "0" && KernelNames.state(13) == "13")
        #expect(KernelNames.bpfProgram(29) == "BPF_PROG_TYPE_LSM" && KernelNames.bpfProgram(99) == "99")
        #expect(KernelNames.bpfMap(27) == "BPF_MAP_TYPE_RINGBUF" && KernelNames.bpfMap(99) == "99")
        #expect(KernelNames.perfEvent(5) == "PERF_TYPE_BREAKPOINT" && KernelNames.perfEvent(8) == "8")
        #expect(KernelNames.hashAlgorithm(6) == "sha512" && KernelNames.hashAlgorithm(99) == nil)
    }

    @Test("an argument that is to be left out is, and the others keep their order")
    func order() throws {
        var script = Script()
        script.tracker.learn(
            hook: .sample(arguments: [
                .init(slot: 1, type: .int, label: "b"), .init(slot: 3, type: .nop, label: ""),
                .init(slot: 0, type: .int, label: "a"), .init(slot: 4, type: .int, label: "lost"),
            ]))
        var hit = HandmadeHit(image(1))
        hit.add(0, POL_I32, 10)
        hit.add(1, POL_I32, 11)
        script.hit(hit)
        guard case .policy(let made)? = script.events.last?.kind else { throw Missing() }
        #expect(
            made.arguments == [
                HitArgument(.int(11), label: "b"), HitArgument(.int(10), label: "a"),
                HitArgument(.none, label: "lost", .missing),
            ])
    }
}
