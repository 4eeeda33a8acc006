// SPDX-License-Identifier: Apache-2.0

import UnixSignals

/// Does something until it is done or the user has had enough of it (SIGINT, SIGTERM), which is no error.
func untilInterrupted(_ body: @escaping @Sendable () async throws -> Void) async throws {
    // Trapped before anything starts, so that no signal finds the process unprepared.
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    try await withThrowingTaskGroup { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in signals { return }
        }
        defer { group.cancelAll() }
        try await group.next()
    }
}
