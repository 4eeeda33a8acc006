// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct FilterArgumentsTests {
    private func arguments(_ change: (inout FilterArguments) -> Void) -> FilterArguments {
        var arguments = FilterArguments()
        change(&arguments)
        return arguments
    }

    @Test("who asks for nothing sends no filter, and gets everything")
    func nothing() {
        #expect(FilterArguments().request == Tetragon_GetEventsRequest())
        #expect(FilterArguments().wants(Samples.exec(Samples.process("/bin/ls"))))
    }

    @Test("every flag is a field of one filter, so that all of them must be met")
    func everyField() {
        let request = arguments {
            $0.namespaces = ["shop", ""]
            $0.namespaceExpressions = ["^sh"]
            $0.pods = ["web"]
            $0.labels = ["app=web,tier!=db"]
            $0.containers = ["nginx"]
            $0.containerIDs = ["^0123"]
            $0.processes = ["/sh$"]
            $0.parents = ["runc"]
            $0.ancestors = ["sshd"]
            $0.processArguments = ["-c"]
            $0.parentArguments = ["exec"]
            $0.pids = [1]
            $0.pidTrees = [2, 3]
            $0.kinds = [.processExec, .processLsm]
            $0.policies = ["p"]
            $0.expressions = ["true"]
        }.request
        let expected = Tetragon_Filter.with {
            $0.namespace = ["shop", ""]
            $0.namespaceRegex = ["^sh"]
            $0.podRegex = ["web"]
            $0.labels = ["app=web,tier!=db"]
            $0.containerNameRegex = ["nginx"]
            $0.containerID = ["^0123"]
            $0.binaryRegex = ["/sh$"]
            $0.parentBinaryRegex = ["runc"]
            $0.ancestorBinaryRegex = ["sshd"]
            $0.argumentsRegex = ["-c"]
            $0.parentArgumentsRegex = ["exec"]
            $0.pid = [1]
            $0.pidSet = [2, 3]
            $0.eventSet = [.processExec, .processLsm]
            $0.policyNames = ["p"]
            $0.celExpression = ["true"]
        }
        #expect(request == .with { $0.allowList = [expected] })
    }

    @Test("injected means an exec, in a container, not of its tree")
    func injected() {
        let request = arguments { $0.isInjected = true }.request
        let expected = Tetragon_Filter.with {
            $0.inInitTree = false
            $0.containerID = ["."]
            $0.eventSet = [.processExec]
        }
        #expect(request.allowList == [expected] && request.denyList.isEmpty)

        let narrowed = arguments {
            $0.isInjected = true
            $0.containerIDs = ["^4f"]
            $0.kinds = [.processExit]
        }.request.allowList
        #expect(narrowed.map(\.containerID) == [["^4f"]] && narrowed.map(\.eventSet) == [[.processExit]])
    }

    @Test("what makes a container is not of its tree, and no injection")
    func setUp() {
        let arguments = arguments { $0.isInjected = true }
        var process = Samples.podProcess("/bin/sh", inInitTree: false)
        #expect(arguments.wants(Samples.exec(process)))
        process.phase = .phaseSetup
        #expect(!arguments.wants(Samples.exec(process)))
        #expect(!arguments.wants(Samples.exec(Samples.podProcess("/bin/sh"))))
        #expect(!arguments.wants(Samples.exec(Samples.process("/bin/sh"))))
    }

    @Test("probes are denied, whatever is allowed")
    func noProbes() {
        let request = arguments { $0.hasNoProbes = true }.request
        #expect(request.allowList.isEmpty)
        #expect(request.denyList == [.with { $0.healthCheck = true }])
    }

    @Test("fields are included, then excluded; what tells an injection comes along where it is asked for")
    func fields() {
        let plain = arguments {
            $0.includedFields = ["process.binary"]
            $0.excludedFields = ["process.pod"]
        }.request.fieldFilters
        #expect(plain.map(\.action) == [.include, .exclude])
        #expect(plain.map(\.fields.paths) == [["process.binary"], ["process.pod"]])

        let injected = arguments {
            $0.includedFields = ["process.binary"]
            $0.isInjected = true
        }.request.fieldFilters
        #expect(injected.first?.fields.paths.starts(with: ["process.binary", "process.phase"]) == true)
    }

    @Test("a window is asked for as it is given, and for processes there is one in any case")
    func aggregation() throws {
        #expect(!arguments { _ in }.request.hasAggregationOptions)
        let window = arguments { $0.aggregationWindow = .milliseconds(2500) }.request
        #expect(window.aggregationOptions.windowSize == .init(seconds: 2, nanos: 500_000_000))
        #expect(!window.options.aggregateProcesses)
        let usual = arguments { $0.aggregatesProcesses = true }.request
        #expect(usual.hasAggregationOptions && !usual.aggregationOptions.hasWindowSize)
        #expect(usual.options.aggregateProcesses)
        let both = arguments {
            $0.aggregatesProcesses = true
            $0.aggregationWindow = .seconds(1)
        }.request
        #expect(both.aggregationOptions.windowSize.seconds == 1 && both.options.aggregateProcesses)
    }

    @Test(
        "kinds go by the API's names, in either case, with or without their first word",
        arguments: [
            ("PROCESS_EXEC", .processExec), ("process_exit", .processExit), ("kprobe", .processKprobe),
            ("RATE_LIMIT_INFO", .rateLimitInfo), ("exe", nil), ("", nil), ("UNDEF", nil),
        ] as [(String, Tetragon_EventType?)])
    func kinds(text: String, kind: Tetragon_EventType?) {
        #expect(EventKind.named(text) == kind)
    }

    @Test("every kind of event has a name")
    func everyKindHasAName() {
        let named = EventKind.names.compactMap(EventKind.named)
        #expect(Set(named) == Set(Tetragon_EventType.allCases).subtracting([.undef]))
        #expect(named.count == EventKind.names.count)
    }
}
