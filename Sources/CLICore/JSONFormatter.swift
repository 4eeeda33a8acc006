// SPDX-License-Identifier: Apache-2.0

package import SwiftProtobuf
package import TetragonAPI

/// Protobuf JSON with the field names of the .proto files, one event a line.
package struct JSONFormatter: EventFormatter {
    package init() {}

    package func format(_ event: Tetragon_GetEventsResponse) throws -> String {
        try Self.line(event)
    }

    /// Any message as such a line.
    package static func line(_ message: some Message) throws -> String {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        return escaping(try message.jsonString(options: options)) + "\n"
    }

    /// The same JSON in letters that a terminal only shows. Beyond ASCII, JSON may leave everything as it is, and has
    /// it only within strings; there an escape means the same.
    private static func escaping(_ json: String) -> String {
        if json.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return json }
        var safe = ""
        for scalar in json.unicodeScalars {
            if scalar.isTerminalSafe {
                safe.unicodeScalars.append(scalar)
            } else {
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16, uppercase: true)
                    safe += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return safe
    }
}
