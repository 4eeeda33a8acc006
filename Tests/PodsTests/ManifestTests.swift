// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@testable import Pods

@Suite struct ManifestTests {
    private func names(_ text: String) throws -> [String] {
        try Manifest.pods(Array(text.utf8)).map { $0.metadata.name ?? "" }
    }

    private func problem(_ text: String) -> String? {
        #expect(throws: Malformed.self) { try names(text) }?.description
    }

    @Test func yamlIsRead() throws {
        let text = """
            apiVersion: v1
            kind: Pod
            metadata:
              name: etcd
              namespace: kube-system
              labels: {port: "8080", plain: 8080, truth: yes, word: "true", empty: "", version: 1.10}
            spec:
              hostNetwork: true
              containers:
              - name: etcd
                image: etcd:3.5
                env:
                - {name: PORT, value: "2381"}
                - name: NODE
                  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
                startupProbe: {exec: {command: [/etcd, "$(PORT)", "on", "1"]}}
                readinessProbe:
                  exec:
                    command:
                    - /bin/sh
                    - -c
                    - |
                      if true; then
                        echo *.txt & wait
                      fi
                livenessProbe: {httpGet: {path: /health, port: 2381}}
                lifecycle: {preStop: {exec: {command: [/stop]}}, postStart: {exec: {command: [/start, "$(PORT)"]}}}
              initContainers:
              - {name: side, image: "side:1", restartPolicy: Always, livenessProbe: {exec: {command: [/side]}}}
              ephemeralContainers:
              - name: debug
            """
        let pod = try #require(try Manifest.pods(Array(text.utf8)).first?.pod())
        #expect(pod.namespace == "kube-system")
        #expect(
            pod.labels == [
                "port": "8080", "plain": "8080", "truth": "yes", "word": "true", "empty": "", "version": "1.10",
            ])
        #expect(pod.workloadKind == "Pod")
        #expect(pod.workload == "etcd")
        #expect(pod.containers.map(\.name) == ["etcd", "side", "debug"])
        #expect(
            pod.containers[0].commands == [
                PodCommand(kind: .startup, arguments: ["/etcd", "2381", "on", "1"]),
                PodCommand(
                    kind: .readiness,
                    arguments: ["/bin/sh", "-c", "if true; then\n  echo *.txt & wait\nfi\n"]),
                PodCommand(kind: .postStart, arguments: ["/start", "$(PORT)"]),
                PodCommand(kind: .preStop, arguments: ["/stop"]),
            ])
        #expect(pod.containers[1].commands == [PodCommand(kind: .liveness, arguments: ["/side"])])
        #expect(pod.containers[2] == PodContainer(name: "debug"))
    }

    @Test func jsonIsRead() throws {
        let text = #"""

              {"kind": "Pod", "metadata": {"name": "a", "labels": {"face": "\ud83d\ude00", "path": "a\/b"}}}
            """#
        let pod = try #require(try Manifest.pods(Array(text.utf8)).first?.pod())
        #expect(pod.labels == ["face": "😀", "path": "a/b"])
        #expect(pod.namespace == "default")
    }

    @Test func documentsAndListsAreReadToTheirEnd() throws {
        #expect(
            try names(
                """
                # first
                ---
                kind: Pod
                metadata: {name: a}
                ---
                ---
                kind: ConfigMap
                metadata: {name: no}
                data: {pods: "none"}
                ---
                kind: List
                items:
                - {kind: Service, metadata: {name: no}, spec: {containers: what}}
                - {kind: Pod, metadata: {name: b}}
                ---
                {"kind": "PodList", "items": [{"metadata": {"name": "c"}}]}
                ...
                """) == ["a", "b", "c"])
    }

    @Test func otherTextHasNoPods() throws {
        #expect(try names("") == [])
        #expect(try names("# nothing\n") == [])
        #expect(try names("kind: Deployment\nmetadata: {name: d}\n") == [])
        #expect(try names("some: thing\n") == [])
    }

    @Test func malformedTextSaysWhere() throws {
        #expect(problem("kind: Pod\nmetadata: [\n")?.hasPrefix("line ") == true)
        #expect(problem("kind: Pod\nspec: {}\n") == "metadata: it is missing")
        #expect(problem("kind: Pod\nmetadata: {}\n")?.contains("metadata.name") == true)
        #expect(problem("kind: Pod\nmetadata: {name: a}\nspec: {containers: 7}")?.hasPrefix("spec.containers") == true)
        #expect(problem("just words") != nil)
        #expect(problem(#"{"kind": "Pod", "metadata": {"name": "a"}"#) != nil)
        #expect(throws: Malformed.self) { try Manifest.pods([0x6b, 0xff, 0xfe]) }
    }

    @Test func anchorsAndMergesMeanWhatTheyRepeat() throws {
        let text = """
            kind: Pod
            metadata: {name: a}
            spec:
              containers:
              - &base
                name: one
                image: i
                livenessProbe: &probe {exec: {command: [/live]}}
              - <<: *base
                name: two
                readinessProbe: *probe
            """
        let pod = try #require(try Manifest.pods(Array(text.utf8)).first?.pod())
        #expect(pod.containers.map(\.name) == ["one", "two"])
        #expect(pod.containers[1].commands.map(\.kind) == [.readiness, .liveness])
    }

    @Test func aliasBombDoesNotGoOff() throws {
        func bomb(_ levels: Int) -> String {
            var text = "kind: Pod\nmetadata: {name: a}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            for level in 1..<levels {
                let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                text += "a\(level): &a\(level) [\(aliases)]\n"
            }
            return text
        }
        #expect(try names(bomb(3)) == ["a"])
        #expect(problem(bomb(9))?.contains("nodes") == true)
        #expect(problem(bomb(9) + "? *a8\n: key\n")?.contains("nodes") == true)
        #expect(problem("kind: Pod\nmetadata: &m {name: a, self: *m}\n")?.contains("alias") == true)
    }

    @Test func depthIsBounded() throws {
        func nested(_ depth: Int) -> String {
            let open = String(repeating: "[", count: depth)
            let close = String(repeating: "]", count: depth)
            return "kind: Pod\nmetadata: {name: a}\nx: \(open)\(close)"
        }
        #expect(try names(nested(60)) == ["a"])
        #expect(problem(nested(70))?.contains("nested") == true)
        #expect(problem(nested(100_000)) != nil)
        for indicator in ["- ", "? "] {
            let text = String(repeating: indicator, count: 100_000)
            #expect(problem(text)?.contains("nested") == true)
        }
        func nestedJSON(_ depth: Int) -> String {
            let open = String(repeating: "[", count: depth)
            let close = String(repeating: "]", count: depth)
            return #"{"kind":"Pod","metadata":{"name":"a"},"x":\#(open)\#(close)}"#
        }
        #expect(try names(nestedJSON(60)) == ["a"])
        #expect(problem(nestedJSON(100_000)) != nil)
    }

    @Test func numberOfNodesIsBounded() throws {
        func wide(_ count: Int) -> String {
            let items = String(repeating: "1,", count: count)
            return "kind: Pod\nmetadata: {name: a}\nx: [\(items)]"
        }
        #expect(try names(wide(19_000)) == ["a"])
        #expect(problem(wide(21_000))?.contains("nodes") == true)
    }

    @Test func numberOfKeysIsBounded() throws {
        func labels(_ range: Range<Int>) -> String { range.map { "k\($0): v" }.joined(separator: ", ") }
        func pod(_ count: Int) -> String { "kind: Pod\nmetadata: {name: a, labels: {\(labels(0..<count))}}" }
        #expect(try names(pod(1_000)) == ["a"])
        #expect(problem(pod(1_001))?.contains("keys") == true)
        // Merged they may be more, and that takes seconds at most.
        let parts = (0..<5).map { "p\($0): &p\($0) {\(labels($0 * 500..<$0 * 500 + 500))}" }
        let merge = (0..<5).map { "*p\($0)" }.joined(separator: ", ")
        let text = parts.joined(separator: "\n") + "\nkind: Pod\nmetadata: {name: a, labels: {<<: [\(merge)]}}"
        let start = ContinuousClock.now
        #expect(try Manifest.pods(Array(text.utf8)).first?.metadata.labels?.count == 2_500)
        #expect(ContinuousClock.now - start < .seconds(30))
    }
}
