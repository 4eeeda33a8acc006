// SPDX-License-Identifier: Apache-2.0
package import RE2

/// Takes secrets out of command lines and environments before anybody sees them: in what an expression matches, the text
/// of each of its groups becomes `*****`.
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

    package func redacted(_ text: String, of binary: String) -> String { mask(of: binary)?(text) ?? text }

    /// What is to be done to each text of a program; nil where no rule is for it.
    func mask(of binary: String) -> ((String) -> String)? {
        let secrets = rules.filter { rule in
            rule.binaries.isEmpty || rule.binaries.contains { $0.matches(binary) }
        }.flatMap(\.secrets)
        if secrets.isEmpty { return nil }
        return { text in secrets.reduce(text) { Self.masked($1, in: $0) } }
    }

    private static func masked(_ secret: RegularExpression, in text: String) -> String {
        let matches = secret.allMatches(in: text)
        guard !matches.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var done = 0
        for match in matches {
            // What lies in one that is masked is masked with it. In the order of the text, which in a repetition is not
            // that of the parentheses.
            let groups = match.groups.compactMap { $0 }.sorted {
                ($0.lowerBound, -$0.upperBound) < ($1.lowerBound, -$1.upperBound)
            }
            for group in groups where group.lowerBound >= done {
                result += bytes[done..<group.lowerBound]
                result += mask
                done = group.upperBound
            }
        }
        result += bytes[done...]
        return String(decoding: result, as: UTF8.self)
    }
}
