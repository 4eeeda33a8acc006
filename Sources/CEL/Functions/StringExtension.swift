// SPDX-License-Identifier: Apache-2.0

// charAt, indexOf, lastIndexOf, lowerAscii, upperAscii, replace, split, substring, trim, join, strings.quote, format

extension Library {
    mutating func addStringExtension() {
        addSearching()
        addCutting()
        addReplacing()
        let mapped: [(String, ClosedRange<UInt8>)] = [("lowerAscii", 0x41...0x5A), ("upperAscii", 0x61...0x7A)]
        for (name, letters) in mapped {
            unary(name, member: true, [overload(.string, to: .string)]) { a, frame throws(EvaluationError) in
                let text = try text(a, name, &frame)
                return .string(ByteString(text.bytes.map { letters.contains($0) ? $0 ^ 0x20 : $0 }))
            }
        }
        unary("strings.quote", [overload(.string, to: .string)]) { a, frame throws(EvaluationError) in
            .string(Quoting.quoted(try text(a, "strings.quote", &frame)))
        }
        binary("format", member: true, [overload(.string, .list(.dyn), to: .string)]) {
            a, b, frame throws(EvaluationError) in
            let format = try text(a, "format", &frame)
            guard case .list(let values) = b else { throw .noSuchOverload("format") }
            return .string(try Formatting.format(format, values, &frame))
        }
    }

    private mutating func addSearching() {
        binary("charAt", member: true, [overload(.string, .int, to: .string)]) { a, b, frame throws(EvaluationError) in
            let offsets = try text(a, "charAt", &frame).scalarOffsets
            guard case .string(let whole) = a, case .int(let index) = b else { throw .noSuchOverload("charAt") }
            guard index >= 0, index < Int64(offsets.count) else {
                throw .outOfRange(index: index, count: offsets.count - 1)
            }
            let position = Int(index)
            return .string(position == offsets.count - 1 ? .empty : whole[offsets[position]..<offsets[position + 1]])
        }
        for (name, isLast) in [("indexOf", false), ("lastIndexOf", true)] {
            binary(name, member: true, [overload(.string, .string, to: .int)]) { a, b, frame throws(EvaluationError) in
                .int(try position(name, a, b, nil, isLast, &frame))
            }
            ternary(name, member: true, [overload(.string, .string, .int, to: .int)]) {
                a, b, c, frame throws(EvaluationError) in
                guard case .int(let start) = c else { throw .noSuchOverload(name) }
                return .int(try position(name, a, b, start, isLast, &frame))
            }
        }
    }

    private mutating func addCutting() {
        binary("substring", member: true, [overload(.string, .int, to: .string)]) {
            a, b, frame throws(EvaluationError) in
            try substring(a, b, nil, &frame)
        }
        ternary("substring", member: true, [overload(.string, .int, .int, to: .string)]) {
            a, b, c, frame throws(EvaluationError) in try substring(a, b, c, &frame)
        }
        unary("trim", member: true, [overload(.string, to: .string)]) { a, frame throws(EvaluationError) in
            let scalars = try text(a, "trim", &frame).scalars
            let start = scalars.drop { $0.properties.isWhitespace }
            return .string(ByteString(start.reversed().drop { $0.properties.isWhitespace }.reversed()))
        }
        unary("join", member: true, [overload(.list(.string), to: .string)]) { a, frame throws(EvaluationError) in
            try joined(a, .string(.empty), &frame)
        }
        binary("join", member: true, [overload(.list(.string), .string, to: .string)]) {
            a, b, frame throws(EvaluationError) in try joined(a, b, &frame)
        }
    }

    private mutating func addReplacing() {
        binary("split", member: true, [overload(.string, .string, to: .list(.string))]) {
            a, b, frame throws(EvaluationError) in try split(a, b, .int(-1), &frame)
        }
        ternary("split", member: true, [overload(.string, .string, .int, to: .list(.string))]) {
            a, b, c, frame throws(EvaluationError) in try split(a, b, c, &frame)
        }
        ternary("replace", member: true, [overload(.string, .string, .string, to: .string)]) {
            a, b, c, frame throws(EvaluationError) in try replaced(a, b, c, .int(-1), &frame)
        }
        many("replace", member: true, [overload(.string, .string, .string, .int, to: .string)]) {
            values, frame throws(EvaluationError) in
            try replaced(values[0], values[1], values[2], values[3], &frame)
        }
    }
}

/// A text that is looked through.
private func text(_ value: Value, _ function: String, _ frame: inout Frame) throws(EvaluationError) -> ByteString {
    guard case .string(let text) = value else { throw .noSuchOverload(function) }
    try frame.charge(bytes: text.count * 4)
    return text
}

/// In code points; -1 for none. `start` is where to begin, backwards from it for the last one.
private func position(
    _ function: String, _ a: Value, _ b: Value, _ start: Int64?, _ isLast: Bool, _ frame: inout Frame
) throws(EvaluationError) -> Int64 {
    let whole = try text(a, function, &frame)
    let sought = try text(b, function, &frame)
    try frame.charge(bytes: whole.count * sought.count / 256)
    let offsets = whole.scalarOffsets
    if let start, start < 0 || start >= Int64(offsets.count) {
        throw .outOfRange(index: start, count: offsets.count - 1)
    }
    func count(before offset: Int) -> Int64 { Int64(offsets.firstIndex(of: offset) ?? 0) }
    if !isLast {
        return whole.firstIndex(of: sought, from: offsets[Int(start ?? 0)]).map(count) ?? -1
    }
    let last = min(offsets[start.map(Int.init) ?? offsets.count - 1], whole.count - sought.count)
    guard last >= 0 else { return -1 }
    for offset in stride(from: last, through: 0, by: -1) where whole[offset..<offset + sought.count] == sought {
        return count(before: offset)
    }
    return -1
}

private func substring(_ a: Value, _ b: Value, _ c: Value?, _ frame: inout Frame) throws(EvaluationError) -> Value {
    let whole = try text(a, "substring", &frame)
    let offsets = whole.scalarOffsets
    guard case .int(let start) = b, case .int(let end) = c ?? .int(Int64(offsets.count - 1)) else {
        throw .noSuchOverload("substring")
    }
    for index in [start, end] where index < 0 || index >= Int64(offsets.count) {
        throw .outOfRange(index: index, count: offsets.count - 1)
    }
    guard start <= end else { throw .invalidArgument("substring(): the start \(start) is behind the end \(end)") }
    return .string(whole[offsets[Int(start)]..<offsets[Int(end)]])
}

private func joined(_ a: Value, _ b: Value, _ frame: inout Frame) throws(EvaluationError) -> Value {
    guard case .list(let elements) = a, case .string(let separator) = b else { throw .noSuchOverload("join") }
    var bytes: [UInt8] = []
    for (index, element) in elements.enumerated() {
        guard case .string(let part) = element else { throw .noSuchOverload("join") }
        try frame.charge(bytes: part.count + separator.count)
        if index > 0 { bytes += separator.bytes }
        bytes += part.bytes
    }
    return .string(ByteString(bytes))
}

/// At most `limit` parts, the last one with all that is left; below zero for no limit.
private func split(_ a: Value, _ b: Value, _ c: Value, _ frame: inout Frame) throws(EvaluationError) -> Value {
    let whole = try text(a, "split", &frame)
    let separator = try text(b, "split", &frame)
    guard case .int(let limit) = c else { throw .noSuchOverload("split") }
    try frame.charge(bytes: whole.count * separator.count / 256)
    var parts: [Value] = []
    if limit == 0 { return .list(parts) }
    func isFull() -> Bool { limit > 0 && Int64(parts.count) == limit - 1 }
    var start = 0
    if separator.isEmpty {
        // Each code point for itself.
        for offset in whole.scalarOffsets.dropFirst() where offset > start && !isFull() {
            try frame.charge()
            parts.append(.string(whole[start..<offset]))
            start = offset
        }
        if start < whole.count { parts.append(.string(whole[start..<whole.count])) }
        return .list(parts)
    }
    while !isFull(), let found = whole.firstIndex(of: separator, from: start) {
        try frame.charge()
        parts.append(.string(whole[start..<found]))
        start = found + separator.count
    }
    parts.append(.string(whole[start..<whole.count]))
    return .list(parts)
}

/// At most `limit` times; below zero for no limit.
private func replaced(
    _ a: Value, _ b: Value, _ c: Value, _ d: Value, _ frame: inout Frame
) throws(EvaluationError) -> Value {
    let whole = try text(a, "replace", &frame)
    let sought = try text(b, "replace", &frame)
    let replacement = try text(c, "replace", &frame)
    guard case .int(let limit) = d else { throw .noSuchOverload("replace") }
    try frame.charge(bytes: whole.count * sought.count / 256)
    var bytes: [UInt8] = []
    var count: Int64 = 0
    var start = 0
    if sought.isEmpty {
        // Before each code point and at the end.
        for offset in whole.scalarOffsets where limit < 0 || count < limit {
            try frame.charge(bytes: replacement.count)
            bytes += whole[start..<offset].bytes
            bytes += replacement.bytes
            start = offset
            count += 1
        }
    } else {
        while limit < 0 || count < limit, let found = whole.firstIndex(of: sought, from: start) {
            try frame.charge(bytes: replacement.count)
            bytes += whole[start..<found].bytes
            bytes += replacement.bytes
            start = found + sought.count
            count += 1
        }
    }
    bytes += whole[start..<whole.count].bytes
    return .string(ByteString(bytes))
}

private enum Quoting {
    private static let escapes: [UInt8: String] = [
        7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 0x22: "\\\"", 0x5C: "\\\\",
    ]

    /// As a literal in double quotes.
    static func quoted(_ text: ByteString) -> ByteString {
        var bytes: [UInt8] = [0x22]
        for byte in text.bytes {
            if let escape = escapes[byte] { bytes += Array(escape.utf8) } else { bytes.append(byte) }
        }
        return ByteString(bytes + [0x22])
    }
}
