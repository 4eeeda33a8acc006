// SPDX-License-Identifier: Apache-2.0
import CLinux
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What outlives an agent, at every step between which it can die.
    @Suite struct PolicyPinTests: KernelSuite {
        private static let one = PinnedOwner(name: "one", namespace: "")
        private static let other = PinnedOwner(name: "other", namespace: "shop")

        /// A program of two rows at open(2), which signals nobody and tells of each call.
        private static func program(_ maps: PolicyMaps) throws -> PolicyProgram {
            var capacity = PolicyCapacity()
            capacity.rows = 2
            var shape = pol_shape()
            shape.raw_count = 1
            return try PolicyProgram(
                at: .tracepoint(subsystem: "syscalls", event: "sys_enter_openat"), shape: shape, capacity: capacity,
                sharing: maps)
        }

        private static func row(_ id: UInt32, from: UInt32 = 1, until: UInt32 = .max) -> pol_row {
            var row = pol_row()
            (row.id, row.from, row.until) = (id, from, until)
            return row
        }

        /// An agent's policies, which hold until it goes: two in one program.
        ///
        /// - Parameter own: Its sensors, if not those of all tests, whose programs a leftover may have at a tracepoint:
        ///   before 6.10 none is attached there twice.
        private func agent(
            _ root: PinRoot, _ own: BaseSensors? = nil,
            _ body: (PolicyProgram, PolicyMaps) throws -> Void = { _, _ in }
        ) throws {
            let sensors = try own ?? sensors
            try sensors.attach()
            defer { sensors.detach() }
            let maps = try sensors.policyMaps(
                Hierarchy.configuration(ringBytes: 64 << 20), types: KernelTypes(), pins: PolicyPins(root))
            let program = try Self.program(maps)
            for (slot, owner) in [Self.one, Self.other].enumerated() {
                try program.setOwner(UInt32(slot), owner)
                try program.setRow(UInt32(slot), Self.row(71 + UInt32(slot)))
            }
            try program.attach()
            try maps.setGeneration(1)
            try body(program, maps)
        }

        /// Which rows say something when a file is opened.
        private func rowsThatHold() throws -> Set<UInt32> {
            func read() throws -> Set<UInt32> {
                var rows: Set<UInt32> = []
                while try sensors.drain(
                    limit: 256,
                    { bytes in
                        if case .policy(let view)? = try? Record(bytes), view.fixed.image.tgid == UInt32(getpid()) {
                            rows.insert(view.fixed.row)
                        }
                    }) > 0
                {}
                return rows
            }
            _ = try read()
            close(open("/dev/null", O_RDONLY | O_CLOEXEC))
            return try read()
        }

        @Test("what an agent has pinned holds without it, is found with its policies' names, and goes one by one")
        func life() throws {
            try PinMount.with { mount in
                do {
                    let root = try #require(try PinRoot("pins", isNeeded: true, below: mount))
                    try agent(root)
                }
                #expect(try rowsThatHold() == [71, 72])
                let root = try #require(try PinRoot("pins", isNeeded: false, below: mount))
                let left = PinnedPolicies(root)
                #expect(left.policies.map(\.owner) == [Self.one, Self.other])
                #expect(left.policies.allSatisfy { $0.isKnown && $0.programs == ["1/1"] })
                #expect(left.release(Self.one) && !left.release(Self.one))
                #expect(try rowsThatHold() == [72] && left.policies.map(\.owner) == [Self.other])
                #expect(left.release(Self.other))
                #expect(try rowsThatHold().isEmpty && left.policies.isEmpty)
                #expect(access(root.path, F_OK) != 0, "something is left")
            }
        }

        @Test("an enforcer at system calls goes on without its agent, and ends with the last policy")
        func enforcer() throws {
            func deed() throws -> Int32 {
                let words = ["open", PolicyTrial.marker + "a", "sleep", "10"]
                return try Child(TestProgram.act, words.map { Array($0.utf8) }).end().status
            }
            try PinMount.with { mount in
                do {
                    let root = try #require(try PinRoot("pins", isNeeded: true, below: mount))
                    try agent(root) { _, maps in
                        var trial = PolicyTrial()
                        trial.act(POL_DO_NOTIFY_ENFORCER)
                        trial.values.actions.0.signal = 15
                        trial.values.actions.0.enforcer = 3
                        let program = try trial.program(at: trial.place, maps)
                        try program.setOwner(0, Self.one)
                        try program.insert(bytes: Array(PolicyTrial.marker.utf8), into: 1000)
                        try program.setLengths([UInt32(PolicyTrial.marker.utf8.count)], of: 1000)
                        let enforcer = try PolicyEnforcer(
                            3, at: .systemCalls([SystemCall("clock_nanosleep")]), types: KernelTypes(), sharing: maps)
                        try enforcer.attach()
                        try program.attach()
                        #expect(try deed() == 15)
                    }
                }
                #expect(try deed() == 15)
                let root = try #require(try PinRoot("pins", isNeeded: false, below: mount))
                let left = PinnedPolicies(root)
                #expect(left.release(Self.one))
                #expect(try deed() == 0)
                #expect(left.release(Self.other))
                #expect(access(root.path, F_OK) != 0, "something is left")
            }
        }

        @Test("what is detached is unpinned, and an agent without policies leaves nothing")
        func detachment() throws {
            try PinMount.with { mount in
                let root = try #require(try PinRoot("pins", isNeeded: true, below: mount))
                let pins = PolicyPins(root)
                try sensors.attach()
                defer { try? sensors.detach() }
                let maps = try sensors.policyMaps(
                    Hierarchy.configuration(ringBytes: 64 << 20), types: KernelTypes(), pins: pins)
                let program = try Self.program(maps)
                try program.setOwner(0, Self.one)
                try program.setRow(0, Self.row(71))
                try program.attach()
                try maps.setGeneration(1)
                pins.removeUnlessNeeded()
                #expect(try rowsThatHold() == [71] && access("\(root.path)/1/1/0", F_OK) == 0)
                program.detach()
                #expect(try rowsThatHold().isEmpty && access("\(root.path)/1/1", F_OK) != 0)
                pins.removeUnlessNeeded()
                #expect(access(root.path, F_OK) != 0)
            }
        }

        @Test("what had not begun to hold when the agent died, or held no more, is not found")
        func generations() throws {
            try PinMount.with { mount in
                do {
                    let root = try #require(try PinRoot("pins", isNeeded: true, below: mount))
                    try agent(root) { program, maps in
                        // The one was being replaced, the other's successor was prepared.
                        try program.setRow(0, Self.row(71, until: 2))
                        try program.setRow(1, Self.row(72, from: 3))
                        try maps.setGeneration(2)
                    }
                }
                let root = try #require(try PinRoot("pins", isNeeded: false, below: mount))
                #expect(PinnedPolicies(root).policies.isEmpty && access(root.path, F_OK) != 0)
            }
        }

        @Test("pins whose names are missing or damaged hold, are listed, and can be released")
        func damage() throws {
            try PinMount.with { mount in
                do {
                    let root = try #require(try PinRoot("pins", isNeeded: true, below: mount))
                    try agent(root, BaseSensors(Hierarchy.configuration(ringBytes: 1 << 20)))
                    unlink("\(root.path)/1/1/owners")
                }
                do {
                    let root = try #require(try PinRoot("pins", isNeeded: true, below: mount))
                    try agent(root)
                    unlink("\(root.path)/2/1/rows")
                    // Another's map in the place of the names, and what no agent makes.
                    #expect(rename("\(root.path)/2/shared/generation", "\(root.path)/2/1/owners") == 0)
                    mkdir("\(root.path)/3", 0o700)
                    mkdir("\(root.path)/3/7", 0o700)
                }
                let root = try #require(try PinRoot("pins", isNeeded: false, below: mount))
                let left = PinnedPolicies(root)
                #expect(left.policies.map(\.owner.name) == ["pinned-1-1", "pinned-2-1"])
                #expect(left.policies.allSatisfy { !$0.isKnown })
                #expect(access("\(root.path)/3", F_OK) != 0)
                for policy in left.policies { left.release(policy.owner) }
                // Without its rows it goes when the kernel has let go its link.
                for _ in 0..<200 where try !rowsThatHold().isEmpty { usleep(10_000) }
                #expect(try rowsThatHold().isEmpty && access(root.path, F_OK) != 0)
            }
        }

        @Test("a directory that cannot be pinned in is refused with what can be done")
        func refusals() throws {
            #expect(try PinRoot("pins", isNeeded: false, below: "/tmp") == nil)
            func refusal(_ mount: String) -> String {
                do { _ = try PinRoot("pins", isNeeded: true, below: mount) } catch { return error.description }
                return ""
            }
            #expect(refusal("/tmp").contains("--keep-sensors-on-exit: /tmp is no BPF file system"))
            #expect(refusal("/tmp").contains("mount -t bpf bpf /tmp"))
            try PinMount.with { mount in
                #expect(try PinRoot("pins", isNeeded: false, below: mount) == nil)
                do {
                    let first = try PinRoot("pins", isNeeded: true, below: mount)
                    #expect(refusal(mount).contains("--bpf-dir: another agent that runs pins below \(mount)/pins"))
                    withExtendedLifetime(first) {}
                }
                chmod("\(mount)/pins", 0o755)
                #expect(refusal(mount).contains("--bpf-dir: others than the agent's user may"))
                rmdir("\(mount)/pins")
                symlink("/tmp", "\(mount)/pins")
                #expect(refusal(mount).contains("--bpf-dir: cannot open the directory"))
            }
        }
    }
}

/// A BPF file system of a test's own.
private enum PinMount {
    static func with(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/apus-pins-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: errno \(errno)") }
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { rmdir(path) }
        guard mount("bpf", path, "bpf", 0, "mode=0700") == 0 else { throw TestFailure("mount: errno \(errno)") }
        defer { umount2(path, Int32(MNT_DETACH)) }
        try body(path)
    }
}
