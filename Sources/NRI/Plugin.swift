// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Logging

/// The plugin: connections to the runtime, one after the other.
package struct Plugin {
    private static let shortestPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(5)

    private let identity: PluginIdentity
    private let service: PluginService
    private let log: Logger

    package init(_ identity: PluginIdentity, service: PluginService, log: Logger) {
        self.identity = identity
        self.service = service
        self.log = log
    }

    /// Serves over a connection that the runtime has made, to its end: the runtime starts another process for the next.
    package func serve(_ socket: RuntimeSocket) throws(ConnectionFailure) {
        var session = Session(socket, identity: identity, service: service, log: log)
        try session.run()
        log.notice("the runtime closed the connection")
    }

    /// Connects to the runtime, and again whenever the connection ends, after pauses that grow from a tenth of a second
    /// to five seconds.
    package func serve(socketPath: String) -> Never {
        var pause = Self.shortestPause
        var lastFailure: ConnectionFailure?
        while true {
            let started = ContinuousClock.now
            do {
                try serve(RuntimeSocket(path: socketPath))
                lastFailure = nil
            } catch {
                // The same again is no news, only proof of patience.
                log.log(
                    level: error == lastFailure ? .debug : .error, "no connection to the runtime",
                    metadata: ["attempt": "\(error.attempt)", "error": "\(error.reason)", "advice": "\(error.advice)"])
                lastFailure = error
            }
            if started.duration(to: .now) > Self.longestPause { pause = Self.shortestPause }
            usleep(useconds_t(pause / .microseconds(1)))
            pause = min(pause * 2, Self.longestPause)
        }
    }
}
