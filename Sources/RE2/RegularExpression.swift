// SPDX-License-Identifier: Apache-2.0
internal import CRE2

/// A regular expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax), compiled.
///
/// Matching takes time linear in the text, whatever the expression. May be used by many threads at once.
package final class RegularExpression: @unchecked Sendable {
    /// What the expression and the texts are made of.
    package enum Encoding: Sendable {
        /// Characters in UTF-8; bytes that are no UTF-8 match nothing.
        case utf8
        /// Every byte is a character, so that `.` matches any of them. The expression is taken byte by byte too: an `é`
        /// in it matches the two bytes of one in UTF-8.
        case latin1
    }

    /// Bounds on an expression.
    package struct Limits: Sendable {
        /// Bytes of the expression itself.
        package var patternSize: Int
        /// Bytes of the compiled form and of what matching caches. Less makes large expressions slow, then refused.
        package var memory: Int

        package init(patternSize: Int = 4096, memory: Int = 1 << 20) {
            self.patternSize = patternSize
            self.memory = memory
        }
    }

    package let pattern: String
    /// How many groups in parentheses capture, the whole match not counted.
    package let groupCount: Int
    /// Instructions of the compiled form: matching takes at most so many steps for each byte of a text.
    package let programSize: Int
    private let encoding: Encoding
    private let compiled: OpaquePointer

    package init(
        _ pattern: String, encoding: Encoding = .utf8, limits: Limits = Limits()
    ) throws(RegularExpressionError) {
        var pattern = pattern
        guard pattern.utf8.count <= limits.patternSize else {
            throw RegularExpressionError(
                reason: "longer than \(limits.patternSize) bytes", fragment: "", offset: nil)
        }
        var error = apus_re2_error()
        let compiled = pattern.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                apus_re2_compile(
                    $0.baseAddress, $0.count, encoding == .latin1, Int64(clamping: limits.memory), &error)
            }
        }
        guard let compiled else { throw RegularExpressionError(error, pattern: pattern) }
        self.compiled = compiled
        self.encoding = encoding
        self.pattern = pattern
        groupCount = Int(apus_re2_groups(compiled))
        programSize = Int(apus_re2_program_size(compiled))
    }

    deinit { apus_re2_free(compiled) }

    /// Is there a match anywhere in the text?
    package func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        apus_re2_find(compiled, text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count, 0, nil, 0)
    }

    /// Is there a match anywhere in the text?
    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    /// One match: where it and its groups are, in bytes of the text.
    package struct Match: Sendable, Equatable {
        package let range: Range<Int>
        /// In the order of their opening parentheses; nil for a group that took no part.
        package let groups: [Range<Int>?]
    }

    /// All matches that do not overlap, from left to right, at most `limit`. An empty match right after a match is
    /// none of its own.
    package func allMatches(in text: UnsafeRawBufferPointer, limit: Int = .max) -> [Match] {
        var matches: [Match] = []
        var spans = [apus_re2_span](repeating: apus_re2_span(), count: groupCount + 1)
        let base = text.baseAddress?.assumingMemoryBound(to: CChar.self)
        var start = 0
        while matches.count < limit, start <= text.count,
            apus_re2_find(compiled, base, text.count, start, &spans, Int32(spans.count)),
            let range = Self.range(spans[0])
        {
            if !range.isEmpty || range.lowerBound != matches.last?.range.upperBound {
                matches.append(Match(range: range, groups: spans.dropFirst().map(Self.range)))
            }
            start = range.isEmpty ? next(after: range.upperBound, in: text) : range.upperBound
        }
        return matches
    }

    /// All matches in the UTF-8 of a text.
    package func allMatches(in text: String, limit: Int = .max) -> [Match] {
        var text = text
        return text.withUTF8 { allMatches(in: UnsafeRawBufferPointer($0), limit: limit) }
    }

    private static func range(_ span: apus_re2_span) -> Range<Int>? {
        span.begin < 0 ? nil : span.begin..<span.end
    }

    /// Where the next character begins.
    private func next(after index: Int, in text: UnsafeRawBufferPointer) -> Int {
        var index = index + 1
        while encoding == .utf8, index < text.count, text[index] & 0xC0 == 0x80 { index += 1 }
        return index
    }
}
