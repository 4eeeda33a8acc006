// SPDX-License-Identifier: Apache-2.0
import Containers
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events
@testable import Processes

private typealias Sample = FilterSample

@Suite("What a filter matches")
struct EventFilterTests {
    @Test("an empty filter matches everything, an event without a process too")
    func emptyFilter() throws {
        #expect(try EventFilter().predicate == nil)
        #expect(try Sample.matches("{}", Sample.event()))
        #expect(try Sample.matches("{}", Sample.event(nil)))
        #expect(try EventFilter(deny: [Tetragon_Filter()]).predicate?(Sample.event()) == false)
    }

    @Test("all fields of a filter must match, any filter of a list, and none of the denied")
    func combination() throws {
        let exits = try Sample.filter(#"{"event_set": ["PROCESS_EXIT"]}"#)
        let shells = try Sample.filter(#"{"event_set": ["PROCESS_EXIT"], "binary_regex": ["sh$"]}"#)
        let ten = try Sample.filter(#"{"pid": [10]}"#)
        let shell = Sample.event(Sample.image(pid: 11, binary: "/bin/sh"), kind: .processExit)
        let other = Sample.event(Sample.image(pid: 11), kind: .processExit)
        let exec = Sample.event(Sample.image(pid: 11, binary: "/bin/sh"))
        func accepts(_ filter: EventFilter) -> [Bool] { [shell, other, exec].map { filter.predicate?($0) ?? true } }
        #expect(accepts(try EventFilter(allow: [shells])) == [true, false, false])
        #expect(accepts(try EventFilter(allow: [ten, shells])) == [true, false, false])
        #expect(accepts(try EventFilter(deny: [shells])) == [false, true, true])
        #expect(accepts(try EventFilter(allow: [exits], deny: [ten, shells])) == [false, true, false])
    }

    @Test(
        "an event without a process matches no field about one, denied or allowed",
        arguments: [
            #"{"binary_regex": [""]}"#, #"{"namespace": [""]}"#, #"{"health_check": false}"#,
            #"{"health_check": true}"#, #"{"pid": [0]}"#, #"{"pid_set": [0]}"#, #"{"pod_regex": [""]}"#,
            #"{"arguments_regex": [""]}"#, #"{"labels": [""]}"#, #"{"policy_names": [""]}"#,
            #"{"capabilities": {"effective": {"none": ["CAP_BPF"]}}}"#, #"{"parent_binary_regex": [""]}"#,
            #"{"parent_arguments_regex": [""]}"#, #"{"container_id": [""]}"#, #"{"in_init_tree": false}"#,
            #"{"ancestor_binary_regex": [""]}"#, #"{"container_name_regex": [""]}"#, #"{"namespace_regex": [""]}"#,
        ])
    func withoutProcess(json: String) throws {
        let event = Sample.event(nil)
        #expect(try !Sample.matches(json, event))
        #expect(try EventFilter(deny: [try Sample.filter(json)]).predicate?(event) == true)
    }

    @Test("event_set matches the kind")
    func eventSet() throws {
        let exit = Sample.event(kind: .processExit)
        #expect(try Sample.matches(#"{"event_set": ["PROCESS_EXEC", "PROCESS_EXIT"]}"#, exit))
        #expect(try !Sample.matches(#"{"event_set": ["PROCESS_EXEC", "PROCESS_KPROBE"]}"#, exit))
        #expect(try Sample.matches(#"{"event_set": ["PROCESS_EXIT"]}"#, Sample.event(nil, kind: .processExit)))
        for (kind, name) in [(EventKind.test, "TEST"), (.loss, "LOSS")] {
            let filter = "{\"event_set\": [\"\(name)\"]}"
            #expect(try [Sample.event(kind: kind), exit].map { try Sample.matches(filter, $0) } == [true, false])
        }
    }

    @Test("policy_names matches whole names, and only events that come from a policy")
    func policyNames() throws {
        let event = Sample.event(policy: "watch-files")
        #expect(try Sample.matches(#"{"policy_names": ["x", "watch-files"]}"#, event))
        #expect(try !Sample.matches(#"{"policy_names": ["watch"]}"#, event))
        #expect(try !Sample.matches(#"{"policy_names": ["watch-files", ""]}"#, Sample.event()))
    }

    @Test("pid matches the process alone, pid_set also its parent and ancestors")
    func pids() throws {
        let event = Sample.event(
            Sample.image(pid: 5), parent: Sample.image(pid: 4),
            ancestors: [Sample.image(pid: 3), Sample.image(pid: 2)])
        #expect(
            [1, 2, 3, 4, 5].map { (try? Sample.matches("{\"pid\": [\($0), 9]}", event)) ?? false }
                == [false, false, false, false, true])
        #expect(
            [1, 2, 3, 4, 5].map { (try? Sample.matches("{\"pid_set\": [\($0), 9]}", event)) ?? false }
                == [false, true, true, true, true])
    }

    @Test("binaries: of the process, of its parent, of those above the parent")
    func binaries() throws {
        let event = Sample.event(
            Sample.image(binary: "/usr/bin/id"), parent: Sample.image(binary: "/bin/sh"),
            ancestors: [Sample.image(pid: 3, binary: "/usr/sbin/sshd"), Sample.image(pid: 1, binary: "/sbin/init")])
        func matching(_ field: String) throws -> [Bool] {
            try ["id$", "^/bin/sh$", "sshd", "init"].map { try Sample.matches("{\"\(field)\": [\"\($0)\"]}", event) }
        }
        #expect(try matching("binary_regex") == [true, false, false, false])
        #expect(try matching("parent_binary_regex") == [false, true, false, false])
        #expect(try matching("ancestor_binary_regex") == [false, false, true, true])
    }

    @Test("an expression matches anywhere unless anchored, and any of a list will do")
    func expressions() throws {
        let event = Sample.event(Sample.image(arguments: "-c \"rm -rf /tmp/x\""), parent: Sample.image(arguments: "a"))
        #expect(try Sample.matches(#"{"arguments_regex": ["rm +-rf"]}"#, event))
        #expect(try Sample.matches(#"{"arguments_regex": ["^x", "tmp"]}"#, event))
        #expect(try !Sample.matches(#"{"arguments_regex": ["^rm"]}"#, event))
        #expect(try !Sample.matches(#"{"arguments_regex": ["RM"]}"#, event))
        #expect(try Sample.matches(#"{"arguments_regex": ["(?i)RM"]}"#, event))
        #expect(try Sample.matches(#"{"arguments_regex": [""]}"#, event))
        #expect(try Sample.matches(#"{"parent_arguments_regex": ["^a$"]}"#, event))
        #expect(try !Sample.matches(#"{"parent_arguments_regex": ["rm"]}"#, event))
        #expect(try !Sample.matches(#"{"parent_arguments_regex": [""]}"#, Sample.event()))
    }

    @Test("in_init_tree and health_check ask for one or the other")
    func truths() throws {
        let inside = Sample.event(Sample.image(inInitTree: true))
        #expect(try Sample.matches(#"{"in_init_tree": true}"#, inside))
        #expect(try !Sample.matches(#"{"in_init_tree": false}"#, inside))
        #expect(try Sample.matches(#"{"in_init_tree": false}"#, Sample.event()))

        let probes = [
            Sample.event(Sample.image(isProbe: true)), Sample.event(parent: Sample.image(isProbe: true)),
            Sample.event(parent: Sample.image()),
        ]
        #expect(try probes.map { try Sample.matches(#"{"health_check": true}"#, $0) } == [true, true, false])
        #expect(try probes.map { try Sample.matches(#"{"health_check": false}"#, $0) } == [false, false, true])
    }

    @Test("namespaces: whole names with the empty one for no pod, or expressions on a pod's")
    func namespaces() throws {
        let inPod = Sample.event(Sample.image(container: try Sample.container()))
        let plain = Sample.event(Sample.image(container: try Sample.container(pod: "", namespace: "")))
        func matching(_ json: String) throws -> [Bool] {
            try [inPod, plain, Sample.event()].map { try Sample.matches(json, $0) }
        }
        #expect(try matching(#"{"namespace": ["prod"]}"#) == [true, false, false])
        #expect(try matching(#"{"namespace": ["pro"]}"#) == [false, false, false])
        #expect(try matching(#"{"namespace": ["", "test"]}"#) == [false, true, true])
        #expect(try matching(#"{"namespace_regex": ["^pr"]}"#) == [true, false, false])
        #expect(try matching(#"{"namespace_regex": [".*"]}"#) == [true, false, false])
        #expect(try matching(#"{"pod_regex": ["^shop-[0-9]$"]}"#) == [true, false, false])
        #expect(try matching(#"{"pod_regex": [""]}"#) == [true, false, false])
        #expect(try matching(#"{"container_name_regex": ["^web$"]}"#) == [true, true, false])
        #expect(try matching(#"{"container_name_regex": ["shop"]}"#) == [false, false, false])
    }

    @Test("a container without a name has none to match")
    func namelessContainer() throws {
        let event = Sample.event(Sample.image(container: try Sample.container(name: "", pod: "", namespace: "")))
        #expect(try !Sample.matches(#"{"container_name_regex": [""]}"#, event))
    }

    @Test(
        "container_id matches the first digits, the whole id, and the id after its scheme",
        arguments: [
            ("^0123456789abcde$", true), ("^0123456789abcdef", true), ("^\(FilterSample.id)$", true),
            ("^containerd://\(FilterSample.id)$", true), ("containerd://0123", true), ("abcdef0123", true),
            ("docker://", false), ("^0123456789abcd$", false), ("^123", false), ("xyz|^0", true),
        ])
    func containerID(pattern: String, expected: Bool) throws {
        let event = Sample.event(Sample.image(container: try Sample.container()))
        #expect(try Sample.matches("{\"container_id\": [\"\(pattern)\"]}", event) == expected)
        #expect(try !Sample.matches("{\"container_id\": [\"\(pattern)\"]}", Sample.event()))
    }

    @Test("a container of no known runtime has an id without a scheme")
    func containerIDWithoutRuntime() throws {
        let event = Sample.event(Sample.image(container: try Sample.container(runtime: "")))
        #expect(try Sample.matches(#"{"container_id": ["^0123"]}"#, event))
        #expect(try !Sample.matches(#"{"container_id": ["://"]}"#, event))
    }

    @Test("labels: any of the selectors, on the labels that are known, of pods alone")
    func labels() throws {
        let shop = Sample.event(
            Sample.image(container: try Sample.container(labels: ["app": "shop", "tier": "web"])))
        let untold = Sample.event(Sample.image(container: try Sample.container()))
        let plain = Sample.event(Sample.image(container: try Sample.container(pod: "", namespace: "")))
        func matching(_ json: String) throws -> [Bool] {
            try [shop, untold, plain, Sample.event()].map { try Sample.matches(json, $0) }
        }
        #expect(try matching(#"{"labels": ["app=shop"]}"#) == [true, false, false, false])
        #expect(try matching(#"{"labels": ["app=other", "tier in (web, db)"]}"#) == [true, false, false, false])
        #expect(try matching(#"{"labels": ["app=shop,tier=db"]}"#) == [false, false, false, false])
        #expect(try matching(#"{"labels": ["!app"]}"#) == [false, true, false, false])
        #expect(try matching(#"{"labels": [""]}"#) == [true, true, false, false])
        #expect(try matching(#"{"labels": ["k8s:io.kubernetes.pod.namespace=prod"]}"#) == [true, true, false, false])
        #expect(try matching(#"{"labels": ["io.kubernetes.container.name!=web"]}"#) == [false, false, false, false])
    }

    @Test("a pod's own label does not pass for what the agent knows of the pod")
    func derivedLabels() throws {
        let event = Sample.event(
            Sample.image(container: try Sample.container(labels: ["io.kubernetes.pod.namespace": "kube-system"])))
        #expect(try !Sample.matches(#"{"labels": ["io.kubernetes.pod.namespace=kube-system"]}"#, event))
        #expect(try Sample.matches(#"{"labels": ["io.kubernetes.pod.namespace=prod"]}"#, event))
    }
}
