// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct LocalFilterTests {
    private let pod = Samples.exec(Samples.podProcess("/bin/sh"))
    private let injected = Samples.exec(Samples.podProcess("/bin/id", inInitTree: false))
    private let host = Samples.exec(Samples.process("/bin/ls", pid: 12))
    private let container = Samples.exec(Samples.containerProcess("/init"))
    private let exit = Samples.exit(Samples.podProcess("/bin/sh"))
    private let limit = Samples.event(.rateLimitInfo(.with { $0.numberOfDroppedProcessEvents = 3 }))
    private let kprobe = Samples.event(
        .processKprobe(
            .with {
                $0.process = Samples.process("/bin/a")
                $0.policyName = "p"
            }))

    private func passing(_ change: (inout FilterArguments) -> Void) throws -> [Tetragon_GetEventsResponse] {
        var arguments = FilterArguments()
        change(&arguments)
        let filter = try LocalFilter(arguments)
        return [pod, injected, host, container, exit, limit, kprobe].filter(filter.matches)
    }

    @Test("without flags everything passes, of whatever kind")
    func everything() throws {
        #expect(try passing { _ in }.count == 7)
    }

    @Test("namespaces are whole names, and the empty one is what has no pod")
    func namespaces() throws {
        #expect(try passing { $0.namespaces = ["shop"] } == [pod, injected, exit])
        #expect(try passing { $0.namespaces = ["sho"] }.isEmpty)
        #expect(try passing { $0.namespaces = [""] } == [host, container, kprobe])
        #expect(try passing { $0.namespaces = ["", "shop"] } == [pod, injected, host, container, exit, kprobe])
    }

    @Test("kinds, pids and policies each narrow it, and an event without them does not match")
    func values() throws {
        #expect(try passing { $0.kinds = [.processExit, .rateLimitInfo] } == [exit, limit])
        #expect(try passing { $0.pids = [12] } == [host])
        #expect(try passing { $0.policies = ["p", "q"] } == [kprobe])
        #expect(
            try passing {
                $0.kinds = [.processExec]
                $0.pids = [12]
                $0.namespaces = ["shop"]
            }.isEmpty)
    }

    @Test("injected is one exec, as an agent would have it")
    func injections() throws {
        #expect(try passing { $0.isInjected = true } == [injected])
    }

    @Test("a probe is left out, and so is what it starts")
    func probes() throws {
        var probe = Samples.podProcess("/bin/check")
        probe.pod.container.maybeExecProbe = true
        var child = Samples.exec(Samples.podProcess("/bin/true"))
        child.processExec.parent = probe
        var arguments = FilterArguments()
        arguments.hasNoProbes = true
        let filter = try LocalFilter(arguments)
        #expect([Samples.exec(probe), child, pod].filter(filter.matches) == [pod])
    }

    @Test("what only an agent can do is refused by its flag's name")
    func refusals() {
        var arguments = FilterArguments()
        arguments.processes = ["sh"]
        arguments.expressions = ["true"]
        #expect {
            try LocalFilter(arguments)
        } throws: {
            "\($0)".hasPrefix("--process, --cel: only an agent can do that")
        }
        arguments = FilterArguments()
        arguments.aggregationWindow = .seconds(1)
        arguments.aggregatesProcesses = true
        #expect {
            try LocalFilter(arguments)
        } throws: {
            "\($0)".hasPrefix("--aggregate, --aggregate-processes: only an agent can do that")
        }
    }
}
