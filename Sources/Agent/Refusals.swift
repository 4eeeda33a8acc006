// SPDX-License-Identifier: Apache-2.0
import Containers
import Logging
import Models
import Processes
import Server
import Synchronization

/// What was refused on the hook's way, counted by cause and told in lines that no stranger can make too many of.
final class Refusals: Sendable {
    struct Counts: Sendable {
        var byCause: [RegistrationError.Code: UInt64] = [:]
        /// Closed because there were too many.
        var connections: UInt64 = 0
    }

    private struct State {
        var counts = Counts()
        var allowance = LineAllowance(every: 200_000_000, burst: 20)
    }

    private let state = Mutex(State())
    private let log: Logger

    init(log: Logger) { self.log = log }

    func note(_ refusal: HookRefusal) {
        let suppressed = state.withLock { state -> UInt64? in
            switch refusal {
            case .call(let error, _, _): state.counts.byCause[error.code, default: 0] += 1
            case .connection: state.counts.connections += 1
            }
            return state.allowance.take(now: WallClock.bootNanoseconds)
        }
        guard let suppressed else { return }
        var fields: Logger.Metadata
        let message: Logger.Message
        switch refusal {
        case .call(let error, let container, let peer):
            message = "container refused"
            fields = [
                "id": "\(container)", "cause": "\(error.code.rawValue)", "error": "\(error)",
                "pid": "\(peer?.pid ?? 0)", "uid": peer.map { "\($0.uid)" } ?? "",
            ]
        case .connection(let uid, let pid, let address):
            message = "connection closed: there are too many"
            fields = ["address": "\(address)", "pid": "\(pid)", "uid": "\(uid)"]
        }
        if suppressed > 0 { fields["suppressed"] = "\(suppressed)" }
        log.warning(message, metadata: fields)
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// For GetHealth's details: nothing as long as nothing was refused.
    var summary: String {
        let counts = counts
        let (byCause, connections) = (counts.byCause, counts.connections)
        let total = byCause.values.reduce(0, +)
        let causes = RegistrationError.Code.allCases.compactMap { code in
            byCause[code].map { "\($0) \(code.rawValue)" }
        }
        return (total > 0 ? ", \(total) registrations refused (\(causes.joined(separator: ", ")))" : "")
            + (connections > 0 ? ", \(connections) connections closed as too many" : "")
    }
}
