// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events

@Suite struct FieldFiltersTests {
    private static let exec = Tetragon_GetEventsResponse.with {
        $0.processExec.process.execID = "id"
        $0.processExec.process.binary = "/bin/sh"
        $0.processExec.process.pid = 7
        $0.processExec.process.pod.name = "web"
        $0.processExec.process.pod.namespace = "shop"
        $0.processExec.process.pod.podLabels = ["app": "web", "tier": "front"]
        $0.processExec.process.pod.container.id = "containerd://x"
        $0.processExec.parent.binary = "/bin/init"
        $0.processExec.ancestors = [
            .with {
                $0.binary = "/a"; $0.execID = "1"
            }, .with { $0.binary = "/b" },
        ]
        $0.nodeName = "node"
        $0.clusterName = "cluster"
        $0.time = .init(seconds: 3)
    }
    private static let exit = Tetragon_GetEventsResponse.with {
        $0.processExit.process.binary = "/bin/sh"
        $0.processExit.signal = "SIGKILL"
        $0.processExit.status = 3
        $0.nodeName = "node"
    }

    private static func filter(
        _ action: Tetragon_FieldFilterAction, _ paths: String..., kinds: [Tetragon_EventType] = [],
        inverted: Bool? = nil
    ) -> Tetragon_FieldFilter {
        .with {
            $0.action = action
            $0.fields.paths = paths
            $0.eventSet = kinds
            if let inverted { $0.invertEventSet = .init(inverted) }
        }
    }

    private func shaped(
        _ event: Tetragon_GetEventsResponse, _ filters: Tetragon_FieldFilter...
    ) throws -> Tetragon_GetEventsResponse {
        let filters = try FieldFilters(filters)
        let bytes = try event.serializedBytes() as [UInt8]
        return try Tetragon_GetEventsResponse(serializedBytes: bytes.withUnsafeBytes { filters.apply(to: $0) })
    }

    @Test func `what is included is all that stays of the event, and what stands beside it stays`() throws {
        let shaped = try shaped(Self.exec, Self.filter(.include, "process.binary", "process.pod.name"))
        #expect(
            shaped
                == .with {
                    $0.processExec.process.binary = "/bin/sh"
                    $0.processExec.process.pod.name = "web"
                    $0.nodeName = "node"
                    $0.clusterName = "cluster"
                    $0.time = .init(seconds: 3)
                })
    }

    @Test func `what is excluded goes and the rest stays`() throws {
        var expected = Self.exec
        expected.processExec.process.pod.podLabels = [:]
        expected.processExec.process.clearPid()
        expected.processExec.clearParent()
        #expect(
            try shaped(Self.exec, Self.filter(.exclude, "process.pod.pod_labels", "process.pid", "parent")) == expected)
    }

    @Test func `a path leads through repeated fields`() throws {
        let shaped = try shaped(Self.exec, Self.filter(.include, "ancestors.binary"))
        #expect(shaped.processExec.ancestors.map(\.binary) == ["/a", "/b"])
        #expect(shaped.processExec.ancestors.allSatisfy { $0.execID.isEmpty } && !shaped.processExec.hasProcess)
    }

    @Test func `environment variables may be told without their values`() throws {
        let event = Tetragon_GetEventsResponse.with {
            $0.processExec.process.environmentVariables = [
                .with {
                    $0.key = "TOKEN"
                    $0.value = "x"
                }
            ]
        }
        let shaped = try shaped(event, Self.filter(.exclude, "process.environment_variables.Value"))
        #expect(shaped.processExec.process.environmentVariables == [.with { $0.key = "TOKEN" }])
    }

    @Test func `names may be JSON's`() throws {
        #expect(try shaped(Self.exec, Self.filter(.include, "process.execId")).processExec.process.execID == "id")
    }

    @Test func `filters apply one after the other, so that exclusion wins`() throws {
        let shaped = try shaped(
            Self.exec, Self.filter(.include, "process.pod"), Self.filter(.exclude, "process.pod.container"))
        #expect(shaped.processExec.process.pod.name == "web" && !shaped.processExec.process.pod.hasContainer)
        #expect(shaped.processExec.process.binary.isEmpty)
    }

    @Test(arguments: [nil, false]) func `a filter concerns the events of its set`(inverted: Bool?) throws {
        let onExits = Self.filter(.exclude, "process", kinds: [.processExit], inverted: inverted)
        #expect(try shaped(Self.exec, onExits) == Self.exec)
        let shaped = try shaped(Self.exit, onExits)
        #expect(!shaped.processExit.hasProcess && shaped.processExit.signal == "SIGKILL")
    }

    @Test func `an inverted set is all other events`() throws {
        let onOthers = Self.filter(.exclude, "process", kinds: [.processExit], inverted: true)
        #expect(try shaped(Self.exit, onOthers) == Self.exit)
        #expect(try !shaped(Self.exec, onOthers).processExec.hasProcess)
    }

    @Test func `a field that some events have leaves nothing of the others`() throws {
        let signals = Self.filter(.include, "signal")
        #expect(try shaped(Self.exit, signals).processExit == .with { $0.signal = "SIGKILL" })
        let exec = try shaped(Self.exec, signals)
        #expect(exec.processExec == .init() && exec.event != nil && exec.nodeName == "node")
    }

    @Test(arguments: [
        (["process.pod", "process.pod.name"], true), (["process.pod.name", "process.pod"], true),
        (["process.pod.name"], false),
    ])
    func `a whole field stays whole beside a part of it`(paths: [String], isWhole: Bool) throws {
        let filter = Tetragon_FieldFilter.with { $0.fields.paths = paths }
        let pod = try shaped(Self.exec, filter).processExec.process.pod
        #expect((pod == Self.exec.processExec.process.pod) == isWhole && pod.name == "web")
    }

    @Test(arguments: [
        ("", "field_filters[0].fields.paths[0]: no event that it concerns has a field \"\""),
        ("nothing", "no event that it concerns has a field \"nothing\""),
        ("process.", "\"process.\""), (".process", "\".process\""), ("process..pid", "\"process..pid\""),
        ("process.binary.x", "\"process.binary.x\""), ("process.pod.pod_labels.app", "\"process.pod.pod_labels.app\""),
        ("process.pod.name\0", "has a field"), (String(repeating: "process.", count: 100), "longer than 512 bytes"),
    ])
    func `a path that leads nowhere is refused with its place`(path: String, reason: String) {
        let error = #expect(throws: FilterError.self) {
            try FieldFilters([Self.filter(.include, path)])
        }
        #expect(error?.position == "field_filters[0].fields.paths[0]")
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test func `what else cannot be obeyed is refused with its place`() {
        func refusal(_ filters: [Tetragon_FieldFilter]) -> String {
            do { _ = try FieldFilters(filters) } catch { return error.description }
            return ""
        }
        #expect(refusal([.init()]) == "field_filters[0].fields: no path")
        #expect(
            refusal([Self.filter(.include, "process"), Self.filter(.UNRECOGNIZED(7), "process")])
                == "field_filters[1].action: 7 is neither INCLUDE nor EXCLUDE")
        #expect(
            refusal([Self.filter(.include, "process", kinds: [.processExec, .UNRECOGNIZED(77)])])
                == "field_filters[0].event_set[1]: there is no event type 77")
        #expect(
            refusal([Self.filter(.include, "process.pid", kinds: [.rateLimitInfo])]).contains(
                "no event that it concerns"))
        let many = Tetragon_FieldFilter.with { $0.fields.paths = Array(repeating: "process", count: 257) }
        #expect(refusal([many]).contains("257 paths; 256 at most"))
        #expect(
            refusal(Array(repeating: Self.filter(.include, "process"), count: 65)).contains("65 entries; 64 at most"))
    }

    @Test func `a torn message ends where it is torn`() throws {
        let filters = try FieldFilters([Self.filter(.exclude, "process.pid")])
        let whole = try Self.exec.serializedBytes() as [UInt8]
        for count in 0..<whole.count {
            let shaped = whole.prefix(count).withUnsafeBytes { filters.apply(to: $0) }
            #expect(shaped.count <= count + 8)
        }
    }
}
