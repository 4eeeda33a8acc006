// SPDX-License-Identifier: Apache-2.0
import FakeCluster
import Models
import Synchronization
import Testing

@testable import Pods

@Suite struct KubernetesSourceTests {
    private let directory: TemporaryDirectory
    private let log = RecordedLog()

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a source against a server of this script.
    private func run(
        token: String? = nil, timing changed: [(WritableKeyPath<APITiming, Duration>, Duration)] = [],
        _ answer: @escaping @Sendable (APIServer.Request, Int) -> APIServer.Reply,
        _ body: (APIServer, Told) async throws -> Void
    ) async throws {
        let server = try await APIServer(answer)
        var timing = APITiming()
        timing.firstBackoff = .milliseconds(20)
        timing.longestBackoff = .milliseconds(100)
        for (path, duration) in changed { timing[keyPath: path] = duration }
        let user = token.map { "tokenFile: \($0)" } ?? ""
        let kubeconfig = try directory.write(
            "kubeconfig",
            """
            current-context: here
            contexts: [{name: here, context: {cluster: test, user: agent}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(server.port)/"}}]
            users: [{name: agent, user: {\(user)}}]
            """)
        let source = try KubernetesSource(
            access: .kubeconfig(path: kubeconfig), nodeName: "node-1", timing: timing, logger: log.logger)
        try await withRunning(source) { try await body(server, $0) }
        try await server.stop()
    }

    @Test func listIsToldAndThenWatched() async throws {
        try await run { request, _ in
            guard request.isWatch else {
                return .text(Fixtures.list([Fixtures.pod("b"), Fixtures.pod("a")], version: 10))
            }
            return .watch([
                Fixtures.event("ADDED", Fixtures.pod("c", version: 11)),
                Fixtures.event("MODIFIED", Fixtures.pod("a", version: 12, label: "new")),
                // A change that is none to us, and one that says what is known.
                Fixtures.event("MODIFIED", Fixtures.pod("a", version: 13, label: "new", annotation: "other")),
                Fixtures.bookmark(14),
                Fixtures.event("INVENTED", "{}"),
                Fixtures.event("DELETED", Fixtures.pod("b", version: 15)),
                Fixtures.event("DELETED", Fixtures.pod("never-known", version: 16)),
            ])
        } _: { server, told in
            #expect(await eventually { told.changes.count >= 4 })
            #expect(told.names == ["shop/a", "shop/c"])
            #expect(told.pods["shop/a"]?.labels == ["app": "new"])
            #expect(told.pods["shop/c"]?.uids == ["uid-c"])
            guard case .all(let all)? = told.changes.first else { return #expect(Bool(false), "no list first") }
            #expect(all.map(\.name) == ["a", "b"])
            #expect(told.changes.count == 4)
            #expect(told.changes.last == .removed(namespace: "shop", name: "b"))

            let list = try #require(server.lists.first)
            #expect(list.path == "/api/v1/pods")
            #expect(list.query["fieldSelector"] == "spec.nodeName%3Dnode-1")
            #expect(list.query["limit"] == "100")
            #expect(list.token == nil)
            let watch = try #require(server.watches.first)
            #expect(watch.query["resourceVersion"] == "10")
            #expect(watch.query["allowWatchBookmarks"] == "true")
            #expect(watch.query["fieldSelector"] == "spec.nodeName%3Dnode-1")
            let seconds = try #require(watch.query["timeoutSeconds"].flatMap { Int($0) })
            #expect(seconds >= 300 && seconds <= 600)
        }
        #expect(log.lines.isEmpty)
    }

    @Test func pagesMakeOneList() async throws {
        try await run { request, _ in
            guard !request.isWatch else { return .watch([]) }
            switch request.query["continue"] {
            case nil: return .text(Fixtures.list([Fixtures.pod("a")], version: 10, next: "two+/="))
            case "two%2B%2F%3D": return .text(Fixtures.list([Fixtures.pod("b")], version: 10, next: "three"))
            case "three": return .text(Fixtures.list([Fixtures.pod("c")], version: 10))
            default: return .text("", 404)
            }
        } _: { server, told in
            #expect(await eventually { server.watches.count == 1 })
            #expect(told.names == ["shop/a", "shop/b", "shop/c"])
            #expect(told.changes.count == 1)
            #expect(server.lists.count == 3)
            // A page and a version together are refused by the API.
            #expect(server.lists.map { $0.query["resourceVersion"] } == ["0", nil, nil])
        }
    }

    @Test func brokenWatchGoesOnFromTheLastVersion() async throws {
        try await run { request, before in
            guard request.isWatch else { return .text(Fixtures.list([Fixtures.pod("a")], version: 10)) }
            switch before {
            case 0: return .watch([Fixtures.event("ADDED", Fixtures.pod("b", version: 11))], then: .cut)
            case 1: return .watch([Fixtures.bookmark(20)], then: nil)
            case 2: return .watch([Fixtures.event("ADDED", Fixtures.pod("c", version: 21))])
            default: return .text("", 500)
            }
        } _: { server, told in
            #expect(await eventually { told.pods["shop/c"] != nil })
            #expect(told.names == ["shop/a", "shop/b", "shop/c"])
            #expect(server.lists.count == 1)
            #expect(server.watches.map { $0.query["resourceVersion"] } == ["10", "11", "20"])
        }
        // The connection that broke is told of; the watch that ended in order is not.
        #expect(log.lines(with: "what is known stays").count == 1)
        #expect(log.lines(with: "tells of pods again").count == 1)
    }

    @Test(arguments: [true, false])
    func expiredVersionLeadsToANewList(_ isStatus: Bool) async throws {
        try await run { request, before in
            guard request.isWatch else {
                let pods = before == 0 ? ["a", "gone"] : ["a", "new"]
                return .text(Fixtures.list(pods.map { Fixtures.pod($0) }, version: 10 + 90 * before))
            }
            guard before == 0 else { return .watch([Fixtures.bookmark(101)]) }
            let status = Fixtures.status(410, "Expired", "too old resource version: 10 (50)")
            return isStatus ? .text(status, 410) : .watch([Fixtures.event("ERROR", status)], then: nil)
        } _: { server, told in
            #expect(await eventually { told.changes.count == 2 })
            #expect(told.names == ["shop/a", "shop/new"])
            guard case .all? = told.changes.last else { return #expect(Bool(false), "no second list") }
            #expect(await eventually { server.watches.count == 2 })
            #expect(server.watches.last?.query["resourceVersion"] == "100")
            // The cache may be as old as what expired.
            #expect(server.lists.map { $0.query["resourceVersion"] } == ["0", nil])
        }
        // It is in the nature of versions to expire.
        #expect(log.lines.isEmpty)
    }

    @Test func tokenIsReadAgain() async throws {
        let token = try directory.write("token", "old-token\n")
        try await run(token: token) { request, _ in
            guard request.token == "Bearer new-token" else {
                return .text(Fixtures.status(401, "Unauthorized", "Unauthorized"), 401)
            }
            return request.isWatch ? .watch([Fixtures.bookmark(11)]) : .text(Fixtures.list([], version: 10))
        } _: { server, told in
            #expect(await eventually { server.lists.count >= 3 })
            #expect(told.changes.isEmpty)
            #expect(server.lists.allSatisfy { $0.token == "Bearer old-token" })
            try directory.write("token", "new-token")
            #expect(await eventually { told.changes == [.all([])] })
        }
        let complaints = log.lines(with: "what is known stays")
        #expect(complaints.count == 1)
        #expect(complaints.first?.contains("401") == true)
        #expect(complaints.first?.contains("token") == true)
        #expect(!log.lines.contains { $0.contains("old-token") || $0.contains("new-token") })
    }

    @Test func serverMayFailForAWhile() async throws {
        try await run { request, before in
            if request.isWatch { return .watch([Fixtures.bookmark(11)]) }
            switch before {
            case 0, 1: return .text("<html>oops</html>", 500)
            case 2: return .text(Fixtures.status(403, "Forbidden", "pods is forbidden: User"), 403)
            case 3: return .text("{\"metadata\":{\"resourceVersion\":")
            case 4: return .text("{\"metadata\":{},\"items\":[]}")
            case 5: return APIServer.Reply(steps: [.text("{"), .cut])
            default: return .text(Fixtures.list([Fixtures.pod("a")], version: 10))
            }
        } _: { server, told in
            #expect(await eventually { server.watches.count == 1 })
            #expect(told.names == ["shop/a"])
            #expect(told.changes.count == 1)
            #expect(await eventually { log.lines(with: "tells of pods again").count == 1 })
        }
        #expect(log.lines(with: "reason=500").count == 1)
        #expect(log.lines(with: "403: pods is forbidden: User (the account needs").count == 1)
        #expect(log.lines(with: "metadata.resourceVersion is missing").count == 1)
    }

    @Test func backoffGrowsBetweenFailures() async throws {
        let start = ContinuousClock.now
        try await run(timing: [(\.longestBackoff, .milliseconds(400))]) { _, _ in
            .text("", 502)
        } _: { server, _ in
            #expect(await eventually { server.requests.count >= 5 })
            // At least half of 20, 40, 80 and 160.
            #expect(ContinuousClock.now - start > .milliseconds(150))
        }
    }

    @Test func versionThatIsRefusedAgainAndAgainIsGivenUp() async throws {
        try await run { request, before in
            guard request.isWatch else { return .text(Fixtures.list([Fixtures.pod("a")], version: 10 + before)) }
            let status = Fixtures.status(504, "Timeout", "Too large resource version: 10, current: 5")
            return before < 3 ? .text(status, 504) : .watch([Fixtures.bookmark(11)])
        } _: { server, told in
            #expect(await eventually { server.watches.count == 4 })
            #expect(server.lists.count == 2)
            #expect(server.watches.map { $0.query["resourceVersion"] } == ["10", "10", "10", "11"])
        }
    }

    @Test func slowLinesAreLines() async throws {
        let line = Fixtures.event("ADDED", Fixtures.pod("slow", version: 11)) + "\n"
        let pieces = stride(from: 0, to: line.count, by: 40).map { String(line.dropFirst($0).prefix(40)) }
        try await run { request, before in
            guard request.isWatch, before == 0 else {
                return request.isWatch ? .watch([]) : .text(Fixtures.list([], version: 10))
            }
            return APIServer.Reply(steps: pieces.flatMap { [.text($0), .pause(.milliseconds(100))] } + [.hang])
        } _: { server, told in
            #expect(await eventually { told.pods["shop/slow"] != nil })
            #expect(server.watches.count == 1)
        }
    }

    @Test func silentWatchIsLeftAndTakenUpAgain() async throws {
        try await run(timing: [(\.idle, .milliseconds(200))]) { request, before in
            guard request.isWatch else { return .text(Fixtures.list([], version: 10)) }
            return before < 2 ? .watch([]) : .watch([Fixtures.event("ADDED", Fixtures.pod("a", version: 11))])
        } _: { server, told in
            #expect(await eventually { told.pods["shop/a"] != nil })
            #expect(server.lists.count == 1)
            #expect(server.watches.prefix(3).map { $0.query["resourceVersion"] } == ["10", "10", "10"])
        }
        // Silence is no trouble.
        #expect(log.lines.isEmpty)
    }

    @Test func slowListIsGivenUp() async throws {
        let isQuick = Mutex(false)
        try await run(timing: [(\.list, .milliseconds(500))]) { request, _ in
            guard !request.isWatch else { return .watch([]) }
            let steps = (0..<1_000).flatMap { _ in [APIServer.Step.text(" "), .pause(.milliseconds(50))] }
            return isQuick.withLock { $0 } ? .text(Fixtures.list([], version: 10)) : APIServer.Reply(steps: steps)
        } _: { _, told in
            #expect(await eventually { log.lines(with: "the list took longer than").count >= 1 })
            #expect(told.changes.isEmpty)
            isQuick.withLock { $0 = true }
            #expect(await eventually { told.changes == [.all([])] })
        }
    }

    @Test func longLineAndNonsenseAreLeftOutAlone() async throws {
        let long = String(repeating: "x", count: 5 << 20)
        let nearly = String(repeating: "y", count: 3 << 20)
        try await run { request, before in
            guard request.isWatch else { return .text(Fixtures.list([], version: 10)) }
            return .watch([
                Fixtures.event("ADDED", Fixtures.pod("long", version: 11, annotation: long)),
                "{\"type\":\"ADDED\",\"object\":",
                "[]",
                Fixtures.event("ADDED", "{\"metadata\":{\"name\":7}}"),
                Fixtures.event("ADDED", Fixtures.pod("large", version: 12, annotation: nearly)),
                Fixtures.event("ADDED", Fixtures.pod("after", version: 13)),
            ])
        } _: { server, told in
            #expect(await eventually { told.pods["shop/after"] != nil })
            #expect(told.names == ["shop/after", "shop/large"])
            #expect(server.watches.count == 1)
        }
        #expect(log.lines(with: "a watch event is too long").count == 1)
        #expect(log.lines(with: "a watch event makes no sense").count == 3)
    }

    @Test func podOfWrongTypesIsLeftOutAlone() async throws {
        let wrong = #"{"metadata":{"name":"wrong","namespace":"shop","resourceVersion":"12"},"spec":{"containers":7}}"#
        try await run { request, _ in
            guard request.isWatch else {
                return .text(Fixtures.list([Fixtures.pod("a"), "{\"metadata\":7}", Fixtures.pod("b")], version: 10))
            }
            return .watch([
                Fixtures.event("ADDED", wrong), Fixtures.event("MODIFIED", wrong),
                Fixtures.event("ADDED", Fixtures.pod("c", version: 13)), Fixtures.event("DELETED", wrong),
            ])
        } _: { server, told in
            #expect(await eventually { told.pods["shop/c"] != nil })
            #expect(told.names == ["shop/a", "shop/b", "shop/c"])
        }
        #expect(log.lines(with: "a pod of the API makes no sense").count == 2)
        #expect(log.lines(with: "namespace=shop pod=wrong reason=object.spec.containers").count == 1)
    }

    @Test func tooLargePageIsAskedForInSmallerOnes() async throws {
        let filler = String(repeating: "z", count: 1 << 20)
        try await run { request, _ in
            guard !request.isWatch else { return .watch([]) }
            let limit = request.query["limit"].flatMap { Int($0) } ?? 0
            let page = Fixtures.list(
                (0..<min(limit, 20)).map { Fixtures.pod("p\($0)", annotation: filler) }, version: 10)
            return .text(page)
        } _: { server, told in
            #expect(await eventually { told.changes.count == 1 })
            #expect(server.lists.map { $0.query["limit"] } == ["100", "25", "6"])
            #expect(told.pods.count == 6)
        }
        #expect(log.lines(with: "larger than 16 MiB").count == 1)
    }

    @Test func listWithoutEndIsGivenUp() async throws {
        try await run { request, _ in
            .text(Fixtures.list([], version: 10, next: "more"))
        } _: { server, told in
            #expect(await eventually { !log.lines(with: "the list goes on beyond 10000 pods").isEmpty })
            #expect(told.changes.isEmpty)
        }
    }

    @Test func podsBeyondTheBoundAreCounted() async throws {
        let pods = (0..<2_010).map { Fixtures.pod("p\($0)") }
        try await run { request, _ in
            request.isWatch ? .watch([]) : .text(Fixtures.list(pods, version: 10))
        } _: { server, told in
            #expect(await eventually { told.changes.count == 1 })
            #expect(told.pods.count == 2_000)
        }
        #expect(log.lines(with: "there are too many pods for one node").first?.contains("left_out=10") == true)
    }

    @Test func redirectionIsNotFollowed() async throws {
        let token = try directory.write("token", "secret")
        let other = try await APIServer { _, _ in .text(Fixtures.list([Fixtures.pod("a")], version: 10)) }
        let location = "http://127.0.0.1:\(other.port)/"
        try await run(token: token) { _, _ in
            APIServer.Reply(status: 307, location: location, steps: [])
        } _: { server, told in
            #expect(await eventually { server.requests.count >= 2 && !log.lines(with: "reason=307").isEmpty })
            #expect(told.changes.isEmpty)
            #expect(other.requests.isEmpty)
        }
        try await other.stop()
    }

    @Test func serverThatIsNotThereIsTriedAgain() async throws {
        let kubeconfig = try directory.write(
            "kubeconfig",
            """
            current-context: here
            contexts: [{name: here, context: {cluster: test}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
            """)
        var timing = APITiming()
        timing.firstBackoff = .milliseconds(10)
        let source = try KubernetesSource(
            access: .kubeconfig(path: kubeconfig), nodeName: "n", timing: timing, logger: log.logger)
        try await withRunning(source) { told in
            #expect(await eventually { !log.lines.isEmpty })
            #expect(told.changes.isEmpty)
        }
        #expect(log.lines(with: "what is known stays").count == 1)
    }
}
