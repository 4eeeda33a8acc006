// SPDX-License-Identifier: Apache-2.0
package import RE2

/// Takes secrets out of command lines before anybody sees them: in what an expression matches, the text of each of its
/// groups becomes `*****`.
package struct Redaction: Sendable {
    package struct Rule: Sendable {
        /// One of these must match the program's path; empty is any program.
        package var binaries: [RegularExpression]
        package var secrets: [RegularExpression]

        package init(binaries: [RegularExpression], secrets: [RegularExpression]) {
            self.binaries = binaries
            self.secrets = secrets
        }
    }

    private let rules: [Rule]
    private static let mask = Array("*****".utf8)

    package init(_ rules: [Rule]) { self.rules = rules }

    package func redacted(_ text: String, of binary: String) -> String {
        var text = text
        for rule in rules where rule.binaries.isEmpty || rule.binaries.contains(where: { $0.matches(binary) }) {
            for secret in rule.secrets { text = Self.masked(secret, in: text) }
        }
        return text
    }

    private static func masked(_ secret: RegularExpression, in text: String) -> String {
        let matches = secret.allMatches(in: text)
        guard !matches.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var done = 0
        for match in matches {
            // In the order of their opening parentheses: what lies in one that is masked is masked with it.
            for group in match.groups {
                guard let group, group.lowerBound >= done else { continue }
                result += bytes[done..<group.lowerBound]
                result += mask
                done = group.upperBound
            }
        }
        result += bytes[done...]
        return String(decoding: result, as: UTF8.self)
    }
}
