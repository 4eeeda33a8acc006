// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import Logging
import Processes
import Server
import SwiftProtobuf
import Synchronization
import Testing
import TetragonAPI

/// GetDebug and SetDebug.
@Suite struct DebugTests {
    private func process(
        _ pid: UInt32, references: UInt32 = 1, children: Int32 = 0, isOver: Bool = false, padding: Int = 0
    ) throws -> TrackedProcess {
        let message = Tetragon_Process.with {
            $0.execID = "exec-\(pid)-\(isOver)"
            $0.pid = .with { $0.value = pid }
            $0.arguments = String(repeating: "x", count: padding)
        }
        return TrackedProcess(
            pid: pid, execID: message.execID, message: try message.serializedBytes(), references: references,
            children: children, isOver: isOver)
    }

    /// Above what a kernel gives out.
    private let nobody: UInt32 = 1 << 30

    @Test("the log level is read as it is and set while the agent runs")
    func logLevel() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let before = try await client.getDebug(.with { $0.flag = .logLevel })
                #expect(before.flag == .logLevel && before.level == .info)
                for (wanted, level, told): (Tetragon_LogLevel, Logger.Level, Tetragon_LogLevel) in [
                    (.trace, .trace, .trace), (.debug, .debug, .debug), (.warn, .warning, .warn),
                    (.error, .error, .error), (.fatal, .critical, .fatal), (.panic, .critical, .fatal),
                    (.info, .info, .info),
                ] {
                    let set = try await client.setDebug(
                        .with {
                            $0.flag = .logLevel
                            $0.level = wanted
                        })
                    #expect(set.flag == .logLevel && set.level == told)
                    #expect(server.agent.now.level == level)
                    let read = try await client.getDebug(.with { $0.flag = .logLevel })
                    #expect(read.level == told)
                }
            }
        }
    }

    @Test("a flag or a level that is not known changes nothing")
    func unknown() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let get = await #expect(throws: RPCError.self) {
                    try await client.getDebug(.with { $0.flag = .UNRECOGNIZED(7) })
                }
                #expect(get?.code == .invalidArgument && get?.message == "client requested unknown config flag 7")
                let set = await #expect(throws: RPCError.self) {
                    try await client.setDebug(
                        .with {
                            $0.flag = .dumpProcessCache
                            $0.level = .debug
                        })
                }
                #expect(set?.code == .invalidArgument)
                #expect(set?.message == "client requested change of unknown config flag 1")
                for request: Tetragon_SetDebugRequest in [
                    .with { $0.flag = .logLevel },
                    .with {
                        $0.flag = .logLevel
                        $0.level = .UNRECOGNIZED(9)
                    },
                ] {
                    let error = await #expect(throws: RPCError.self) { try await client.setDebug(request) }
                    #expect(error?.code == .invalidArgument)
                }
                #expect(server.agent.now.level == .info)
            }
        }
    }

    @Test("the table is told with its book-keeping, who has exited once for all children")
    func dump() async throws {
        try await RunningServer.with { server in
            let own = UInt32(getpid())
            let processes = [
                try process(own, references: 3, children: 5), try process(0),
                // Its parent, met again at the next one.
                try process(nobody + 1, references: 2, isOver: true), try process(nobody + 1),
                try process(nobody + 2),
            ]
            let again = TrackedProcess(
                pid: nobody + 2, execID: processes[2].execID, message: processes[2].message, references: 2,
                isOver: true)
            server.agent.change { $0.processes = processes + [again] }
            let answer = try await server.withClient { try await $0.getDebug(.with { $0.flag = .dumpProcessCache }) }
            #expect(answer.flag == .dumpProcessCache)
            let told = answer.processes.processes
            #expect(told.map(\.process.pid.value).sorted() == [0, own, nobody + 1, nobody + 1, nobody + 2])
            #expect(told.first { $0.process.pid.value == own }?.refcnt.value == 3)
            #expect(
                told.first { $0.process.pid.value == own }?.refcntOps == ["process++": 1, "parent++": 5, "parent--": 3])
            #expect(told.first { $0.process.pid.value == 0 }?.refcntOps == ["process++": 1])
            #expect(
                told.filter { $0.color == "deletePending" }.map(\.process.execID).sorted() == [
                    "exec-\(nobody + 1)-false", "exec-\(nobody + 2)-false",
                ])
            #expect(told.filter { $0.color == "inUse" }.count == 3)
        }
    }

    @Test("the switches leave out who is unused and who is alive")
    func switches() async throws {
        try await RunningServer.with { server in
            let (own, nobody) = (UInt32(getpid()), nobody)
            let processes = [
                try process(own), try process(0), try process(nobody + 1), try process(nobody + 2, references: 0),
                try process(nobody + 3, isOver: true),
            ]
            server.agent.change { $0.processes = processes }
            try await server.withClient { client in
                func pids(_ change: @Sendable (inout Tetragon_DumpProcessCacheReqArgs) -> Void) async throws -> [UInt32]
                {
                    let request = Tetragon_GetDebugRequest.with {
                        $0.flag = .dumpProcessCache
                        change(&$0.dump)
                    }
                    return try await client.getDebug(request).processes.processes.map(\.process.pid.value)
                }
                #expect(try await pids { $0.skipZeroRefcnt = true } == [0, own, nobody + 1, nobody + 3])
                #expect(try await pids { $0.excludeExecveMapProcesses = true } == [nobody + 1, nobody + 2])
                let both = try await pids {
                    $0.skipZeroRefcnt = true
                    $0.excludeExecveMapProcesses = true
                }
                #expect(both == [nobody + 1])
            }
        }
    }

    @Test("one dump at a time, and none larger than an answer may be")
    func bounds() async throws {
        try await RunningServer.with { server in
            let (entered, gate) = (ReadyGate(), ReadyGate())
            let processes = try (1...60).map { try process(nobody + $0, padding: 1 << 20) }
            server.agent.change {
                $0.processes = processes
                $0.beforePage = {
                    entered.open()
                    try? await gate.pass()
                }
            }
            try await server.withClient { client in
                let request = Tetragon_GetDebugRequest.with { $0.flag = .dumpProcessCache }
                let first = Task { try await client.getDebug(request) }
                try await entered.pass()
                let second = await #expect(throws: RPCError.self) { try await client.getDebug(request) }
                #expect(second?.code == .resourceExhausted)
                #expect(second?.message.contains("just being read") == true)
                gate.open()
                let tooLarge = await #expect(throws: RPCError.self) { try await first.value }
                #expect(tooLarge?.code == .resourceExhausted)
                #expect(tooLarge?.message.contains("larger than an answer may be") == true)
                // The refusals have not left it occupied.
                server.agent.change { $0.processes = [] }
                let empty = try await client.getDebug(request)
                #expect(empty.processes.processes.isEmpty)
            }
        }
    }
}
