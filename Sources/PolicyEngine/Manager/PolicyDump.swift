// SPDX-License-Identifier: Apache-2.0
internal import Sensors

/// What the kernel has of all policies, for whoever looks for a fault.
package struct PolicyDump: Sendable {
    package struct Row: Sendable {
        package var slot: UInt32
        /// What records call it.
        package var id: UInt32
        package var policy: PolicyKey
        /// The generation from which on it holds.
        package var from: UInt32
        package var isMonitored: Bool
        /// Holds in some containers only.
        package var isScoped: Bool
        package var sets: [UInt32]
        package var binarySets: [UInt32]
        package var counts: PolicyCounts

        package init(
            slot: UInt32, id: UInt32, policy: PolicyKey, from: UInt32, isMonitored: Bool, isScoped: Bool,
            sets: [UInt32], binarySets: [UInt32], counts: PolicyCounts
        ) {
            self.slot = slot
            self.id = id
            self.policy = policy
            self.from = from
            self.isMonitored = isMonitored
            self.isScoped = isScoped
            self.sets = sets
            self.binarySets = binarySets
            self.counts = counts
        }
    }

    package struct Program: Sendable {
        package var number: UInt32
        package var sensor: String
        /// Bytes.
        package var kernelMemory: UInt64
        package var misses: PolicyMisses
        package var rowsLimit: Int
        /// Containers that have a list of rows in it.
        package var lists: Int
        package var listsLimit: Int
        package var rows: [Row]

        package init(
            number: UInt32, sensor: String, kernelMemory: UInt64, misses: PolicyMisses, rowsLimit: Int,
            lists: Int, listsLimit: Int, rows: [Row]
        ) {
            self.number = number
            self.sensor = sensor
            self.kernelMemory = kernelMemory
            self.misses = misses
            self.rowsLimit = rowsLimit
            self.lists = lists
            self.listsLimit = listsLimit
            self.rows = rows
        }
    }

    package var generation: UInt32
    /// By number.
    package var programs: [Program]
    package var binarySets: Int
    package var binarySetsLimit: Int
    package var containers: Int
    /// Rows that are too many.
    package var omittedRows = 0

    package init(
        generation: UInt32 = 0, programs: [Program] = [], binarySets: Int = 0, binarySetsLimit: Int = 0,
        containers: Int = 0
    ) {
        self.generation = generation
        self.programs = programs
        self.binarySets = binarySets
        self.binarySetsLimit = binarySetsLimit
        self.containers = containers
    }

    /// Rows of one answer: some ten megabytes.
    static let mostRows = 50_000
}

extension PolicyManager {
    /// What the kernel has of all policies. Waits for a program that is being loaded.
    package func dump() -> PolicyDump { table.dump() }
}

extension ProgramTable {
    func dump() -> PolicyDump {
        var dump = PolicyDump(
            generation: generation, binarySets: binarySets.count, binarySetsLimit: Int(BinaryNumbers.limit),
            containers: scopes.containerCount)
        var room = PolicyDump.mostRows
        for group in groups.values.sorted(by: { $0.number < $1.number }) {
            let hooks = group.hooks.sorted { $0.key < $1.key }.prefix(room)
            room -= hooks.count
            dump.omittedRows += group.hooks.count - hooks.count
            // A place each.
            var seen: Set<String> = []
            let sensors = group.hooks.sorted { $0.key < $1.key }.map(\.value.plan.sensorName)
                .filter { seen.insert($0).inserted }
            let lists = scopes.lists(of: group.program)
            dump.programs.append(
                PolicyDump.Program(
                    number: group.number, sensor: sensors.joined(separator: ", "),
                    kernelMemory: group.kernelMemory, misses: group.program.misses, rowsLimit: group.room.rows,
                    lists: lists.count, listsLimit: lists.room, rows: hooks.compactMap { Self.row($1) }))
        }
        return dump
    }

    private static func row(_ hook: LoadedHook) -> PolicyDump.Row? {
        hook.placement.map { placement in
            PolicyDump.Row(
                slot: placement.slot, id: hook.row, policy: hook.policy, from: placement.from,
                isMonitored: hook.isMonitored, isScoped: hook.scope != nil, sets: placement.sets,
                binarySets: hook.binarySets,
                counts: placement.group.program.counts(of: placement.slot).reduce(into: PolicyCounts()) {
                    $0 += PolicyCounts($1)
                })
        }
    }
}
