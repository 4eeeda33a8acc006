// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Something that a process of a container does, by Tests/Programs/deed.c or a shell.
struct Deed: Sendable {
    /// What the container runs.
    let command: [String]
    /// The system call or LSM hook at which it is seen; empty for what is not to be seen.
    let call: String
    /// In the value of one of the event's arguments.
    let shows: String
    /// What it ends with where nobody hinders it: 0, or the number of the error that the container meets anyway.
    let statuses: Set<Int32>

    /// - Parameter words: of deed's command line; a first word with a slash is a command of its own.
    init(_ words: String..., seenAt call: String = "", showing shows: String = "", ends statuses: Set<Int32> = [0]) {
        command = words[0].contains("/") ? words : ["/deed"] + words
        (self.call, self.shows, self.statuses) = (call, shows, statuses)
    }

    /// Does it in a container.
    /// - Returns: what the program ended with: 128 and the number if it was a signal.
    func status(in container: RuncContainer) async throws -> Int32 {
        try await Command(RuncContainer.command(["exec", container.id] + command)).outcome().status
    }

    /// Does it, and expects it to go as it goes where nobody hinders it.
    func expectUnhindered(in container: RuncContainer) async throws {
        let status = try await status(in: container)
        #expect(statuses.contains(status), "\(self) ended with \(status), not \(statuses.sorted())")
    }
}

extension Deed: CustomStringConvertible {
    var description: String { command.joined(separator: " ") }
}
