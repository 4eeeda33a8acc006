// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@testable import Pods

@Suite struct PodObjectTests {
    private func decode(_ text: String) throws -> Pod? {
        try Decoding.json(PodObject.self, Array(text.utf8)).pod()
    }

    @Test func podIsWhatTheAPISaysOfIt() throws {
        let pod = try #require(try decode(Fixtures.everything))
        #expect(pod.name == "web-5d4f8c7b9-x2x4z")
        #expect(pod.namespace == "shop")
        #expect(pod.uids == ["6f1c", "0123abcd"])
        #expect(pod.labels == ["app": "web", "port": "8080", "pod-template-hash": "5d4f8c7b9"])
        #expect(pod.workloadKind == "Deployment")
        #expect(pod.workload == "web")
        #expect(pod.containers.map(\.name) == ["main", "quiet", "sidecar", "debugger"])
    }

    @Test func containersHaveTheirStatuses() throws {
        let pod = try #require(try decode(Fixtures.everything))
        let main = try #require(pod.container(named: "main"))
        #expect(main.id == "c0ffee")
        #expect(main.image == "registry.example/shop/web:1")
        #expect(main.imageID == "registry.example/shop/web@sha256:aa")
        #expect(main.startTime == 1_709_208_000_000_000_000)
        // Named by a digest only, so the spec names it; not running.
        let quiet = try #require(pod.container(named: "quiet"))
        #expect(quiet.image == "shop/quiet")
        #expect(quiet.id == "beef")
        #expect(quiet.startTime == 0)
        let sidecar = try #require(pod.container(named: "sidecar"))
        #expect(sidecar.id == "51dec")
        #expect(sidecar.startTime == 1_709_207_999_500_000_000)
        let debugger = try #require(pod.container(named: "debugger"))
        #expect(debugger.id == "")
        #expect(debugger.image == "busybox")
        #expect(pod.container(named: "none") == nil)
    }

    @Test func commandsAreWhatTheKubeletRuns() throws {
        let pod = try #require(try decode(Fixtures.everything))
        #expect(
            pod.container(named: "main")?.commands == [
                PodCommand(kind: .startup, arguments: ["/started", "8080"]),
                PodCommand(kind: .readiness, arguments: ["/ready", "", "$(NONE)"]),
                PodCommand(kind: .liveness, arguments: ["/live", "$(PORT)"]),
                PodCommand(kind: .postStart, arguments: ["/post", "$(PORT)"]),
                PodCommand(kind: .preStop, arguments: ["/pre", "$$(PORT)"]),
            ])
        #expect(pod.container(named: "quiet")?.commands == [])
        #expect(
            pod.container(named: "sidecar")?.commands == [
                PodCommand(kind: .readiness, arguments: ["/proxy", "--ready"])
            ])
        #expect(pod.container(named: "debugger")?.commands == [])
    }

    @Test func podWithoutNameIsNone() throws {
        #expect(try decode(#"{"metadata":{"namespace":"shop"}}"#) == nil)
        #expect(try decode(#"{"metadata":{"name":""}}"#) == nil)
        #expect(try decode(#"{"metadata":{"name":"\#(String(repeating: "n", count: 254))"}}"#) == nil)
        #expect(try decode(#"{"metadata":{"name":"n","labels":null},"spec":null}"#)?.namespace == "default")
    }

    @Test func wrongTypeIsNamedByItsPlace() {
        let error = #expect(throws: Malformed.self) {
            try decode(#"{"metadata":{"name":"n"},"spec":{"containers":[{"name":"c"},{"name":7}]}}"#)
        }
        #expect(error?.description.hasPrefix("spec.containers[1].name: ") == true)
        let missing = #expect(throws: Malformed.self) {
            try decode(#"{"metadata":{"name":"n"},"spec":{"containers":[{}]}}"#)
        }
        #expect(missing?.description == "spec.containers[0].name: it is missing")
    }

    @Test func commandsOfAPodAreBoundedTogether() throws {
        let argument = String(repeating: "x", count: 100_000)
        let container = { (number: Int) in
            #"{"name":"c\#(number)","livenessProbe":{"exec":{"command":["\#(argument)"]}}}"#
        }
        let containers = (0..<20).map(container).joined(separator: ",")
        let pod = try #require(try decode(#"{"metadata":{"name":"n"},"spec":{"containers":[\#(containers)]}}"#))
        #expect(pod.containers.count == 20)
        #expect(pod.containers.count { !$0.commands.isEmpty } == 10)
    }
}

@Suite struct CommandExpansionTests {
    private let expansion = CommandExpansion([
        PodObject.Variable(name: "A", value: "1"), PodObject.Variable(name: "A", value: "one"),
        PodObject.Variable(name: "B", value: "$(A)"), PodObject.Variable(name: "FROM", value: nil),
    ])

    @Test(arguments: [
        ("plain", "plain"), ("$(A)", "one"), ("x$(A)y$(A)", "xoneyone"), ("$(B)", "$(A)"), ("$(FROM)", ""),
        ("$(UNKNOWN)", "$(UNKNOWN)"), ("$$(A)", "$(A)"), ("$$$(A)", "$one"), ("$A", "$A"), ("$", "$"), ("a$", "a$"),
        ("$(A", "$(A"), ("$()", "$()"), ("$($(A))", "$($(A))"), ("ü$(A)ß", "üoneß"), ("$ü", "$ü"), ("", ""),
    ])
    func referencesAreReplacedAsTheKubeletDoes(_ text: String, _ expected: String) {
        #expect(expansion.expand([text], limit: 1000) == [expected])
    }

    @Test func whatCannotBeExecutedIsNotKnown() {
        let long = CommandExpansion([PodObject.Variable(name: "L", value: String(repeating: "x", count: 100_000))])
        #expect(long.expand(["$(L)"], limit: 200_000)?[0].count == 100_000)
        #expect(long.expand(["$(L)$(L)"], limit: 1_000_000) == nil)
        #expect(long.expand(["$(L)", "$(L)"], limit: 150_000) == nil)
        #expect(long.expand([String(repeating: "x", count: 128 << 10)], limit: 1_000_000) == nil)
    }

    @Test func manyOpenReferencesTakeNoTime() {
        let text = String(repeating: "$(", count: 60_000)
        for whole in [text, text + ")"] {
            let expanded = expansion.expand([whole], limit: 1_000_000)
            #expect(expanded == [whole])
        }
    }
}

@Suite struct WorkloadTests {
    private func workload(
        _ kind: String, _ name: String, _ labels: [String: String] = [:], controller: Bool? = true
    ) -> Workload {
        Workload(
            ofPod: "p", labels: labels, owners: [.init(kind: kind, name: name, controller: controller.map(Flag.init))])
    }

    private func expect(_ workload: Workload, _ kind: String, _ name: String) {
        #expect(workload.kind == kind)
        #expect(workload.name == name)
    }

    @Test func replicaSetIsItsDeployments() {
        expect(workload("ReplicaSet", "web-app-5d4f", ["pod-template-hash": "5d4f"]), "Deployment", "web-app")
        expect(workload("ReplicaSet", "web-5d4f", ["pod-template-hash": "other"]), "ReplicaSet", "web-5d4f")
        expect(workload("ReplicaSet", "web-5d4f"), "ReplicaSet", "web-5d4f")
        expect(workload("ReplicaSet", "-5d4f", ["pod-template-hash": "5d4f"]), "ReplicaSet", "-5d4f")
    }

    @Test func jobIsItsCronJobs() {
        expect(workload("Job", "backup-28475640"), "CronJob", "backup")
        expect(workload("Job", "backup-2847564"), "Job", "backup-2847564")
        expect(workload("Job", "backup-28475640000"), "Job", "backup-28475640000")
        expect(workload("Job", "backup-2847564x"), "Job", "backup-2847564x")
        expect(workload("Job", "-28475640"), "Job", "-28475640")
    }

    @Test func othersAreAsTheyAre() {
        expect(workload("StatefulSet", "db"), "StatefulSet", "db")
        expect(workload("DaemonSet", "proxy"), "DaemonSet", "proxy")
    }

    @Test func podWithoutControllerIsItsOwn() {
        expect(workload("ReplicaSet", "web", controller: false), "Pod", "p")
        expect(workload("ReplicaSet", "web", controller: nil), "Pod", "p")
        expect(workload("Node", "node-1"), "Pod", "p")
        expect(Workload(ofPod: "p", labels: [:], owners: []), "Pod", "p")
    }
}

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2024-02-29T12:00:00Z", 1_709_208_000_000_000_000),
            ("2024-02-29T12:00:00.5Z", 1_709_208_000_500_000_000),
            ("2024-02-29T12:00:00.123456789123Z", 1_709_208_000_123_456_789),
            ("2024-02-29T14:30:00+02:30", 1_709_208_000_000_000_000),
            ("2024-02-29t07:00:00-05:00", 1_709_208_000_000_000_000),
            ("2199-12-31T23:59:59Z", 7_258_118_399_000_000_000),
        ] as [(String, Int64)])
    func timeIsNanosecondsSince1970(_ text: String, _ expected: Int64) {
        #expect(Timestamp.nanoseconds(text) == expected)
    }

    @Test(arguments: [
        "", "2024", "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-13-01T00:00:00Z", "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29T12:00:00", "2024-02-29T24:00:00Z",
        "2024-02-29T12:00:00.Z", "2024-02-29T12:00:00Zx", "2024-02-29T12:00:00+24:00", "-024-02-29T12:00:00Z",
        "1970-01-01T00:00:00+01:00", "２０24-02-29T12:00:00Z", "2024-02-29T12:00:00." + String(repeating: "1", count: 99),
    ])
    func whatIsNoTimeIsNone(_ text: String) {
        #expect(Timestamp.nanoseconds(text) == nil)
    }
}
