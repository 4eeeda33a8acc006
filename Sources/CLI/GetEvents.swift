// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Synchronization
import TetragonAPI

/// Prints events from now on, until it is interrupted or the agent goes; or those that stdin has.
struct GetEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "getevents",
        abstract: "Print events as they come.",
        discussion: """
            Ctrl-C ends it. "apus: subscribed" on stderr says from when on nothing is missed.

            In compact lines and tables, "injected" marks processes that were brought into a container from outside; \
            they do not descend from its entrypoint.

            Of a flag that is given several times any value will do; of several flags each must be met. Regular \
            expressions are RE2's and match anywhere in the text.

            With - or --stdin, events come as JSON lines from stdin, as the agent exports them. What needs an \
            expression or changes fields is then refused: no agent is there to do it.
            """)

    @Argument(
        help: ArgumentHelp("- for events from stdin.", valueName: "-"),
        transform: {
            guard $0 == "-" else { throw ValidationError("unexpected argument: only - can stand here, for stdin") }
            return $0
        })
    var source: String?

    @Flag(help: "Read events as JSON lines from stdin, and ask no agent.")
    var stdin = false

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON by lines, compact lines, or a table.")
    var output = OutputFormat.json

    @OptionGroup(title: "Which events") var events: EventFilterOptions

    @Option(
        name: .customLong("aggregate"),
        help: ArgumentHelp(
            "Make one event, with a count, of those of one process at one place of a policy within so much time.",
            valueName: "duration"),
        transform: duration)
    var aggregationWindow: Duration?

    @Flag(
        name: .customLong("aggregate-processes"),
        help: "Also of execs and of exits of the same binary in the same container; within 15s, if not told otherwise.")
    var aggregatesProcesses = false

    @OptionGroup var colors: ColorOptions

    @Flag(help: "Show the time of each event to the nanosecond, in UTC.")
    var timestamps = false

    @Flag(help: "Keep trying when there is no agent, or when it goes. What happens meanwhile is not seen.")
    var reconnect = false

    @Option(
        help: ArgumentHelp(
            "How long to wait before trying again: 500ms, 2s. Each further time it is twice as long, up to a minute.",
            valueName: "duration"),
        transform: duration)
    var reconnectWait = Duration.seconds(2)

    private var filter: FilterArguments {
        var filter = events.filter
        filter.aggregationWindow = aggregationWindow
        filter.aggregatesProcesses = aggregatesProcesses
        return filter
    }

    private var readsStandardInput: Bool { stdin || source != nil }

    func validate() throws {
        guard readsStandardInput else { return }
        if reconnect { throw ValidationError("--reconnect is for agents, and there is none behind stdin") }
        do { _ = try LocalFilter(filter) } catch { throw ValidationError("\(error)") }
    }

    func run() async throws {
        let style = OutputStyle(
            isColored: colors.isColored, showsTimestamps: timestamps, lineWidth: StandardOutput.lineWidth)
        let formatter = Mutex(output.formatter(style))
        let filter = filter
        let write: @Sendable (Tetragon_GetEventsResponse) throws -> Void = { event in
            try formatter.withLock { try StandardOutput.write($0.format(event)) }
        }

        if readsStandardInput {
            let local = try LocalFilter(filter)
            try await untilInterrupted { try await StandardInput.readEvents { if local.matches($0) { try write($0) } } }
        } else {
            let subscription = EventSubscription(
                connection: AgentConnection(address: server.serverAddress), request: filter.request,
                backoff: reconnect ? Backoff(first: reconnectWait) : nil)
            try await untilInterrupted { try await subscription.run { if filter.wants($0) { try write($0) } } }
        }
    }
}
