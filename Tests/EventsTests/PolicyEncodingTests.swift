// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import GRPCNIOTransportHTTP2Posix
import Policies
import SwiftProtobuf
import Symbols
import Testing
import TetragonAPI

@testable import Events
@testable import Processes

/// The encodings made by hand, held against the generated code.
@Suite("Events of policies as they are told")
struct PolicyEncodingTests {
    private func image(_ pid: UInt32 = 4711, binary: String = "/bin/sh") -> ProcessImage {
        ProcessImage(
            execID: "id\(pid)", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: .max, cwd: "/",
            binary: binary, arguments: "a \"b\"", flags: "execve", startTime: 1, inInitTree: false, container: nil,
            containerKey: nil, properties: nil, namespaces: nil)
    }

    static let host = NamespaceNumbers(
        rec_namespaces(
            uts: 1, ipc: 2, mnt: 3, pid: 4, pid_for_children: 5, net: 6, time: 7, time_for_children: 8, cgroup: 9,
            user: 10))

    private func hit(
        _ place: HookDescription.Place = .function(["f"]), function: String = "f", tid: UInt32 = 4711,
        arguments: [HitArgument] = [], returned: HitArgument? = nil, action: UInt8 = 1, returnAction: UInt8 = 0,
        monitored: Bool = false, kernel: [StackFrame] = [], user: [StackFrame] = [], hash: String = "",
        message: String = "why",
        tags: [String] = ["t1", "", "t\"2"]
    ) -> PolicyHit {
        PolicyHit(
            hook: HookDescription(
                row: 1, policy: "watch", namespace: "", place: place, message: message, tags: tags, arguments: [],
                returnArgument: nil, actions: [], returnActions: []),
            tid: tid, function: function, arguments: arguments, returned: returned, action: action,
            returnAction: returnAction, isMonitored: monitored, kernelStack: kernel, userStack: user, imaHash: hash,
            host: Self.host)
    }

    private func encode(
        _ kind: ProcessEvent.Kind, encoder: EventEncoder = EventEncoder(node: "n", cluster: "c"),
        parent: ProcessImage? = nil, ancestors: Ancestors = .none
    ) -> Event {
        encoder.encode(
            ProcessEvent(
                kind: kind, bootTime: 5, time: 1_500_000_000, process: image(), references: 2, parent: parent,
                parentReferences: 3, ancestors: ancestors), formats: [.protobuf, .json])
    }

    /// What both encodings say, which is the same, to the last field.
    private func decode(_ event: Event) throws -> Tetragon_GetEventsResponse {
        let fromProtobuf = try event.message.withUnsafeBytes {
            try Tetragon_GetEventsResponse(serializedBytes: Array($0))
        }
        let fromJSON = try Tetragon_GetEventsResponse(jsonUTF8Bytes: event.json)
        #expect(fromProtobuf == fromJSON)
        #expect(fromProtobuf.unknownFields.data.isEmpty)
        // Neither writes what the other leaves out.
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        let canonical: [UInt8] = try fromProtobuf.jsonUTF8Bytes(options: options)
        #expect(Self.sorted(canonical) == Self.sorted(event.json.dropLast()))
        return fromProtobuf
    }

    /// The same members in any order are the same letters.
    private static func sorted(_ json: some Collection<UInt8>) -> [UInt8] { json.sorted() }

    @Test("a kprobe event has all that there is to say, and the thread that did it")
    func kprobe() throws {
        let frames = [
            StackFrame(address: 0xffff_8000, symbol: "do_x", offset: 16, module: "mod"), StackFrame(address: 7),
        ]
        let event = encode(
            .policy(
                hit(
                    function: "__x64_sys_openat", tid: 4719, arguments: [HitArgument(.string("/x"), label: "path")],
                    returned: HitArgument(.int(-2), label: ""), action: 3, returnAction: 1, kernel: frames,
                    user: [StackFrame(address: 1, symbol: "main", offset: 2, module: "/bin/sh")])),
            parent: image(1))
        #expect(event.kind == .processKprobe && event.policyName == "watch" && event.subject == "__x64_sys_openat")
        let response = try decode(event)
        let kprobe = response.processKprobe
        #expect(kprobe.process.pid.value == 4711 && kprobe.process.tid.value == 4719 && kprobe.process.refcnt == 2)
        #expect(kprobe.parent.pid.value == 1 && kprobe.parent.tid.value == 1 && kprobe.parent.refcnt == 3)
        #expect(kprobe.functionName == "__x64_sys_openat" && kprobe.policyName == "watch" && kprobe.message == "why")
        #expect(kprobe.tags == ["t1", "", "t\"2"])
        #expect(kprobe.args.map(\.stringArg) == ["/x"] && kprobe.args[0].label == "path")
        #expect(kprobe.return.intArg == -2 && kprobe.action == .sigkill && kprobe.returnAction == .post)
        #expect(kprobe.kernelStackTrace.map(\.symbol) == ["do_x", ""])
        #expect(kprobe.kernelStackTrace.map(\.address) == [0, 0] && kprobe.kernelStackTrace[0].offset == 16)
        #expect(kprobe.kernelStackTrace[0].module == "mod" && kprobe.userStackTrace[0].symbol == "main")
        #expect(response.nodeName == "n" && response.time.nanos == 500_000_000)
    }

    @Test("addresses of stacks are told where the operator wants them")
    func addresses() throws {
        let event = encode(
            .policy(hit(kernel: [StackFrame(address: .max, symbol: "f")])),
            encoder: EventEncoder(node: "n", cluster: "", stackAddresses: true))
        #expect(try decode(event).processKprobe.kernelStackTrace[0].address == .max)
    }

    @Test("a tracepoint, a uprobe and a security hook have their own fields")
    func otherPlaces() throws {
        let argument = HitArgument(.uint(7), label: "")
        let tracepoint = encode(
            .policy(hit(.tracepoint(subsystem: "sched", event: "x"), function: "x", arguments: [argument], action: 10)))
        #expect(tracepoint.kind == .processTracepoint && tracepoint.subject == "sched/x")
        let toldTracepoint = try decode(tracepoint).processTracepoint
        #expect(toldTracepoint.subsys == "sched" && toldTracepoint.event == "x" && toldTracepoint.args[0].uintArg == 7)
        #expect(toldTracepoint.policyName == "watch" && toldTracepoint.action == .signal)
        #expect(toldTracepoint.message == "why" && toldTracepoint.tags.count == 3)

        let uprobe = encode(
            .policy(hit(.symbols(path: "/lib/c", ["open", "read"]), function: "read", arguments: [argument])))
        #expect(uprobe.kind == .processUprobe && uprobe.subject == "/lib/c read")
        let toldUprobe = try decode(uprobe).processUprobe
        #expect(toldUprobe.path == "/lib/c" && toldUprobe.symbol == "read" && toldUprobe.args[0].uintArg == 7)
        #expect(toldUprobe.policyName == "watch" && toldUprobe.message == "why" && toldUprobe.tags.count == 3)
        #expect(toldUprobe.action == .post)

        let lsm = encode(
            .policy(
                hit(
                    .securityHook("file_open"), function: "file_open", arguments: [argument], action: 5,
                    hash: "sha256:00ff")))
        #expect(lsm.kind == .processLsm && lsm.subject == "file_open")
        let toldLSM = try decode(lsm).processLsm
        #expect(toldLSM.functionName == "file_open" && toldLSM.imaHash == "sha256:00ff" && toldLSM.action == .override)
        #expect(toldLSM.args[0].uintArg == 7 && toldLSM.policyName == "watch" && toldLSM.tags.count == 3)
        #expect(toldLSM.message == "why")
    }

    @Test("a probe that a program brings has its own fields")
    func userProbe() throws {
        let event = encode(
            .policy(
                hit(
                    .probe(path: "/lib/c", provider: "libc", name: "setjmp"), function: "setjmp",
                    arguments: [HitArgument(.uint(7), label: "n")], action: 3)))
        #expect(event.kind == .processUsdt && event.subject == "/lib/c libc:setjmp")
        let told = try decode(event).processUsdt
        #expect(told.path == "/lib/c" && told.provider == "libc" && told.name == "setjmp" && told.action == .sigkill)
        #expect(told.args.map(\.uintArg) == [7] && told.args[0].label == "n" && told.policyName == "watch")
        #expect(told.message == "why" && told.tags.count == 3 && told.process.pid.value == 4711)
    }

    @Test("what was told and not done, because the policy only monitors, says so")
    func monitored() throws {
        for place: HookDescription.Place in [
            .function(["f"]), .tracepoint(subsystem: "s", event: "e"), .symbols(path: "/p", ["f"]), .securityHook("h"),
            .probe(path: "/p", provider: "q", name: "r"),
        ] {
            for isMonitored in [false, true] {
                let told = try decode(encode(.policy(hit(place, action: 3, monitored: isMonitored))))
                let (action, flag) =
                    switch told.event {
                    case .processKprobe(let hit): (hit.action, hit.monitored)
                    case .processTracepoint(let hit): (hit.action, hit.monitored)
                    case .processUprobe(let hit): (hit.action, hit.monitored)
                    case .processUsdt(let hit): (hit.action, hit.monitored)
                    case .processLsm(let hit): (hit.action, hit.monitored)
                    default: (.unknown, !isMonitored)
                    }
                #expect(action == .sigkill && flag == isMonitored, "\(place)")
            }
        }
    }

    @Test("every action has the API's name")
    func actions() throws {
        for number in 0...14 as ClosedRange<UInt8> {
            #expect(try decode(encode(.policy(hit(action: number)))).processKprobe.action.rawValue == Int(number))
        }
        #expect(Tetragon_KprobeAction.allCases.count == 15)
    }

    @Test("ancestors are told of the kinds of events that the operator names")
    func ancestors() throws {
        var family = Ancestors.none
        for pid in [1, 50, 60] as [UInt32] { family = family.adding(image(pid)) }
        let encoder = EventEncoder(
            node: "", cluster: "",
            policyAncestors: [.processKprobe, .processLsm, .processUprobe, .processUsdt, .processTracepoint])
        func told(_ place: HookDescription.Place) throws -> Tetragon_GetEventsResponse {
            try decode(encode(.policy(hit(place)), encoder: encoder, ancestors: family))
        }
        #expect(try told(.function(["f"])).processKprobe.ancestors.map(\.pid.value) == [60, 50, 1])
        #expect(try told(.tracepoint(subsystem: "a", event: "b")).processTracepoint.ancestors.count == 3)
        #expect(try told(.symbols(path: "a", ["b"])).processUprobe.ancestors.count == 3)
        #expect(try told(.securityHook("b")).processLsm.ancestors.count == 3)
        #expect(try told(.probe(path: "a", provider: "b", name: "c")).processUsdt.ancestors.count == 3)
        #expect(try decode(encode(.policy(hit()), ancestors: family)).processKprobe.ancestors.isEmpty)
    }

    @Test("a mapped file has its build id")
    func loader() throws {
        let event = encode(.loader(LoadedFile(path: "/lib/x.so", buildID: [0, 255, 16])), parent: image(1))
        #expect(event.kind == .processLoader)
        let loader = try decode(event).processLoader
        #expect(loader.path == "/lib/x.so" && Array(loader.buildid) == [0, 255, 16])
        #expect(loader.process.pid.value == 4711 && loader.parent.pid.value == 1)
        #expect(try decode(encode(.loader(LoadedFile(path: "/x", buildID: [])))).processLoader.buildid.isEmpty)
    }

    @Test("a limit that begins or ends names the cgroup, and no process")
    func throttle() throws {
        for isStart in [true, false] {
            let event = EventEncoder(node: "n", cluster: "").encode(
                Throttle(isStart: isStart, cgroup: "/a/b", bootTime: 9, time: 2_000_000_000),
                formats: [.protobuf, .json])
            #expect(event.kind == .processThrottle && event.process == nil && event.subject == "/a/b")
            let told = try decode(event)
            #expect(told.processThrottle.type == (isStart ? .throttleStart : .throttleStop))
            #expect(told.processThrottle.cgroup == "/a/b" && told.time.seconds == 2)
        }
    }

    // MARK: Values

    private func told(_ value: HookValue, label: String = "") throws -> Tetragon_KprobeArgument {
        let argument = HitArgument(value, label: label)
        let kprobe = try decode(encode(.policy(hit(arguments: [argument], returned: argument)))).processKprobe
        #expect(kprobe.args == [kprobe.return])
        return kprobe.return
    }

    @Test("numbers, text and bytes keep their form also where they are 0 or empty")
    func scalars() throws {
        for number in [0, 1, -1, .min, .max] as [Int32] {
            #expect(try told(.int(number)).arg == .intArg(number))
        }
        for number in [0, .max] as [UInt32] { #expect(try told(.uint(number)).arg == .uintArg(number)) }
        for number in [0, -1, .min, .max] as [Int64] { #expect(try told(.long(number)).arg == .longArg(number)) }
        for number in [0, .max] as [UInt64] { #expect(try told(.size(number)).arg == .sizeArg(number)) }
        for text in ["", "a\"\n\u{0}☃"] { #expect(try told(.string(text)).arg == .stringArg(text)) }
        for bytes in [[], [0], [1, 255], [1, 2, 3], [UInt8](0...255)] as [[UInt8]] {
            let argument = try told(.bytes(bytes))
            guard case .bytesArg(let data) = argument.arg else {
                Issue.record("\(argument) is no bytes")
                return
            }
            #expect(Array(data) == bytes)
            let cut = try told(.truncatedBytes(bytes, of: 5000)).truncatedBytesArg
            #expect(Array(cut.bytesArg) == bytes && cut.origSize == 5000)
        }
        for (kind, set) in [
            (.kernel, 0), (.inheritable, 1), (.permitted, 0xabc), (.effective, .max),
        ] as [(HookValue.CapabilityKind, UInt64)] {
            let argument = try told(.capabilities(kind, set))
            let text = String(repeating: "0", count: 16 - String(set, radix: 16).count) + String(set, radix: 16)
            switch kind {
            case .kernel: #expect(argument.arg == .kernelCapTArg(text))
            case .inheritable: #expect(argument.arg == .capInheritableArg(text))
            case .permitted: #expect(argument.arg == .capPermittedArg(text))
            case .effective: #expect(argument.arg == .capEffectiveArg(text))
            }
        }
    }

    @Test("a value that could not be had says so in its label")
    func nothing() throws {
        let argument = HitArgument(.none, label: "x", .unreadable)
        let kprobe = try decode(encode(.policy(hit(arguments: [argument])))).processKprobe
        #expect(kprobe.args.count == 1 && kprobe.args[0].arg == nil && kprobe.args[0].label == "x (unreadable)")
    }

    @Test("files, sockets and addresses")
    func files() throws {
        let file = HookValue.File(path: "/a", flags: "unresolvedPathComponents", mode: 0o100600)
        let path = try told(.path(file), label: "l")
        #expect(path.pathArg.path == "/a" && path.pathArg.mount.isEmpty && path.label == "l")
        #expect(path.pathArg.flags == "unresolvedPathComponents" && path.pathArg.permission == "-rw-------")
        #expect(try told(.file(file)).fileArg.permission == "-rw-------")
        #expect(try told(.binary(file)).linuxBinprmArg.path == "/a")
        #expect(try told(.binary(.init(path: "", flags: "", mode: 0))).linuxBinprmArg == .init())

        let socket = HookValue.Socket(
            family: 2, type: 1, proto: 6, state: 1, mark: 3, priority: 4, from: "1.2.3.4", to: "5.6.7.8", fromPort: 9,
            toPort: 10, cookie: .max, hash: 11, length: 12, securityPaths: 13, offloadedPaths: 14)
        let sock = try told(.socket(socket)).sockArg
        #expect(sock.family == "AF_INET" && sock.type == "SOCK_STREAM" && sock.protocol == "IPPROTO_TCP")
        #expect(sock.state == "TCP_ESTABLISHED" && sock.mark == 3 && sock.priority == 4 && sock.cookie == .max)
        #expect(sock.saddr == "1.2.3.4" && sock.daddr == "5.6.7.8" && sock.sport == 9 && sock.dport == 10)
        let skb = try told(.packet(socket)).skbArg
        #expect(skb.hash == 11 && skb.len == 12 && skb.priority == 4 && skb.mark == 3 && skb.proto == 6)
        #expect(skb.saddr == "1.2.3.4" && skb.daddr == "5.6.7.8" && skb.sport == 9 && skb.dport == 10)
        #expect(skb.secPathLen == 13 && skb.secPathOlen == 14)
        #expect(skb.protocol == "IPPROTO_TCP" && skb.family == "AF_INET")

        let address = try told(.socketAddress(family: 10, address: "fd00::1", port: 53)).sockaddrArg
        #expect(address.family == "AF_INET6" && address.addr == "fd00::1" && address.port == 53)
        let local = try told(.localAddress(path: "@x")).sockaddrunArg
        #expect(local.family == "AF_UNIX" && local.path == "@x")
        #expect(try told(.networkDevice("eth0")).netDevArg.name == "eth0")
    }

    @Test("credentials, namespaces and capabilities")
    func rights() throws {
        var record = rec_creds()
        (record.uid, record.euid, record.cap_effective, record.securebits) = (1000, 5, 1 << 21, 1)
        let sets = CapabilitySets(permitted: 0, effective: 1 << 21, inheritable: 0)
        for (level, namespace) in [(0, 10), (1, 0)] as [(UInt32, UInt32)] {
            record.user_ns_level = level
            let credentials = try told(.credentials(Credentials(record, namespace: namespace), sets))
                .processCredentialsArg
            #expect(credentials.uid.value == 1000 && credentials.euid.value == 5 && credentials.hasFsgid)
            #expect(credentials.caps.effective == [.capSysAdmin] && credentials.securebits.count == 1)
            #expect(credentials.userNs.level.value == Int32(level))
            #expect(credentials.userNs.hasNs == (level == 0) && credentials.userNs.ns.isHost == (level == 0))
        }
        let namespace = try told(.userNamespace(.init(level: -1, owner: 0, group: 3, number: 10))).userNsArg
        #expect(namespace.level.value == -1 && namespace.hasUid && namespace.uid.value == 0 && namespace.gid.value == 3)
        #expect(namespace.ns.inum == 10 && namespace.ns.isHost)
        #expect(try !told(.userNamespace(.init(level: 0, owner: 0, group: 0, number: 77))).userNsArg.ns.isHost)
        let capability = try told(.capability(21)).capabilityArg
        #expect(capability.value.value == 21 && capability.name == "CAP_SYS_ADMIN")
        #expect(try told(.capability(0)).capabilityArg.hasValue)
        #expect(try told(.capability(-7)).capabilityArg == .with { $0.value = -7 })
    }

    @Test("what concerns BPF, perf events, modules and system calls")
    func kernelObjects() throws {
        let program = HookValue.BPFProgram(type: 2, instructions: 77, name: "p")
        let attributes = try told(.bpfAttributes(program)).bpfAttrArg
        #expect(attributes.progType == "BPF_PROG_TYPE_KPROBE" && attributes.insnCnt == 77 && attributes.progName == "p")
        #expect(try told(.bpfProgram(program)).bpfProgArg.progName == "p")
        let map = try told(
            .bpfMap(.init(type: 1, keySize: 4, valueSize: 8, maxEntries: 16, name: "m"))
        ).bpfMapArg
        #expect(map.mapType == "BPF_MAP_TYPE_HASH" && map.keySize == 4 && map.valueSize == 8)
        #expect(map.maxEntries == 16 && map.mapName == "m")
        for command in Tetragon_BpfCmd.allCases {
            #expect(try told(.bpfCommand(UInt32(command.rawValue))).arg == .bpfCmdArg(command))
        }
        #expect(try told(.bpfCommand(4000)).arg == .bpfCmdArg(.UNRECOGNIZED(4000)))
        let event = try told(.perfEvent(.init(function: "f", type: 2, config: .max, offset: 3))).perfEventArg
        #expect(event.kprobeFunc == "f" && event.type == "PERF_TYPE_TRACEPOINT" && event.config == .max)
        #expect(event.probeOffset == 3)
        let taints: UInt64 = 1 | 2 | 4 | 1024 | 4096 | 8192 | 32768 | 262_144 | 1 << 40
        let module = try told(.module(.init(name: "m", isSignatureGood: false, taints: taints))).moduleArg
        #expect(module.name == "m" && module.hasSignatureOk && !module.signatureOk.value)
        #expect(module.tainted == Tetragon_TaintedBitsType.allCases.filter { $0 != .taintUnset })
        #expect(try !told(.module(.init(name: "m", isSignatureGood: nil, taints: 0))).moduleArg.hasSignatureOk)
        #if arch(arm64)
            let abis = ["arm64", "arm32"]
        #else
            let abis = ["x64", "i386"]
        #endif
        for (is32Bit, abi) in [(false, abis[0]), (true, abis[1])] {
            let call = try told(.systemCall(59, is32Bit: is32Bit)).syscallID
            #expect(call.id == 59 && call.abi == abi)
        }
    }

    // MARK: Who asks for them

    @Test("filters ask for policies, kinds and what is in the arguments; aggregation makes one of the same")
    func filters() throws {
        let socket = HookValue.Socket(
            family: 2, type: 1, proto: 6, mark: 0, priority: 0, from: "10.0.0.1", to: "1.1.1.1", fromPort: 1, toPort: 53
        )
        let events = [
            encode(.policy(hit(function: "tcp_connect", arguments: [HitArgument(.socket(socket), label: "")]))),
            encode(.policy(hit(.securityHook("file_open"), function: "file_open"))),
            encode(.policy(hit(.probe(path: "/a", provider: "b", name: "c"), function: "c"))),
            encode(.exec),
        ]
        func passes(_ filter: Tetragon_Filter) throws -> [Bool] {
            let accepts = try #require(try EventFilter(allow: [filter]).predicate)
            return events.map(accepts)
        }
        #expect(try passes(.with { $0.policyNames = ["watch"] }) == [true, true, true, false])
        #expect(try passes(.with { $0.policyNames = ["other"] }) == [false, false, false, false])
        #expect(try passes(.with { $0.eventSet = [.processKprobe] }) == [true, false, false, false])
        #expect(try passes(.with { $0.eventSet = [.processLsm] }) == [false, true, false, false])
        #expect(try passes(.with { $0.eventSet = [.processUsdt] }) == [false, false, true, false])
        #expect(try passes(.with { $0.binaryRegex = ["sh$"] }) == [true, true, true, true])
        let private10 = "cidr('10.0.0.0/8').containsIP(process_kprobe.args[0].sock_arg.saddr)"
        #expect(try passes(.with { $0.celExpression = [private10] }) == [true, false, false, false])
        #expect(
            try passes(.with { $0.celExpression = ["process_lsm.function_name == 'file_open'"] })
                == [false, true, false, false])
        #expect(
            try passes(.with { $0.celExpression = ["process_usdt.provider == 'b' && process_usdt.name == 'c'"] })
                == [false, false, true, false])

        var aggregator = Aggregator(window: .seconds(1), aggregatesProcesses: false)
        #expect(aggregator.pass(events + events, now: 0).count == 2)
        #expect(aggregator.finish().map(\.count) == [2, 2, 2])
    }

    @Test("field filters reach into events of policies")
    func fields() throws {
        let filters = try FieldFilters([
            .with {
                $0.eventSet = [.processKprobe]
                $0.fields = .with { $0.paths = ["process.pid", "args", "policy_name"] }
                $0.action = .include
            }
        ])
        let event = encode(.policy(hit(tid: 5, arguments: [HitArgument(.int(1), label: "")])))
        let kept = try filters.message(event).withUnsafeBytes {
            try Tetragon_GetEventsResponse(serializedBytes: Array($0))
        }.processKprobe
        #expect(kept.process.pid.value == 4711 && !kept.process.hasTid && kept.args.count == 1)
        #expect(kept.policyName == "watch" && kept.functionName.isEmpty)
    }
}
