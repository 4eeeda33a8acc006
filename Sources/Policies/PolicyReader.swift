// SPDX-License-Identifier: Apache-2.0
internal import YAML

/// What one document of a file is.
package struct PolicyDocument: Sendable {
    /// From 1, those that say nothing left out.
    package let number: Int
    /// Where it begins.
    package let line: Int
    package let result: Result<TracingPolicy, PolicyProblems>
    /// What has no effect, in the order of the text; of a policy that is valid.
    package let warnings: [PolicyProblem]
}

/// All that is wrong with a document.
package struct PolicyProblems: Error, Sendable, Equatable, CustomStringConvertible {
    /// In the order of the text; never empty.
    package let problems: [PolicyProblem]
    /// How many more there are.
    package let more: Int

    package var description: String {
        problems.map { "line \($0.line): " + ($0.path.isEmpty ? "" : $0.path + ": ") + $0.message }
            .joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
    }
}

/// Reads policies, without asking the machine that they are for.
package enum PolicyReader {
    /// Of a file. No policy needs it.
    package static let maximumBytes = 1 << 20

    /// The documents of a text.
    ///
    /// - Throws: When the text is no YAML, or larger than any policy: then nothing is known of what it says.
    package static func documents(of text: String) throws(PolicyProblems) -> [PolicyDocument] {
        guard text.utf8.count <= maximumBytes else {
            throw PolicyProblems(
                YAMLPlace(line: 1, column: 1),
                "the text is longer than \(maximumBytes >> 10) KiB, which no policy needs")
        }
        let nodes: [YAMLNode]
        do throws(YAMLProblem) {
            nodes = try YAMLReader.documents(of: text)
        } catch {
            throw PolicyProblems(error.place, error.reason)
        }
        return nodes.filter { !$0.isNull }.enumerated().map { index, node in
            document(node, number: index + 1)
        }
    }

    /// The one policy of a text.
    package static func policy(of text: String) throws(PolicyProblems) -> TracingPolicy {
        let documents = try documents(of: text)
        guard let first = documents.first else {
            throw PolicyProblems(YAMLPlace(line: 1, column: 1), "there is no policy: the text says nothing")
        }
        if documents.count > 1 {
            throw PolicyProblems(
                YAMLPlace(line: documents[1].line, column: 1), "expected one policy, found \(documents.count) documents"
            )
        }
        return try first.result.get()
    }

    private static func document(_ node: YAMLNode, number: Int) -> PolicyDocument {
        var reading = Reading(node)
        var policy: TracingPolicy?
        // What is of another kind is not judged further: that it has other fields is no news.
        if let kind = node["kind"], kind.scalar.map({ PolicyFields.Kind.named($0.text) == nil }) ?? false {
            reading.within(.field("kind")) { _ = Codec<PolicyFields.Kind>.choice.read(kind, &$0) }
        } else {
            policy = TracingPolicy.codec.read(node, &reading)
        }
        let result: Result<TracingPolicy, PolicyProblems> =
            if let policy, reading.problems.isEmpty {
                .success(policy)
            } else {
                .failure(PolicyProblems(problems: reading.problems.inOrder, more: reading.more))
            }
        return PolicyDocument(
            number: number, line: node.place.line, result: result,
            warnings: policy == nil ? [] : reading.warnings.inOrder)
    }
}

extension [PolicyProblem] {
    /// As the text has them.
    fileprivate var inOrder: [PolicyProblem] {
        sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }
}

extension PolicyProblems {
    fileprivate init(_ place: YAMLPlace, _ reason: String) {
        self.init(problems: [PolicyProblem([], at: place, reason)], more: 0)
    }
}
