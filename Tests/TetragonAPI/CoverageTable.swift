// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Which test shows that an element of the API is filled, or obeyed: coverage.tsv beside this file, a line an element.
///
/// A message is its fields; only one without fields has a line. A name may end in `.*`: every member of an enum, or of a
/// message that as a whole is not served yet. A line with the full name goes before it.
struct CoverageTable {
    enum State: String, CaseIterable {
        /// A test shows it. No other state is for what clients may rely on.
        case shown
        /// Of a newer API than the one that is served; its number is kept free.
        case later
        /// Another field says the same.
        case unused

        /// For readers.
        var words: String {
            switch self {
            case .shown: "shown"
            case .later: "later, not served"
            case .unused: "not sent: another field says it"
            }
        }
    }

    struct Line {
        /// In the file, from 1.
        var number: Int
        var name: String
        var state: State
        var tests: [TestName]

        /// The enum or message whose members it is about.
        var wildcard: String? { name.hasSuffix(".*") ? String(name.dropLast(2)) : nil }
    }

    let lines: [Line]
    private let byName: [String: Line]

    /// Reads the tab-separated text: name, state, tests. Lines that begin with `#` are remarks.
    init(text: String) throws {
        var lines: [Line] = []
        for (index, text) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if text.isEmpty || text.hasPrefix("#") { continue }
            let columns = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard columns.count >= 2, let state = State(rawValue: columns[1]) else {
                let known = State.allCases.map(\.rawValue).joined(separator: ", ")
                throw Malformed(line: index + 1, reason: "not a name, a tab and one of \(known): \(text)")
            }
            let tests = try columns.dropFirst(2).map { text in
                guard let test = TestName(text) else {
                    throw Malformed(line: index + 1, reason: "not “Directory/File: test”: \(text)")
                }
                return test
            }
            lines.append(Line(number: index + 1, name: columns[0], state: state, tests: tests))
        }
        self.lines = lines
        byName = Dictionary(lines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What it says of an element.
    func line(for row: WireRow) -> Line? {
        byName[row.path] ?? (row.name.isEmpty ? nil : byName["\(row.parent).*"])
    }

    struct Malformed: Error, CustomStringConvertible {
        var line: Int
        var reason: String
        var description: String { "coverage.tsv, line \(line): \(reason)" }
    }
}

/// A test by its file and its name: `SystemTests/ExitTests: signalIsNamed`.
struct TestName: Hashable, CustomStringConvertible {
    /// Below Tests/, without `.swift`.
    let file: String
    /// What `@Test("…")` says, or the function's name.
    let name: String

    init?(_ text: String) {
        guard let separator = text.firstRange(of: ": ") else { return nil }
        file = String(text[..<separator.lowerBound])
        name = String(text[separator.upperBound...])
        guard file.wholeMatch(of: /\w+\/\w+/) != nil, !name.isEmpty else { return nil }
    }

    var description: String { "\(file): \(name)" }

    /// The names of all tests in a source file.
    static func names(in source: String) -> Set<String> {
        var names: Set<String> = []
        for text in source.components(separatedBy: "@Test").dropFirst() {
            if let match = text.prefixMatch(of: /\(\s*"((?:[^"\\]|\\.)*)"/) {
                names.insert(String(match.1).replacing("\\\"", with: "\""))
            } else if let match = text.firstMatch(of: /func (?:`([^`]*)`|(\w+))/) {
                names.insert(String(match.1 ?? match.2 ?? ""))
            }
        }
        return names
    }
}
