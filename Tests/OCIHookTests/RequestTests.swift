// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

extension HookTests {
    /// What the agent is told, seen by a gRPC library that is not ours.
    struct RequestTests {
        let scratch: Scratch
        let agent: FakeAgent

        init() throws {
            scratch = try Scratch()
            agent = try FakeAgent(scratch)
        }

        @Test("A pod's container, as containerd describes it", arguments: ["createRuntime", "createContainer"])
        func pod(stage: String) throws {
            scratch.write(
                "bundle/config.json",
                """
                {"root": {"path": "rootfs"},
                 "annotations": {"io.kubernetes.cri.sandbox-name": "shop-1", "io.kubernetes.cri.sandbox-uid": "6a2f",
                    "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.container-name": "app",
                    "io.kubernetes.cri.image-name": "busybox:1", "text": "two\\nlines \\u00fc \\ud83d\\ude00"},
                 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
                 "linux": {"cgroupsPath": "kubepods-pod6a2f.slice:cri-containerd:demo", "seccomp": {"syscalls": [{}]}}}
                """)
            let outcome = try scratch.hook(stage)
            #expect(outcome.exit == 0)
            #expect(outcome.errors == "")

            var expected = RuntimeHookRequest()
            expected.cgroupsPath = "/kubepods.slice/kubepods-pod6a2f.slice/cri-containerd-demo.scope"
            expected.rootDir = scratch.bundle + "/rootfs"
            expected.annotations = [
                "io.kubernetes.cri.sandbox-name": "shop-1", "io.kubernetes.cri.sandbox-uid": "6a2f",
                "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.container-name": "app",
                "io.kubernetes.cri.image-name": "busybox:1", "text": "two\nlines ü 😀",
            ]
            expected.containerName = "app"
            expected.containerID = "demo"
            expected.podName = "shop-1"
            expected.podUID = "6a2f"
            expected.podNamespace = "shop"
            expected.containerImage = "busybox:1"
            expected.mounts = [OCIMount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid"])]
            expected.stage = stage
            expected.pid = 4711
            expected.bundle = scratch.bundle
            #expect(agent.requests == [expected.hexadecimal])
            #expect(scratch.logLines.count == 1)
            #expect(
                scratch.logLines[0].contains("level=info msg=\"the agent knows the container\" stage=\(stage) id=demo"))
            #expect(scratch.logLines[0].contains("namespace=shop pod=shop-1 container=app"))
        }

        @Test("A plain container has no pod, and that is no error")
        func plain() throws {
            scratch.write("bundle/config.json", "{\"root\":{\"path\":\"/abs\"},\"linux\":{\"cgroupsPath\":\"/demo\"}}")
            #expect(try scratch.hook().exit == 0)
            var expected = RuntimeHookRequest()
            expected.cgroupsPath = "/demo"
            expected.rootDir = "/abs"
            expected.containerID = "demo"
            expected.stage = "createRuntime"
            expected.pid = 4711
            expected.bundle = scratch.bundle
            #expect(agent.requests == [expected.hexadecimal])
            #expect(scratch.logLines.allSatisfy { $0.contains("level=info") })
        }

        @Test("Without a readable config.json the state's annotations say who it is")
        func stateOnly() throws {
            let annotations = #"{"io.kubernetes.pod.name":"shop-1","io.kubernetes.pod.namespace":"shop"}"#
            #expect(try scratch.hook(input: .text(scratch.state(annotations: annotations))).exit == 0)
            var expected = RuntimeHookRequest()
            expected.annotations = ["io.kubernetes.pod.name": "shop-1", "io.kubernetes.pod.namespace": "shop"]
            expected.containerID = "demo"
            expected.podName = "shop-1"
            expected.podNamespace = "shop"
            expected.stage = "createRuntime"
            expected.pid = 4711
            expected.bundle = scratch.bundle
            #expect(agent.requests == [expected.hexadecimal])
            #expect(scratch.logLines.first?.contains("cannot read config.json") == true)
        }

        @Test("A request that is larger than a server takes loses its mounts, not its pod")
        func tooLarge() throws {
            let option = String(repeating: "o", count: 1 << 18)
            scratch.write(
                "bundle/config.json",
                """
                {"annotations": {"io.kubernetes.pod.name": "shop-1"},
                 "mounts": [{"destination": "/a", "options": ["\(option)", "\(option)", "\(option)", "\(option)"]}]}
                """)
            #expect(try scratch.hook().exit == 0)
            let requests = agent.requests
            #expect(requests.count == 1)
            #expect(requests.first.map { $0.count < 4096 } == true)
            #expect(scratch.logLines.contains { $0.contains("too large") && $0.contains("left_out=mounts") })
        }

        @Test("A request of a megabyte passes HTTP/2's windows")
        func large() throws {
            let option = String(repeating: "o", count: 1000 << 10)
            scratch.write("bundle/config.json", "{\"mounts\": [{\"options\": [\"\(option)\"]}]}")
            #expect(try scratch.hook().exit == 0)
            #expect(agent.requests.first.map { $0.count > 2000 << 10 } == true)
        }

        @Test("A hostile /config.json in the working directory is not read")
        func workingDirectory() throws {
            scratch.write("config.json", "{\"annotations\":{\"io.kubernetes.pod.name\":\"stolen\"}}")
            scratch.write("bundle/config.json", "{\"annotations\":{\"io.kubernetes.pod.name\":\"honest\"}}")
            #expect(try scratch.hook(directory: scratch.path).exit == 0)
            #expect(scratch.logLines.last?.contains("pod=honest") == true)
        }
    }
}
