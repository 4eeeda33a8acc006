// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import GRPCCore
import TetragonAPI
import UnixSignals

/// Prints events from now on, until it is interrupted or the agent goes.
struct GetEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "getevents",
        abstract: "Print events as they come.",
        discussion: """
            Ctrl-C ends it. "apus: subscribed" on stderr says from when on nothing is missed.

            In compact lines and tables, "injected" marks processes that were brought into a container from outside; \
            they do not descend from its entrypoint.
            """)

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON by lines, compact lines, or a table.")
    var output = OutputFormat.json

    @Option(
        name: [.customShort("n"), .customLong("namespace")],
        help: "Only events of pods in this namespace. May be given more than once.")
    var namespaces: [String] = []

    @OptionGroup var colors: ColorOptions

    @Flag(help: "Show the time of each event to the nanosecond, in UTC.")
    var timestamps = false

    func run() async throws {
        let style = OutputStyle(
            isColored: colors.isColored, showsTimestamps: timestamps, lineWidth: StandardOutput.lineWidth)
        // Trapped before the call starts, so that no signal finds the process unprepared.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)

        try await withThrowingTaskGroup { group in
            group.addTask { try await stream(output.formatter(style)) }
            group.addTask {
                for await _ in signals { return }
            }
            defer { group.cancelAll() }
            // Whichever ends first: the stream, or the user's patience.
            try await group.next()
        }
    }

    private var request: Tetragon_GetEventsRequest {
        var request = Tetragon_GetEventsRequest()
        if !namespaces.isEmpty {
            var filter = Tetragon_Filter()
            filter.namespace = namespaces
            request.allowList = [filter]
        }
        return request
    }

    private func stream(_ formatter: any EventFormatter) async throws {
        let connection = AgentConnection(address: server.serverAddress)
        try await connection.withClient { client in
            try await client.getEvents(request) { response in
                if case .success = response.accepted { complain("subscribed to \(connection.address)") }
                var formatter = formatter
                for try await event in response.messages {
                    try StandardOutput.write(formatter.format(event))
                }
                if !Task.isCancelled { complain("the agent has ended the stream") }
            }
        }
    }
}
