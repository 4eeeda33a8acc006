// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf

/// Messages as an operator writes them into a flag: in protobuf's JSON, one after the other, with white space or commas
/// between them.
enum JSONMessages {
    /// - Parameter list: what errors call it.
    static func read<Content: Message>(_ text: String, of list: String) throws(FilterError) -> [Content] {
        var messages: [Content] = []
        var rest = Array(text.utf8)[...]
        while let first = rest.first {
            if first <= UInt8(ascii: " ") || first == UInt8(ascii: ",") {
                rest = rest.dropFirst()
                continue
            }
            let position = "\(list)[\(messages.count)]"
            guard messages.count < FilterBounds.filters else {
                throw .invalid(list, "more than \(FilterBounds.filters) filters")
            }
            guard let length = objectLength(rest) else {
                throw .invalid(position, "expected a filter, which is a JSON object in braces")
            }
            do {
                messages.append(try Content(jsonUTF8Bytes: Array(rest.prefix(length))))
            } catch {
                throw .invalid(position, "no filter in JSON: \(error)")
            }
            rest = rest.dropFirst(length)
        }
        return messages
    }

    /// How many bytes the object takes that the text begins with; nil if it begins with none, or one without an end.
    private static func objectLength(_ text: ArraySlice<UInt8>) -> Int? {
        guard text.first == UInt8(ascii: "{") else { return nil }
        var depth = 0
        var isInString = false
        var isEscaped = false
        for (index, byte) in text.enumerated() {
            if isInString {
                if !isEscaped, byte == UInt8(ascii: "\"") { isInString = false }
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
        }
        return nil
    }
}
