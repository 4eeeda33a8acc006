// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// `exec_origin` and `maybe_exec_probe`: how a process came to be in its container, with a real containerd.
    ///
    /// containerd runs the kubelet's commands as it runs those of `kubectl exec`. So what looks like the kubelet's may be
    /// somebody's who types the same, and says so; what does not is certainly not the kubelet's.
    @Suite(.agentWithManifest, .sharedContainerd) struct OriginTests {
        @Test(arguments: [
            (ManifestPod.readiness, "readiness"), (ManifestPod.liveness, "liveness"), (ManifestPod.startup, "startup"),
        ])
        func commandOfAProbeMayBeTheProbe(_ command: [String], _ name: String) async throws {
            try await inContainer { events, container in
                try await container.exec(command, by: .execSync)
                let event = try await Self.injected(events, container, command)
                #expect(event.process.pod.container.maybeExecProbe, "\(event.process)")
                #expect(event.process.execOrigin == .with { $0.command = name }, "\(event.process)")
                let exit = try await events.exit(of: event)
                #expect(exit.process.pod.container.maybeExecProbe)
                #expect(exit.process.execOrigin == event.process.execOrigin)
            }
        }

        @Test(arguments: [(ManifestPod.postStart, "postStart"), (ManifestPod.preStop, "preStop")])
        func commandOfALifecycleHookMayBeTheHookAndIsNoProbe(_ command: [String], _ name: String) async throws {
            try await inContainer { events, container in
                try await container.exec(command, by: .execSync)
                let event = try await Self.injected(events, container, command)
                #expect(!event.process.pod.container.maybeExecProbe, "\(event.process)")
                #expect(event.process.execOrigin == .with { $0.command = name }, "\(event.process)")
            }
        }

        @Test func commandOfAProbeThatSomebodyTypesLooksLikeTheProbe() async throws {
            try await inContainer { events, container in
                try await container.exec(ManifestPod.readiness, by: .exec)
                let event = try await Self.injected(events, container, ManifestPod.readiness)
                #expect(event.process.pod.container.maybeExecProbe, "\(event.process)")
                #expect(event.process.execOrigin == .with { $0.command = "readiness" }, "\(event.process)")
            }
        }

        @Test func commandOfAProbeWithATerminalIsSomebodys() async throws {
            try await inContainer { events, container in
                try await container.exec(ManifestPod.readiness, by: .terminal)
                let event = try await Self.injected(events, container, ManifestPod.readiness)
                try expect(event, .originRuntimeExecTty)
            }
        }

        @Test(arguments: [
            ["/bin/cat", "/other"], ["/bin/cat", "/ready", "/ready"], ["/bin/cat", "/ready", ""],
            ["/bin/cat", "/rea dy"],
            // These join to the liveness probe's line.
            ["/bin/echo", "alive", "and", "well"], ["/bin/echo", "alive and", "well"],
        ])
        func anyOtherCommandIsAnExecOfTheRuntime(_ command: [String]) async throws {
            try await inContainer { events, container in
                for way in [ExecWay.execSync, .exec] {
                    try await container.exec(command, by: way)
                }
                try await events.settle()
                let own = events.all { $0.isExec && $0.isIn(container) && $0.isInjected && $0.isProgram }
                #expect(own.count == 2, "\(own.map(\.testDescription))")
                for event in own { try expect(event, .originRuntimeExec) }
            }
        }

        @Test func commandOfAProbeThatTheContainerRunsItselfIsItsOwn() async throws {
            let line = ManifestPod.readiness.joined(separator: " ")
            try await inContainer(["/bin/sh", "-c", "\(line); exec /bin/sleep 1000"]) { events, container in
                let event = try await events.exec("/ready", in: container)
                #expect(event.isInInitTree)
                try expect(event, .originInitTree)
                try expect(try await events.exec("1000", in: container), .originInitTree)
            }
        }

        @Test func whatMakesTheContainerIsTheRuntimes() async throws {
            try await inContainer { events, container in
                let event = try await events.first("what makes the container") {
                    $0.isIn(container) && $0.process.phase == .phaseSetup
                }
                try expect(event, .originRuntimeSetup)
            }
        }

        @Test func commandOfAProbeThatEntersFromTheHostIsAnEntry() async throws {
            try await inContainer { events, container in
                try await container.enter(ManifestPod.readiness[0], ManifestPod.readiness[1])
                let event = try await Self.injected(events, container, ManifestPod.readiness)
                try expect(event, .originNamespaceEntry)
            }
        }

        @Test func commandOfAProbeOnTheHostIsTheHosts() async throws {
            try await inContainer { events, container in
                let command = try Command(ManifestPod.readiness)
                _ = try await command.outcome()
                let event = try await events.first("the command on the host") {
                    $0.isExec && $0.process.pid.value == UInt32(command.pid) && $0.process.arguments == "/ready"
                }
                #expect(event.namesNobody)
                try expect(event, .originHost)
            }
        }

        @Test func childHasTheOriginOfItsParent() async throws {
            try await inContainer { events, container in
                try await container.exec(ManifestPod.startup, by: .execSync)
                let probe = try await events.exec("startup-child")
                #expect(probe.process.execOrigin == .with { $0.command = "startup" }, "\(probe.process)")

                let ways: [(ExecWay, Tetragon_ExecOrigin.Kind)] = [
                    (.execSync, .originRuntimeExec), (.terminal, .originRuntimeExecTty),
                ]
                for (way, kind) in ways {
                    let word = uniqueWord("child")
                    // The grandchild's command is a probe's; it is not the runtime that starts it.
                    let line = "/bin/true \(word); /bin/sh -c '/bin/cat /ready; :'; :"
                    try await container.exec(["/bin/sh", "-c", line], by: way)
                    let child = try await events.exec(word)
                    try expect(child, kind)
                    try await events.settle()
                    let grandchild = try #require(
                        events.all.last { $0.isExec && $0.isIn(container) && $0.process.arguments == "/ready" })
                    try expect(grandchild, kind)
                }

                let word = uniqueWord("entered")
                try await container.enter("/bin/sh", "-c", "/bin/true \(word); :")
                try expect(try await events.exec(word), .originNamespaceEntry)
            }
        }

        @Test func commandOfAnotherContainersProbeIsNone() async throws {
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), ManifestPod.setup) { pod in
                    // The same pod, a container without probes; then a pod that no manifest tells of.
                    try await Self.expectExec(events, try await pod.start("aside"))
                }
                try await CRIPod.with(containerd()) { pod in
                    try await Self.expectExec(events, try await pod.start("web"))
                }
            }
        }

        private static func expectExec(_ events: EventStream, _ container: CRIContainer) async throws {
            try await container.exec(ManifestPod.readiness, by: .execSync)
            try expect(try await injected(events, container, ManifestPod.readiness), .originRuntimeExec)
        }

        /// Runs the manifest's pod with its container `web`.
        private func inContainer(
            _ command: [String] = ["/bin/sleep", "1000"],
            _ body: (EventStream, CRIContainer) async throws -> Void
        ) async throws {
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), ManifestPod.setup) { pod in
                    let container = try await pod.start("web", command)
                    try await body(events, container)
                    // Whatever its origin is, this is who it is.
                    try await events.settle()
                    #expect(events.all { $0.isIn(container) }.allSatisfy { $0.names(container) })
                }
            }
        }

        /// The exec of a command that was brought into the container.
        private static func injected(
            _ events: EventStream, _ container: CRIContainer, _ command: [String]
        ) async throws -> Event {
            try await events.first("an exec of \(command) in the container") {
                $0.isExec && $0.isIn(container) && $0.isInjected && $0.process.binary == command[0]
            }
        }
    }
}

/// Whose origin is certain: no command of the kubelet, and no probe.
private func expect(
    _ event: Event, _ kind: Tetragon_ExecOrigin.Kind, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(event.process.execOrigin == .with { $0.kind = kind }, "\(event.process)", sourceLocation: sourceLocation)
    #expect(!event.process.pod.container.maybeExecProbe, "\(event.process)", sourceLocation: sourceLocation)
}

extension Event {
    /// Not what the runtime runs to get there.
    fileprivate var isProgram: Bool { process.binary.hasPrefix("/bin/") }
}
