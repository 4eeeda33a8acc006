// SPDX-License-Identifier: Apache-2.0
import CLibbpf
package import CRecords
import Glibc

/// The base sensors: fork, exec, exit and the cgroup tree, from the kernel to records in place.
///
/// Owned by one thread at a time, which may hand it on as a whole; nothing here is locked. (That is what the unchecked
/// conformance means: a mutex on the road of every record would guard against nobody.)
package final class BaseSensors: @unchecked Sendable {
    private let programs: Programs
    private var ring: Ring
    private let armed: Int32
    private let seeds: Int32
    private let containers: Int32
    private let perCPU: Int32

    private var emptyRounds = 0
    private var wasCut = false

    /// Empty rounds before the reader sleeps, and how long it naps after each: a storm fills a few KB meanwhile.
    private static let roundsBeforeSleep = 4
    private static let napMilliseconds: Int32 = 4

    /// Opens, fits and loads the programs. Nothing runs before ``attach()``.
    /// - Parameter types: the kernel's, if the caller has them.
    package init(_ configuration: SensorConfiguration, types: KernelTypes? = nil) throws(SensorError) {
        programs = try Programs(configuration, types)
        ring = try Ring(
            descriptor: bpf_map__fd(try programs.map("ring")), size: configuration.ringBytes,
            variables: bpf_map__fd(try programs.map(".bss")))
        armed = bpf_map__fd(try programs.map("armed"))
        seeds = bpf_map__fd(try programs.map("seeds"))
        containers = bpf_map__fd(try programs.map("pol_containers"))
        perCPU = bpf_map__fd(try programs.map("stats"))
    }

    /// Attaches all programs or none.
    package func attach() throws(SensorError) { try programs.attach() }

    /// Detaches the programs. What they have sent stays to be drained.
    package func detach() { programs.detach() }

    package var attachedPrograms: [String] { programs.attached }

    /// Which programs know the container of a cgroup that is made inside of it.
    private static let scopePrograms = ["cgroup_mkdir", "cgroup_rmdir"]

    /// What programs of policies share with these, and among each other.
    ///
    /// - Parameter pins: what keeps them when the agent goes. Then these have to be attached.
    package func policyMaps(
        _ configuration: SensorConfiguration, types: KernelTypes, pins: PolicyPins? = nil
    ) throws(SensorError) -> PolicyMaps {
        var lent: [String: Int32] = [:]
        for name in ["ring", "stats", ".bss", "scratches", "pol_containers"] {
            lent[name] = bpf_map__fd(try programs.map(name))
        }
        var kept: [String: Int32] = [:]
        if pins != nil { for name in Self.scopePrograms { kept[name] = try programs.link(of: name) } }
        return try PolicyMaps(lent, rec_config(configuration, types), types, pins: pins, keeping: kept)
    }

    /// How many instructions the verifier processed for each program: what loading it costs, and how near it is to the
    /// verifier's limit.
    package func verifiedInstructions() -> [String: Int] { programs.verifiedInstructions() }
}

// MARK: - Containers that policies apply to

extension BaseSensors {
    /// Says which container a cgroup is in: the container's own directory, before the container runs anything, and those
    /// that are inside of it already. One that is made inside later has the same container from its beginning: the
    /// kernel's program sees to that. Both are ids of the hierarchy that names containers.
    package func setContainer(_ container: UInt64, of cgroup: UInt64) throws(SensorError) {
        var (key, value) = (cgroup, container)
        guard bpf_map_update_elem(containers, &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("put cgroup \(cgroup) into", "the map pol_containers")
        }
    }

    /// The container that a cgroup is in, as far as the kernel's programs know.
    package func container(of cgroup: UInt64) -> UInt64? {
        var (key, value) = (cgroup, UInt64(0))
        return bpf_map_lookup_elem(containers, &key, &value) == 0 ? value : nil
    }

    /// Not needed for a directory that is removed.
    package func forgetContainer(of cgroup: UInt64) {
        var key = cgroup
        bpf_map_delete_elem(containers, &key)
    }
}

// MARK: - Existing processes and container trees

extension BaseSensors {
    /// A REC_TASK record for every process that there is now, kernel threads too.
    package func forEachTask(_ body: (UnsafeRawBufferPointer) -> Void) throws(SensorError) {
        try TaskIterator(program: try programs.program("tasks")).run(body)
    }

    /// Puts all threads of existing processes into their containers' trees, each only if it is in the cgroup named
    /// for it: `cgroups[i]` is that of `tgids[i]`. Children that such a process forks meanwhile are missed, so a
    /// caller repeats this until a new list of processes shows nobody new; repeating harms nothing.
    package func seedTree(tgids: [UInt32], cgroups: [UInt64]) throws(SensorError) {
        precondition(tgids.count == cgroups.count, "a cgroup for every process")
        defer { for var tgid in tgids { bpf_map_delete_elem(seeds, &tgid) } }
        for (tgid, cgroup) in zip(tgids, cgroups) { try set(seeds, "seeds", tgid, cgroup) }
        try TaskIterator(program: try programs.program("seed_tree")).run { _ in }
    }

    /// From now on the next exec of process `tgid` in `cgroup` begins that container's tree.
    package func arm(tgid: UInt32, cgroup: UInt64) throws(SensorError) { try set(armed, "armed", tgid, cgroup) }

    /// Takes back ``arm(tgid:cgroup:)`` if the exec has not happened yet.
    package func disarm(tgid: UInt32) {
        var tgid = tgid
        bpf_map_delete_elem(armed, &tgid)
    }

    private func set(_ map: Int32, _ name: String, _ tgid: UInt32, _ cgroup: UInt64) throws(SensorError) {
        var tgid = tgid
        var value = rec_armed(cgroup_id: cgroup)
        guard bpf_map_update_elem(map, &tgid, &value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("put process \(tgid) into", "the map \(name)")
        }
    }
}

// MARK: - Reading

extension BaseSensors {
    /// Hands at most `limit` records to `body`, in place: the bytes are valid until it returns. Records of one CPU
    /// come in that CPU's order. Returns how many there were.
    /// - Parameter end: a position of ``written`` behind which none is read.
    package func drain(
        limit: Int, upTo end: UInt64 = .max, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        let delivered = ring.drain(limit: limit, upTo: end, body)
        wasCut = delivered == limit
        return delivered
    }

    /// Up to where records have been begun, and up to where they have been read: what was begun before a moment is read
    /// when `read` has come to what `written` was then.
    package var written: UInt64 { ring.written }
    package var read: UInt64 { ring.read }

    /// What the reading thread does between two rounds: nothing if the last one was cut short by its limit, a nap
    /// while records come, sleep when none have come for a while. A message on `wakeDescriptor` (an eventfd, read by
    /// the caller) ends either at once, and what is readable at `otherDescriptor` the sleep.
    package func pause(afterDelivering count: Int, wakeDescriptor: Int32, otherDescriptor: Int32 = -1) {
        if wasCut { return }
        emptyRounds = count > 0 ? 0 : emptyRounds + 1
        // A record that is still being written is no reason to sleep, nor to look without a pause.
        if emptyRounds >= Self.roundsBeforeSleep, !ring.hasReservations {
            wait(wakeDescriptor: wakeDescriptor, otherDescriptor: otherDescriptor)
        } else {
            var message = pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)
            poll(&message, 1, Self.napMilliseconds)
        }
    }

    /// Sleeps until there is a record, a descriptor is readable, or a second has gone.
    /// - Parameter otherDescriptor: none if negative.
    package func wait(wakeDescriptor: Int32, otherDescriptor: Int32 = -1) {
        ring.sleep(wakeDescriptor: wakeDescriptor, otherDescriptor: otherDescriptor)
    }

    /// Sleeps that ended at their bound with an old record in the ring. Anything but 0 is a bug in the sleep protocol.
    package var lateRecords: UInt64 { ring.lateRecords }
}

// MARK: - What was missed

extension BaseSensors {
    /// The counters of each CPU.
    package func statistics() -> [rec_stats] {
        let count = Int(libbpf_num_possible_cpus())
        guard count > 0 else { return [] }
        var values = [rec_stats](repeating: rec_stats(), count: count)
        var zero: UInt32 = 0
        return bpf_map_lookup_elem(perCPU, &zero, &values) == 0 ? values : []
    }

    /// Events that the kernel kept from our programs because one of them was running already.
    package func missed() -> UInt64 { programs.recursionMisses() }
}
