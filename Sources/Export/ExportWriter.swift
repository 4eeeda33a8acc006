// SPDX-License-Identifier: Apache-2.0
internal import Events
internal import Logging
internal import Models
internal import Processes
internal import SystemPackage

/// Writes lines to the file in use, and puts another in its place when it is time.
///
/// That another file cannot be had is no reason to lose a line: the one in use is then used on, and a second later it is
/// tried again.
actor ExportWriter {
    private let name: String
    /// nil for stdout, which is never another file.
    private let rotating: (place: ExportPlace, policy: RotationPolicy, keeper: BackupKeeper)?
    private let subscription: Subscription
    private let encoder: EventEncoder
    private let fields: FieldFilters
    private let logger: Logger
    /// What others may want to know as well.
    private let tell: @Sendable (Event) -> Void
    private let queue = DiskQueue("export")
    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    private var file: ExportFile
    private var openedAt: UInt64
    private var limit: RateLimit?
    /// The name leads to another file, or soon will.
    private var wantsOtherFile = false
    /// When another may be tried again.
    private var retryAt: UInt64 = 0
    private var placeAllowance = LineAllowance.onceAMinute()

    private var lines: [UInt8] = []
    private var lineCount: UInt64 = 0
    private var outcome = Outcome()
    private var failures = Failures()
    private var hasReader = true

    /// Events taken in one go, and about as many bytes as are written in one.
    private static let batch = 1024
    private static let chunk = 256 << 10

    init(
        _ configuration: ExportConfiguration, subscription: Subscription, encoder: EventEncoder, logger: Logger,
        tell: @escaping @Sendable (Event) -> Void
    ) throws(ExportError) {
        let now = WallClock.bootNanoseconds
        if configuration.path == "-" {
            rotating = nil
            file = .standardOutput
        } else {
            let place = try ExportPlace(path: configuration.path, permissions: configuration.permissions)
            file = try place.open()
            let keeper = BackupKeeper(
                place, maxBackups: configuration.maxBackups, compresses: configuration.compresses, logger: logger)
            rotating = (place, configuration.rotation, keeper)
        }
        name = configuration.name
        openedAt = now
        limit = configuration.rateLimit.map { RateLimit(perMinute: $0, now: now) }
        self.subscription = subscription
        self.encoder = encoder
        fields = configuration.fields
        self.logger = logger
        self.tell = tell
    }

    nonisolated var keeper: BackupKeeper? { rotating?.keeper }

    /// Writes until the hub closes and all is written, or until stdout has no reader any more.
    func drain() async {
        while hasReader, let events = await subscription.next(upTo: Self.batch) { write(events) }
        tellWithheld(WallClock.bootNanoseconds, isLast: true)
        if let lost = failures.unreported { report(lost) }
    }

    /// Does what is due by time, without an event.
    func tick() {
        let now = WallClock.bootNanoseconds
        if !file.look() { wantsOtherFile = true }
        makeRoom(for: 0, now)
        tellWithheld(now, isLast: false)
        reportFailures(now)
    }

    /// The file may have been moved away: from now on lines go to the file that has the name.
    /// - Returns: whether that is so already; if not the reason is logged, and it will be.
    func reopen() -> Bool {
        wantsOtherFile = true
        retryAt = 0
        makeRoom(for: 0, WallClock.bootNanoseconds)
        return !wantsOtherFile
    }

    // MARK: Lines

    private func write(_ events: [Event]) {
        let now = WallClock.bootNanoseconds
        for event in events {
            if limit?.take(now: now) == false {
                outcome.withheld += 1
                continue
            }
            if fields.isEmpty {
                add(event.json, now)
            } else if let line = try? fields.line(event) {
                add(line, now)
            } else {
                outcome.failed["no JSON", default: 0] += 1
            }
        }
        flush()
        subscription.add(outcome)
        outcome = Outcome()
        reportFailures(now)
    }

    private func add(_ line: [UInt8], _ now: UInt64) {
        if lines.count + line.count > Self.chunk { flush() }
        if mustMakeRoom(for: line.count, now) {
            flush()
            makeRoom(for: line.count, now)
        }
        lines.append(contentsOf: line)
        lineCount += 1
    }

    private func flush() {
        guard lineCount > 0 else { return }
        let (bytes, error) = file.append(lines)
        let written = error == nil ? lineCount : UInt64(lines[..<bytes].count { $0 == UInt8(ascii: "\n") })
        outcome.written += written
        if let error {
            outcome.failed["\(error)", default: 0] += lineCount - written
            failures.add(lineCount - written, error)
            if error == .brokenPipe { hasReader = false }
        } else if failures.end() {
            logger.notice("exported events can be written again", metadata: ["export": "\(name)"])
        }
        // One long line does not hold its memory for ever.
        lines.removeAll(keepingCapacity: lines.capacity <= 2 * Self.chunk)
        lineCount = 0
    }

    private func tellWithheld(_ now: UInt64, isLast: Bool) {
        guard let count = limit?.due(now: now, isLast: isLast) else { return }
        let info = encoder.rateLimitInfo(dropped: count, time: WallClock().wall(now))
        makeRoom(for: info.json.count, now)
        // If it cannot be written the next one tells of more.
        guard file.append(info.json).error == nil else { return }
        limit?.told(count, now: now)
        tell(info)
    }

    // MARK: Another file

    /// - Parameter growth: bytes of the next line; 0: there is none.
    private func mustMakeRoom(for growth: Int, _ now: UInt64) -> Bool {
        guard let rotating, now >= retryAt else { return false }
        return wantsOtherFile
            || rotating.policy.isDue(size: file.size + lines.count, growth: growth, age: now &- openedAt)
    }

    /// Whatever was to be written must have been.
    private func makeRoom(for growth: Int, _ now: UInt64) {
        guard let rotating, mustMakeRoom(for: growth, now) else { return }
        do {
            if rotating.policy.isDue(size: file.size, growth: growth, age: now &- openedAt) {
                try rotating.place.moveAside(file.identity)
                wantsOtherFile = true
            }
            file = try rotating.place.open()
            openedAt = now
            wantsOtherFile = false
            placeAllowance.reset()
            rotating.keeper.wake()
        } catch {
            retryAt = now &+ 1_000_000_000
            guard placeAllowance.take(now: now) != nil else { return }
            logger.error(
                "cannot begin another export file, the last one is used on",
                metadata: ["export": "\(name)", "error": "\(error)"])
        }
    }

    // MARK: What was lost

    private func reportFailures(_ now: UInt64) {
        if let lost = failures.due(now) { report(lost) }
    }

    private func report(_ lost: (count: UInt64, error: Errno)) {
        failures.reported()
        if lost.error == .brokenPipe {
            logger.notice("nobody reads the exported events any more", metadata: ["export": "\(name)"])
        } else {
            logger.error(
                "cannot write exported events",
                metadata: ["export": "\(name)", "error": "\(lost.error)", "lost": "\(lost.count)"])
        }
    }
}

/// Lines that could not be written and of which the log does not yet know.
private struct Failures {
    private var count: UInt64 = 0
    private var error: Errno?
    /// The log has been told, and nothing was written since.
    private var isTold = false
    private var allowance = LineAllowance.onceAMinute()

    mutating func add(_ lines: UInt64, _ error: Errno) {
        count += lines
        self.error = error
    }

    /// Something was written.
    /// - Returns: whether the log should be told.
    mutating func end() -> Bool {
        defer { isTold = false }
        return isTold
    }

    var unreported: (count: UInt64, error: Errno)? { error.map { (count, $0) } }

    mutating func due(_ now: UInt64) -> (count: UInt64, error: Errno)? {
        unreported != nil && allowance.take(now: now) != nil ? unreported : nil
    }

    mutating func reported() {
        count = 0
        error = nil
        isTold = true
    }
}
