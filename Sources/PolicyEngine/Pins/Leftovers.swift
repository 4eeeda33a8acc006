// SPDX-License-Identifier: Apache-2.0
import Sensors

/// Policies that earlier agents have left in the kernel, as they are listed.
struct Leftovers {
    private let kernel: any PolicyKernel
    private var ids: [PolicyKey: UInt64] = [:]
    private(set) var statuses: [PolicyStatus] = []

    init(_ kernel: any PolicyKernel) {
        self.kernel = kernel
        for (key, id) in zip(kernel.leftovers.map { PolicyKey($0.owner) }, UInt64(1)...) { ids[key] = id }
        look()
    }

    /// The greatest id that one has.
    var lastID: UInt64 { UInt64(ids.count) }

    func contains(_ key: PolicyKey) -> Bool { statuses.contains { $0.key == key } }

    /// False if there is none of that name.
    @discardableResult
    mutating func release(_ key: PolicyKey) -> Bool {
        guard contains(key) else { return false }
        defer { look() }
        return kernel.release(PinnedOwner(name: key.name, namespace: key.namespace))
    }

    private mutating func look() {
        statuses = kernel.leftovers.compactMap { policy in
            let key = PolicyKey(policy.owner)
            guard let id = ids[key] else { return nil }
            var status = PolicyStatus(id: id, key: key, source: .earlierAgent, state: .enabled)
            status.sensors = policy.programs.map { "pinned/\($0)" }
            status.info =
                policy.isKnown
                ? "an earlier agent left it: it does what it did, and its events reach nobody"
                : "an earlier agent left it, and nothing says which policy it was: it does what it did"
            return status
        }
    }
}

extension PolicyKey {
    fileprivate init(_ owner: PinnedOwner) { self.init(name: owner.name, namespace: owner.namespace) }
}
