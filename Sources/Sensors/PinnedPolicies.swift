// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc

/// A policy that an agent which is gone has left in the kernel.
package struct PinnedPolicy: Sendable, Equatable {
    package var owner: PinnedOwner
    /// Whether it is its name: where what says so is missing or damaged, the owner's name is the pins'.
    package var isKnown: Bool
    /// Its programs, by the names of their directories.
    package var programs: [String]

    package init(owner: PinnedOwner, isKnown: Bool = true, programs: [String]) {
        self.owner = owner
        self.isKnown = isKnown
        self.programs = programs
    }
}

/// What earlier agents have left below a directory: read once, and let go policy by policy. What is found there is what
/// was left by a crash between any two steps, and is not relied upon.
///
/// Owned by one thread at a time; nothing here is locked.
package final class PinnedPolicies {
    private struct Program {
        let run: Int
        let name: String
        let path: String
        /// Of rows that hold; of whoever is not known none may be known either.
        var rows: [PinnedOwner: [UInt32]]

        var unknownOwner: PinnedOwner { PinnedOwner(name: "pinned-\(run)-\(name)", namespace: "") }
    }

    private let root: PinRoot
    private var programs: [Program] = []

    /// What holds nothing any more goes at once.
    package init(_ root: PinRoot) {
        self.root = root
        for run in root.runs { read(run) }
        for run in root.runs { removeUnlessNeeded(run) }
    }

    /// By name.
    package var policies: [PinnedPolicy] {
        var found: [PinnedOwner: PinnedPolicy] = [:]
        for program in programs {
            for owner in program.rows.keys {
                let empty = PinnedPolicy(owner: owner, isKnown: owner != program.unknownOwner, programs: [])
                found[owner, default: empty].programs.append("\(program.run)/\(program.name)")
            }
        }
        return found.values.sorted { ($0.owner.namespace, $0.owner.name) < ($1.owner.namespace, $1.owner.name) }
    }

    /// From the return on the policy holds no more.
    /// - Returns: false if there is no such policy.
    @discardableResult
    package func release(_ owner: PinnedOwner) -> Bool {
        var runs: Set<Int> = []
        for index in programs.indices {
            guard let rows = programs[index].rows.removeValue(forKey: owner) else { continue }
            runs.insert(programs[index].run)
            let path = programs[index].path
            if let map = PinnedArray("\(path)/\(ProgramPins.rows)") { for row in rows { map.clear(row) } }
            if programs[index].rows.isEmpty {
                PinRoot.remove(path, last: [ProgramPins.owners, ProgramPins.rows])
            }
        }
        programs.removeAll { $0.rows.isEmpty }
        for run in runs { removeUnlessNeeded(run) }
        return !runs.isEmpty
    }

    private func removeUnlessNeeded(_ run: Int) {
        guard !programs.contains(where: { $0.run == run }) else { return }
        PinRoot.remove("\(root.path)/\(run)")
        root.removeIfEmpty()
    }

    // MARK: Reading

    private func read(_ run: Int) {
        let path = "\(root.path)/\(run)"
        let generations = PinnedArray("\(path)/\(PolicyPins.shared)/\(PolicyPins.generation)")?.value(0)
        for name in PinRoot.names(in: path) where Int(name) != nil {
            let directory = "\(path)/\(name)"
            var program = Program(run: run, name: name, path: directory, rows: [:])
            let named = Set(PinRoot.names(in: directory))
            if !named.isSubset(of: [ProgramPins.owners, ProgramPins.rows]) {
                program.rows = rows(of: program, generations)
            }
            if program.rows.isEmpty {
                PinRoot.remove(directory, last: [ProgramPins.owners, ProgramPins.rows])
            } else {
                programs.append(program)
            }
        }
    }

    private func rows(of program: Program, _ generations: [UInt8]?) -> [PinnedOwner: [UInt32]] {
        guard let rows = PinnedArray("\(program.path)/\(ProgramPins.rows)") else { return [program.unknownOwner: []] }
        let owners = PinnedArray("\(program.path)/\(ProgramPins.owners)")
        var found: [PinnedOwner: [UInt32]] = [:]
        for row in 0..<rows.count {
            guard let value = rows.value(row), Self.holds(value, generations) else { continue }
            let owner = owners?.value(row).flatMap { PinnedOwner($0) } ?? program.unknownOwner
            found[owner, default: []].append(row)
        }
        return found
    }

    /// What cannot be judged, because another version has written it, holds.
    private static func holds(_ row: [UInt8], _ generations: [UInt8]?) -> Bool {
        guard row.contains(where: { $0 != 0 }) else { return false }
        guard row.count == MemoryLayout<pol_row>.size, let generations,
            generations.count == MemoryLayout<pol_generations>.size
        else { return true }
        let (from, until) = row.withUnsafeBytes { bytes in
            (
                bytes.loadUnaligned(fromByteOffset: MemoryLayout<pol_row>.offset(of: \.from) ?? 0, as: UInt32.self),
                bytes.loadUnaligned(fromByteOffset: MemoryLayout<pol_row>.offset(of: \.until) ?? 0, as: UInt32.self)
            )
        }
        let word = generations.withUnsafeBytes { $0.loadUnaligned(as: pol_generations.self) }
        // While one generation follows another some calls go by the one, others by the other.
        return [word.current, word.next == 0 ? word.current : word.next].contains { from <= $0 && $0 < until }
    }
}

/// An array of the kernel's that was found by its name.
private final class PinnedArray {
    private let descriptor: Int32
    private let valueSize: Int
    let count: UInt32

    private static let countMax: UInt32 = 65_536
    private static let valueSizeMax: UInt32 = 65_536

    /// nil if there is none, or something else.
    init?(_ path: String) {
        descriptor = bpf_obj_get(path)
        var info = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        guard descriptor >= 0, bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0,
            info.type == BPF_MAP_TYPE_ARRAY.rawValue, (1...Self.valueSizeMax).contains(info.value_size)
        else {
            // Members that are not set yet are; deinit closes.
            (valueSize, count) = (0, 0)
            return nil
        }
        valueSize = Int(info.value_size)
        count = min(info.max_entries, Self.countMax)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func value(_ index: UInt32) -> [UInt8]? {
        var key = index
        // The kernel copies whole words.
        var value = [UInt8](repeating: 0, count: (valueSize + 7) / 8 * 8)
        guard bpf_map_lookup_elem(descriptor, &key, &value) == 0 else { return nil }
        return Array(value[..<valueSize])
    }

    func clear(_ index: UInt32) {
        var key = index
        let value = [UInt8](repeating: 0, count: (valueSize + 7) / 8 * 8)
        bpf_map_update_elem(descriptor, &key, value, UInt64(BPF_ANY))
    }
}
