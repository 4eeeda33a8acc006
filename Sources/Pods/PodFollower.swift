// SPDX-License-Identifier: Apache-2.0
internal import Logging
internal import Models

/// What is known of this node's pods, brought up to date by lists and watches.
struct PodFollower: Follower {
    /// Also how many pods a page of a list has at most.
    static let pageSize = 100
    /// A watch event: a pod has at most 1.5 MiB in the API server's store.
    static let maximumLine = 4 << 20
    /// A list that goes on beyond so many pods has no end.
    static let maximumListed = 10_000

    private let nodeName: String
    private let logger: Logger
    private var table = ToldPods()
    /// Pods that were left out and named in the log.
    private var leftOut: Set<PodKey> = []
    private var limit = pageSize
    /// From the server's cache if it has one, as long as that respects the bounds.
    private var takesCached = true
    private var events: UInt64 = 0
    /// What the next watch goes on from; nil if a list is needed.
    private(set) var version: String?

    init(nodeName: String, logger: Logger) {
        self.nodeName = nodeName
        self.logger = logger
    }

    /// Says that what follows cannot be told from where we are.
    mutating func forgetVersion() {
        version = nil
        // A cache may be older than what has just expired.
        takesCached = false
    }

    /// Asks for all pods, page by page.
    mutating func list(_ client: APIClient) async throws -> PodChange {
        var new = ToldPods()
        var next = ""
        leftOut = []
        for _ in 0..<Self.maximumListed / limit {
            var query = [("fieldSelector", "spec.nodeName=\(nodeName)"), ("limit", "\(limit)")]
            if !next.isEmpty {
                query.append(("continue", next))
            } else if takesCached {
                query.append(("resourceVersion", "0"))
            }
            let page: ListPage<PodObject>
            do {
                page = try await client.page(of: PodObject.self, query)
            } catch let error as APIError {
                if case .tooLarge = error {
                    limit = max(1, limit / 4)
                    // Caches of older servers pass over the limit.
                    takesCached = false
                }
                throw error
            }
            for item in page.items ?? [] { if let pod = pod(item, ObjectMetadata()) { _ = new.apply(pod) } }
            next = page.metadata.next ?? ""
            guard next.isEmpty else { continue }
            version = try checked(page.metadata.resourceVersion)
            table = new
            if table.refused > 0 {
                logger.warning(
                    "there are too many pods for one node, the rest is left out",
                    metadata: ["pods": "\(table.pods.count)", "left_out": "\(table.refused)"])
            }
            return table.all
        }
        throw APIError.failed("the list goes on beyond \(Self.maximumListed) pods")
    }

    /// Follows a watch to its end. `onVoice` is called at each event that makes sense and is no failure.
    mutating func watch(
        _ client: APIClient, seconds: Int, onVoice: () -> Void, _ tell: @Sendable (PodChange) async -> Void
    ) async throws {
        var lines = LineSplitter(limit: Self.maximumLine)
        var skipped = 0
        try await client.watch([
            ("fieldSelector", "spec.nodeName=\(nodeName)"), ("watch", "true"), ("allowWatchBookmarks", "true"),
            ("resourceVersion", version ?? "0"), ("timeoutSeconds", "\(seconds)"),
        ]) { bytes in
            for line in lines.take(bytes) {
                let told = events
                if let change = try take(line) { await tell(change) }
                if events > told { onVoice() }
            }
            if lines.skipped > skipped {
                skipped = lines.skipped
                logger.warning(
                    "a watch event is too long and left out", metadata: ["limit": "\(Self.maximumLine)"])
            }
        }
    }

    private mutating func take(_ line: [UInt8]) throws -> PodChange? {
        let event: WatchEvent<PodObject>
        do throws(Malformed) {
            event = try Decoding.json(WatchEvent<PodObject>.self, line)
        } catch {
            logger.warning("a watch event makes no sense and is left out", metadata: ["reason": "\(error)"])
            return nil
        }
        switch event {
        case .applied(let metadata, let object):
            try advance(metadata)
            guard let pod = pod(object, metadata) else { return nil }
            let refused = table.refused
            let change = table.apply(pod)
            if table.refused > refused, refused == 0 {
                logger.warning("there are too many pods for one node", metadata: ["left_out": "\(pod.name)"])
            }
            return change
        case .removed(let metadata):
            try advance(metadata)
            let key = PodKey(namespace: metadata.namespace ?? "default", name: metadata.name ?? "")
            leftOut.remove(key)
            return table.remove(key)
        case .bookmark(let metadata):
            try advance(metadata)
            return nil
        case .failure(let status):
            throw APIError(status, code: 500)
        case .unknown:
            return nil
        }
    }

    private mutating func advance(_ metadata: ObjectMetadata) throws {
        version = try checked(metadata.resourceVersion)
        events += 1
    }

    private func checked(_ version: String?) throws -> String {
        guard let version, (1...256).contains(version.utf8.count) else {
            throw APIError.failed("metadata.resourceVersion is missing or too long: this is no Kubernetes API")
        }
        return version
    }

    /// Nil for a pod that makes no sense, which is logged once.
    private mutating func pod(_ object: Lossy<PodObject>, _ metadata: ObjectMetadata) -> Pod? {
        let reason: String
        switch object.result {
        case .success(let object):
            if let pod = object.pod() { return pod }
            reason = "metadata.name or metadata.namespace is missing or too long"
        case .failure(let error): reason = error.description
        }
        let key = PodKey(namespace: metadata.namespace ?? "", name: metadata.name ?? "")
        if leftOut.count < ToldPods.maximumPods, key.name.isEmpty || leftOut.insert(key).inserted {
            logger.warning(
                "a pod of the API makes no sense and is left out",
                metadata: ["namespace": "\(key.namespace)", "pod": "\(key.name)", "reason": "\(reason)"])
        }
        return nil
    }
}
