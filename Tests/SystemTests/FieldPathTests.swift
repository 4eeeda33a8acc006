// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Fields of the kernel's structures that a policy asks for, against what /proc says.
    @Suite struct FieldPathTests {
        private static let yaml = """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata:
              name: fields
            spec:
              tracepoints:
              - subsystem: sched
                event: sched_process_exec
                raw: true
                args:
                - {index: 0, type: string, resolve: mm.owner.comm}
                - {index: 0, type: file, resolve: mm.exe_file}
                - {index: 0, type: auto, resolve: real_parent.tgid}
                - {index: 0, type: uint64, resolve: mm.arg_start}
                - {index: 0, type: uint32, resolve: nsproxy.pid_ns_for_children.ns.inum}
                selectors:
                - matchArgs:
                  - {index: 0, operator: Equal, values: [sleep]}

            """

        @Test("fields that are reached through pointers have the values that /proc has")
        func values() async throws {
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.withPolicy("fields", Self.yaml) {
                        _ = try await Command(["/bin/cat", "/dev/null"]).outcome()
                        let command = try Command(["/bin/sleep", "30"])
                        defer { command.signal(SIGKILL) }
                        let event = try await events.first("the sleep's exec") { event in
                            if case .processTracepoint(let hit)? = event.message.event {
                                hit.process.pid.value == UInt32(command.pid)
                            } else {
                                false
                            }
                        }
                        let hit = event.message.processTracepoint
                        let stat = try String(contentsOfFile: "/proc/\(command.pid)/stat", encoding: .utf8)
                        let numbers = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
                        let namespace = try FileManager.default.destinationOfSymbolicLink(
                            atPath: "/proc/\(command.pid)/ns/pid_for_children")
                        let program = try FileManager.default.destinationOfSymbolicLink(
                            atPath: "/proc/\(command.pid)/exe")
                        try #require(hit.args.count == 5)
                        #expect(hit.args[0].stringArg == "sleep")
                        #expect(hit.args[1].fileArg.path == program)
                        #expect(hit.args[2].intArg == getpid())
                        // The 48th of proc_pid_stat(5); the first here is the second.
                        #expect(String(hit.args[3].sizeArg) == numbers[46])
                        #expect("pid:[\(hit.args[4].uintArg)]" == namespace)
                        #expect(
                            events.all.allSatisfy { event in
                                if case .processTracepoint(let other)? = event.message.event {
                                    other.args.first?.stringArg == "sleep"
                                } else {
                                    true
                                }
                            })
                    }
                }
            }
        }
    }
}
