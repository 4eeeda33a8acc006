// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What is done when a selector matches, to processes that are there to have it done to them.
    @Suite struct PolicyActionTests: KernelSuite {
        private func act(_ words: String...) throws -> Int32 {
            try Child(TestProgram.act, words.map { Array($0.utf8) }).end().status
        }

        private var marker: String { PolicyTrial.marker }

        // MARK: Rates

        @Test(
            "the same is posted once in an interval",
            arguments: [(POL_PER_THREAD, 4), (POL_PER_PROCESS, 3), (POL_GLOBAL, 2)])
        func rates(_ scope: pol_scope, _ expected: Int) throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_POST, post: POL_RATE_LIMITED.rawValue)
            trial.values.actions.0.limit_scope = scope.rawValue
            trial.values.actions.0.limit_ns = 3_600_000_000_000
            trial.capacity.rates = 64
            var held: UInt64 = 0
            let hits = try trial.run(on: try sensors) { parts in
                // One thread says a twice and b; another of the same process a; another process a.
                _ = try act(
                    "open", marker + "a", "open", marker + "a", "open", marker + "b", "thread", "open", marker + "a")
                _ = try act("open", marker + "a")
                held = try parts.program.counts(ofRow: 0)[0][Int(POL_COUNT_LIMITED.rawValue)]
            }
            #expect(hits.count == expected)
            #expect(held == UInt64(5 - expected))
        }

        @Test("after the interval it is posted again, and what differs behind 40 bytes is the same")
        func intervals() throws {
            var trial = PolicyTrial()
            trial.act(post: POL_RATE_LIMITED.rawValue)
            trial.values.actions.0.limit_ns = 200_000_000
            trial.capacity.rates = 64
            let long = String(repeating: "x", count: 40 - PolicyTrial.marker.utf8.count)
            let hits = try trial.run(on: try sensors) { _ in
                _ = try act("open", marker + "a", "sleep", "400", "open", marker + "a")
                _ = try act("open", marker + long + "1", "open", marker + long + "2")
            }
            #expect(hits.map(\.text) == [marker + "a", marker + "a", marker + long + "1"])
        }

        // MARK: Signals

        @Test("signals reach the process, from whatever thread, and in a pid namespace", arguments: [9, 15, 10])
        func signals(_ signal: Int32) throws {
            var trial = PolicyTrial()
            trial.act(signal == 9 ? POL_DO_SIGKILL : POL_DO_SIGNAL)
            trial.values.actions.0.signal = UInt32(signal)
            var statuses: [Int32] = []
            let hits = try trial.run(on: try sensors) { _ in
                statuses.append(try act("open", marker + "a", "sleep", "2000"))
                statuses.append(try act("thread", "open", marker + "b", "sleep", "2000"))
                // Not as the first of its namespace, which would not have a signal that it has no handler for.
                let inside = try Child(
                    "/usr/bin/unshare", "-p", "-f", TestProgram.act, "child", "open", marker + "c", "sleep", "2000")
                statuses.append(inside.end().status)
            }
            #expect(hits.count == 3)
            #expect(hits.allSatisfy { $0.fixed.action == (signal == 9 ? 3 : 10) })
            #expect(statuses == [signal, signal, (128 + signal) << 8])
        }

        @Test("the first process of a pid namespace is killed too")
        func namespaceInit() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_SIGKILL)
            var status: Int32 = 0
            _ = try trial.run(on: try sensors) { _ in
                status = try Child(
                    "/usr/bin/unshare", "-p", "-f", TestProgram.act, "open", marker + "a", "sleep", "2000"
                ).end().status
            }
            // unshare fails at killing itself as its child was; undisturbed, both end with 0.
            #expect(status != 0)
        }

        @Test("in monitor mode it is said and not done")
        func monitor() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_SIGKILL)
            trial.values.is_monitored = 1
            var status: Int32 = -1
            let hits = try trial.run(on: try sensors) { _ in status = try act("open", marker + "a") }
            #expect(status == 0)
            #expect(hits.map(\.fixed.action) == [3] && hits.allSatisfy { $0.has(POL_IS_MONITORED) })
        }

        // MARK: What is only said

        @Test(
            "a record says the last action",
            arguments: [
                (POL_DO_POST, POL_DO_NOTHING, 1, false), (POL_DO_FOLLOW_FD, POL_DO_NOTHING, 2, false),
                (POL_DO_UNFOLLOW_FD, POL_DO_NOTHING, 4, false), (POL_DO_COPY_FD, POL_DO_NOTHING, 6, false),
                (POL_DO_GET_URL, POL_DO_NOTHING, 7, false), (POL_DO_DNS_LOOKUP, POL_DO_NOTHING, 8, false),
                (POL_DO_GET_URL, POL_DO_NO_POST, 7, true), (POL_DO_NO_POST, POL_DO_DNS_LOOKUP, 8, true),
            ])
        func said(_ first: pol_action, _ second: pol_action, _ action: Int, _ isNotPosted: Bool) throws {
            var trial = PolicyTrial()
            trial.act(first, second)
            let hits = try trial.run(on: try sensors) { _ in PolicyTrial.open("a") }
            #expect(hits.map { Int($0.fixed.action) } == [action])
            #expect(hits.allSatisfy { $0.has(POL_NOT_POSTED) == isNotPosted })
        }

        @Test("NoPost posts nothing, and the other action is done")
        func noPost() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_NO_POST, POL_DO_SIGKILL)
            var status: Int32 = 0
            let hits = try trial.run(on: try sensors) { _ in status = try act("open", marker + "a", "sleep", "2000") }
            #expect(hits.isEmpty && status == 9)
        }

        // MARK: Stacks

        @Test("stacks lead to who called, in the program and in the kernel")
        func stacks() throws {
            var trial = PolicyTrial()
            trial.act(post: POL_KERNEL_STACK.rawValue | POL_USER_STACK.rawValue)
            let hits = try trial.run(on: try sensors) { _ in PolicyTrial.open("a") }
            let hit = try #require(hits.only)
            let innermost = try #require(hit.userStack.first)
            let names: [String] = ["open", "open64", "openat", "openat64"]
            let functions = names.compactMap { (name: String) in dlsym(nil, name) }
            #expect(functions.contains { (0..<512).contains(Int(innermost) - Int(bitPattern: $0)) })
            #expect(hit.userStack.count > 1)
            #expect(!hit.kernelStack.isEmpty)
            let entry = try #require(Self.kernelFunction("do_syscall_64"))
            #expect(hit.kernelStack.contains { $0 > entry && $0 < entry + 4096 })
        }

        /// Where a function of the kernel begins: the address before its name's line in /proc/kallsyms.
        private static func kernelFunction(_ name: String) -> UInt64? {
            let text = OwnProcess.bytes(of: "/proc/kallsyms") + [0]
            return text.withUnsafeBytes { bytes in
                let start = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
                guard let found = strstr(start, " \(name)\n"), found - 18 >= start else { return nil }
                return strtoull(found - 18, nil, 16)
            }
        }

        // MARK: Enforcers

        @Test("a notice is taken once, by its enforcer and of its thread")
        func enforcer() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_NOTIFY_ENFORCER)
            trial.values.actions.0.signal = 15
            trial.values.actions.0.error = -1
            trial.values.actions.0.enforcer = 3
            var statuses: [Int32] = []
            var counts = pol_enforcer_counts()
            let types = try KernelTypes()
            let hits = try trial.run(on: try sensors) { parts in
                let other = try PolicyEnforcer(
                    4, at: .systemCalls([SystemCall("openat")]), types: types, sharing: parts.maps)
                try other.attach()
                statuses.append(try act("open", marker + "a", "sleep", "10"))
                let right = try PolicyEnforcer(
                    3, at: .systemCalls([SystemCall("openat")]), types: types, sharing: parts.maps)
                try right.attach()
                statuses.append(try act("open", marker + "b", "sleep", "2000"))
                counts = try right.counts()
                #expect(try other.counts().taken == 0)
            }
            #expect(hits.map(\.fixed.action) == [13, 13])
            #expect(statuses == [0, 15])
            #expect(counts.taken == 1 && counts.signals_failed == 0 && counts.errors_impossible == 1)
        }

        @Test("a notice waits for the end of a call that its enforcer is given, by that call's ABI")
        func enforcerCalls() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_NOTIFY_ENFORCER)
            trial.values.actions.0.signal = 15
            trial.values.actions.0.enforcer = 3
            var statuses: [Int32] = []
            var taken: [UInt64] = []
            _ = try trial.run(on: try sensors) { parts in
                let enforcer = try PolicyEnforcer(
                    3, at: .systemCalls([SystemCall("clock_nanosleep"), SystemCall("openat", abi: .compat)]),
                    types: KernelTypes(), sharing: parts.maps)
                try enforcer.attach()
                for words in [[], ["open", "/dev/null"], ["sleep", "10"], ["thread", "sleep", "10"]] {
                    let child = try Child(TestProgram.act, (["open", marker + "a"] + words).map { Array($0.utf8) })
                    statuses.append(child.end().status)
                    taken.append(try enforcer.counts().taken)
                }
                enforcer.detach()
                statuses.append(try act("open", marker + "e", "sleep", "10"))
                #expect(try enforcer.counts().taken == taken.last)
                #expect(try enforcer.counts().unawaited == 0)
            }
            // Another thread's sleep is no end of a call of the one that has the notice.
            #expect(statuses == [0, 0, 15, 0, 0])
            #expect(taken == [0, 0, 1, 1])
        }

        @Test("a notice that nobody took is counted: when the next comes, and when it is taken back")
        func missed() throws {
            // The one that leaves nothing behind comes first.
            for (action, opened, expected) in [(POL_DO_CLEANUP_ENFORCER, 3, 3), (POL_DO_NOTHING, 3, 2)] {
                var trial = PolicyTrial()
                trial.act(POL_DO_NOTIFY_ENFORCER, action)
                trial.values.actions.0.enforcer = 3
                var counts: [UInt64] = []
                _ = try trial.run(on: try sensors) { parts in
                    for _ in 0..<opened { PolicyTrial.open("a") }
                    counts = try parts.program.counts(ofRow: 0)[0]
                }
                #expect(counts[Int(POL_COUNT_NOT_ENFORCED.rawValue)] == UInt64(expected))
            }
        }

        // MARK: Scope

        @Test("a row applies to its container, and to cgroups that are made in it later")
        func scope() throws {
            let sensors = try sensors
            let container = try Cgroup("container"), other = try Cgroup("other")
            defer { container.remove(); other.remove() }
            var trial = PolicyTrial()
            trial.shape.is_scoped = 1
            trial.capacity.rows = 3
            trial.capacity.lists = 4
            try sensors.setContainer(container.id, of: container.id)
            defer { sensors.forgetContainer(of: container.id) }
            var known: UInt64?
            var nestedID: UInt64 = 0
            let hits = try trial.run(on: sensors) { parts in
                try parts.program.setList([2], of: container.id)
                var row = trial.values
                row.id = PolicyTrial.row
                try parts.program.setRow(2, row)
                try sensors.attach()
                defer { sensors.detach() }
                let nested = try Cgroup("nested", in: container.path)
                nestedID = nested.id
                known = sensors.container(of: nested.id)
                for (name, cgroup) in [("inside", container.path), ("nested", nested.path), ("other", other.path)] {
                    let child = try Child(TestProgram.act, "wait", "open", marker + name)
                    try child.settle()
                    try Cgroup.take(child.pid, into: cgroup)
                    child.tell()
                    child.end()
                }
                nested.remove()
                usleep(10_000)
            }
            #expect(known == container.id)
            #expect(hits.map(\.text) == [marker + "inside", marker + "nested"])
            #expect(sensors.container(of: nestedID) == nil)
        }

        // MARK: Where the kernel has more to offer

        @Test("a security hook's error forbids", .needs(anyOf: .lsmActive))
        func override() throws {
            var trial = PolicyTrial(at: .securityHook("file_open"))
            trial.setArgument(0, POL_FILE, raw: 0, max: 4096, isFiltered: true)
            trial.add(POL_BYTES, 0, POL_IN, 5)
            trial.act(POL_DO_OVERRIDE)
            trial.values.actions.0.error = -EPERM
            trial.capacity.bytes[24] = 4
            let copy = try ProgramCopy(TestProgram.leave, marker + "forbidden")
            defer { copy.remove() }
            for monitored in [UInt32(0), 1] {
                trial.values.is_monitored = monitored
                var output = ""
                let hits = try trial.run(on: try sensors) {
                    try $0.program.insert(bytes: Array(copy.path.utf8), into: 5)
                } _: { _ in
                    output = try Child(TestProgram.act, "open", copy.path, "open", TestProgram.act).end().output
                }
                #expect(hits.map { Int($0.fixed.action) } == [5])
                #expect(output == (monitored == 1 ? "" : "EPERM\n"))
            }
        }

        @Test(
            "a file's hash is in the record, or that there is none", .needs(anyOf: .lsmActive),
            arguments: ["bprm_check_security", "mmap_file", "file_open"])
        func hash(_ hook: String) throws {
            var trial = PolicyTrial(at: .securityHook(hook))
            let isExec = hook == "bprm_check_security"
            trial.setArgument(0, isExec ? POL_BINPRM : POL_FILE, raw: 0, max: 4096, isFiltered: true)
            trial.add(POL_BYTES, 0, POL_IN, 5)
            trial.act(post: POL_IMA_HASH.rawValue)
            trial.shape.hash_raw = 1
            trial.shape.hash_is_binprm = isExec ? 1 : 0
            trial.capacity.bytes[24] = 4
            let copy = try ProgramCopy(TestProgram.leave, marker + "hashed")
            defer { copy.remove() }
            var unhashed: UInt64 = 0
            let hits = try trial.run(on: try sensors) {
                try $0.program.insert(bytes: Array(copy.path.utf8), into: 5)
            } _: { parts in
                try Child(copy.path, "exit", "0").end()
                unhashed = try parts.program.counts(ofRow: 0)[0][Int(POL_COUNT_UNHASHED.rawValue)]
            }
            let hit = try #require(hits.first)
            // At file_open the file cannot be read yet: the kernel has a hash only if IMA's policy made one before.
            guard hook != "file_open" else {
                #expect(hits.allSatisfy { $0.has(POL_HASH_FAILED) && !$0.has(POL_HAS_HASH) && $0.hash.isEmpty })
                #expect(unhashed == UInt64(hits.count))
                return
            }
            #expect(hits.allSatisfy { $0.has(POL_HAS_HASH) && !$0.has(POL_HASH_FAILED) } && unhashed == 0)
            #expect(hit.fixed.hash_algorithm == 4, "both guests' IMA has SHA-256")
            let digits = hit.hash.map { [$0 >> 4, $0 & 15] }.joined().map { String($0, radix: 16) }.joined()
            let expected = try Child("/bin/busybox", "sha256sum", copy.path).end().output.prefix(64)
            #expect(digits == expected)
        }

        @Test("a socket's addresses and ports, and whose it is", .needs(anyOf: .kprobe))
        func sockets() throws {
            let cases: [(pol_what, pol_op, UInt64, Bool, [UInt16])] = [
                (POL_PORT_TO, POL_EQUAL, 4001, false, [4001]), (POL_PORT_TO, POL_EQUAL, 4001, true, [999, 4002]),
                (POL_PORT_TO, POL_LESS, 1024, false, [999]), (POL_PORT_TO, POL_IN_RANGES, 6, false, [4001, 4002]),
                (POL_PORT_TO, POL_IN, 6, false, [4002]), (POL_PORT_FROM, POL_GREATER, 1023, false, [999, 4001, 4002]),
                (POL_PORT_FROM, POL_EQUAL, 0, false, []), (POL_ADDRESS_FROM, POL_IN, 6, false, [999, 4001, 4002]),
                (POL_ADDRESS_TO, POL_IN, 6, false, [999, 4001, 4002]), (POL_ADDRESS_TO, POL_IN, 6, true, []),
                (POL_ADDRESS_TO, POL_IN, 7, false, []), (POL_FAMILY, POL_EQUAL, 2, false, [999, 4001, 4002]),
                (POL_FAMILY, POL_EQUAL, 10, false, []), (POL_PROTOCOL, POL_EQUAL, 6, false, [999, 4001, 4002]),
                (POL_PROTOCOL, POL_EQUAL, 17, false, []), (POL_STATE, POL_EQUAL, 2, false, [999, 4001, 4002]),
                (POL_STATE, POL_EQUAL, 1, true, [999, 4001, 4002]),
            ]
            for (what, op, operand, negated, expected) in cases {
                var trial = PolicyTrial(at: .function("tcp_connect"))
                trial.setArgument(0, POL_SOCK, raw: 0, isFiltered: true)
                trial.add(what, 0, op, negated: negated, operand)
                trial.capacity.numbers = 4
                trial.capacity.addresses = 4
                let prefixes = PolicyProgram.prefixes(of: UInt64(4000)...5000)
                trial.capacity.ranges = prefixes.count
                let hits = try trial.run(on: try sensors) {
                    try $0.program.insert(number: 4002, into: 6)
                    try $0.program.insert(prefixes: prefixes, into: 6)
                    let loopback: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 0]
                    try $0.program.insert(network: loopback, bits: 96 + 8, into: 6)
                    try $0.program.insert(network: [UInt8](repeating: 0, count: 16), bits: 96, into: 7)
                } _: { _ in
                    _ = try act("connect", "999", "connect", "4001", "connect", "4002")
                }
                let ports = hits.compactMap {
                    $0.values[0]?.withUnsafeBytes { $0.loadUnaligned(as: pol_sock.self).to_port }
                }
                #expect(ports == expected, "\(what.rawValue) \(op.rawValue) \(operand) \(negated)")
            }
        }

        @Test("what happens to a tracked socket is its owner's", .needs(anyOf: .kprobe))
        func tracked() throws {
            var trial = PolicyTrial(at: .function("tcp_connect"))
            trial.setArgument(0, POL_SOCK, raw: 0, isFiltered: true)
            trial.add(POL_PORT_TO, 0, POL_EQUAL, 4001)
            trial.shape.tracks_sockets = 1
            trial.tracksSockets = true
            trial.act(POL_DO_TRACK_SOCK)
            var pid: pid_t = 0
            let hits = try trial.run(on: try sensors) { _ in
                let child = try Child(TestProgram.act, "connect", "4001")
                pid = child.pid
                child.end()
            }
            let hit = try #require(hits.only)
            #expect(hit.fixed.action == 11 && hit.has(POL_OF_OWNER) && hit.fixed.image.tgid == UInt32(pid))
            trial.act(POL_DO_UNTRACK_SOCK)
            let untracked = try trial.run(on: try sensors) { _ in _ = try act("connect", "4001") }
            #expect(untracked.map { $0.has(POL_OF_OWNER) } == [false])
        }

        @Test("an enforcer returns the error of its notice", .needs(anyOf: .modifySecurity))
        func enforcerError() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_NOTIFY_ENFORCER)
            trial.values.actions.0.error = -EPERM
            trial.values.actions.0.enforcer = 3
            let copy = try ProgramCopy(TestProgram.leave, marker + "enforced")
            defer { copy.remove() }
            var output = ""
            _ = try trial.run(on: try sensors) { parts in
                let enforcer = try PolicyEnforcer(
                    3, at: .function("security_file_open"), types: KernelTypes(), sharing: parts.maps)
                try enforcer.attach()
                output = try Child(TestProgram.act, "open", copy.path, "open", TestProgram.act).end().output
            }
            #expect(output == "EPERM\n")
        }
    }
}
