// SPDX-License-Identifier: Apache-2.0
package import Logging

/// An object of the cluster's, as the API has it.
package struct ClusterObject: Sendable, Equatable {
    package var name: String
    /// Empty of what is the whole cluster's.
    package var namespace: String
    /// JSON, without what the cluster notes on it (`status`).
    package var text: String

    package init(name: String, namespace: String, text: String) {
        self.name = name
        self.namespace = namespace
        self.text = text
    }
}

/// What the API tells of objects, in order.
package enum ObjectChange: Sendable, Equatable {
    case applied(ClusterObject)
    case removed(name: String, namespace: String)
    /// These are all.
    case all([ClusterObject])
}

/// Objects of one kind, of all namespaces, as they come, change and go.
package struct ClusterObjects: Sendable {
    private let following: Following

    /// - Parameters:
    ///   - path: `/apis/GROUP/VERSION/KINDS`.
    ///   - subject: what they are, in the plural, for the log.
    /// - Throws: where there is no way to an API server. Later on that is logged and tried again.
    package init(
        access: APIAccessSource, path: String, subject: String, timing: APITiming = APITiming(), logger: Logger
    ) throws(APIAccessError) {
        _ = try access.load()
        following = Following(access: access, path: path, subject: subject, timing: timing, logger: logger)
    }

    package func run(_ tell: @escaping @Sendable (ObjectChange) async -> Void) async {
        await following.run(ObjectFollower(logger: following.logger), tell)
    }
}

/// What is known of some kind of objects, brought up to date by lists and watches.
private struct ObjectFollower: Follower {
    typealias Change = ObjectChange

    private static let pageSize = 100
    /// An object has at most 1.5 MiB in the API server's store.
    private static let maximumLine = 4 << 20
    private static let maximumObjects = 10_000

    let logger: Logger
    private(set) var version: String?
    private var limit = pageSize

    init(logger: Logger) { self.logger = logger }

    mutating func forgetVersion() { version = nil }

    mutating func list(_ client: APIClient) async throws -> ObjectChange {
        var objects: [ClusterObject] = []
        var next = ""
        repeat {
            var query = [("limit", "\(limit)")]
            if !next.isEmpty { query.append(("continue", next)) }
            let page: ListPage<JSONText>
            do {
                page = try await client.page(of: JSONText.self, query)
            } catch let error as APIError {
                if case .tooLarge = error { limit = max(1, limit / 4) }
                throw error
            }
            objects += (page.items ?? []).compactMap { object($0) }
            guard objects.count <= Self.maximumObjects else {
                throw APIError.failed("the list goes on beyond \(Self.maximumObjects) objects")
            }
            next = page.metadata.next ?? ""
            if next.isEmpty { version = try checked(page.metadata.resourceVersion) }
        } while !next.isEmpty
        return .all(objects)
    }

    mutating func watch(
        _ client: APIClient, seconds: Int, onVoice: () -> Void, _ tell: @Sendable (ObjectChange) async -> Void
    ) async throws {
        var lines = LineSplitter(limit: Self.maximumLine)
        var skipped = 0
        try await client.watch([
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", version ?? "0"),
            ("timeoutSeconds", "\(seconds)"),
        ]) { bytes in
            for line in lines.take(bytes) {
                let before = version
                if let change = try take(line) { await tell(change) }
                if version != before { onVoice() }
            }
            if lines.skipped > skipped {
                skipped = lines.skipped
                logger.warning(
                    "a watch event is too long and left out", metadata: ["limit": "\(Self.maximumLine)"])
            }
        }
    }

    private mutating func take(_ line: [UInt8]) throws -> ObjectChange? {
        let event: WatchEvent<JSONText>
        do throws(Malformed) {
            event = try Decoding.json(WatchEvent<JSONText>.self, line)
        } catch {
            logger.warning("a watch event makes no sense and is left out", metadata: ["reason": "\(error)"])
            return nil
        }
        switch event {
        case .applied(let metadata, let value):
            version = try checked(metadata.resourceVersion)
            return object(value).map { .applied($0) }
        case .removed(let metadata):
            version = try checked(metadata.resourceVersion)
            return metadata.name.map { .removed(name: $0, namespace: metadata.namespace ?? "") }
        case .bookmark(let metadata):
            version = try checked(metadata.resourceVersion)
            return nil
        case .failure(let status): throw APIError(status, code: 500)
        case .unknown: return nil
        }
    }

    private func checked(_ version: String?) throws -> String {
        guard let version, (1...256).contains(version.utf8.count) else {
            throw APIError.failed("metadata.resourceVersion is missing or too long: this is no Kubernetes API")
        }
        return version
    }

    /// Nil for what is no object, which is logged.
    private func object(_ value: Lossy<JSONText>) -> ClusterObject? {
        guard case .success(.object(var fields)) = value.result, case .object(let metadata)? = fields["metadata"],
            case .string(let name)? = metadata["name"], (1...253).contains(name.utf8.count)
        else {
            logger.warning("an object of the API makes no sense and is left out")
            return nil
        }
        var namespace = ""
        if case .string(let text)? = metadata["namespace"] { namespace = text }
        fields["status"] = nil
        return ClusterObject(name: name, namespace: namespace, text: JSONText.object(fields).text)
    }
}
