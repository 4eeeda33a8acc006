// SPDX-License-Identifier: Apache-2.0
package import CRecords
package import Policies
package import Sensors

/// What a policy becomes on this kernel: its hooks, each with the program that it needs and the row that is its own.
/// A value: nothing is loaded yet.
package struct PolicyPlan: Sendable {
    package var policy: TracingPolicy
    /// Whom it applies to.
    package var scope: PolicyScope
    package var hooks: [HookPlan] = []
    /// Where what NotifyEnforcer asks for is done.
    package var enforcers: [EnforcerPlan] = []
    /// What processes map to run it is told.
    package var watchesLoads = false
    /// Hooks of which this kernel lacks a call that the policy has named, as the policy allows.
    package var leftOut: Set<HookOrigin> = []
    /// Of a policy that only monitors: why it cannot be set to enforce here. Empty if it can.
    package var obstacles: [String] = []
    /// What its user should know: what cannot be prevented here, what is seen later than one would think.
    package var remarks: [String] = []

    package init(_ policy: TracingPolicy) {
        self.policy = policy
        scope = PolicyScope(policy)
    }
}

/// One hook: a place in the kernel, the shape of a program there, and a row of values.
package struct HookPlan: Sendable {
    /// Which hook of the policy it is, or a part of.
    package var origin = HookOrigin.none
    package var place: Place
    package var method: Method
    /// Why this method: what the kernel has and has not.
    package var reason: String
    /// Functions or symbols are attached to by one link (kprobe.multi, uprobe.multi), rather than one after another.
    package var isAttachedAtOnce = false
    /// Without `rows` and `buckets`, which the loader chooses.
    package var shape: pol_shape
    /// Without id and generations. Operands that name sets name them by their index in `sets`; binary sets by that in
    /// `binarySets`: see `references`.
    package var row: pol_row
    package var sets: [SetContent] = []
    package var binarySets: [BinarySetContent] = []
    /// Which operands (`a`) name a set.
    package var references: [OperandReference] = []
    /// With row 0.
    package var description: HookDescription
    package var remarks: [String] = []
    /// Values, by slot, that are fields of what the hook passes.
    package var ways: [UInt8: String] = [:]

    /// What the program is attached to.
    package enum Place: Sendable, Hashable {
        case tracepoint(subsystem: String, event: String)
        case rawTracepoint(String)
        /// Kernel functions; one mostly.
        case functions([String])
        case securityHook(String)
        case systemCalls([SystemCall])
        case symbols(path: String, [UserSymbol])
        case probe(UserProbe)
    }

    package struct SystemCall: Sendable, Hashable {
        /// `openat`
        package var name: String
        /// In the machine's own table, or in that of its 32-bit ABI.
        package var number: UInt32
        package var is32Bit: Bool

        package init(name: String, number: UInt32, is32Bit: Bool) {
            self.name = name
            self.number = number
            self.is32Bit = is32Bit
        }
    }

    package enum UserSymbol: Sendable, Hashable {
        case name(String)
        case offset(UInt64)
    }

    package enum Method: String, Sendable, Hashable {
        case tracepoint, rawTracepoint = "raw tracepoint"
        case kprobe
        /// With bpf_override_return.
        case kprobeOverride = "kprobe with override"
        case fentry
        case fmodRet = "fmod_ret"
        case lsm = "LSM"
        /// raw_tp/sys_enter and sys_exit: observes and signals, prevents nothing.
        case rawSyscall = "raw syscall tracepoints"
        case uprobe
    }

    /// - Parameters: as the properties of these names.
    package init(
        place: Place, method: Method, reason: String, shape: pol_shape, row: pol_row, description: HookDescription
    ) {
        self.place = place
        self.method = method
        self.reason = reason
        self.shape = shape
        self.row = row
        self.description = description
    }
}

/// A place where an enforcer does what a hook of its policy has told it to do to the thread.
package struct EnforcerPlan: Sendable {
    package var place: HookPlan.Place
    package var method: HookPlan.Method
    package var reason: String

    package init(place: HookPlan.Place, method: HookPlan.Method, reason: String) {
        self.place = place
        self.method = method
        self.reason = reason
    }
}

/// An operand of a row: of a selector at entry, or of the one at return.
package struct OperandReference: Sendable, Equatable {
    /// nil: at return.
    package var selector: Int?
    package var filter: Int
    /// Index into `sets`, or `binarySets`.
    package var set: Int
    package var isBinary: Bool

    package init(selector: Int?, filter: Int, set: Int, isBinary: Bool) {
        self.selector = selector
        self.filter = filter
        self.set = set
        self.isBinary = isBinary
    }
}

/// What a filter compares with, where that is more than one number.
package enum SetContent: Sendable, Hashable {
    case numbers([UInt64])
    case texts([[UInt8]])
    case prefixes([[UInt8]])
    case postfixes([[UInt8]])
    case substrings([[UInt8]])
    /// In ASCII letters of lower case.
    case substringsOfAnyCase([[UInt8]])
    /// As unsigned numbers, apart from each other and in order.
    case ranges([ClosedRange<UInt64>])
    /// An address as IPv6 (::ffff:a.b.c.d for IPv4), and how many of its bits count.
    case networks([NetworkPrefix])

    package struct NetworkPrefix: Sendable, Hashable {
        package var address: [UInt8]
        package var bits: Int

        package init(address: [UInt8], bits: Int) {
            self.address = address
            self.bits = bits
        }
    }
}

/// Which processes, by what they run or by who they are.
package enum BinarySetContent: Sendable, Hashable {
    case paths([String])
    case prefixes([String])
    case postfixes([String])
    /// Processes that are there when the policy is loaded, by host pid or by that of their namespace, and what they fork.
    case pids([UInt32], inNamespace: Bool)
}
