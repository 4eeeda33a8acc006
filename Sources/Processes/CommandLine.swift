// SPDX-License-Identifier: Apache-2.0

/// The API's one string for an argument vector.
enum CommandLineText {
    /// Joins the arguments behind argv[0] with spaces.
    ///
    /// An argument that is empty or holds white space or a double quote is put in double quotes, with `"` and `\`
    /// inside escaped by `\`: the vector can be read back. Other arguments stand as they are, as the API's users
    /// (and their regular expressions) know them. Invalid UTF-8 is repaired.
    /// - Parameter memory: arguments each ended by NUL, argv[0] first; the last may be cut.
    static func join(_ memory: UnsafeRawBufferPointer) -> String {
        var start = 0
        while start < memory.count && memory[start] != 0 { start += 1 }
        start += 1
        guard start < memory.count else { return "" }
        let end = memory[memory.count - 1] == 0 ? memory.count - 1 : memory.count
        if !needsQuotes(memory, from: start, to: end) {
            return String(unsafeUninitializedCapacity: end - start) { output in
                for index in start..<end {
                    let byte = memory[index]
                    output[index - start] = byte == 0 ? UInt8(ascii: " ") : byte
                }
                return end - start
            }
        }
        var text: [UInt8] = []
        text.reserveCapacity(end - start + 16)
        var at = start
        while at <= end {
            var next = at
            while next < end && memory[next] != 0 { next += 1 }
            if at > start { text.append(UInt8(ascii: " ")) }
            append(UnsafeRawBufferPointer(rebasing: memory[at..<next]), to: &text)
            at = next + 1
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The vector itself.
    /// - Parameter memory: arguments each ended by NUL.
    static func split(_ memory: UnsafeRawBufferPointer) -> [String] {
        guard let last = memory.last else { return [] }
        let end = last == 0 ? memory.count - 1 : memory.count
        return memory[..<end].split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\""): true
        default: false
        }
    }

    private static func needsQuotes(_ memory: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Bool {
        var previous: UInt8 = 0
        for index in start..<end {
            let byte = memory[index]
            if isSpecial(byte) || (byte == 0 && previous == 0) { return true }
            previous = byte
        }
        return previous == 0
    }

    private static func append(_ argument: UnsafeRawBufferPointer, to text: inout [UInt8]) {
        guard argument.isEmpty || argument.contains(where: isSpecial) else {
            text.append(contentsOf: argument)
            return
        }
        text.append(UInt8(ascii: "\""))
        for byte in argument {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
            text.append(byte)
        }
        text.append(UInt8(ascii: "\""))
    }
}
