// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The names that rotated files get: `events.json` becomes `events-2026-01-31T23-59-59.999.json`, of the time of the
/// rotation in UTC, and `….json.gz` once it is compressed. Log shippers know this form from other agents.
struct BackupNames: Sendable {
    /// How far a backup is.
    enum Form: Sendable {
        case plain, compressed
        /// Being compressed, or what was left of that by an agent that died.
        case unfinished
    }

    private let prefix: String
    private let suffix: String

    /// What is added to a name, at most.
    static let growth = 1 + stampLength + Form.unfinished.ending.utf8.count
    private static let stampLength = 23

    /// - Parameter file: the name of the export file, without its directory.
    init(of file: String) {
        let dot = file.lastIndex(of: ".") ?? file.endIndex
        prefix = file[..<dot] + "-"
        suffix = String(file[dot...])
    }

    func name(_ stamp: String, _ form: Form) -> String { prefix + stamp + suffix + form.ending }

    /// nil for a file that is no backup of this one.
    func read(_ name: String) -> (stamp: String, form: Form)? {
        guard name.hasPrefix(prefix) else { return nil }
        let rest = name.dropFirst(prefix.count)
        let (stamp, tail) = (rest.prefix(Self.stampLength), rest.dropFirst(Self.stampLength))
        guard Self.isStamp(stamp),
            let form = [Form.plain, .compressed, .unfinished].first(where: { tail == suffix + $0.ending })
        else { return nil }
        return (String(stamp), form)
    }

    /// `2026-01-31T23-59-59.999`; stamps sort as their times do.
    /// - Parameter milliseconds: since 1970, UTC.
    static func stamp(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var date = tm()
        gmtime_r(&seconds, &date)
        func padded(_ number: some BinaryInteger, _ digits: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let day = "\(padded(date.tm_year + 1900, 4))-\(padded(date.tm_mon + 1, 2))-\(padded(date.tm_mday, 2))"
        let time = "\(padded(date.tm_hour, 2))-\(padded(date.tm_min, 2))-\(padded(date.tm_sec, 2))"
        return "\(day)T\(time).\(padded(milliseconds % 1000, 3))"
    }

    private static func isStamp(_ text: Substring) -> Bool {
        text.utf8.count == stampLength
            && zip(text.utf8, "0000-00-00T00-00-00.000".utf8).allSatisfy { byte, pattern in
                pattern == UInt8(ascii: "0")
                    ? (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) : byte == pattern
            }
    }
}

extension BackupNames.Form {
    fileprivate var ending: String {
        switch self {
        case .plain: ""
        case .compressed: ".gz"
        case .unfinished: ".gz.tmp"
        }
    }
}
