// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Glibc
import Logging
import Models

/// apus-agent: reads what it is told, wires the rooms together, serves until it is told to stop.
@main struct Agent {
    /// Exit codes: 0 stopped on request, 1 failed, 2 told something that it cannot do.
    static func main() async {
        let options: AgentOptions
        let shape: EventShape
        do {
            switch try AgentOptions.parse(
                arguments: Array(CommandLine.arguments.dropFirst()), environment: Environment.all)
            {
            case .run(let given): options = given
            case .print(let text):
                print(text)
                return
            }
            shape = try EventShape(options)
        } catch {
            LineLogHandler.writeToStandardError(Array("apus-agent: \(error)\n".utf8))
            exit(2)
        }
        raiseDescriptorLimit()
        let level = LogLevel(options.logLevel)
        let log = Logger(label: "apus-agent") { _ in
            LineLogHandler(label: "apus-agent", format: options.logFormat, level: level)
        }
        do {
            try await Wiring(options, shape: shape, log: log, level: level).run()
        } catch {
            log.critical("cannot go on", metadata: ["error": "\(error)"])
            exit(1)
        }
    }
}

/// Clients and hooks take a descriptor each, and the soft limit is often 1,024 for the sake of select(2) alone.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

enum Environment {
    static var all: [String: String] {
        var all: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { all[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return all
    }
}
