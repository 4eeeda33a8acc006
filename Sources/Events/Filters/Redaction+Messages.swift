// SPDX-License-Identifier: Apache-2.0
package import Processes
internal import RE2
internal import TetragonAPI

extension Redaction {
    /// Redaction filters as an operator writes them: RedactionFilter messages in protobuf's JSON. Nil without any.
    /// - Parameter name: what errors call the list.
    package init?(_ text: String, of name: String) throws(FilterError) {
        let filters: [Tetragon_RedactionFilter] = try JSONMessages.read(text, of: name)
        if filters.isEmpty { return nil }
        var rules: [Rule] = []
        for (index, filter) in filters.enumerated() {
            let place = "\(name)[\(index)]"
            guard filter.match.isEmpty else {
                throw .invalid("\(place).match", "deprecated, and of no effect; binary_regex says which programs")
            }
            guard !filter.redact.isEmpty else { throw .invalid("\(place).redact", "no expression") }
            let secrets = try Self.expressions(filter.redact, at: "\(place).redact")
            if let useless = secrets.firstIndex(where: { $0.groupCount == 0 }) {
                throw .invalid(
                    "\(place).redact[\(useless)]", "no group in parentheses, whose text would be taken out")
            }
            rules.append(
                Rule(binaries: try Self.expressions(filter.binaryRegex, at: "\(place).binary_regex"), secrets: secrets))
        }
        self.init(rules)
    }

    private static func expressions(
        _ patterns: [String], at place: String
    ) throws(FilterError) -> [RegularExpression] {
        guard patterns.count <= FilterBounds.expressions else {
            throw .invalid(place, "\(patterns.count) expressions; \(FilterBounds.expressions) at most")
        }
        var expressions: [RegularExpression] = []
        for (index, pattern) in patterns.enumerated() {
            do throws(RegularExpressionError) {
                expressions.append(try RegularExpression(pattern))
            } catch {
                throw .invalid("\(place)[\(index)]", error.description)
            }
        }
        return expressions
    }
}
