// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Logging
internal import Synchronization

/// How a log line is written: `text` is logfmt for people and grep, `json` an object for shippers.
package enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// The level of all loggers of the process, changeable while they are in use.
package final class LogLevel: Sendable {
    private let severity: Atomic<Int>

    package init(_ level: Logger.Level) { severity = Atomic(Self.levels.firstIndex(of: level) ?? 0) }

    package var current: Logger.Level {
        get { Self.levels[severity.load(ordering: .relaxed)] }
        set { severity.store(Self.levels.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    private static let levels = Logger.Level.allCases
}

/// Writes one line an entry, in one write, to a file descriptor.
///
/// Names of containers and processes come from strangers: every value is escaped, so that none can forge a line, a
/// field or a terminal sequence.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let level: LogLevel
    private let write: @Sendable ([UInt8]) -> Void

    package init(
        label: String, format: LogFormat, level: LogLevel,
        write: @escaping @Sendable ([UInt8]) -> Void = LineLogHandler.writeToStandardError
    ) {
        self.label = label
        self.format = format
        self.level = level
        self.write = write
    }

    /// One level for the whole agent: setting it on one logger sets it for all.
    package var logLevel: Logger.Level {
        get { level.current }
        set { level.current = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let given = event.metadata { fields.merge(given) { $1 } }

        var line = LogLine(format: format)
        line.append("time", LogLine.timestamp())
        line.append("level", event.level.rawValue)
        line.append("room", label)
        line.append("msg", "\(event.message)")
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) { line.append(key, "\(value)") }
        if let error = event.error { line.append("error", "\(error)") }
        write(line.finished())
    }

    package static let writeToStandardError: @Sendable ([UInt8]) -> Void = { bytes in
        // A log that cannot be written is nobody's reason to stop, and there is nowhere to say it.
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
