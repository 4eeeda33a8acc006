// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import Logging
import Models
import Processes
import Sensors
import Server
import Synchronization

/// What became of everything, for those who ask and for the log.
extension Writer {
    var recordsLost: UInt64 { tracker.ledger.lost(counted: kernel.noRoomByCPU) }

    func isCountDue(at now: UInt64) -> Bool { now &- lastCount > 1_000_000_000 }

    func readCounters() {
        lastCount = WallClock.bootNanoseconds
        countIsStale = false
        kernel = KernelCounts(sensors.statistics(), missed: sensors.missed())
    }

    func tellLoss() {
        let loss = lossNews.since(
            numbered: tracker.ledger.lostByCPU, counted: kernel.noRoomByCPU, malformed: tracker.ledger.malformed,
            missed: kernel.missed, loads: loadLosses.noRoom + loadLosses.crowded)
        if let loss { hub.publish(loss) }
    }

    /// Everything that has come so far is read and handed to the subscribers first.
    func balance() -> Ledger {
        catchUp()
        publish()
        readCounters()
        takeStock()
        return accounts()
    }

    func accounts() -> Ledger {
        Ledger(kernel, tracker, events, naming: naming.count, accounts: hub.accounts)
    }

    /// As it was when the thread had ended, but for what subscribers have read since.
    var lastLedger: Ledger {
        var ledger = last.withLock { $0 }
        ledger.accounts = hub.accounts
        return ledger
    }

    /// What is due now and then, in a storm too.
    func takeStock() {
        tracker.refreshClock()
        if isCountDue(at: WallClock.bootNanoseconds) { readCounters() }
        let lost = recordsLost
        if lost != lostAtLastWarning {
            log.warning(
                "records lost: the ring was full",
                metadata: ["lost": "\(lost - lostAtLastWarning)", "lost_total": "\(lost)"])
            lostAtLastWarning = lost
        }
        let loadsLost = loadLosses.noRoom + loadLosses.crowded
        if loadsLost != loadsLostAtLastWarning {
            log.warning(
                "mapped files lost: their rings were full",
                metadata: ["lost": "\(loadsLost - loadsLostAtLastWarning)", "lost_total": "\(loadsLost)"])
            loadsLostAtLastWarning = loadsLost
        }
        tellLoss()
        let gone = tracker.registry.takeGone()
        if !gone.isEmpty { containersGone(gone) }
        renewReport()
    }

    func renewReport() {
        let now = WallClock.bootNanoseconds
        window.note(
            RecordCounts(
                received: tracker.ledger.received, lost: recordsLost, malformed: tracker.ledger.malformed), at: now)
        let report = Report(
            recordsReceived: tracker.ledger.received, recordsLost: recordsLost,
            recordsMalformed: tracker.ledger.malformed, recordsLate: sensors.lateRecords, missed: kernel.missed,
            storageFailures: kernel.storageFailures, environmentsCut: tracker.counters.cutEnvironments,
            held: tracker.counters.held, unnamed: tracker.counters.unnamed,
            longestHeld: .nanoseconds(longestHeld), totalHeld: .nanoseconds(totalHeld),
            processes: tracker.processCount - 1,
            containers: tracker.registry.containers.count, contradictions: contradictions, events: events,
            programs: sensors.attachedPrograms, loadLosses: loadLosses, window: window)
        published.withLock { $0 = report }
    }

    var loadLosses: LoadLosses {
        var losses = earlierLosses
        losses.noRoom += loads?.files.lost ?? 0
        losses.malformed += loads?.files.malformed ?? 0
        losses.crowded = tracker.counters.crowdedLoads
        losses.unknownProcess = tracker.counters.unknownLoads
        return losses
    }
}
