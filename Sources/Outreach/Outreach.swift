// SPDX-License-Identifier: Apache-2.0
package import Logging
internal import Models
package import Policies
internal import Synchronization

/// Does what policies ask of the agent itself, as far as it may: asks for a URL, looks a name up.
///
/// Within bounds of number and time, and apart from everybody else: whoever asks waits for none of it.
package final class Outreach: Sendable {
    private let hosts: OutreachHosts
    private let bounds: OutreachBounds
    private let lookups: NameLookups
    private let log: Logger
    private let (errands, queue): (AsyncStream<Errand>, AsyncStream<Errand>.Continuation)
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    private struct Errand: Sendable {
        let action: Action
        let policy: String
    }

    private struct State {
        var counts = OutreachCounts()
        /// What fails does so at each of a policy's hits.
        var lines = LineAllowance.onceAMinute(mostCauses: 20_000)
    }

    /// - Parameter hosts: whom it may reach. Where they are none, nothing is done and ``run()`` need not be called.
    package init(_ hosts: OutreachHosts, _ bounds: OutreachBounds = .init(), log: Logger) {
        self.hosts = hosts
        self.bounds = bounds
        self.log = log
        lookups = NameLookups(atOnce: bounds.atOnce)
        (errands, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(bounds.waiting))
    }

    /// What has become of actions so far.
    package var counts: OutreachCounts { state.withLock { $0.counts } }

    /// Has something done, soon. Waits for nothing; actions that are the kernel's to do are ignored.
    package func ask(_ action: Action, for policy: String) {
        guard let host = action.reachedHost else { return }
        guard hosts.contains(host) else { return state.withLock { $0.counts.add(action, .refused) } }
        let errand = Errand(action: action, policy: policy)
        if case .enqueued = queue.yield(errand) { return }
        note(errand, .dropped, "there is too much to do")
    }

    /// Works until it is cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await errand in errands {
                if running < bounds.atOnce { running += 1 } else { await group.next() }
                group.addTask { await self.do(errand) }
            }
            group.cancelAll()
        }
    }

    private func `do`(_ errand: Errand) async {
        let begun = ContinuousClock.now
        do {
            try await within(bounds.time) { [bounds, lookups, hosts] in
                switch errand.action {
                case .getURL(let address): try await WebRequest(address, bounds).send(lookups, reaching: hosts)
                case .dnsLookup(let name): _ = try await lookups.addresses(of: name)
                default: break
                }
            }
            state.withLock { $0.counts.add(errand.action, .done) }
        } catch let refusal as OutreachRefusal {
            note(errand, .refused, "\(refusal)")
        } catch {
            note(errand, .failed, "\(error)")
        }
        // Also where answers come at once, others have the machine.
        try? await Task.sleep(until: begun + bounds.pace, clock: .continuous)
    }

    private func note(_ errand: Errand, _ outcome: OutreachCounts.Outcome, _ reason: String) {
        let unsaid = state.withLock { state in
            state.counts.add(errand.action, outcome)
            return state.lines.take(errand.policy, now: UInt64((ContinuousClock.now - start) / .nanoseconds(1)))
        }
        guard let unsaid else { return }
        let target =
            switch errand.action {
            case .getURL(let address): address.description
            case .dnsLookup(let name): name
            default: ""
            }
        log.warning(
            "what a policy asks for was not done",
            metadata: [
                "policy": "\(errand.policy)", "target": "\(target)", "outcome": "\(outcome.rawValue)",
                "error": "\(reason.prefix(500))", "not_told": "\(unsaid)",
            ])
    }
}

/// How much at once, and how long.
package struct OutreachBounds: Sendable {
    package var atOnce = 8
    /// Asked for and not begun; what comes then is dropped.
    package var waiting = 256
    /// For one, from its beginning to the end of the answer.
    package var time = Duration.seconds(5)
    /// How soon the next may follow one: with eight at once eighty a second.
    package var pace = Duration.milliseconds(100)
    /// Of an answer, which nobody looks at.
    package var bytes = 64 << 10

    package init() {}
}

/// Runs `body`, and cancels it when the time is up.
private func within(_ time: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask(operation: body)
        group.addTask {
            try await Task.sleep(for: time)
            throw OutreachError("nothing came of it in \(time)")
        }
        defer { group.cancelAll() }
        try await group.next()
    }
}

struct OutreachError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Only the lookup has told that the agent may not reach the host.
struct OutreachRefusal: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
