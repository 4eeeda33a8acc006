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

        @Test(arguments: RefusedCall.all)
        func callThatCannotBeObeyedSaysWhy(_ call: RefusedCall) async throws {
            let agent = try agent()
            let error = await #expect(throws: RPCError.self) {
                try await agent.withClient { try await call.body($0) }
            }
            #expect(error?.code == call.code)
            let sentence = error?.message ?? ""
            #expect(sentence.contains(call.word) && sentence.split(separator: " ").count >= 4, "\(sentence)")
        }

        @Test func hookMayBeCalledOnTheMainAddressTooAndNamesWhatIsMissing() async throws {
            let agent = try agent()
            let error = await #expect(throws: RPCError.self) {
                try await agent.withClient { _ = try await $0.runtimeHook(.init()) }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    /// A call about something that is not there, and what the answer mentions.
    struct RefusedCall: Sendable, CustomTestStringConvertible {
        let name: String
        let code: RPCError.Code
        var word = "nothing"
        let body: @Sendable (AgentProcess.Client) async throws -> Void
        var testDescription: String { name }

        static let all: [Self] = [
            Self(name: "AddTracingPolicy", code: .invalidArgument, word: "no policy") {
                _ = try await $0.addTracingPolicy(.init())
            },
            Self(name: "DeleteTracingPolicy", code: .notFound) {
                _ = try await $0.deleteTracingPolicy(.with { $0.name = "nothing" })
            },
            Self(name: "EnableTracingPolicy", code: .notFound) {
                _ = try await $0.enableTracingPolicy(.with { $0.name = "nothing" })
            },
            Self(name: "DisableTracingPolicy", code: .notFound) {
                _ = try await $0.disableTracingPolicy(.with { $0.name = "nothing" })
            },
            Self(name: "EnableSensor", code: .notFound) {
                _ = try await $0.enableSensor(.with { $0.name = "nothing" })
            },
            Self(name: "DisableSensor", code: .notFound) {
                _ = try await $0.disableSensor(.with { $0.name = "nothing" })
            },
            Self(name: "RemoveSensor", code: .notFound) {
                _ = try await $0.removeSensor(.with { $0.name = "nothing" })
            },
            Self(name: "DisableSensor __base__", code: .failedPrecondition, word: "__base__") {
                _ = try await $0.disableSensor(.with { $0.name = "__base__" })
            },
            Self(name: "GetStackTraceTree", code: .notFound) {
                _ = try await $0.getStackTraceTree(.with { $0.name = "nothing" })
            },
            Self(name: "GetDebug", code: .invalidArgument, word: "77") {
                _ = try await $0.getDebug(.with { $0.flag = .UNRECOGNIZED(77) })
            },
            Self(name: "SetDebug", code: .invalidArgument, word: "77") {
                _ = try await $0.setDebug(.with { $0.flag = .UNRECOGNIZED(77) })
            },
        ]
    }
}
