// SPDX-License-Identifier: Apache-2.0
package import Events
internal import Glibc
package import Logging
internal import SystemPackage

/// Writes every event as a line of JSON to a file, or to stdout.
///
/// It is a subscriber like others: a disk that is too slow loses lines of its own, which are counted, and never holds
/// up anybody.
package final class JSONExporter: Sendable {
    private let name: String
    private let file: ExportFile
    private let subscription: Subscription
    private let fields: FieldFilters
    private let logger: Logger

    /// Lines written in one go.
    private static let batch = 256
    /// A file is read later, and one write of many lines costs little more than one of one.
    private static let linger = Duration.milliseconds(20)

    /// Opens the file and subscribes: from the return on, no event is missed.
    /// - Parameters:
    ///   - path: a file, or `-` for stdout.
    ///   - filter: which events are written; all where it is nil.
    ///   - fields: which of their fields.
    package init(
        path: String, permissions: UInt32, hub: EventHub, capacity: Int, filter: EventFilter? = nil,
        fields: FieldFilters = .none, logger: Logger
    ) throws {
        file = try path == "-" ? .standardOutput : ExportFile(path: path, permissions: permissions)
        name = path == "-" ? "stdout" : path
        subscription = hub.subscribe(
            name: "export \(name)", format: fields.isEmpty ? .json : .protobuf, capacity: capacity,
            linger: Self.linger, accepts: filter?.predicate)
        self.fields = fields
        self.logger = logger
    }

    deinit { subscription.close() }

    /// Writes until the hub closes and all is written, or until stdout has no reader any more.
    package func run() async {
        defer { subscription.close() }
        var failures = FailureLog()
        var bytes: [UInt8] = []
        while let events = await subscription.next(upTo: Self.batch) {
            bytes.removeAll(keepingCapacity: true)
            do {
                for event in events { bytes.append(contentsOf: fields.isEmpty ? event.json : try fields.line(event)) }
                try file.write(bytes)
            } catch Errno.brokenPipe {
                logger.notice("nobody reads the exported events any more", metadata: ["export": "\(name)"])
                return
            } catch {
                failures.add(lines: events.count, error)
                failures.report(to: logger, name)
            }
        }
        failures.report(to: logger, name, now: true)
    }
}

/// Lines that could not be written, told once a minute: a full disk is one fact, not one for every event.
private struct FailureLog {
    private var unreported = 0
    private var total = 0
    private var last: (any Error)?
    private var reported: ContinuousClock.Instant?

    mutating func add(lines: Int, _ error: any Error) {
        unreported += lines
        total += lines
        last = error
    }

    mutating func report(to logger: Logger, _ name: String, now: Bool = false) {
        guard unreported > 0, now || reported.map({ $0.duration(to: .now) >= .seconds(60) }) ?? true else { return }
        logger.error(
            "cannot write exported events",
            metadata: [
                "export": "\(name)", "error": "\(last.map { "\($0)" } ?? "")", "lost": "\(unreported)",
                "lost_total": "\(total)",
            ])
        unreported = 0
        reported = .now
    }
}
