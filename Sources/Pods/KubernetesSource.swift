// SPDX-License-Identifier: Apache-2.0
package import Logging
package import Models

/// This node's pods, from the API server of its cluster: `--enable-k8s-api`.
package struct KubernetesSource: PodSource {
    private let access: APIAccessSource
    private let nodeName: String
    private let timing: APITiming
    private let logger: Logger

    /// - Throws: where there is no way to an API server. Later on that is logged and tried again.
    package init(
        access: APIAccessSource, nodeName: String, timing: APITiming = APITiming(), logger: Logger
    ) throws(APIAccessError) {
        _ = try access.load()
        self.access = access
        self.nodeName = nodeName
        self.timing = timing
        self.logger = logger
    }

    package func run(_ tell: @escaping @Sendable (PodChange) async -> Void) async {
        var follower = PodFollower(nodeName: nodeName, logger: logger)
        var troubles = Troubles(backoff: Backoff(first: timing.firstBackoff, longest: timing.longestBackoff))
        let clock = ContinuousClock()
        while !Task.isCancelled {
            do {
                let client = APIClient(access: try access.load(), timing: timing)
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

    private var backoff: Backoff
    private var last: String?
    private var refusals = 0
    private(set) var wait = Duration.zero

    init(backoff: Backoff) { self.backoff = backoff }

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
            logger.debug("the API server remembers less than we know, all pods are asked for", metadata: metadata)
        } else if reason != last {
            logger.warning("the API server does not tell of pods, what is known stays", metadata: metadata)
            last = reason
        }
        return needsList
    }

    mutating func end(_ logger: Logger) {
        backoff.reset()
        refusals = 0
        guard last != nil else { return }
        logger.info("the API server tells of pods again")
        last = nil
    }
}
