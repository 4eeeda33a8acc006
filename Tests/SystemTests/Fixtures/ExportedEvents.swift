// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import TetragonAPI

/// The lines of an export file.
enum ExportedEvents {
    /// Every whole line, decoded by the generated code: a line that is no JSON or has a field that the API does not
    /// know is an error.
    ///
    /// - Parameter word: decode only lines with it; others may be many and long.
    static func read(_ path: String, containing word: String = "") throws -> [Event] {
        let data = try Data(contentsOf: URL(filePath: path))
        let newline = Data([UInt8(ascii: "\n")])
        var events: [Event] = []
        var start = data.startIndex
        while let end = data.range(of: newline, in: start..<data.endIndex) {
            let line = data[start..<end.lowerBound]
            start = end.upperBound
            guard word.isEmpty || line.range(of: Data(word.utf8)) != nil else { continue }
            events.append(Event(try Tetragon_GetEventsResponse(jsonUTF8Data: Data(line))))
        }
        return events
    }
}
