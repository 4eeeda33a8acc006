// SPDX-License-Identifier: Apache-2.0
import FakeCluster
import Synchronization
import Testing

@testable import Pods

/// Objects that are handed on as they are.
@Suite struct ClusterObjectsTests {
    private let directory: TemporaryDirectory
    private let log = RecordedLog()

    init() throws { directory = try TemporaryDirectory() }

    private final class Changes: Sendable {
        private let recorded = Mutex<[ObjectChange]>([])
        var all: [ObjectChange] { recorded.withLock { $0 } }
        func append(_ change: ObjectChange) { recorded.withLock { $0.append(change) } }
    }

    private func run(
        _ answer: @escaping @Sendable (APIServer.Request, Int) -> APIServer.Reply,
        _ body: (APIServer, Changes) async throws -> Void
    ) async throws {
        let server = try await APIServer(answer)
        var timing = APITiming()
        timing.firstBackoff = .milliseconds(20)
        timing.longestBackoff = .milliseconds(100)
        let kubeconfig = try directory.write(
            "kubeconfig",
            """
            current-context: here
            contexts: [{name: here, context: {cluster: test, user: agent}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(server.port)/"}}]
            users: [{name: agent, user: {}}]
            """)
        let objects = try ClusterObjects(
            access: .kubeconfig(path: kubeconfig), path: "/apis/cilium.io/v1alpha1/tracingpolicies",
            subject: "policies", timing: timing, logger: log.logger)
        let changes = Changes()
        let task = Task { await objects.run { changes.append($0) } }
        do {
            try await body(server, changes)
        } catch {
            task.cancel()
            await task.value
            throw error
        }
        task.cancel()
        await task.value
        try await server.stop()
    }

    private static func policy(_ name: String, version: Int, spec: String = "{}") -> String {
        #"{"kind":"TracingPolicy","apiVersion":"cilium.io/v1alpha1","metadata":{"name":"\#(name)","resourceVersion":"\#(version)"},"spec":\#(spec),"status":{"x":1}}"#
    }

    @Test("a list and what follows is told, with the text that each object has")
    func following() async throws {
        try await run { request, _ in
            guard request.isWatch else {
                return .text(
                    #"{"metadata":{"resourceVersion":"10"},"items":[\#(Self.policy("a", version: 1)),{"no":1}]}"#)
            }
            return .watch([
                #"{"type":"ADDED","object":\#(Self.policy("b", version: 11, spec: #"{"f":[1,-2.5,true,null,"q\"\n\u2028é"]}"#))}"#,
                #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"12"}}}"#,
                "no json",
                #"{"type":"DELETED","object":\#(Self.policy("a", version: 13))}"#,
            ])
        } _: { server, changes in
            #expect(await eventually { changes.all.count >= 3 })
            func text(_ name: String, _ version: Int, _ spec: String) -> ClusterObject {
                ClusterObject(
                    name: name, namespace: "",
                    text:
                        #"{"apiVersion":"cilium.io/v1alpha1","kind":"TracingPolicy","metadata":{"name":"\#(name)","resourceVersion":"\#(version)"},"spec":\#(spec)}"#
                )
            }
            #expect(
                changes.all == [
                    .all([text("a", 1, "{}")]),
                    .applied(text("b", 11, #"{"f":[1,-2.5,true,null,"q\"\n\u2028é"]}"#)),
                    .removed(name: "a", namespace: ""),
                ])
            #expect(server.lists.first?.path == "/apis/cilium.io/v1alpha1/tracingpolicies")
            #expect(server.watches.first?.query["resourceVersion"] == "10")
        }
        #expect(log.lines(with: "makes no sense").count == 2)
    }

    @Test("pages make one list, and a kind that the cluster does not have is said once and tried again")
    func pages() async throws {
        try await run { request, before in
            if request.isWatch { return .watch([]) }
            switch before {
            case 0...1: return .text(#"{"kind":"Status","message":"not found","code":404}"#, 404)
            case 2:
                return .text(
                    #"{"metadata":{"resourceVersion":"1","continue":"more"},"items":[\#(Self.policy("a", version: 1))]}"#
                )
            default:
                return .text(#"{"metadata":{"resourceVersion":"2"},"items":[\#(Self.policy("b", version: 2))]}"#)
            }
        } _: { server, changes in
            #expect(await eventually { !changes.all.isEmpty })
            guard case .all(let objects)? = changes.all.first else { return #expect(Bool(false), "no list") }
            #expect(objects.map(\.name) == ["a", "b"])
            #expect(server.lists[3].query["continue"] == "more")
        }
        #expect(log.lines(with: "does not tell of policies").count == 1)
    }

    @Test("what has expired is asked for anew")
    func expiry() async throws {
        try await run { request, before in
            guard request.isWatch else {
                return .text(
                    #"{"metadata":{"resourceVersion":"\#(before + 1)"},"items":[\#(Self.policy("p\(before)", version: 1))]}"#
                )
            }
            guard before == 0 else { return .watch([]) }
            return .watch([#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"gone"}}"#], then: nil)
        } _: { server, changes in
            #expect(await eventually { server.watches.last?.query["resourceVersion"] == "2" })
            #expect(changes.all.count == 2)
        }
    }
}
