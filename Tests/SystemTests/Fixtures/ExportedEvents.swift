// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import TetragonAPI

/// The lines of an export file.
enum ExportedEvents {
    /// Every whole line, decoded by the generated code: a line that is no JSON or has a field that the API does not
    /// know is an error.
    static func read(_ path: String) throws -> [Event] {
        let data = try Data(contentsOf: URL(filePath: path))
        let end = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? data.startIndex
        return try data[..<end].split(separator: UInt8(ascii: "\n")).map {
            Event(try Tetragon_GetEventsResponse(jsonUTF8Data: Data($0)))
        }
    }
}
