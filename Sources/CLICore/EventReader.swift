// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// Reads events from lines of protobuf JSON, as agents export them. What is no event among them, such as a line of a
/// log, is counted and left out.
package struct EventReader: Sendable {
    private let longestLine: Int
    private var splitter: LineSplitter
    private var lineCount = 0
    private var rejectedCount = 0
    private var firstRejection: (line: Int, reason: String)?

    package init(longestLine: Int = LineSplitter.longestLine) {
        self.longestLine = longestLine
        splitter = LineSplitter(longest: longestLine)
    }

    /// Takes the next bytes and returns the events of the lines that end in them.
    package mutating func read(_ bytes: some Sequence<UInt8>) -> [Tetragon_GetEventsResponse] {
        splitter.split(bytes).compactMap { event(in: $0) }
    }

    /// The event of a last line without an end.
    package mutating func finish() -> Tetragon_GetEventsResponse? {
        splitter.finish().flatMap { event(in: $0) }
    }

    /// What was left out, in a sentence; nil if nothing was.
    package var complaint: String? {
        guard let firstRejection else { return nil }
        let lines = "\(rejectedCount) of \(lineCount) lines \(rejectedCount == 1 ? "was no event" : "were no events")"
        return "\(lines), the first of them line \(firstRejection.line): \(firstRejection.reason)"
    }

    private mutating func event(in line: LineSplitter.Line) -> Tetragon_GetEventsResponse? {
        lineCount += 1
        switch line {
        case .tooLong:
            reject("it is longer than \(longestLine) bytes")
        case .text(let bytes):
            if bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return nil }
            // A newer agent may say more than this client knows.
            var options = JSONDecodingOptions()
            options.ignoreUnknownFields = true
            do {
                let event = try Tetragon_GetEventsResponse(jsonUTF8Bytes: bytes, options: options)
                if event.event != nil || !event.nodeName.isEmpty { return event }
                reject("there is no event in it")
            } catch {
                reject("it is no JSON of an event")
            }
        }
        return nil
    }

    private mutating func reject(_ reason: String) {
        rejectedCount += 1
        firstRejection = firstRejection ?? (lineCount, reason)
    }
}
