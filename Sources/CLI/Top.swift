// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// Shows which containers run most programs.
struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch which containers run how many programs.",
        discussion: """
            A line a container, the busiest first: executions and ends of processes a second, then how many since the \
            beginning, and how many of the executions were brought in from outside. Above it, what the agent says of \
            itself and what is known not to have been seen. Ctrl-C ends it.

            Where stdout is no terminal, or with --iterations or JSON, one table follows another.
            """)

    @OptionGroup var server: ServerOptions

    @Option(
        name: .shortAndLong, help: "The format: a table (compact is the same), or JSON with a line for each interval.")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    @Option(
        name: [.customShort("d"), .long],
        help: ArgumentHelp("How long an interval is: 500ms, 2s, 1m.", valueName: "duration"), transform: duration)
    var interval = Duration.seconds(1)

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("End after so many intervals.", valueName: "number"))
    var iterations: Int?

    func validate() throws {
        if let iterations, iterations < 1 { throw ValidationError("--iterations: at least one is needed") }
        if interval < .milliseconds(100) { throw ValidationError("--interval: at least 100ms, to measure a rate") }
    }

    func run() async throws {
        let connection = AgentConnection(address: server.serverAddress)
        // Who cannot be reached is no reason to clear the screen.
        _ = try await connection.withClient { try await $0.healthText() }

        let display = TopDisplay(
            settings: TopDisplay.Settings(
                isJSON: output == .json, isColored: colors.isColored, interval: interval, iterations: iterations))
        defer { display.end() }
        var filter = FilterArguments()
        filter.kinds = [.processExec, .processExit, .processThrottle, .rateLimitInfo]
        let subscription = EventSubscription(
            connection: connection, request: filter.request,
            backoff: display.isLive ? Backoff(first: .seconds(1)) : nil, tell: display.tell, noteGap: display.addGap)
        try await untilInterrupted {
            try await withThrowingTaskGroup { group in
                group.addTask { try await subscription.run(display.add) }
                group.addTask { try await connection.withClient(display.run) }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }
}
