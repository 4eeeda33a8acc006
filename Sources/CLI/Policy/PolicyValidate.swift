// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Policies

/// Judges policies without an agent.
struct PolicyValidate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Say what is wrong with policies in files, without an agent.",
        discussion: """
            Exit status 1 says that something is wrong. Whether this machine's kernel has what a policy asks for is not \
            looked at.
            """)

    @Argument(
        help: "YAML documents, a policy each; - is stdin.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    @Option(name: .shortAndLong, help: "The format: text, or JSON with a line for each policy.")
    var output = Format.text

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

    func run() throws {
        var (wrong, count) = (0, 0)
        for file in files {
            for report in reports(on: file) {
                count += 1
                if report.problems != nil { wrong += 1 }
                try StandardOutput.write(output == .json ? report.json : report.text)
            }
        }
        if wrong > 0 {
            throw Failure("\(wrong) of \(count) policies \(wrong == 1 ? "is" : "are") not valid, as said above")
        }
    }

    private func reports(on file: String) -> [PolicyReport] {
        let text: String
        do {
            text = try StandardInput.text(of: file, atMost: PolicyReader.maximumBytes)
        } catch {
            // The other files are looked at, too.
            return [PolicyReport(file: file, failure: "\(error)")]
        }
        do throws(PolicyProblems) {
            let documents = try PolicyReader.documents(of: text)
            return documents.isEmpty
                ? [PolicyReport(file: file, failure: "\(file.terminalWord) has no policy: it says nothing")]
                : documents.map { PolicyReport(file: file, document: $0) }
        } catch {
            return [PolicyReport(file: file, problems: error)]
        }
    }
}

/// What is said of one policy, or of a file that cannot be read.
struct PolicyReport {
    private let file: String
    private var policy: TracingPolicy?
    private var failure: String?
    private var found: PolicyProblems?
    private var warnings: [PolicyProblem] = []

    init(file: String, document: PolicyDocument) {
        self.file = file
        warnings = document.warnings
        switch document.result {
        case .success(let policy): self.policy = policy
        case .failure(let problems): found = problems
        }
    }

    init(file: String, problems: PolicyProblems) {
        self.file = file
        found = problems
    }

    init(file: String, failure: String) {
        self.file = file
        self.failure = failure
    }

    /// nil where all is well.
    var problems: [String]? {
        if let failure { return [failure.terminalSafe] }
        return found.map { found in
            found.problems.map { "\(file.terminalWord):" + $0.description.terminalSafe }
                + (found.more > 0 ? ["\(file.terminalWord): \(found.more) more problems"] : [])
        }
    }

    var text: String {
        if let problems { return problems.map { $0 + "\n" }.joined() }
        return warnings.map { "\(file.terminalWord):" + $0.warning.terminalSafe + "\n" }.joined()
            + "\(file.terminalWord): \(name) is valid\n"
    }

    private var name: String {
        guard let policy else { return "" }
        return if case .namespace(let namespace) = policy.scope { "\(namespace)/\(policy.name)" } else { policy.name }
    }

    var json: String {
        var members: [(String, JSON)] = [("file", .string(file)), ("valid", .boolean(policy != nil))]
        if let policy {
            members.append(("name", .string(policy.name)))
            if case .namespace(let namespace) = policy.scope { members.append(("namespace", .string(namespace))) }
        }
        if let failure { members.append(("failure", .string(failure))) }
        if let found {
            members.append(("problems", .array(found.problems.map(\.json))))
            if found.more > 0 { members.append(("more", .integer(Int64(found.more)))) }
        }
        if !warnings.isEmpty { members.append(("warnings", .array(warnings.map(\.json)))) }
        return JSON.object(members).line + "\n"
    }
}

extension PolicyProblem {
    fileprivate var json: JSON {
        let texts = [
            ("path", path), ("message", message), ("expected", expected), ("found", found), ("nearest", nearest),
        ]
        return .object(
            [("line", .integer(Int64(line))), ("column", .integer(Int64(column)))]
                + texts.compactMap { name, text in text.map { (name, .string($0)) } })
    }
}
