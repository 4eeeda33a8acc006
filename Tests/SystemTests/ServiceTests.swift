// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// The API as its clients meet it.
    @Suite(.sharedAgent) struct ServiceTests {
        @Test func versionAndHealthAreAnswered() async throws {
            let agent = try agent()
            let (version, health) = try await agent.withClient { client in
                (try await client.getVersion(.init()).version, try await client.getHealth(.init()).healthStatus)
            }
            #expect(version.contains(/^\d+\.\d+\.\d+/))
            #expect(health.map(\.status) == [.healthStatusRunning])
            let status = try await Command.succeed([Artifacts.client, "status", "--server-address", agent.address])
            #expect(status.output.contains("running"))
            #expect(status.output.contains(version))
        }

        @Test(arguments: UnimplementedCall.all)
        func callThatIsNotThereYetSaysSo(_ call: UnimplementedCall) async throws {
            let agent = try agent()
            let error = await #expect(throws: RPCError.self) {
                try await agent.withClient { try await call.body($0) }
            }
            #expect(error?.code == .unimplemented)
            let sentence = error?.message ?? ""
            #expect(sentence.contains(call.name) && sentence.split(separator: " ").count >= 4, "\(sentence)")
        }

        @Test func hookMayBeCalledOnTheMainAddressTooAndNamesWhatIsMissing() async throws {
            let agent = try agent()
            let error = await #expect(throws: RPCError.self) {
                try await agent.withClient { _ = try await $0.runtimeHook(.init()) }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    /// A call that comes with a later version.
    struct UnimplementedCall: Sendable, CustomTestStringConvertible {
        let name: String
        let body: @Sendable (AgentProcess.Client) async throws -> Void
        var testDescription: String { name }

        static let all: [Self] = [
            Self(name: "AddTracingPolicy") { _ = try await $0.addTracingPolicy(.init()) },
            Self(name: "DeleteTracingPolicy") { _ = try await $0.deleteTracingPolicy(.init()) },
            Self(name: "ListTracingPolicies") { _ = try await $0.listTracingPolicies(.init()) },
            Self(name: "EnableTracingPolicy") { _ = try await $0.enableTracingPolicy(.init()) },
            Self(name: "DisableTracingPolicy") { _ = try await $0.disableTracingPolicy(.init()) },
            Self(name: "ListSensors") { _ = try await $0.listSensors(.init()) },
            Self(name: "EnableSensor") { _ = try await $0.enableSensor(.init()) },
            Self(name: "DisableSensor") { _ = try await $0.disableSensor(.init()) },
            Self(name: "RemoveSensor") { _ = try await $0.removeSensor(.init()) },
            Self(name: "GetStackTraceTree") { _ = try await $0.getStackTraceTree(.init()) },
            Self(name: "GetDebug") { _ = try await $0.getDebug(.init()) },
            Self(name: "SetDebug") { _ = try await $0.setDebug(.init()) },
        ]
    }
}
