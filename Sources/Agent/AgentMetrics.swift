// SPDX-License-Identifier: Apache-2.0
import CLinux
import Containers
import Events
import Glibc
import Metrics
import Models
import Processes

/// What the rooms count, as metrics.
extension Exposition {
    init(_ report: Writer.Report, _ accounts: [EventHub.Account], _ refusals: Refusals.Counts, isReady: Bool) {
        self.init()
        add(Catalogue.build, [(Version.current, 1)])
        add(Catalogue.ready, isReady ? 1 : 0)

        add(Catalogue.recordsReceived, report.recordsReceived)
        add(
            Catalogue.recordsLost,
            [
                "ring_full": Double(report.recordsLost), "malformed": Double(report.recordsMalformed),
                "missed": Double(report.missed),
            ])
        add(Catalogue.recordsLate, report.recordsLate)
        add(Catalogue.storageFailures, report.storageFailures)
        add(Catalogue.environmentsCut, report.environmentsCut)
        let loads = report.loadLosses
        add(
            Catalogue.loadsLost,
            [
                "ring_full": Double(loads.noRoom), "malformed": Double(loads.malformed),
                "crowded": Double(loads.crowded), "unknown_process": Double(loads.unknownProcess),
            ])

        add(Catalogue.execs, zip(Catalogue.origins, report.events.execs).map { ($0, Double($1)) })
        add(Catalogue.exits, report.events.exits)
        add(Catalogue.eventsDelivered, accounts.reduce(0) { $0 + $1.delivered })
        add(Catalogue.eventsLost, accounts.reduce(0) { $0 + $1.lost })
        // Those who have left are one account together.
        add(Catalogue.subscribers, accounts.count - 1)

        add(Catalogue.processes, report.processes)
        add(Catalogue.containers, report.containers)
        add(Catalogue.contradictions, report.contradictions)
        add(Catalogue.refusals, refusals.byCause.map { ($0.key.rawValue, Double($0.value)) })
        add(Catalogue.connectionsClosed, refusals.connections)
        add(Catalogue.held, report.held)
        add(Catalogue.heldSeconds, report.totalHeld.inSeconds)
        add(Catalogue.longestHeld, report.longestHeld.inSeconds)
        add(Catalogue.unnamed, report.unnamed)

        let own = OwnProcess.now
        add(Catalogue.cpu, own.cpuSeconds)
        add(Catalogue.resident, own.residentBytes)
        add(Catalogue.descriptors, own.descriptors)
        add(Catalogue.started, own.started)
    }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// What the kernel says of the agent.
private struct OwnProcess {
    var cpuSeconds: Double
    var residentBytes: Int
    var descriptors: Int
    /// Seconds since 1970.
    var started: Double

    private static let procfs = Procfs()

    static var now: OwnProcess {
        let pid = UInt32(getpid())
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let pages = procfs.text("\(pid)/statm", limit: 256)?.split(separator: " ").dropFirst().first
        let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        let startedAfterBoot = procfs.startTime(of: pid).map { Double($0) / ticks } ?? 0
        var clock = timespec()
        clock_gettime(CLOCK_REALTIME, &clock)
        let boot = Double(clock.tv_sec) + Double(clock.tv_nsec) * 1e-9 - Double(WallClock.bootNanoseconds) * 1e-9
        return OwnProcess(
            cpuSeconds: usage.ru_utime.inSeconds + usage.ru_stime.inSeconds,
            residentBytes: (pages.flatMap { Int($0) } ?? 0) * sysconf(Int32(_SC_PAGESIZE)),
            descriptors: openDescriptors, started: (boot + startedAfterBoot).rounded())
    }

    private static var openDescriptors: Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        // Not the two that name the directories, nor the one that reads this.
        var count = -3
        while readdir(directory) != nil { count += 1 }
        return count
    }
}

extension timeval {
    fileprivate var inSeconds: Double { Double(tv_sec) + Double(tv_usec) * 1e-6 }
}
