// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// What was produced is what was delivered and what was lost, to the last record: by the kernel's own counters, the
    /// agent's ledger, and what clients have received and been told.
    @Suite struct LedgerTests {
        /// `APUS_LEDGER_SEED=17 APUS_LEDGER_RUNS=1` repeats one.
        private static let runs = Artifacts.count("APUS_LEDGER_RUNS", default: 10)
        private static let firstSeed = Artifacts.count("APUS_LEDGER_SEED", default: 1)

        /// What a run has lost, by where.
        struct Losses {
            var ring: UInt64 = 0
            var queue: UInt64 = 0
            /// Gaps found where they belong, of a slow client whose neighbour had everything.
            var gapsPlaced = 0
        }

        @Test("the ledger balances under a storm, whatever is lost")
        func balance() async throws {
            var all: [Losses] = []
            for seed in Self.firstSeed..<Self.firstSeed + Self.runs {
                let storm = LedgerStorm(seed: UInt64(seed))
                do {
                    let losses = try await Self.runInQuiet(storm)
                    all.append(losses)
                    let told =
                        losses.ring + losses.queue == 0
                        ? "nothing lost" : "\(losses.ring) records lost in the ring, \(losses.queue) events by queues"
                    report("\(storm): \(told), \(losses.gapsPlaced) gaps in place")
                } catch {
                    Issue.record("\(storm): \(error)")
                }
            }
            report(
                "\(all.count) of \(Self.runs) runs balanced; lost something in the ring: \(all.count { $0.ring > 0 }), "
                    + "by a queue: \(all.count { $0.queue > 0 }), nothing: \(all.count { $0.ring + $0.queue == 0 })")
            guard Self.runs >= 10 else { return }
            // Else nothing was shown.
            #expect(all.count { $0.ring > 0 } >= Self.runs / 4)
            #expect(all.count { $0.queue > 0 } >= Self.runs / 4)
            #expect(all.contains { $0.gapsPlaced > 0 })
        }

        /// What others do may fill the ring as well, and must not while clients subscribe.
        private static func runInQuiet(_ storm: LedgerStorm) async throws -> Losses {
            for _ in 1..<5 {
                if let losses = try await run(storm) { return losses }
            }
            throw Failure("whenever clients subscribed the ring was full: too much happens on this machine")
        }

        /// - Returns: nil if it could not begin.
        private static func run(_ storm: LedgerStorm) async throws -> Losses? {
            let agent = try AgentProcess(["--rb-size", "65536", "--event-queue-size", "\(storm.queue)"])
            do {
                try await agent.start()
                let kernel = try KernelCounters(of: agent.pid)
                let word = uniqueWord("ledger")
                var losses: Losses? = Losses()
                var clients: [LossyStream] = []
                // Their losses begin where they do.
                let before = try await ledger(agent).lost
                try await LossyStream.with(agent, arguments: "leave \(word)") { quick in
                    try await LossyStream.with(agent, arguments: "leave \(word)", pace: storm.pace) { slow in
                        clients = [quick, slow]
                        guard try await ledger(agent).lost == before else {
                            losses = nil
                            return
                        }
                        try await rage(storm, word, agent)
                        for client in clients { client.hurry() }
                        let settled = try await settle(agent, kernel, clients, lostBefore: before)
                        losses?.ring = settled.lost
                        losses?.queue = settled.subscribers.reduce(0) { $0 + $1.lost }
                        losses?.gapsPlaced = try gaps(of: slow.received, among: quick.received)
                        try ownEvents(storm, quick.received, ringLost: settled.lost)
                        let log = try await agent.stop()
                        try await ends(agent, log, kernel, [quick.ending(), slow.ending()])
                    }
                }
                if losses == nil { try await agent.stop() }
                return losses
            } catch {
                try? await agent.kill()
                throw error
            }
        }

        private static func ledger(_ agent: AgentProcess) async throws -> Apus_V1_GetLedgerResponse {
            try await agent.withConnection { try await Apus_V1_Node.Client(wrapping: $0).getLedger(.init()) }
        }

        private static func rage(_ storm: LedgerStorm, _ word: String, _ agent: AgentProcess) async throws {
            let command = try Command(try storm.words(word))
            do {
                for stop in storm.stops {
                    try await Task.sleep(for: stop.after)
                    agent.signal(SIGSTOP)
                    try await Task.sleep(for: stop.length)
                    agent.signal(SIGCONT)
                }
            } catch {
                agent.signal(SIGCONT)
                throw error
            }
            let outcome = try await command.outcome(within: .seconds(60))
            guard outcome.status == 0 else {
                throw Failure("the storm ended with \(outcome.status): \(outcome.errors)")
            }
        }

        /// Waits until all three sides say the same: others run programs too, so that is a matter of a quiet moment.
        /// What a side has too much or too little stays so, and no moment comes.
        private static func settle(
            _ agent: AgentProcess, _ kernel: KernelCounters, _ clients: [LossyStream], lostBefore: UInt64
        ) async throws -> Apus_V1_GetLedgerResponse {
            var agreed: Apus_V1_GetLedgerResponse?
            var differences: [String] = []
            do {
                try await eventually("the three sides to agree", within: .seconds(30)) {
                    let counted = try kernel.now
                    let ledger = try await ledger(agent)
                    let received = clients.map(\.received)
                    // Its own sums hold at every moment.
                    let wrong = ledger.imbalances
                    guard wrong.isEmpty else { throw Failure("the ledger does not balance: \(wrong)") }
                    guard try kernel.now == counted else { return false }
                    differences = ledger.differences(from: counted)
                    // The export comes first in the list.
                    for (number, (client, account)) in zip(received, ledger.subscribers.dropFirst()).enumerated() {
                        differences += client.differences(from: ledger, account, lostBefore: lostBefore).map {
                            "client \(number): \($0)"
                        }
                    }
                    if ledger.subscribers.count != clients.count + 1 { differences.append("\(ledger.subscribers)") }
                    agreed = ledger
                    return differences.isEmpty
                }
            } catch {
                throw Failure("\(error): \(differences.joined(separator: "; "))")
            }
            return agreed!
        }

        /// Who loses finds each gap where the events are missing that its neighbour has, and as many.
        /// - Returns: how many gaps there were; 0 if the neighbour has gaps of its own.
        private static func gaps(of slow: LossyStream.Received, among quick: LossyStream.Received) throws -> Int {
            guard quick.slow == 0, let first = slow.items.first else { return 0 }
            guard var place = quick.items.firstIndex(of: first) else {
                throw Failure("\(first) came to one client alone")
            }
            var gaps = 0
            for item in slow.items {
                switch item {
                case .gap(let count):
                    gaps += 1
                    place += Int(count)
                case .event:
                    guard place < quick.items.count, quick.items[place] == item else {
                        throw Failure("\(item) is out of place, behind \(gaps) gaps")
                    }
                    place += 1
                }
            }
            guard place == quick.items.count else {
                throw Failure("\(quick.items.count - place) events are not told of")
            }
            return gaps
        }

        /// Of the storm's own processes only as many can be missing as anything is.
        private static func ownEvents(
            _ storm: LedgerStorm, _ received: LossyStream.Received, ringLost: UInt64
        ) throws {
            let made = storm.workers * storm.processes
            guard received.own <= made, UInt64(made - received.own) <= ringLost + received.slow else {
                throw Failure(
                    "\(received.own) of \(made) execs came, \(ringLost) records and \(received.slow) events lost")
            }
        }

        /// When the agent has gone nothing moves any more: now everything is exact without waiting for a quiet moment.
        private static func ends(
            _ agent: AgentProcess, _ log: String, _ kernel: KernelCounters, _ clients: [LossyStream.Received]
        ) throws {
            let counted = try kernel.now
            guard let line = log.split(separator: "\n").last(where: { $0.contains("msg=stopped") }) else {
                throw Failure("the agent does not say how it ended")
            }
            func told(_ field: String) throws -> UInt64 {
                guard let word = line.split(separator: " ").first(where: { $0.hasPrefix("\(field)=") }),
                    let count = UInt64(word.dropFirst(field.count + 1))
                else { throw Failure("the agent's last line has no \(field): \(line)") }
                return count
            }
            let exported = try lines(agent.exportFile)
            let checks: [(String, UInt64, UInt64)] = [
                ("attempted = sent + lost", counted.attempted, counted.sent + counted.lost),
                ("attempted", counted.attempted, try told("records_attempted")),
                ("received", counted.sent, try told("records_received")),
                ("lost", counted.lost, try told("records_lost")),
                ("missed", counted.missed, try told("records_missed")),
                ("malformed", 0, try told("records_malformed")),
                (
                    "offered", try told("offered"),
                    try told("filtered") + told("delivered") + told("undelivered") + told("left_behind")
                ),
                // The export has been there from the first event on; its queue is no longer than theirs.
                ("delivered", clients.reduce(exported) { $0 + $1.events }, try told("delivered")),
                (
                    "told to be lost, or not exported",
                    clients.reduce(try told("events") - exported) { $0 + $1.slow }, try told("undelivered")
                ),
            ]
            let wrong = checks.filter { $0.1 != $0.2 }.map { "\($0.0): \($0.1), and \($0.2)" }
            guard wrong.isEmpty else { throw Failure("at the end \(wrong.joined(separator: "; ")). \(line)") }
        }

        private static func lines(_ path: String) throws -> UInt64 {
            UInt64(try Data(contentsOf: URL(filePath: path)).count { $0 == UInt8(ascii: "\n") })
        }
    }
}

extension Apus_V1_GetLedgerResponse {
    var lost: UInt64 { cpus.reduce(0) { $0 + $1.lost } }

    /// Sums of its own that do not hold.
    var imbalances: [String] {
        var wrong = cpus.filter { $0.attempted != $0.received + $0.lost + $0.unread }.map { "\($0)" }
        let kinds =
            records.exec + records.arguments + records.fork + records.exit + records.cgroup + records.malformed
            + records.policy + records.policyData
        if cpus.reduce(0, { $0 + $1.received }) != kinds { wrong.append("\(records), received by all: \(cpus)") }
        let made = records.exec + records.exit + records.policy + events.found
        let told = events.exec + events.exit + events.policy + events.joined
        if made != told + events.repeatedExit + events.unwanted + events.unknownPolicy + events.throttled
            + events.waiting
        {
            wrong.append("\(records) and \(events)")
        }
        return wrong
            + (subscribers + [departed]).filter {
                $0.offered != $0.filtered + $0.delivered + $0.lost + $0.waiting
            }.map { "\($0)" }
    }

    /// What the kernel counts otherwise.
    func differences(from kernel: KernelCounters.Counts) -> [String] {
        var differences: [String] = []
        for (number, cpu) in kernel.cpus.enumerated() where cpu.attempted > 0 {
            let own = cpus.first { $0.cpu == UInt32(number) } ?? .init()
            if own.attempted != cpu.attempted || own.received != cpu.sent || own.lost != cpu.lost {
                differences.append("CPU \(number): \(cpu), the agent says \(own)")
            }
        }
        if missed != kernel.missed { differences.append("missed: \(kernel.missed), the agent says \(missed)") }
        return differences
    }
}

extension LossyStream.Received {
    /// What the agent says otherwise of what this client has had and been told.
    fileprivate func differences(
        from ledger: Apus_V1_GetLedgerResponse, _ account: Apus_V1_GetLedgerResponse.Subscriber, lostBefore: UInt64
    ) -> [String] {
        var differences: [String] = []
        func compare(_ what: String, _ own: UInt64, _ told: UInt64) {
            if own != told { differences.append("\(what): \(own) here, \(told) by the ledger") }
        }
        compare("events", events, account.delivered)
        compare("events that it was too slow for", slow, account.lost)
        compare("events that wait", 0, account.waiting)
        compare("events not wanted", 0, account.filtered)
        compare("records lost", ringFull.values.reduce(0, +), ledger.lost - lostBefore)
        if lostBefore == 0 {
            for cpu in ledger.cpus { compare("of CPU \(cpu.cpu)", ringFull[cpu.cpu] ?? 0, cpu.lost) }
        }
        compare("malformed", malformed, ledger.records.malformed)
        compare("missed", missed, ledger.missed)
        if let end { differences.append("it ended: \(end)") }
        return differences
    }
}
