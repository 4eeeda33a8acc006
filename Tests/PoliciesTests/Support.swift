// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Policies

/// Documents with what every policy has.
enum Document {
    static let head = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicy
        metadata:
          name: p

        """

    /// `spec`, whose lines begin at column 1, with line 6 the first of it.
    static func with(spec: String) -> String {
        let lines = spec.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }
        return head + "spec:\n" + lines.joined(separator: "\n") + "\n"
    }

    /// A kprobe on a system call with these further lines.
    static func with(kprobe lines: String) -> String {
        with(
            spec: "kprobes:\n- call: sys_write\n"
                + lines.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
    }

    /// A kprobe with two arguments, an int and a string, with this one selector.
    static func with(selector lines: String) -> String {
        let indented = lines.split(separator: "\n").enumerated()
            .map { ($0.offset == 0 ? "- " : "  ") + $0.element }.joined(separator: "\n")
        return with(
            kprobe:
                "args: [{index: 0, type: int}, {index: 1, type: string}, {index: 2, type: sock}]\nselectors:\n\(indented)"
        )
    }

    static func with(action: String) -> String { with(selector: "matchActions:\n- {\(action)}") }
}

func spec(_ text: String) throws -> PolicySpec { try PolicyReader.policy(of: text).spec }

/// What is wrong, as people see it: `line:column: path: message`.
func problems(_ text: String) -> [String] {
    do throws(PolicyProblems) {
        _ = try PolicyReader.policy(of: text)
        return []
    } catch {
        return error.problems.map(\.description) + (error.more > 0 ? ["\(error.more) more"] : [])
    }
}

func problem(_ text: String) -> String { problems(text).joined(separator: "\n") }
