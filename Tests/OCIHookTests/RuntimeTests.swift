// SPDX-License-Identifier: Apache-2.0
import Glibc
import Models
import Testing

extension HookTests {
    /// Containers made by a real runtime.
    @Suite
    struct RuntimeTests {
        let scratch: Scratch
        let id: String

        init() throws {
            scratch = try Scratch()
            id = "apus-hook-test-\(getpid())-\(scratch.path.suffix(6))"
            let busybox = try #require(Program.find("busybox"))
            let script = """
                mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/dev" && cp "$0" "$1/rootfs/bin/busybox" && \
                ln -s busybox "$1/rootfs/bin/sh" && chmod 755 "${1%/*}"
                """
            #expect(try scratch.run(["/bin/sh", "-c", script, busybox, scratch.bundle]).exit == 0)
        }

        /// A config.json with the hook in it, and the container's annotations as containerd writes them.
        private func configure(stage: String, flags: [String] = [], userNamespace: Bool = false) {
            let hook =
                [Program.hook, stage, "--agent-address", "unix://" + scratch.socket, "--log-file", scratch.log] + flags
            let arguments = hook.map { "\"\($0)\"" }.joined(separator: ",")
            let mappings = #"[{"containerID":0,"hostID":100000,"size":65536}]"#
            scratch.write(
                "bundle/config.json",
                """
                {"ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": true},
                 "process": {"args": ["/bin/sh", "-c", "echo started"], "cwd": "/", "user": {"uid": 0, "gid": 0},
                    "env": ["PATH=/bin", "LD_PRELOAD=/evil.so", "SWIFT_DEBUG_HELP=1"]},
                 "annotations": {"io.kubernetes.cri.sandbox-name": "shop-1",
                    "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.container-name": "app"},
                 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
                 "linux": {\(userNamespace ? "\"uidMappings\": \(mappings), \"gidMappings\": \(mappings)," : "")
                    "cgroupsPath": "/\(id)", "namespaces": [{"type": "pid"}, {"type": "mount"}
                    \(userNamespace ? ", {\"type\": \"user\"}" : "")]},
                 "hooks": {"\(stage)": [{"path": "\(Program.hook)", "args": [\(arguments)]}]}}
                """)
        }

        private func runc() throws -> Outcome {
            try scratch.run([
                try #require(Program.find("runc")), "run", "--bundle", scratch.bundle, "--pid-file",
                scratch.path + "/pid", id,
            ])
        }

        private func expectedRequest(stage: String) throws -> RuntimeHookRequest {
            var expected = RuntimeHookRequest()
            expected.cgroupsPath = "/\(id)"
            expected.rootDir = scratch.bundle + "/rootfs"
            expected.annotations = [
                "io.kubernetes.cri.sandbox-name": "shop-1", "io.kubernetes.cri.sandbox-namespace": "shop",
                "io.kubernetes.cri.container-name": "app",
            ]
            expected.containerName = "app"
            expected.containerID = id
            expected.podName = "shop-1"
            expected.podNamespace = "shop"
            expected.mounts = [
                OCIMount(destination: "/proc", type: "proc", source: "proc"),
                OCIMount(destination: "/dev", type: "tmpfs", source: "tmpfs"),
            ]
            expected.stage = stage
            // The state gives the pid that the init has where the hook runs.
            expected.pid = stage == "createContainer" ? 1 : try #require(UInt32(scratch.read("pid")))
            expected.bundle = scratch.bundle
            return expected
        }

        @Test(
            "The agent is told before the container starts, in each stage and with user namespaces",
            arguments: ["createRuntime", "createContainer"], [false, true])
        func tells(stage: String, userNamespace: Bool) throws {
            let agent = try FakeAgent(scratch)
            configure(stage: stage, userNamespace: userNamespace)
            let outcome = try runc()
            #expect(outcome.exit == 0, "\(outcome.errors)")
            #expect(outcome.output == "started\n")
            #expect(agent.requests == [try expectedRequest(stage: stage).hexadecimal])
        }

        @Test("A user-namespaced hook that may not read config.json has the state's annotations")
        func unreadableSpec() throws {
            let agent = try FakeAgent(scratch)
            configure(stage: "createContainer", userNamespace: true)
            chmod(scratch.bundle + "/config.json", 0o600)
            let outcome = try runc()
            #expect(outcome.exit == 0, "\(outcome.errors)")
            // The runtime writes annotations in an order of its own.
            let request = try #require(agent.requests.first)
            for part in ["shop-1", "shop", "app", id, scratch.bundle] {
                #expect(request.contains(part.utf8.hexadecimal))
            }
            #expect(!request.contains("/\(id)".utf8.hexadecimal))
        }

        @Test("Without an agent the container starts all the same", arguments: ["createRuntime", "createContainer"])
        func withoutAgent(stage: String) throws {
            configure(stage: stage)
            let outcome = try runc()
            #expect(outcome.exit == 0, "\(outcome.errors)")
            #expect(outcome.output == "started\n")
            #expect(scratch.logLines.last?.contains("connecting: No such file or directory") == true)
        }

        @Test("An agent that hangs costs a container the timeout and no more")
        func hangingAgent() throws {
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            configure(stage: "createContainer", flags: ["--timeout", "300ms"])
            let outcome = try runc()
            #expect(outcome.exit == 0, "\(outcome.errors)")
            #expect(outcome.output == "started\n")
            #expect(outcome.milliseconds < 1000)
            #expect(scratch.logLines.last?.contains("msg=\"timed out\"") == true)
        }

        @Test("--fail-closed: the runtime reports the hook's reason and nothing starts")
        func failClosed() throws {
            configure(stage: "createRuntime", flags: ["--fail-closed"])
            let outcome = try runc()
            #expect(outcome.exit != 0)
            #expect(outcome.output == "")
            #expect(outcome.errors.contains("failing the container"))
            configure(stage: "createRuntime", flags: ["--fail-closed", "--fail-allow-namespaces", "shop"])
            #expect(try runc().output == "started\n")
        }
    }
}
