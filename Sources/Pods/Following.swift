// SPDX-License-Identifier: Apache-2.0
internal import Logging

/// What is known of some objects of the API, brought up to date by lists and watches.
protocol Follower: Sendable {
    associatedtype Change: Sendable

    /// What the next watch goes on from; nil if a list is needed.
    var version: String? { get }
    mutating func forgetVersion()
    /// Asks for all of them, page by page.
    mutating func list(_ client: APIClient) async throws -> Change
    /// Follows a watch to its end. `onVoice` is called at each event that makes sense and is no failure.
    mutating func watch(
        _ client: APIClient, seconds: Int, onVoice: () -> Void, _ tell: @Sendable (Change) async -> Void
    ) async throws
}

/// Lists and watches without an end.
struct Following: Sendable {
    let access: APIAccessSource
    let path: String
    /// What is followed, for the log.
    let subject: String
    let timing: APITiming
    let logger: Logger

    func run<Followed: Follower>(
        _ follower: Followed, _ tell: @escaping @Sendable (Followed.Change) async -> Void
    ) async {
        var follower = follower
        var troubles = Troubles(subject, backoff: Backoff(first: timing.firstBackoff, longest: timing.longestBackoff))
        let clock = ContinuousClock()
        while !Task.isCancelled {
            do {
                let client = APIClient(access: try access.load(), path: path, timing: timing)
                if follower.version == nil {
                    await tell(try await follower.list(client))
                    continue
                }
                let start = clock.now
                let seconds = Int(timing.watch.components.seconds)
                var hasSaid = false
                try await follower.watch(
                    client, seconds: Int.random(in: seconds...2 * seconds),
                    onVoice: {
                        hasSaid = true
                        troubles.end(logger)
                    }, tell)
                guard hasSaid || clock.now - start >= timing.firstBackoff else {
                    throw APIError.failed("the watch ended at once")
                }
                troubles.end(logger)
                // Nor more often from a server that hangs up after every word.
                try await clock.sleep(until: start + timing.firstBackoff)
            } catch {
                guard !Task.isCancelled else { break }
                if troubles.begin(error, logger) { follower.forgetVersion() }
                try? await Task.sleep(for: troubles.wait)
            }
        }
    }
}

/// Failures in a row. A list that succeeds ends them not: the watch after it may fail like the one before.
private struct Troubles {
    /// A version that is refused so often is given up: the server may have been restored from a time before it.
    private static let triesFromVersion = 3

    private let subject: String
    private var backoff: Backoff
    private var last: String?
    private var refusals = 0
    private(set) var wait = Duration.zero

    init(_ subject: String, backoff: Backoff) {
        self.subject = subject
        self.backoff = backoff
    }

    /// Logs a trouble once, and decides how long to wait.
    /// - Returns: whether a new list is needed.
    mutating func begin(_ error: any Error, _ logger: Logger) -> Bool {
        wait = backoff.wait()
        var needsList = false
        switch error as? APIError {
        case .expired?: needsList = true
        case .refused?:
            refusals += 1
            needsList = refusals % Self.triesFromVersion == 0
        default: break
        }
        let reason = "\(error)"
        let metadata: Logger.Metadata = ["reason": "\(reason)", "next_try_in": "\(wait)"]
        if case .expired? = error as? APIError {
            logger.debug("the API server remembers less than we know, all \(subject) are asked for", metadata: metadata)
        } else if reason != last {
            logger.warning("the API server does not tell of \(subject), what is known stays", metadata: metadata)
            last = reason
        }
        return needsList
    }

    mutating func end(_ logger: Logger) {
        backoff.reset()
        refusals = 0
        guard last != nil else { return }
        logger.info("the API server tells of \(subject) again")
        last = nil
    }
}
