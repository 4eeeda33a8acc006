// SPDX-License-Identifier: Apache-2.0
package import Events
package import Logging

/// What the operator says of the export.
package struct ExportConfiguration: Sendable {
    /// A file, or `-` for stdout.
    package var path: String
    /// Mode of the file and of its backups.
    package var permissions: UInt32 = 0o600
    package var rotation = RotationPolicy(maxSize: 10 << 20)
    /// Older ones are removed; 0: none is.
    package var maxBackups = 5
    /// Backups by gzip.
    package var compresses = false
    /// Events a minute; nil: all.
    package var rateLimit: Int?
    /// Which events are exported; nil: all.
    package var filter: EventFilter?
    /// And which of their fields.
    package var fields = FieldFilters.none
    /// Events that wait for the disk before some are lost.
    package var queueSize = 16_000

    package init(path: String) { self.path = path }

    /// For people.
    package var name: String { path == "-" ? "stdout" : path }
}

/// Writes every event as a line of JSON to a file, or to stdout.
///
/// It is a subscriber like others: a disk that is too slow loses lines of its own, which are counted, and never holds
/// up anybody.
package final class JSONExporter: Sendable {
    private let writer: ExportWriter
    private let subscription: Subscription

    /// A file is read later, and one write of many lines costs little more than one of one.
    private static let linger = Duration.milliseconds(20)

    /// Opens the file and subscribes: from the return on, no event is missed.
    /// - Parameter encoder: of the lines that are no events of the hub's.
    package init(
        _ configuration: ExportConfiguration, hub: EventHub, encoder: EventEncoder, logger: Logger
    ) throws {
        let written: EventFormats = configuration.fields.isEmpty ? .json : .protobuf
        subscription = hub.subscribe(
            name: "export \(configuration.name)", format: written.union(configuration.filter?.reads ?? []),
            capacity: configuration.queueSize, linger: Self.linger, accepts: configuration.filter?.predicate)
        do {
            writer = try ExportWriter(
                configuration, subscription: subscription, encoder: encoder, logger: logger, tell: { hub.tell($0) })
        } catch {
            subscription.close()
            throw ExportError("cannot use the export file \(configuration.path): \(error)")
        }
    }

    deinit { subscription.close() }

    /// Writes until the hub closes and all is written, or until stdout has no reader any more.
    package func run() async {
        defer { subscription.close() }
        await withDiscardingTaskGroup { [writer] group in
            group.addTask { while (try? await Task.sleep(for: .seconds(1))) != nil { await writer.tick() } }
            if let keeper = writer.keeper { group.addTask { await keeper.run() } }
            await writer.drain()
            group.cancelAll()
        }
    }

    /// Goes on in the file that has the name now, for whoever has moved the other away. No line is lost.
    /// - Returns: whether it could be opened; if not the other is used on, and this one tried again.
    @discardableResult
    package func reopen() async -> Bool { await writer.reopen() }
}
