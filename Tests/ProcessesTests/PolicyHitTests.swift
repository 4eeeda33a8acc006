// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import Testing

@testable import Processes

@Suite("Hits of policies")
struct PolicyHitTests {
    private static let shell = image(100, execs: 1)

    /// A tracker that knows a hook, and one process.
    private func script(_ hook: HookDescription = .sample()) -> Script {
        var script = Script()
        script.tracker.learn(hook: hook)
        script.fork(image(100), from: Script.init1)
        script.exec(Self.shell, filename: "/bin/sh", arguments: ["sh", "-c", "x"])
        return script
    }

    private func hits(_ script: Script) -> [(event: ProcessEvent, hit: PolicyHit)] {
        script.events.compactMap { event in
            if case .policy(let hit) = event.kind { (event, hit) } else { nil }
        }
    }

    /// Every record is in a sum.
    private func expectBalance(_ script: Script, sourceLocation: SourceLocation = #_sourceLocation) {
        let counters = script.tracker.counters
        let told = script.events.count { if case .policy = $0.kind { true } else { false } }
        let waiting = script.tracker.pendingCalls
        #expect(
            counters.policies
                == UInt64(told + waiting) + counters.joined + counters.unwanted + counters.unknownPolicies,
            sourceLocation: sourceLocation)
    }

    @Test("a hit says who did it, in which thread, and what the policy is")
    func actor() throws {
        var script = script()
        var hit = HandmadeHit(Self.shell)
        hit.tid = 105
        script.hit(hit)
        let (event, told) = try #require(hits(script).first)
        #expect(event.process.binary == "/bin/sh" && event.parent?.pid == 1)
        #expect(told.tid == 105 && told.hook.policy == "watch" && told.function == "do_sys_open")
        #expect(told.action == 1 && told.returnAction == 0 && told.returned == nil)
        expectBalance(script)
    }

    @Test("the record says which of several functions it was; a wrong number is the first one")
    func function() {
        var script = script(.sample(place: .function(["a", "b"])))
        for number in [1, 0, 9] as [UInt32] {
            var hit = HandmadeHit(Self.shell)
            hit.function = number
            script.hit(hit)
        }
        #expect(hits(script).map(\.hit.function) == ["b", "a", "a"])
    }

    @Test("a hit of a policy that has been deleted is counted")
    func deleted() {
        var script = script()
        script.hit(HandmadeHit(Self.shell))
        script.forget(1)
        script.hit(HandmadeHit(Self.shell))
        #expect(hits(script).count == 1 && script.tracker.counters.unknownPolicies == 1)
        expectBalance(script)
    }

    @Test("a process that nobody knows is told as unknown")
    func stranger() throws {
        var script = script()
        script.hit(HandmadeHit(image(4000)))
        let event = try #require(hits(script).first?.event)
        #expect(event.process.pid == 4000 && event.process.flags == "unknown" && event.process.binary.isEmpty)
        #expect(script.tracker.counters.unknownActors == 1)
        expectBalance(script)
    }

    @Test("what the old program did is told of it although the new one is known already")
    func lateNews() throws {
        var script = script()
        script.exec(image(100, execs: 2), filename: "/bin/true")
        script.hit(HandmadeHit(Self.shell))
        script.hit(HandmadeHit(image(100, execs: 2)))
        script.hit(HandmadeHit(image(100, execs: 3)))
        #expect(hits(script).map(\.event.process.binary) == ["/bin/sh", "/bin/true", "/bin/true"])
    }

    @Test("events of a container that is about to be told of wait for it")
    func barrier() throws {
        var script = script()
        script.exec(image(50, execs: 1), filename: "/usr/bin/runc")
        script.cgroup(REC_CGROUP_CREATED, 9, name: "c", by: image(50, execs: 1))
        script.fork(image(101), from: image(50), cgroup: 9)
        script.hit(HandmadeHit(image(101)))
        #expect(hits(script).isEmpty)
        try script.register("0123456789abcdef", cgroup: 9)
        #expect(hits(script).map(\.event.process.container?.identity.podName) == ["p"])
        expectBalance(script)
    }

    // MARK: Calls that return

    private func call(_ hook: HookDescription) -> (Script, begun: HandmadeHit, ended: HandmadeHit) {
        var begun = HandmadeHit(Self.shell)
        begun.flags = POL_AWAITS_RETURN.rawValue
        begun.add(0, POL_STRING, "/etc/shadow")
        var ended = HandmadeHit(Self.shell)
        ended.flags = POL_IS_RETURN.rawValue
        ended.action = UInt8(POL_DO_SIGKILL.rawValue)
        ended.add(5, POL_I32, -13)
        return (script(hook), begun, ended)
    }

    private static let opening = HookDescription.sample(
        arguments: [
            .init(slot: 0, type: .string, label: "path"), .init(slot: 1, type: .charBuffer, label: ""),
        ], returns: .init(slot: 5, type: .int, label: ""))

    @Test("a call and its return are one event, with what was read when it returned")
    func pair() throws {
        var (script, begun, ended) = call(Self.opening)
        script.hit(begun)
        #expect(hits(script).isEmpty && script.tracker.pendingCalls == 1)
        expectBalance(script)
        ended.add(1, POL_BUFFER, [1, 2])
        script.hit(ended)
        let hit = try #require(hits(script).first?.hit)
        #expect(
            hit.arguments == [
                HitArgument(.string("/etc/shadow"), label: "path"), HitArgument(.bytes([1, 2]), label: ""),
            ])
        #expect(hit.returned == HitArgument(.int(-13), label: ""))
        #expect(hit.action == 1 && hit.returnAction == 3)
        #expect(script.tracker.counters.joined == 1)
        expectBalance(script)
    }

    @Test("calls are told apart by thread, time and policy")
    func apart() {
        var (script, begun, ended) = call(Self.opening)
        script.tracker.learn(hook: .sample(row: 2, policy: "other", returns: Self.opening.returnArgument))
        script.hit(begun)
        var others = [begun, begun, begun]
        others[0].tid = 5
        others[1].call = 78
        others[2].row = 2
        for other in others { script.hit(other) }
        #expect(script.tracker.pendingCalls == 4)
        ended.row = 2
        script.hit(ended)
        #expect(hits(script).map(\.hit.hook.policy) == ["other"])
        #expect(script.tracker.pendingCalls == 3)
        expectBalance(script)
    }

    @Test("a call that the policy does not want for what it returned is no event")
    func unwanted() {
        var (script, begun, ended) = call(Self.opening)
        ended.flags |= POL_DROPPED_AT_RETURN.rawValue
        script.hit(begun)
        script.hit(ended)
        script.hit(ended)
        #expect(hits(script).isEmpty && script.tracker.counters.unwanted == 3)
        expectBalance(script)
    }

    @Test("a return without its call says what is missing")
    func orphan() throws {
        var (script, _, ended) = call(Self.opening)
        script.hit(ended)
        let hit = try #require(hits(script).first?.hit)
        #expect(hit.returned?.value == .int(-13) && hit.returnAction == 3)
        #expect(hit.arguments.map(\.label) == ["path (missing)", "(missing)"])
        #expect(hit.arguments.allSatisfy { $0.value == .none })
        expectBalance(script)
    }

    @Test("a call that does not return in time is told without, and so is one whose process ends, or whose policy does")
    func unreturned() throws {
        var (script, begun, _) = call(Self.opening)
        script.hit(begun)
        script.wait(seconds: 6)
        #expect(hits(script).map(\.hit.returned) == [nil])

        script.hit(begun)
        script.exit(Self.shell)
        #expect(hits(script).count == 2)
        if case .exit = try #require(script.events.last).kind {} else { Issue.record("its end is not the last") }

        script.hit(begun)
        script.forget(1)
        #expect(hits(script).count == 3)
        #expect(script.tracker.counters.unreturned == 3)
        expectBalance(script)

        script.tracker.learn(hook: Self.opening)
        script.hit(begun)
        script.stop()
        #expect(hits(script).count == 4)
        expectBalance(script)
    }

    @Test("so many calls wait and no more; the oldest goes first")
    func bounds() {
        var calls = PolicyCalls(.init(count: 3, bytes: 1 << 20))
        let (script, _, _) = call(Self.opening)
        let event = script.events[0]
        var left: [ProcessEvent] = []
        for call in 0..<10 as Range<UInt64> {
            left += calls.add(.init(tid: 1, call: call, row: 1), event)
            if call == 4 { #expect(calls.take(.init(tid: 1, call: 3, row: 1)) != nil) }
        }
        #expect(left.count == 6 && calls.count == 3)
        #expect(calls.take(.init(tid: 1, call: 9, row: 1)) != nil)
        #expect(calls.take(.init(tid: 1, call: 3, row: 1)) == nil)
        #expect(calls.takeAll().count == 2 && calls.isEmpty)
    }

    // MARK: Long values

    private static let writing = HookDescription.sample(arguments: [.init(slot: 1, type: .charBuffer, label: "")])

    private func begun(_ bytes: [UInt8]) -> HandmadeHit {
        var hit = HandmadeHit(Self.shell)
        hit.add(1, POL_BUFFER, bytes, POL_CONTINUED)
        return hit
    }

    @Test("what does not fit into a record follows, for all policies that it was a hit of")
    func continued() {
        var script = script(Self.writing)
        script.tracker.learn(hook: .sample(row: 2, policy: "other", arguments: Self.writing.arguments))
        var hit = begun([1])
        script.hit(hit)
        hit.row = 2
        script.hit(hit)
        script.more(hit, slot: 1, number: 0, [2, 3])
        #expect(hits(script).isEmpty && script.tracker.pendingCalls == 2)
        script.more(hit, slot: 1, number: 1, [4], isLast: true)
        #expect(hits(script).map(\.hit.arguments[0].value) == [.bytes([1, 2, 3, 4]), .bytes([1, 2, 3, 4])])
        #expect(script.tracker.counters.policyData == 2)
        expectBalance(script)
    }

    @Test("a part that was lost cuts the value there")
    func gap() {
        var script = script(Self.writing)
        let hit = begun([1])
        script.hit(hit)
        script.more(hit, slot: 1, number: 0, [2])
        script.more(hit, slot: 1, number: 2, [9], isLast: true)
        #expect(hits(script).map(\.hit.arguments[0].value) == [.truncatedBytes([1, 2], of: 0)])
        // Nobody waits for it any more.
        script.more(hit, slot: 1, number: 3, [9], isLast: true)
        expectBalance(script)
    }

    @Test("a value that the kernel cut is told so")
    func cut() {
        var script = script(Self.writing)
        let hit = begun([1])
        script.hit(hit)
        script.more(hit, slot: 1, number: 0, [2], isLast: true, flags: POL_TRUNCATED)
        #expect(hits(script).map(\.hit.arguments[0].value) == [.truncatedBytes([1, 2], of: 0)])
    }

    @Test("nobody waits for parts when the thread is elsewhere, the process at its end, or the ring empty")
    func abandoned() {
        var script = script(Self.writing)
        script.hit(begun([1]))
        var next = begun([2])
        next.call = 99
        script.hit(next)
        #expect(hits(script).count == 1)
        script.quiet()
        #expect(hits(script).count == 2)
        script.hit(begun([3]))
        script.exit(Self.shell)
        #expect(hits(script).map(\.hit.arguments[0].value) == [1, 2, 3].map { .truncatedBytes([$0], of: 0) })
        expectBalance(script)
    }

    // MARK: The agent's part

    @Test("what the agent is asked to do is told to it, also where no event is")
    func agentActions() throws {
        let url = try #require(WebAddress("http://a.example/x"))
        var script = script(
            .sample(actions: [
                [.post(.init())], [.getURL(url), .noPost], [.dnsLookup("b.example")],
                [.dnsLookup("c.example"), .getURL(url), .sigkill],
            ]))
        for (selector, action, flags) in [
            (0, POL_DO_POST, 0), (1, POL_DO_GET_URL, POL_NOT_POSTED.rawValue), (2, POL_DO_DNS_LOOKUP, 0),
            (2, POL_DO_DNS_LOOKUP, POL_IS_MONITORED.rawValue), (7, POL_DO_GET_URL, 0), (3, POL_DO_SIGKILL, 0),
        ] as [(UInt8, pol_action, UInt32)] {
            var hit = HandmadeHit(Self.shell)
            (hit.selector, hit.action, hit.flags) = (selector, UInt8(action.rawValue), flags)
            script.hit(hit)
        }
        let asked = script.tracker.takeAgentActions()
        #expect(asked.map(\.action) == [.getURL(url), .dnsLookup("b.example"), .dnsLookup("c.example"), .getURL(url)])
        #expect(Set(asked.map(\.policy)).count == 1)
        #expect(script.tracker.takeAgentActions().isEmpty)
        #expect(hits(script).count == 5)
        expectBalance(script)
    }

    @Test("stacks count as what a waiting hit keeps")
    func stackSize() throws {
        var script = script()
        var hit = HandmadeHit(Self.shell)
        script.hit(hit)
        (hit.kernelStack, hit.userStack) = ([UInt64](repeating: 7, count: 32), [UInt64](repeating: 8, count: 32))
        script.hit(hit)
        let sizes = hits(script).map(\.hit.size)
        #expect(sizes.count == 2 && sizes[1] >= sizes[0] + 64 * 32)
    }

    @Test("a file's hash is told with its algorithm")
    func hash() {
        var script = script(.sample(place: .securityHook("bprm_check_security")))
        var hit = HandmadeHit(Self.shell)
        hit.hash = (4, [0x0a, 0xff])
        script.hit(hit)
        hit.hash = (200, [1])
        script.hit(hit)
        #expect(hits(script).map(\.hit.imaHash) == ["sha256:0aff", ""])
    }

    @Test("a hit in the midst of an exec's arguments does not cut them")
    func interruption() throws {
        var script = script()
        script.exec(
            image(100, execs: 2), filename: "/bin/echo", arguments: ["e"], argumentsTotal: 6)
        script.hit(HandmadeHit(image(1)))
        script.moreArguments(image(100, execs: 2), at: 2, "abc\0")
        script.quiet()
        let exec = try #require(script.events.last { $0.kind == .exec })
        #expect(exec.process.arguments == "abc" && !exec.process.flags.contains("truncArgs"))
    }
}
