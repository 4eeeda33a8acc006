// SPDX-License-Identifier: Apache-2.0
internal import CRecords
package import Sensors

/// Files that processes map to run them.
///
/// Others than the ring's records tell of them, with the pid alone. Whoever reads looks for these first and then reads
/// the ring no further than it had got before: so a process's end is never applied before what it had mapped is known,
/// and that is told before it, like what it had mapped before an exec.
extension ProcessTracker {
    /// - Parameters:
    ///   - records: in order.
    ///   - end: of the ring, after they had been read: up to there it knows who they were.
    package mutating func mapped(_ records: [MappingRecord], end: UInt64) {
        for record in records {
            let isTaken =
                switch record {
                case .mapped(let file): loads.add(.mapped(file), of: file.process, end: end)
                case .executes(let process, let time): loads.add(.executes(time: time), of: process, end: end)
                case .lost, .other: true
                }
            if !isTaken { counters.crowdedLoads += 1 }
        }
    }

    /// The ring has been read up to a position.
    package mutating func releaseLoads(readTo position: UInt64, at now: UInt64, emit: (ProcessEvent) -> Void) {
        guard !loads.isEmpty else { return }
        tell(loads.takeSettled(at: now, readTo: position), emit: emit)
    }

    /// Nobody looks any more.
    package mutating func releaseAllLoads(emit: (ProcessEvent) -> Void) {
        tell(loads.takeEverything(), emit: emit)
        recentLoads = RecentLoads()
    }

    /// To be called before the table knows of an exec, and after.
    mutating func releaseLoads(of process: UInt32, beforeExecAt time: UInt64, emit: (ProcessEvent) -> Void) {
        if !loads.isEmpty { tell(loads.take(of: process, beforeExecAt: time), emit: emit) }
    }

    mutating func releaseLoads(ofNewProgramIn process: UInt32, emit: (ProcessEvent) -> Void) {
        if !loads.isEmpty { tell(loads.takeCurrent(of: process), emit: emit) }
    }

    /// Nothing of a process comes behind its end.
    mutating func releaseLoads(of process: UInt32, emit: (ProcessEvent) -> Void) {
        if !loads.isEmpty { tell(loads.takeAll(of: process), emit: emit) }
    }

    private mutating func tell(_ files: [MappedFile], emit: (ProcessEvent) -> Void) {
        for file in files {
            guard file.process != 0, let entry = table[file.process], entry.key.start <= file.time else {
                counters.unknownLoads += 1
                continue
            }
            var hasher = Hasher()
            hasher.combine(entry.key.tgid)
            hasher.combine(entry.key.start)
            hasher.combine(entry.key.exec_count)
            hasher.combine(file.path)
            // Another file may have taken the path.
            hasher.combine(file.buildID)
            guard recentLoads.insert(hasher.finalize()) else { continue }
            let load = LoadedFile(path: file.path, buildID: file.buildID)
            offer(event(.loader(load), file.time, entry), emit: emit)
        }
    }
}
