// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import Server
import SwiftProtobuf
import Symbols
import Testing
import TetragonAPI

/// The RPCs about sensors.
@Suite struct SensorTests {
    private func code(_ body: () async throws -> Void) async -> (RPCError.Code?, String) {
        let error = await #expect(throws: RPCError.self) { try await body() }
        return (error?.code, error?.message ?? "")
    }

    @Test("the base sensors' programs and the test sensor are listed as they are")
    func list() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let sensors = try await client.listSensors(.init()).sensors
                #expect(sensors.map(\.name) == ["__base__", "exec", "exit", "test"])
                #expect(sensors.map(\.enabled) == [true, true, true, false])
                #expect(sensors.map(\.collection) == ["__base__", "__base__", "__base__", "test"])
                server.agent.change { $0.programs = [] }
                let before = try await client.listSensors(.init()).sensors
                #expect(before.map(\.name) == ["__base__", "test"] && before.allSatisfy { !$0.enabled })
            }
        }
    }

    @Test("the test sensor is switched on and off, and removed for good")
    func test() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                _ = try await client.enableSensor(.with { $0.name = "test" })
                #expect(server.agent.now.isTestOn)
                #expect(try await client.listSensors(.init()).sensors.last?.enabled == true)
                _ = try await client.disableSensor(.with { $0.name = "test" })
                #expect(!server.agent.now.isTestOn)
                _ = try await client.enableSensor(.with { $0.name = "test" })
                _ = try await client.removeSensor(.with { $0.name = "test" })
                #expect(!server.agent.now.isTestOn)
                #expect(try await client.listSensors(.init()).sensors.allSatisfy { $0.name != "test" })
                let gone = await code { _ = try await client.enableSensor(.with { $0.name = "test" }) }
                #expect(gone == (.notFound, "sensor test does not exist"))
            }
        }
    }

    @Test("the base sensors stay on, and say why", arguments: ["__base__", "exec"])
    func base(_ name: String) async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                _ = try await client.enableSensor(.with { $0.name = name })
                for call in [
                    { _ = try await client.disableSensor(.with { $0.name = name }) },
                    { _ = try await client.removeSensor(.with { $0.name = name }) },
                ] as [@Sendable () async throws -> Void] {
                    let (code, message) = await code(call)
                    #expect(code == .failedPrecondition && message.contains("cannot be switched off"))
                }
            }
        }
    }

    @Test("the tree of a policy's stacks is told by its name, addresses where they may be")
    func stackTree() async throws {
        var tree = StackTree()
        for (inner, program) in [("read", "/bin/a"), ("write", "/bin/b"), ("write", "/bin/b")] {
            tree.add(
                [StackFrame(address: 5, symbol: inner), StackFrame(address: 3, symbol: "syscall")], label: program)
        }
        let root = tree.snapshot
        for exposed in [false, true] {
            try await RunningServer.with { server in
                server.agent.change {
                    $0.trees = ["watch": root]
                    $0.exposesAddresses = exposed
                }
                try await server.withClient { client in
                    let told = try await client.getStackTraceTree(.with { $0.name = "watch" }).root
                    #expect(told.count == 3 && told.labels.map(\.key) == ["/bin/a", "/bin/b"])
                    #expect(told.labels.map(\.count) == [1, 2])
                    let call = try #require(told.children.first)
                    #expect(call.address.symbol == "syscall" && call.address.address == (exposed ? 3 : 0))
                    #expect(call.children.map(\.address.symbol) == ["read", "write"])
                    #expect(call.children.map(\.count) == [1, 2])
                    let base = try await client.getStackTraceTree(.with { $0.name = "__base__" })
                    #expect(base.hasRoot && base.root.children.isEmpty)
                }
            }
        }
    }

    @Test("a sensor that is not there is not found")
    func unknown() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                for call in [
                    { _ = try await client.enableSensor(.with { $0.name = "other" }) },
                    { _ = try await client.disableSensor(.with { $0.name = "other" }) },
                    { _ = try await client.removeSensor(.with { $0.name = "other" }) },
                    { _ = try await client.getStackTraceTree(.with { $0.name = "other" }) },
                ] as [@Sendable () async throws -> Void] {
                    #expect(await code(call) == (.notFound, "sensor other does not exist"))
                }
                let long = await code {
                    _ = try await client.enableSensor(.with { $0.name = String(repeating: "n", count: 100_000) })
                }
                #expect(long.0 == .notFound && long.1.count < 200)
            }
        }
    }

    @Test("a sensor without stacks has an empty tree", arguments: ["__base__", "exit", "test"])
    func stacks(_ name: String) async throws {
        try await RunningServer.with { server in
            let answer = try await server.withClient { try await $0.getStackTraceTree(.with { $0.name = name }) }
            #expect(answer.hasRoot && answer.root == Tetragon_StackTraceNode())
        }
    }
}
