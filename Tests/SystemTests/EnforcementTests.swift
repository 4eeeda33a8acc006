// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What is forbidden at an LSM hook is forbidden from a container's first act on, and at every moment.
    @Suite(.needsSecurityHooks) struct EnforcementTests {
        private static let attempts = Artifacts.count("APUS_FORBIDDEN_ATTEMPTS", default: 2000)
        private static let replacements = Artifacts.count("APUS_POLICY_REPLACEMENTS", default: 20)
        private static let restarts = Artifacts.count("APUS_POLICY_RESTARTS", default: 4)

        @Test(
            "the first act of a container is forbidden, that of a container elsewhere is not",
            arguments: HookStage.allCases)
        func firstAct(_ stage: HookStage) async throws {
            try await AgentProcess.with { agent in
                try await agent.withPolicy(ForbiddenFile.policy, ForbiddenFile.yaml()) {
                    for _ in 0..<5 {
                        var setup = ForbiddenFile.container
                        setup.stages = [stage]
                        // Ends with 0 if it is refused, and with 1 if not.
                        setup.command = ["/deed", "refused", "openat", ForbiddenFile.path]
                        try await RuncContainer.runToEnd(agent, setup)

                        setup = ForbiddenFile.container
                        setup.stages = [stage]
                        setup.pod.namespace = "elsewhere"
                        setup.command = ["/deed", "openat", ForbiddenFile.path]
                        try await RuncContainer.runToEnd(agent, setup)
                    }
                }
            }
        }

        @Test("nothing forbidden passes while the policy is replaced over and over")
        func replacement() async throws {
            let directory = try TemporaryDirectory()
            try ForbiddenFile.write(version: 0, into: directory)
            try await AgentProcess.with(["--tracing-policy-dir", directory.path]) { agent in
                try await EventStream.with(agent) { events in
                    try await ForbiddenFile.attempting(agent, atLeast: Self.attempts) {
                        for version in 0..<Self.replacements {
                            try ForbiddenFile.write(version: version, into: directory)
                            try await ForbiddenFile.expectRefusal(by: version, events)
                        }
                    }
                }
            }
        }

        @Test("what a killed agent has left forbids also when the ring is full, because nobody empties it")
        func fullRing() async throws {
            try await BPFFileSystem.with {
                let agent = try AgentProcess(["--keep-sensors-on-exit", "--rb-size", "64K"])
                try await agent.start()
                try await agent.add(ForbiddenFile.yaml(tells: ""))
                try await RuncContainer.with(agent, ForbiddenFile.container) { container in
                    try await agent.kill()
                    // The ring has room for some two hundred records.
                    let command = ["/deed", "attempt", "\(Self.attempts)", "/", "openat", ForbiddenFile.path]
                    let outcome = try await Command(RuncContainer.command(["exec", container.id] + command)).outcome()
                    #expect(outcome.output.contains("attempts, 0 passed"), "\(outcome)")
                }
                try await agent.start()
                try await agent.stop()
            }
        }

        @Test("nothing forbidden passes while the agent is killed, stopped and started anew with another policy")
        func restart() async throws {
            let directory = try TemporaryDirectory()
            try ForbiddenFile.write(version: 0, into: directory)
            try await BPFFileSystem.with {
                let agent = try AgentProcess(["--keep-sensors-on-exit", "--tracing-policy-dir", directory.path])
                try await agent.start()
                try await ForbiddenFile.attempting(agent, atLeast: Self.attempts) {
                    for version in 1...Self.restarts {
                        if version % 2 == 1 { try await agent.kill() } else { try await agent.stop(keepsSensors: true) }
                        try ForbiddenFile.write(version: version, into: directory)
                        try await agent.start()
                        try await EventStream.with(agent) { try await ForbiddenFile.expectRefusal(by: version, $0) }
                    }
                }
                try FileManager.default.removeItem(atPath: directory("\(ForbiddenFile.policy).yaml"))
                try await eventually("the policy's end") { try await agent.policies.isEmpty }
                // Fails if anything is left below its directory.
                try await agent.stop()
            }
        }
    }
}

/// A file that containers of one namespace may not open.
enum ForbiddenFile {
    static let policy = "forbidden-file"
    static let path = "/tmp/forbidden"
    private static let stop = "/tmp/stop"

    static var container: ContainerSetup {
        var setup = ContainerSetup()
        setup.programs = ["deed"]
        setup.files = [path: "x"]
        return setup
    }

    /// - Parameter tells: how often refusals are told.
    static func yaml(version: Int = 0, tells: String = ", rateLimit: 1s") -> String {
        """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicy
        metadata:
          name: \(policy)
        spec:
          podSelector:
            matchLabels: {"k8s:io.kubernetes.pod.namespace": \(container.pod.namespace)}
          lsmhooks:
          - hook: file_open
            message: version \(version)
            args:
            - {index: 0, type: file}
            selectors:
            - matchArgs:
              # Another number of values is another content of the kernel's maps.
              - {index: 0, operator: Equal, values: [\(path)\((0..<version % 3).map { ", /tmp/other-\($0)" }.joined())]}
              matchActions:
              - {action: Override, argError: -1}
              # Of all refusals a guest would have more events than it can read.
              - {action: Post\(tells)}

        """
    }

    /// Whole or not at all, as people who care write it.
    static func write(version: Int, into directory: TemporaryDirectory) throws {
        try yaml(version: version).write(toFile: directory("\(policy).yaml"), atomically: true, encoding: .utf8)
    }

    /// Waits until an attempt was refused by this version.
    static func expectRefusal(by version: Int, _ events: EventStream) async throws {
        _ = try await events.first("a refusal by version \(version)") {
            PolicyHit($0).map { $0.policy == policy && $0.message == "version \(version)" } ?? false
        }
    }

    /// Lets a container attempt to open the file again and again while `body` runs. None of the attempts may pass.
    static func attempting(
        _ agent: AgentProcess, atLeast count: Int, _ body: () async throws -> Void
    ) async throws {
        try await RuncContainer.with(agent, container) { container in
            let command = ["exec", container.id, "/deed", "attempt", "\(count)", stop, "openat", path]
            let attempts = try Command(RuncContainer.command(command))
            defer { attempts.signal(SIGKILL) }
            try await body()
            try await container.exec("/bin/touch", stop)
            let outcome = try await attempts.outcome(within: .seconds(600))
            let match = try #require(
                outcome.output.firstMatch(of: /(\d+) attempts, (\d+) passed/), "\(outcome)")
            #expect(match.2 == "0", "\(outcome.output)")
            #expect(Int(match.1) ?? 0 >= count)
            report("of \(match.1) forbidden attempts \(match.2) passed")
        }
    }
}
