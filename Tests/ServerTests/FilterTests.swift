// SPDX-License-Identifier: Apache-2.0
import Events
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Server

@Suite("Filters of GetEvents")
struct FilterTests {
    /// How a call for these events ends.
    private func refusal(
        _ server: RunningServer, _ set: @Sendable @escaping (inout Tetragon_GetEventsRequest) -> Void
    ) async throws -> RPCError? {
        await #expect(throws: RPCError.self) {
            try await server.withClient { client in
                try await client.getEvents(.with(set)) { response in
                    for try await _ in response.messages {}
                }
            }
        }
    }

    @Test("a wrong filter ends the call at once with INVALID_ARGUMENT, field and position")
    func wrongFilters() async throws {
        try await RunningServer.with { server in
            let cases: [(position: String, set: @Sendable (inout Tetragon_GetEventsRequest) -> Void)] = [
                (
                    "allow_list[1].binary_regex[0]",
                    { $0.allowList = [.init(), .with { $0.binaryRegex = ["a(b"] }] }
                ),
                ("deny_list[0].labels[1]", { $0.denyList = [.with { $0.labels = ["a", "a=b="] }] }),
                (
                    "allow_list[0].capabilities.effective",
                    {
                        $0.allowList = [
                            .with {
                                $0.capabilities.effective.any = [.capBpf]
                                $0.capabilities.effective.all = [.capBpf]
                            }
                        ]
                    }
                ),
                ("aggregation_options.window_size", { $0.aggregationOptions.windowSize = .init() }),
                ("aggregation_options.channel_buffer_size", { $0.aggregationOptions.channelBufferSize = 16_001 }),
                ("options.aggregate_processes", { $0.options.aggregateProcesses = true }),
                ("deny_list[2].event_set[0]", { $0.denyList = [.init(), .init(), .with { $0.eventSet = [.undef] }] }),
            ]
            for (position, set) in cases {
                let error = try await refusal(server, set)
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.hasPrefix("GetEvents: \(position): ") == true, "\(error?.message ?? "")")
            }
            #expect(server.hub.accounts.count == 1)
        }
    }

    @Test("a wrong filter is refused before the agent is ready, too")
    func notReady() async throws {
        try await RunningServer.with(ready: false) { server in
            let error = try await refusal(server) { $0.allowList = [.with { $0.podRegex = ["["] }] }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("what cannot be obeyed is refused by name")
    func unsupported() async throws {
        // Field 200 of Filter, which a newer client may send.
        let newer = try Tetragon_Filter(serializedBytes: [0xC2, 0x0C, 0x01, 0x61] as [UInt8])
        let newerOptions = try Tetragon_GetEventsOptions(serializedBytes: [0xC2, 0x0C, 0x01, 0x61] as [UInt8])
        try await RunningServer.with { server in
            let cases: [(text: String, set: @Sendable (inout Tetragon_GetEventsRequest) -> Void)] = [
                ("a field", { $0.options = newerOptions }),
                ("deny_list[0]", { $0.denyList = [newer] }),
            ]
            for (text, set) in cases {
                let error = try await refusal(server, set)
                #expect(error?.code == .unimplemented)
                #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test("only what a request asks for is sent")
    func selection() async throws {
        try await RunningServer.with { server in
            let request = Tetragon_GetEventsRequest.with {
                $0.allowList = [
                    .with { $0.namespaceRegex = ["^kube-"] }, .with { $0.inInitTree = .with { $0.value = true } },
                ]
                $0.denyList = [.with { $0.pid = [3] }]
            }
            let pids = try await server.withClient { client in
                try await client.getEvents(request) { response in
                    _ = try response.accepted.get()
                    server.hub.publish([
                        try sampleEvent(pid: 1), try sampleEvent(pid: 2, namespace: "kube-system"),
                        try sampleEvent(pid: 3, namespace: "kube-system"),
                        try sampleEvent(pid: 4, namespace: "default", inInitTree: true),
                        try sampleEvent(pid: 5, namespace: "default"),
                        try sampleEvent(pid: 6, namespace: "kube-public"),
                    ])
                    var pids: [UInt32] = []
                    for try await message in response.messages {
                        pids.append(message.processPid)
                        if pids.count == 3 { break }
                    }
                    return pids
                }
            }
            #expect(pids == [2, 4, 6])
        }
    }
}
