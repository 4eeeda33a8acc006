// SPDX-License-Identifier: Apache-2.0
internal import Models

/// What the API knows a pod by, on one node at one time.
struct PodKey: Hashable, Comparable {
    let namespace: String
    let name: String

    init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    init(_ pod: Pod) { self.init(namespace: pod.namespace, name: pod.name) }

    static func < (one: PodKey, other: PodKey) -> Bool {
        (one.namespace, one.name) < (other.namespace, other.name)
    }
}

/// What a source has told: so it tells a change once, and a cluster that is out of its mind fills no memory.
struct ToldPods {
    /// A node runs 110 pods by default, some hundreds when tuned. A pod from a manifest is there under two names.
    static let maximumPods = 2_000
    /// Of text, all pods together.
    static let maximumBytes = 32 << 20

    private(set) var pods: [PodKey: Pod] = [:]
    /// Pods that found no room, since the last `replace`.
    private(set) var refused = 0
    private var bytes = 0

    /// Nil where nothing changes or there is no room.
    mutating func apply(_ pod: Pod) -> PodChange? {
        let key = PodKey(pod)
        let old = pods[key]
        guard old != pod else { return nil }
        let size = bytes - (old?.textSize ?? 0) + pod.textSize
        guard size <= Self.maximumBytes, old != nil || pods.count < Self.maximumPods else {
            refused += 1
            return nil
        }
        bytes = size
        pods[key] = pod
        return .applied(pod)
    }

    /// Nil where it is not there.
    mutating func remove(_ key: PodKey) -> PodChange? {
        guard let old = pods.removeValue(forKey: key) else { return nil }
        bytes -= old.textSize
        return .removed(namespace: key.namespace, name: key.name)
    }

    var all: PodChange { .all(pods.values.sorted { PodKey($0) < PodKey($1) }) }

    /// Makes these pods the table's, of two of one name the first, and tells what that changes.
    mutating func replace(with new: some Sequence<Pod>) -> [PodChange] {
        var wanted = ToldPods()
        for pod in new where wanted.pods[PodKey(pod)] == nil { _ = wanted.apply(pod) }
        var changes: [PodChange] = []
        for key in pods.keys.sorted() where wanted.pods[key] == nil {
            changes.append(.removed(namespace: key.namespace, name: key.name))
        }
        for (key, pod) in wanted.pods.sorted(by: { $0.key < $1.key }) where pods[key] != pod {
            changes.append(.applied(pod))
        }
        self = wanted
        return changes
    }
}

extension Pod {
    /// About the bytes that the pod keeps.
    fileprivate var textSize: Int {
        var size = 256 + name.utf8.count + namespace.utf8.count + workload.utf8.count
        for uid in uids { size += 64 + uid.utf8.count }
        for (key, value) in labels { size += 64 + key.utf8.count + value.utf8.count }
        for container in containers {
            size += 256 + container.name.utf8.count + container.image.utf8.count
            size += container.imageID.utf8.count + container.id.utf8.count
            for command in container.commands {
                for argument in command.arguments { size += 32 + argument.utf8.count }
            }
        }
        return size
    }
}
