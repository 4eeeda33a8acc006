// SPDX-License-Identifier: Apache-2.0
package import Policies
internal import Sensors

/// What names a policy.
package struct PolicyKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var name: String
    /// Empty for one of the whole cluster.
    package var namespace: String

    package init(name: String, namespace: String = "") {
        self.name = name
        self.namespace = namespace
    }

    package init(_ policy: TracingPolicy) {
        name = policy.name
        namespace = if case .namespace(let namespace) = policy.scope { namespace } else { "" }
    }

    package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

    package static func < (one: Self, other: Self) -> Bool {
        (one.namespace, one.name) < (other.namespace, other.name)
    }
}

/// Who brought a policy, and may take it away without being asked.
package enum PolicySource: Sendable, Hashable {
    /// A call.
    case client
    case file(String)
    /// An object of the cluster's.
    case cluster(PolicyKey)
    /// An agent that is gone.
    case earlierAgent
}

/// A policy and how it is.
package struct PolicyStatus: Sendable, Equatable {
    /// The numbers are those of the API's TracingPolicyState.
    package enum State: Int, Sendable, CaseIterable {
        case enabled = 1, disabled, loadError, error, loading, unloading
        /// Loaded, and this kernel has not one of its hooks, as it allows.
        case skipped
        /// Loaded, and this kernel has not all of its hooks, as it allows.
        case partiallyEnabled
    }

    /// Grows, and is never given twice.
    package var id: UInt64
    package var key: PolicyKey
    package var source: PolicySource
    package var state: State
    /// What its user should know of how it holds here.
    package var info = ""
    package var error = ""
    /// Its hooks.
    package var sensors: [String] = []
    /// 0: it holds everywhere.
    package var filterID: UInt64 = 0
    /// Bytes: of what it shares, its part.
    package var kernelMemory: UInt64 = 0
    package var mode = PolicyOptions.Mode.enforce
    /// Whether this machine's kernel has what it would take to enforce it.
    package var canEnforce = true
    package var counts = PolicyCounts()
    /// Of `counts`, what is of no hook and selector that it has now: it was another before.
    package var earlierCounts = PolicyCounts()
    /// In the order of its text's lists.
    package var hooks: [HookStatus] = []

    package init(id: UInt64, key: PolicyKey, source: PolicySource, state: State) {
        self.id = id
        self.key = key
        self.source = source
        self.state = state
    }

    package var isLoaded: Bool { [.enabled, .error, .skipped, .partiallyEnabled].contains(state) }
}

/// Why the manager does not do what it is asked for.
package enum PolicyManagerError: Error, Equatable, CustomStringConvertible {
    case exists(PolicyKey)
    case unknown(PolicyKey)
    case isNotDisabled(PolicyKey)
    case isNotEnabled(PolicyKey)
    /// More than anybody has.
    case tooMany(limit: Int)
    /// It stays listed, with this error.
    case notLoaded(PolicyKey, String)
    /// It only monitors, because this kernel has not what it would take.
    case cannotEnforce(PolicyKey, [String])
    /// Only its end can be had.
    case isLeftover(PolicyKey)
    /// Sensors that policies need are not attached yet.
    case starting
    case stopped

    package var description: String {
        switch self {
        case .exists(let key):
            "failed to add tracing policy \(key), a sensor collection with the key already exists"
        case .unknown(let key): "tracing policy \(key) does not exist"
        case .isNotDisabled(let key): "tracing policy \(key) is not disabled"
        case .isNotEnabled(let key): "tracing policy \(key) is not enabled"
        case .tooMany(let limit): "there are \(limit) policies, and no more are taken"
        case .notLoaded(let key, let reason): "tracing policy \(key) was not loaded: \(reason)"
        case .cannotEnforce(let key, let reasons):
            "tracing policy \(key) cannot enforce here: \(reasons.joined(separator: "; "))"
        case .isLeftover(let key):
            "tracing policy \(key) is what an earlier agent left: it can be deleted, and added anew"
        case .starting: "the agent is starting and takes no policy yet"
        case .stopped: "the agent is going and takes no policy"
        }
    }
}

extension HookPlan {
    /// Its name among sensors.
    package var sensorName: String {
        let subject: String =
            switch place {
            case .tracepoint(let subsystem, let event): "\(subsystem)/\(event)"
            case .rawTracepoint(let name): name
            case .functions(let names): Self.list(names)
            case .securityHook(let name): name
            case .systemCalls(let calls): Self.list(calls.map(\.name))
            case .symbols(let path, let symbols):
                "\(path):"
                    + Self.list(
                        symbols.map {
                            switch $0 {
                            case .name(let name): name
                            case .offset(let offset): "0x" + String(offset, radix: 16)
                            }
                        })
            case .probe(let probe): "\(probe.path):\(probe.provider):\(probe.name)"
            }
        return "\(kindOfSensor)/\(subject)"
    }

    private var kindOfSensor: String { if case .probe = place { "usdt" } else { method.sensorName } }

    private static func list(_ names: [String]) -> String {
        names.count <= 4 ? names.joined(separator: ",") : "\(names[0]),… (\(names.count))"
    }
}

extension HookPlan.Method {
    fileprivate var sensorName: String {
        switch self {
        case .tracepoint: "tracepoint"
        case .rawTracepoint: "raw_tracepoint"
        case .kprobe, .kprobeOverride: "kprobe"
        case .fentry: "fentry"
        case .fmodRet: "fmod_ret"
        case .lsm: "lsm"
        case .rawSyscall: "raw_syscall"
        case .uprobe: "uprobe"
        }
    }
}
