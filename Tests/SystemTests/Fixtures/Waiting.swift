// SPDX-License-Identifier: Apache-2.0
import Foundation

/// How many times as long as usual a test waits before it gives up: an emulated machine is slow.
let patience = Artifacts.count("APUS_PATIENCE", default: 1)

/// Waits until something holds. The limit is for the hopeless case alone: nothing here is a measurement.
func eventually(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit * patience
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Failure("waited \(limit * patience) for \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// The letter of /proc/PID/stat.
func processState(of pid: pid_t) throws -> String {
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return text.split(separator: ")").last?.split(separator: " ").first.map(String.init) ?? ""
}

/// A word that no other test and no other process of the machine uses.
func uniqueWord(_ prefix: String) -> String {
    "\(prefix)-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
}

/// Says what a test has measured, in one line: shown beside its outcome, and kept by `make soak`.
func report(_ figure: String) {
    print("@@ figure \(figure.split(separator: "\n").joined(separator: "; "))")
}
