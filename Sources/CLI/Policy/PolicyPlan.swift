// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Says what policies would become on the agent's machine.
struct PolicyPlan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say what policies in files would become on the agent's machine, and load none.",
        discussion: """
            Where in the kernel each hook would be, by which means and why, what is read and when, what is done. Exit \
            status 1 says that something cannot be had.
            """)

    @OptionGroup var server: ServerOptions

    @Argument(
        help: "YAML documents, a policy each; - is stdin.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    @Option(name: .shortAndLong, help: "The format: text, or protobuf JSON with a line for each policy.")
    var output = PolicyValidate.Format.text

    private static let longestFile = 1 << 20

    func run() async throws {
        let connection = AgentConnection(address: server.serverAddress)
        var (refused, count) = (0, 0)
        for file in files {
            let yaml = try StandardInput.text(of: file, atMost: Self.longestFile)
            let answer = try await connection.withConnection { client in
                try await Apus_V1_Node.Client(wrapping: client).planPolicy(.with { $0.yaml = yaml }, options: .patient)
            }
            guard !answer.policies.isEmpty else {
                throw Failure("\(file.terminalWord) has no policy: it says nothing")
            }
            for policy in answer.policies {
                count += 1
                if !policy.problems.isEmpty { refused += 1 }
                try StandardOutput.write(output == .json ? JSONFormatter.line(policy) : policy.text(of: file))
            }
        }
        if refused > 0 {
            throw Failure("\(refused) of \(count) policies cannot be had here, as said above")
        }
    }
}

extension Apus_V1_PlannedPolicy {
    fileprivate func text(of file: String) -> String {
        if problems.isEmpty {
            return plan.split(separator: "\n").map { String($0).terminalSafe + "\n" }.joined()
        }
        return problems.map { problem in
            let place = problem.line > 0 ? ":\(problem.line):\(problem.column)" : ""
            let path = problem.path.isEmpty ? "" : "\(problem.path): "
            let advice = problem.advice.isEmpty ? "" : "; \(problem.advice)"
            return "\(file.terminalWord)\(place): " + "\(path)\(problem.reason)\(advice)".terminalSafe + "\n"
        }.joined()
    }
}
