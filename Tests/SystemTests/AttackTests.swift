// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// Who must not be believed, and what must not be kept from whom. Each attacker here is the real hook in the wrong
    /// hands: with --fail-closed it says on stderr what the agent answered.
    @Suite(.sharedAgent) struct AttackTests {
        // MARK: Processes of containers that reach the socket

        /// A container in which the hook and the agent's socket are.
        func armed(_ agent: AgentProcess) throws -> ContainerSetup {
            var setup = ContainerSetup()
            setup.binds = ["/hook": try Artifacts.hook, "/agent": agent.directory.path]
            return setup
        }

        /// Words of a shell that calls the hook as an attacker does.
        func call(
            _ stage: HookStage, id: String, pid: String = "1", bundle: String = "/nowhere", hook: String = "/hook",
            socket: String = "/agent/hook.sock"
        ) -> String {
            let state = #"{\"ociVersion\":\"1.0.2\",\"id\":\"\#(id)\",\"pid\":\#(pid),\"bundle\":\"\#(bundle)\"}"#
            return "printf %s \"\(state)\" | \(hook) \(stage.rawValue) --agent-address unix://\(socket) --fail-closed "
                + "--log-file /proc/none/hook.log"
        }

        func inside(_ container: RuncContainer, _ script: String) async throws -> Command.Outcome {
            try await Command(RuncContainer.command(["exec", container.id, "/bin/sh", "-c", script])).outcome()
        }

        /// - Parameter isKnown: whether the agent was told of the container before.
        @Test(arguments: [true, false])
        func processOfAContainerCannotRenameIt(isKnown: Bool) async throws {
            let agent = try agent()
            var setup = try armed(agent)
            if !isKnown { setup.stages = [] }
            let stolen = uniqueWord("stolen")
            try await RuncContainer.with(agent, setup) { container in
                let outcome = try await inside(container, call(.createContainer, id: stolen) + "; exit $?")
                #expect(outcome.status == 1, "\(outcome.errors)")
                #expect(outcome.errors.contains("has changed its root already"), "\(outcome.errors)")
            }
            #expect(!agent.log.split(separator: "\n").contains { $0.contains("registered") && $0.contains(stolen) })
        }

        /// It looks like the host's root in everything but its cgroup.
        @Test func rootOfAPrivilegedContainerWithTheHostsPidsIsNoRuntime() async throws {
            let agent = try agent()
            let stolen = uniqueWord("stolen")
            var setup = try armed(agent)
            setup.sharesHostPids = true
            setup.binds["/cgroups"] = try agent.cgroupRoot
            try await RuncContainer.with(agent, setup) { container in
                // A child in a cgroup outside of the container's, as a runtime makes one.
                let script = """
                    mkdir /cgroups/\(stolen); sleep 20 & child=$!; echo $child > /cgroups/\(stolen)/cgroup.procs
                    \(call(.createRuntime, id: stolen, pid: "$child")); status=$?
                    kill -9 $child; exit $status
                    """
                let outcome = try await inside(container, script)
                #expect(outcome.status == 1, "\(outcome.errors)")
                #expect(
                    outcome.errors.contains("is told of by a process of container \(container.id)"),
                    "\(outcome.errors)")
            }
            try await removeCgroup(agent.cgroupRoot + "/\(stolen)")
        }

        @Test func rootOfAContainerWithPidsOfItsOwnIsNoRuntime() async throws {
            let agent = try agent()
            let stolen = uniqueWord("stolen")
            try await RuncContainer.with(agent, armed(agent)) { container in
                // The pids in the state count on the host; whatever the container says, it is not its child there.
                let script = "sleep 20 & \(call(.createRuntime, id: stolen, pid: "$!"))"
                let outcome = try await inside(container, script)
                #expect(outcome.status == 1 && outcome.errors.contains("gRPC status"), "\(outcome.errors)")
            }
            #expect(!agent.log.split(separator: "\n").contains { $0.contains("registered") && $0.contains(stolen) })
        }

        // MARK: Root of the host that is no runtime

        /// A script of the host's root, with a child in a cgroup named `name`. `$child` is its pid.
        func asRoot(_ agent: AgentProcess, cgroup name: String, _ script: String) async throws
            -> Command.Outcome
        {
            let directory = try agent.cgroupRoot + "/" + name
            let outcome = try await Command.run(
                "/bin/sh", "-c",
                """
                mkdir \(directory); sleep 20 & child=$!; echo $child > \(directory)/cgroup.procs
                \(script); status=$?
                kill -9 $child; wait $child 2>/dev/null; exit $status
                """)
            try await removeCgroup(directory)
            return outcome
        }

        func outside(
            _ agent: AgentProcess, _ stage: HookStage, id: String, pid: String, bundle: String = "/nowhere"
        ) throws -> String {
            call(stage, id: id, pid: pid, bundle: bundle, hook: try Artifacts.hook, socket: agent.hookSocket)
        }

        @Test func anotherCgroupThanTheKernelShowsIsRefused() async throws {
            let agent = try agent()
            let name = uniqueWord("claimed")
            let directory = try TemporaryDirectory()
            let claim = { (path: String) in
                try #"{"linux":{"cgroupsPath":"\#(path)"}}"#.write(
                    toFile: directory("config.json"), atomically: false, encoding: .utf8)
            }
            try claim("/elsewhere/web")
            let script = try outside(agent, .createRuntime, id: name, pid: "$child", bundle: directory.path)
            let lie = try await asRoot(agent, cgroup: name, script)
            #expect(lie.status == 1)
            #expect(lie.errors.contains("is said to be in cgroup /elsewhere/web"), "\(lie.errors)")
            // The same caller with an honest claim is taken: it is root of the host, as a runtime is.
            try claim("/\(name)")
            let honest = try await asRoot(agent, cgroup: name, script)
            #expect(honest.status == 0, "\(honest.errors)")
        }

        @Test func rootThatNamesNoChildOfItsParentIsNoRuntime() async throws {
            let agent = try agent()
            let name = uniqueWord("stolen")
            let script = try outside(agent, .createRuntime, id: name, pid: "\(agent.pid)")
            let outcome = try await asRoot(agent, cgroup: name, script)
            #expect(outcome.status == 1 && outcome.errors.contains("is no child of the runtime"), "\(outcome.errors)")
        }

        @Test func rootThatNamesAProcessOfItsOwnCgroupIsNoRuntime() async throws {
            let agent = try agent()
            let name = uniqueWord("stolen")
            let procs = try agent.cgroupRoot + "/\(name)/cgroup.procs"
            let script = "echo $$ > \(procs); " + (try outside(agent, .createRuntime, id: name, pid: "$child"))
            let outcome = try await asRoot(agent, cgroup: name, script)
            #expect(outcome.status == 1 && outcome.errors.contains("is outside"), "\(outcome.errors)")
        }

        // MARK: Who must not be refused

        @Test(arguments: HookStage.allCases)
        func containerWithAUserNamespaceIsKnown(_ stage: HookStage) async throws {
            let agent = try agent()
            var setup = ContainerSetup()
            setup.stages = [stage]
            setup.hasUserNamespace = true
            setup.pod.name = uniqueWord("pod")
            try await EventStream.with(agent) { events in
                try await RuncContainer.with(agent, setup) { container in
                    let entrypoint = try await events.first("the entrypoint") {
                        $0.isExec && $0.isIn(container) && $0.process.binary == "/bin/sleep"
                    }
                    #expect(entrypoint.process.pod.name == setup.pod.name && entrypoint.isInInitTree)
                    #expect(entrypoint.process.identity.source == "hook")
                }
            }
        }

        @Test(arguments: HookStage.allCases)
        func containerWithTheHostsPidsAndASystemdNameIsKnown(_ stage: HookStage) async throws {
            let agent = try agent()
            var setup = ContainerSetup()
            setup.stages = [stage]
            setup.sharesHostPids = true
            // Without systemd's driver this is the name of a directory.
            setup.cgroup = "apus-test.slice:cri-containerd:\(setup.id)"
            try await EventStream.with(agent) { events in
                try await RuncContainer.with(agent, setup) { container in
                    let entrypoint = try await events.first("the entrypoint") {
                        $0.isExec && $0.isIn(container) && $0.process.binary == "/bin/sleep"
                    }
                    #expect(entrypoint.process.pod.name == setup.pod.name && entrypoint.isInInitTree)
                }
            }
        }

        // MARK: -

        func removeCgroup(_ path: String) async throws {
            try await eventually("the cgroup \(path) to be empty") { rmdir(path) == 0 || errno == ENOENT }
        }
    }
}
