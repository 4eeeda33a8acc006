// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Policies

@Suite struct ValueTests {
    @Test("a policy of the whole cluster, with what Kubernetes keeps of it")
    func cluster() throws {
        let policy = try PolicyReader.policy(
            of: """
                apiVersion: cilium.io/v1alpha1
                kind: TracingPolicy
                metadata:
                  name: watch.files
                  uid: 0b1
                  creationTimestamp: 2026-01-01T00:00:00Z
                  managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {}}}]
                  labels: {team: a}
                  annotations: {note: "two\\nlines"}
                spec: {}
                """)
        #expect(policy.scope == .cluster && policy.name == "watch.files")
        #expect(policy.labels == ["team": "a"] && policy.annotations == ["note": "two\nlines"])
        #expect(policy.spec == PolicySpec())
    }

    @Test("a policy of a namespace")
    func namespaced() throws {
        let text = Document.head.replacing("TracingPolicy", with: "TracingPolicyNamespaced")
            .replacing("name: p", with: "name: p\n  namespace: shop")
        #expect(try PolicyReader.policy(of: text + "spec: {}").scope == .namespace("shop"))
        let unnamed = text.replacing("  namespace: shop\n", with: "")
        #expect(try PolicyReader.policy(of: unnamed + "spec: {}").scope == .namespace("default"))
    }

    @Test("JSON is YAML")
    func json() throws {
        let text = """
            {"apiVersion": "cilium.io/v1alpha1", "kind": "TracingPolicy", "metadata": {"name": "p"},
             "spec": {"loader": true, "kprobes": [{"call": "tcp_connect", "syscall": false}]}}
            """
        let spec = try spec(text)
        #expect(spec.hasLoader && spec.kprobes.count == 1 && spec.kprobes[0].call == .symbol("tcp_connect"))
    }

    @Test("several documents are judged each for itself, and those that say nothing are none")
    func documents() throws {
        let text = "---\n---\n" + Document.with(spec: "loader: true") + "---\nkind: Pod\n---\n# nothing\n"
        let documents = try PolicyReader.documents(of: text)
        #expect(documents.map(\.number) == [1, 2] && documents.map(\.line) == [3, 10])
        #expect((try? documents[0].result.get())?.spec.hasLoader == true)
        #expect((try? documents[1].result.get()) == nil)
        #expect(problem(text) == "10:1: expected one policy, found 2 documents")
        #expect(problem("# nothing") == "1:1: there is no policy: the text says nothing")
    }

    @Test("a kprobe with all that it may have")
    func kprobe() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    kprobes:
                    - call: sys_read
                      return: true
                      returnArg: {index: 0, type: size_t}
                      returnArgAction: Post
                      message: "reads: \\e[2J"
                      tags: [a1, b2]
                      ignore: {callNotFound: true}
                      args:
                      - {index: 0, type: fd, label: file}
                      - {index: 1, type: char_buf, sizeArgIndex: 3, returnCopy: true, maxData: true}
                      - {index: 2, type: size_t, sizeArgIndex: 0}
                      - {index: 3, type: sint64, resolve: "mm.owner.ns[2].comm"}
                    - call: tcp_connect
                      syscall: false
                    - call: list:mine
                    lists:
                    - {name: mine, type: syscalls, values: [sys_dup, abi32/sys_dup2]}
                    """))
        var probe = Kprobe()
        probe.call = .symbol("sys_read")
        probe.hasReturn = true
        probe.returnArgument = HookArgument(0, .size)
        probe.returnArgumentAction = .post
        probe.message = "reads: \u{1b}[2J"
        probe.tags = ["a1", "b2"]
        probe.mayBeMissing = true
        var file = HookArgument(0, .fd)
        file.label = "file"
        var buffer = HookArgument(1, .charBuffer)
        (buffer.sizeArgument, buffer.isReadAtReturn, buffer.isReadWhole) = (3, true, true)
        var resolved = HookArgument(3, .int64)
        resolved.fields = ["mm", "owner", "ns[2]", "comm"]
        probe.arguments = [file, buffer, HookArgument(2, .size), resolved]
        #expect(spec.kprobes[0] == probe)
        #expect(spec.kprobes[1].isSystemCall == false && spec.kprobes[1].call == .symbol("tcp_connect"))
        #expect(spec.kprobes[2].call == .list("mine"))
        #expect(spec.lists[0].kind == .systemCalls && spec.lists[0].values == ["sys_dup", "abi32/sys_dup2"])
    }

    @Test("the other kinds of hooks")
    func hooks() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    tracepoints:
                    - {subsystem: raw_syscalls, event: sys_enter, raw: true, args: [{index: 4, type: syscall64}, {index: 5}]}
                    uprobes:
                    - path: /bin/bash
                      symbols: [readline, main.f]
                      offsets: [0x10]
                      return: true
                      returnArg: {index: 0, type: string}
                    usdts:
                    - {path: /usr/lib/libc.so.6, provider: libc, name: setjmp}
                    lsmhooks:
                    - {hook: file_open, args: [{index: 0, type: file}]}
                    """))
        #expect(spec.tracepoints[0].subsystem == "raw_syscalls" && spec.tracepoints[0].event == "sys_enter")
        #expect(
            spec.tracepoints[0].isRaw
                && spec.tracepoints[0].arguments == [HookArgument(4, .syscall64), HookArgument(5, .auto)])
        #expect(spec.uprobes[0].path == "/bin/bash" && spec.uprobes[0].symbols == ["readline", "main.f"])
        #expect(spec.uprobes[0].offsets == [16] && spec.uprobes[0].returnArgument == HookArgument(0, .string))
        #expect(spec.usdtProbes[0].provider == "libc" && spec.usdtProbes[0].name == "setjmp")
        #expect(spec.lsmHooks[0].hook == "file_open" && spec.lsmHooks[0].arguments == [HookArgument(0, .file)])
    }

    @Test("a selector with every filter")
    func selector() throws {
        let spec = try spec(
            Document.with(
                selector: """
                    matchPIDs: [{operator: NotIn, values: [0, 1], isNamespacePID: true, followForks: true}]
                    matchBinaries: [{operator: In, values: [/bin/sh], followChildren: true}]
                    matchParentBinaries: [{operator: Postfix, values: [/sshd]}]
                    matchArgs: [{index: 1, operator: Prefix, values: [/etc/]}, {index: 0, operator: GT, values: [-5]}]
                    matchNamespaces: [{namespace: Pid, operator: NotIn, values: [host_ns, 4026531836]}]
                    matchNamespaceChanges: [{operator: In, values: [Mnt, User]}]
                    matchCapabilities: [{operator: In, values: [CAP_SYS_ADMIN, cap_bpf], isNamespaceCapability: true}]
                    matchCapabilityChanges: [{type: Permitted, operator: NotIn, values: [DAC_OVERRIDE]}]
                    """))
        let selector = try #require(spec.kprobes[0].selectors.first)
        #expect(selector.pids[0].membership == .isNotIn && selector.pids[0].pids == [0, 1])
        #expect(selector.pids[0].isInNamespace && selector.pids[0].includesDescendants)
        #expect(selector.binaries?.comparison == .isIn && selector.binaries?.paths == ["/bin/sh"])
        #expect(selector.binaries?.includesChildren == true)
        #expect(selector.parentBinaries?.comparison == .postfix && selector.parentBinaries?.paths == ["/sshd"])
        #expect(
            selector.arguments.map(\.comparison) == [.prefix, .greaterThan] && selector.arguments[1].values == ["-5"])
        #expect(selector.namespaces[0].namespace == .pid && selector.namespaces[0].membership == .isNotIn)
        #expect(selector.namespaces[0].values == [.host, .inode(4_026_531_836)])
        #expect(selector.namespaceChange?.namespaces == [.mount, .user])
        #expect(selector.capabilities[0].set == .effective && selector.capabilities[0].isInNamespace)
        #expect(selector.capabilities[0].capabilities.map(\.number) == [21, 39])
        #expect(selector.capabilityChanges[0].set == .permitted && selector.capabilityChanges[0].membership == .isNotIn)
        #expect(selector.capabilityChanges[0].capabilities.map(\.name) == ["CAP_DAC_OVERRIDE"])
        #expect(selector.returnArguments.isEmpty && selector.actions.isEmpty && selector.returnActions.isEmpty)
    }

    @Test("what a call returns is filtered and acted upon, too")
    func returns() throws {
        let spec = try spec(
            Document.with(
                kprobe: """
                    return: true
                    returnArg: {index: 0, type: int}
                    selectors:
                    - matchReturnArgs: [{index: 0, operator: LessThan, values: ["0"]}]
                      matchReturnActions: [{action: Sigkill}, {action: Post, rateLimit: 5m}]
                    """))
        let selector = try #require(spec.kprobes[0].selectors.first)
        #expect(selector.returnArguments[0].comparison == .lessThan)
        var post = Action.Post()
        post.rateLimit = RateLimit(period: .init(seconds: 300), scope: .thread)
        #expect(selector.returnActions == [.sigkill, .post(post)])
    }

    static let actionTexts: [(String, Action)] = [
        ("action: Post", .post(.init())), ("action: NoPost", .noPost), ("action: Sigkill", .sigkill),
        ("action: Signal, argSig: 15", .signal(15)), ("action: Override, argError: -1", .override(-1)),
        ("action: Override", .override(0)),
        ("action: GetUrl, argUrl: 'http://x.y/z?a=b'", .getURL(WebAddress("http://x.y/z?a=b")!)),
        ("action: DnsLookup, argFqdn: a-b.example.com", .dnsLookup("a-b.example.com")),
        ("action: FollowFD, argFd: 0, argName: 1", .followFD(descriptor: 0, name: 1)),
        ("action: UnfollowFD, argFd: 0, argName: 1", .unfollowFD(descriptor: 0, name: 1)),
        ("action: CopyFD, argFd: 0, argName: 1", .copyFD(descriptor: 0, name: 1)),
        ("action: TrackSock, argSock: 2", .trackSock(2)), ("action: UntrackSock, argSock: 2", .untrackSock(2)),
        ("action: CleanupEnforcerNotification", .cleanupEnforcerNotification),
    ]

    @Test("every action, with its arguments", arguments: actionTexts)
    func actions(text: String, action: Action) throws {
        #expect(try spec(Document.with(action: text)).kprobes[0].selectors[0].actions == [action])
    }

    @Test("the actions in the tests are all that there are")
    func allActions() {
        let tested = Set(Self.actionTexts.map { $0.0.split(separator: ",")[0].dropFirst("action: ".count) })
        #expect(Set(ActionKind.allCases.map(\.name)) == Set(tested.map(String.init)).union(["NotifyEnforcer"]))
    }

    @Test("NotifyEnforcer, with enforcers that it notifies")
    func enforcers() throws {
        let text =
            Document.with(action: "action: NotifyEnforcer, argError: -1, argSig: 9")
            + "  enforcers: [{calls: [sys_write, security_file_open, __x64_sys_read, 'list:l']}]\n"
            + "  lists: [{name: l, values: [sys_dup]}]\n"
        let spec = try spec(text)
        #expect(spec.kprobes[0].selectors[0].actions == [.notifyEnforcer(error: -1, signal: 9)])
        #expect(
            spec.enforcedCalls == [
                .symbol("sys_write"), .symbol("security_file_open"), .symbol("__x64_sys_read"), .list("l"),
            ])
    }

    @Test(
        "how often an event is posted",
        arguments: [
            ("5", 5), ("5s", 5), ("7S", 7), ("1m", 60), ("2h", 7200), ("0", 0), ("1193h", 4_294_800), ("'30'", 30),
        ])
    func rateLimits(text: String, seconds: UInt32) throws {
        let action =
            "action: Post, rateLimit: \(text), rateLimitScope: global, kernelStackTrace: true, userStackTrace: yes"
        var post = Action.Post()
        post.rateLimit = RateLimit(period: .init(seconds: seconds), scope: .global)
        (post.hasKernelStack, post.hasUserStack) = (true, true)
        #expect(try spec(Document.with(action: action)).kprobes[0].selectors[0].actions == [.post(post)])
    }

    @Test("hashes of files are posted by LSM hooks")
    func hashes() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    lsmhooks:
                    - hook: bprm_check_security
                      args: [{index: 0, type: linux_binprm}]
                      selectors: [{matchActions: [{action: Post, imaHash: true}, {action: Override, argError: -1}]}]
                    """))
        var post = Action.Post()
        post.hasIMAHash = true
        #expect(spec.lsmHooks[0].selectors[0].actions == [.post(post), .override(-1)])
    }

    @Test("lists of every kind")
    func lists() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    lists:
                    - {name: a, values: [security_file_open]}
                    - {name: b, type: none, values: [tcp_close]}
                    - {name: c, type: generated_syscalls, validated: true}
                    - {name: d, type: generated_ftrace, pattern: "^ksys_"}
                    """))
        #expect(spec.lists.map(\.kind) == [.functions, .functions, .generatedSystemCalls, .generatedFunctions])
        #expect(spec.lists[3].pattern == "^ksys_")
    }

    @Test("options")
    func options() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    options:
                    - {name: disable-kprobe-multi, value: 1}
                    - {name: disable-uprobe-multi, value: "false"}
                    - {name: override-method, value: fmod-ret}
                    - {name: policy-mode, value: monitor}
                    """))
        var options = PolicyOptions()
        (options.disablesKprobeMulti, options.overrideMethod, options.mode) = (true, .fmodRet, .monitor)
        #expect(spec.options == options)
    }

    @Test("selectors of pods, containers and the host: missing is not empty")
    func podSelectors() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    podSelector:
                      matchLabels: {app: web, "k8s:io.kubernetes.pod.namespace": shop}
                      matchExpressions:
                      - {key: tier, operator: NotIn, values: [a, b]}
                      - {key: x, operator: Exists}
                    containerSelector: {matchExpressions: [{key: name, operator: In, values: [main]}]}
                    hostSelector: {}
                    """))
        #expect(spec.podSelector?.labels == ["app": "web", "k8s:io.kubernetes.pod.namespace": "shop"])
        #expect(spec.podSelector?.requirements.map(\.comparison) == [.isNotIn, .exists])
        #expect(spec.podSelector?.requirements[0].values == ["a", "b"])
        #expect(spec.containerSelector?.requirements.map(\.key) == ["name"])
        #expect(spec.includesHost)
        let empty = try Policies.PolicyReader.policy(of: Document.with(spec: "podSelector: {}\nhostSelector: ~")).spec
        #expect(empty.podSelector?.isEmpty == true && empty.containerSelector == nil && !empty.includesHost)
    }

    @Test("a field that says nothing is one that is not there")
    func nothing() throws {
        #expect(try spec(Document.with(spec: "kprobes:\nlists: ~\npodSelector: null\nloader:")) == PolicySpec())
    }

    @Test("what is meant twice may be written once")
    func anchors() throws {
        let spec = try spec(
            Document.with(
                spec: """
                    kprobes:
                    - &probe
                      call: sys_write
                      args: &args [{index: 0, type: int}]
                    - {<<: *probe, call: sys_read}
                    - {call: sys_dup, args: *args}
                    """))
        #expect(spec.kprobes.map(\.call) == [.symbol("sys_write"), .symbol("sys_read"), .symbol("sys_dup")])
        #expect(spec.kprobes.allSatisfy { $0.arguments == [HookArgument(0, .int)] })
    }

    @Test("every name of the schema is read as what it is called")
    func names() throws {
        for type in ArgumentType.allCases {
            for name in [type.name] + type.aliases {
                let text = Document.with(
                    spec: "tracepoints: [{subsystem: s, event: e, args: [{index: 0, type: \(name)}]}]")
                #expect(try spec(text).tracepoints[0].arguments == [HookArgument(0, type)], "\(name)")
            }
        }
        #expect(ArgumentOperator.named("NotSportPriv") == ArgumentOperator.named("NotSPortPriv"))
        #expect(ArgumentOperator.named("GT") == .greaterThan && ArgumentOperator.named("LT") == .lessThan)
        #expect(Capability.allCases.count == 41 && Capability.named("CAP_CHECKPOINT_RESTORE")?.number == 40)
    }
}

extension HookArgument {
    init(_ index: Int, _ type: ArgumentType) {
        self.init()
        self.index = index
        self.type = type
    }
}
