// SPDX-License-Identifier: Apache-2.0

/// What GetHealth says of an agent that is ready.
package struct HealthReport: Sendable, Equatable {
    package enum Status: Sendable {
        case running
        case stopped
        case error
    }

    package var status: Status
    /// For people: "running", or what is wrong.
    package var details: String
    /// False of an agent whose own works stand still, so that only a new start helps.
    package var isAlive: Bool

    package init(_ status: Status, details: String, isAlive: Bool = true) {
        self.status = status
        self.details = details
        self.isAlive = isAlive
    }
}

/// What the agent's health is judged by.
package struct HealthFacts: Sendable {
    /// Since the thread that reads the ring last came round. It sleeps for a second at most.
    package var sinceLastRound: Duration
    /// The programs that are attached.
    package var attachedPrograms: Int
    /// Records of the last minute.
    package var lastMinute: RecordCounts
    /// Everything else that people may want to know, after a comma.
    package var summary: String

    package init(sinceLastRound: Duration, attachedPrograms: Int, lastMinute: RecordCounts, summary: String) {
        self.sinceLastRound = sinceLastRound
        self.attachedPrograms = attachedPrograms
        self.lastMinute = lastMinute
        self.summary = summary
    }
}

extension HealthReport {
    private static let longestRound = Duration.seconds(10)

    /// RUNNING, or ERROR with what is wrong in front.
    package init(_ facts: HealthFacts) {
        let recent = facts.lastMinute
        var faults: [String] = []
        let stands = facts.sinceLastRound > Self.longestRound
        if stands { faults.append("the ring has not been read for \(facts.sinceLastRound.components.seconds) s") }
        if facts.attachedPrograms == 0 { faults.append("no sensor is attached") }
        // A hundredth: what a burst costs passes, what is lost day by day does not.
        if recent.lost > 0, recent.lost >= (recent.received + 98) / 99 {
            faults.append(
                "\(recent.lost) records of the last minute were lost and \(recent.received) received: "
                    + "the ring is too small for what happens here (--rb-size), or the agent gets too little CPU")
        }
        if recent.malformed > 0 {
            faults.append(
                "\(recent.malformed) records of the last minute were malformed: "
                    + "the programs in the kernel are not this agent's")
        }
        guard faults.isEmpty else {
            self.init(
                .error, details: "error: " + faults.joined(separator: "; ") + "; " + facts.summary,
                isAlive: !stands && facts.attachedPrograms > 0)
            return
        }
        self.init(.running, details: "running: " + facts.summary)
    }
}
