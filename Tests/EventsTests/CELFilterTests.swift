// SPDX-License-Identifier: Apache-2.0
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events

@Suite struct CELFilterTests {
    private func event(_ response: Tetragon_GetEventsResponse, kind: EventKind) throws -> Event {
        Event(
            kind: kind, time: 0, process: nil, parent: nil,
            message: GRPCNIOTransportBytes(try response.serializedBytes() as [UInt8]), json: [])
    }

    private func exec() throws -> Event {
        try event(
            .with {
                $0.processExec.process.binary = "/usr/bin/nc"
                $0.processExec.process.pid = 7
                $0.processExec.process.inInitTree = false
                $0.processExec.process.pod.namespace = "payments"
                $0.processExec.process.pod.podLabels = ["app": "web"]
                $0.processExec.process.environmentVariables = [
                    .with {
                        $0.key = "HOME"
                        $0.value = "/root"
                    }
                ]
                $0.nodeName = "n"
            }, kind: .processExec)
    }

    private func matches(_ expressions: String..., event: Event) throws -> Bool {
        let filter = try EventFilter(allow: [.with { $0.celExpression = expressions }])
        return filter.predicate?(event) ?? true
    }

    @Test(arguments: [
        ("process_exec.process.binary.endsWith('/nc') && process_exec.process.pod.namespace == 'payments'", true),
        ("process_exec.process.pid > 7u", false), ("process_exec.process.in_init_tree == false", true),
        ("process_exec.process.pod.pod_labels['app'] == 'web'", true),
        ("process_exec.process.environment_variables.exists(v, v.Key == 'HOME' && v.Value == '/root')", true),
        ("process_exec.process.environment_variables.exists(v, v.Key == 'SHELL')", false),
        // Without a value: a label that is not there, and more steps than there are.
        ("process_exec.process.pod.pod_labels['tier'] == 'x'", false),
        ("lists.range(1000).all(x, lists.range(1000).all(y, true))", false),
        // Of another kind of event it says nothing.
        ("process_exit.status == 0u", false), ("!has(process_exit.process)", false), ("true", true),
    ])
    func `an expression is asked of the whole event`(expression: String, isTrue: Bool) throws {
        #expect(try matches(expression, event: exec()) == isTrue)
    }

    @Test func `of several expressions any suffices, beside the filter's other fields`() throws {
        #expect(try matches("false", "true", event: exec()))
        let both = try EventFilter(
            allow: [
                .with {
                    $0.celExpression = ["true"]
                    $0.eventSet = [.processExit]
                }
            ])
        #expect(try both.predicate?(exec()) == false)
    }

    @Test func `an event that cannot be read is no match`() throws {
        let torn = Event(
            kind: .processExec, time: 0, process: nil, parent: nil,
            message: GRPCNIOTransportBytes([0x0A, 0x7F, 0x01] as [UInt8]), json: [])
        #expect(try !matches("true", event: torn))
    }

    @Test func `a filter says that it reads the encoded event`() throws {
        #expect(try EventFilter(allow: [.with { $0.celExpression = ["true"] }]).reads == .protobuf)
        #expect(try EventFilter(deny: [.with { $0.pid = [1] }]).reads == [])
    }

    @Test(arguments: [
        ("1 +", "1:4"), ("process_exec.process.nam == 'x'", "nam"), ("process_exec.process.pid", "bool"),
        ("nothing", "nothing"), ("'x'.matches('.{800}' + '')", "written out"),
        ("lists.range(9).exists(i, 'x'.matches(string(i)))", "written out"),
        ("Filter{namespace: ['a']} != Filter{}", "messages cannot be made"),
        ("process_exec.process.binary.matches('(')", ""), ("'a' + 1", ""),
    ])
    func `one that is wrong is refused with its place`(expression: String, reason: String) throws {
        let error = #expect(throws: FilterError.self) {
            try EventFilter(deny: [.init(), .with { $0.celExpression = ["true", expression] }])
        }
        #expect(error?.kind == .invalid && error?.position == "deny_list[1].cel_expression[1]")
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test func `there are not too many`() {
        let error = #expect(throws: FilterError.self) {
            try EventFilter(
                allow: [.with { $0.celExpression = Array(repeating: "true", count: 10) }],
                deny: [.with { $0.celExpression = Array(repeating: "true", count: 7) }])
        }
        #expect(error?.position == "deny_list[0].cel_expression")
    }
}
