// SPDX-License-Identifier: Apache-2.0

import CLICore
import GRPCCore
import Glibc
import Synchronization
import TetragonAPI

/// Counts events, and shows at the end of each interval how things stand.
final class TopDisplay: Sendable {
    struct Settings {
        var isJSON: Bool
        var isColored: Bool
        var interval: Duration
        /// Nil for no end.
        var iterations: Int?
    }

    private struct Watch {
        var model = TopModel()
        /// What the subscription has said last.
        var word = ""
    }

    /// One picture follows another in the same place.
    let isLive: Bool
    private let settings: Settings
    private let screen: Screen?
    private let watch = Mutex(Watch())

    init(settings: Settings) {
        self.settings = settings
        isLive = !settings.isJSON && settings.iterations == nil && StandardOutput.isTerminal
        screen = isLive ? Screen() : nil
    }

    /// Gives the user's screen back.
    func end() { screen?.leave() }

    func add(_ event: Tetragon_GetEventsResponse) { watch.withLock { $0.model.add(event) } }

    func addGap() { watch.withLock { $0.model.addGap() } }

    /// A live screen has a place for what there is to tell; nothing may come between its lines.
    func tell(_ text: String) {
        if isLive { watch.withLock { $0.word = text } } else { complain(text) }
    }

    func run(_ client: AgentConnection.Client) async throws {
        let clock = ContinuousClock()
        var begin = clock.now
        var remaining = settings.iterations
        while remaining != 0 {
            try await clock.sleep(until: begin + settings.interval)
            let health = try? await client.healthText()
            let snapshot = watch.withLock { watch in
                let end = clock.now
                defer { begin = end }
                var snapshot = watch.model.endInterval(after: end - begin)
                snapshot.agent = health ?? watch.word
                return snapshot
            }
            remaining = remaining.map { $0 - 1 }
            try show(snapshot, isLast: remaining == 0)
        }
    }

    private func show(_ snapshot: TopSnapshot, isLast: Bool) throws {
        if settings.isJSON {
            return try StandardOutput.write(snapshot.json(time: now()))
        }
        let size = StandardOutput.size
        let lines = snapshot.lines(
            isColored: settings.isColored, height: isLive ? size?.lines : nil, width: size?.columns)
        if let screen {
            try screen.show(lines)
        } else {
            try StandardOutput.write(lines.map { $0 + "\n" }.joined() + (isLast ? "" : "\n"))
        }
    }

    private func now() -> String {
        timeText(seconds: Int64(time(nil)), nanoseconds: 0)
    }
}

extension AgentConnection.Client {
    /// What the agent says of itself, in a line.
    func healthText() async throws -> String {
        let answer = try await getHealth(Tetragon_GetHealthStatusRequest(), options: .brief)
        return answer.healthStatus.map(\.details).joined(separator: "; ")
    }
}

/// The terminal's other screen, on which a picture follows another; the user's own is there again afterwards.
private struct Screen: Sendable {
    /// The other screen, no cursor, no line that goes on in the next.
    private static let begin = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[2J"
    private static let end = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"

    init() { try? StandardOutput.write(Self.begin) }

    func leave() { try? StandardOutput.write(Self.end) }

    /// Line over line, each cleared behind its end: nothing flickers.
    func show(_ lines: [String]) throws {
        try StandardOutput.write("\u{1b}[H" + lines.map { $0 + "\u{1b}[K\n" }.joined() + "\u{1b}[J")
    }
}
