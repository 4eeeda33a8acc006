// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

/// Something that a process of a container does, by Tests/Programs/deed.c or a shell.
struct Deed: Sendable {
    /// What the container runs.
    let command: [String]
    /// The system calls, functions or LSM hooks at which it is seen, any of them; none for what is not to be seen.
    let calls: [String]
    /// In the value of one of the event's arguments.
    let shows: String
    /// What it ends with where nobody hinders it: 0, or the number of the error that the container meets anyway.
    let statuses: Set<Int32>
    /// A line of shell that goes before it.
    let preparation: String

    /// - Parameters:
    ///   - words: of deed's command line; a first word with a slash is a command of its own.
    ///   - others: where it is seen instead, by other kernels or where it is prevented.
    init(
        _ words: String..., seenAt call: String = "", or others: [String] = [], showing shows: String = "",
        ends statuses: Set<Int32> = [0], after preparation: String = ":"
    ) {
        command = words[0].contains("/") ? words : ["/deed"] + words
        calls = (call.isEmpty ? [] : [call]) + others
        (self.shows, self.statuses, self.preparation) = (shows, statuses, preparation)
    }

    /// Does it in a container.
    /// - Returns: what the program ended with: 128 and the number if it was a signal.
    func status(in container: RuncContainer) async throws -> Int32 {
        try await Command(RuncContainer.command(["exec", container.id] + command)).outcome().status
    }

    /// Does it, and expects it to go as it goes where nobody hinders it.
    func expectUnhindered(in container: RuncContainer) async throws {
        expectUnhindered(try await status(in: container))
    }

    func expectUnhindered(_ status: Int32) {
        #expect(statuses.contains(status), "\(self) ended with \(status), not \(statuses.sorted())")
    }

    /// Whether an event is of it and shows it.
    func isSeen(by hit: PolicyHit) -> Bool { calls.contains { hit.isOf($0, showing: shows) } }

    /// Whether an event is of its process, or of one that it has started.
    func isActor(of hit: PolicyHit) -> Bool {
        [hit.process, hit.parent].contains {
            $0.binary == command[0] && $0.arguments == command.dropFirst().joined(separator: " ")
        }
    }

    /// Does many in a container, one after the other in one shell: a runtime takes long to bring each of them in.
    /// - Returns: what each ended with, as `status(in:)` does.
    static func statuses(of deeds: [Deed], in container: RuncContainer) async throws -> [Int32] {
        let lines = deeds.map { deed in
            let words = deed.command.map { "'\($0)'" }.joined(separator: " ")
            return "\(deed.preparation); \(words) >/dev/null; echo status $?"
        }
        let outcome = try await container.exec("/bin/sh", "-c", lines.joined(separator: "\n"))
        let statuses = outcome.output.split(separator: "\n").compactMap { line in
            line.hasPrefix("status ") ? Int32(line.dropFirst(7)) : nil
        }
        guard statuses.count == deeds.count else { throw Failure("of \(deeds.count) deeds, \(outcome)") }
        return statuses
    }
}

extension Deed: CustomStringConvertible {
    var description: String { command.joined(separator: " ") }
}
