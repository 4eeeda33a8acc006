// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// SO_PEERPIDFD, which came with kernel 6.5 and which Debian 12's headers do not have.
private let kernelHoldsPeers: Bool = {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { return false }
    var descriptor: Int32 = -1
    var size = socklen_t(MemoryLayout<Int32>.size)
    let isKnown = getsockopt(ends[0], SOL_SOCKET, 77, &descriptor, &size) == 0
    for descriptor in ends + (isKnown ? [descriptor] : []) { close(descriptor) }
    return isKnown
}()

extension SystemTests.AttackTests {
    // MARK: What a connection is

    /// A process connects and leaves, and one in a container that is being made gets its pid. What comes by that
    /// connection is not the word of that container's hook.
    @Test(
        .enabled(if: kernelHoldsPeers, "before 6.5 the kernel tells a peer's pid and no more"),
        arguments: [true, false])
    func connectionIsOfTheProcessThatMadeItAndNotOfItsPid(stays: Bool) async throws {
        let (agent, name, scratch) = (try agent(), uniqueWord("reused"), try TemporaryDirectory())
        let directory = try agent.cgroupRoot + "/" + name
        let program = try Artifacts.testProgram("reuse")
        // So that nobody is accepted before the pid is another's.
        agent.signal(SIGSTOP)
        defer { agent.signal(SIGCONT) }
        try await eventually("the agent to stop") { try processState(of: agent.pid) == "T" }
        let way = stays ? "stay" : "leave"
        let runtime = try Command([
            "/bin/sh", "-c",
            """
            mkdir \(directory)
            /bin/sh -c 'echo $$ > \(directory)/cgroup.procs
                exec \(program) \(agent.hookSocket) \(scratch("relay")) \(way)' & wait $!
            """,
        ])
        try await eventually("the connection") {
            guard runtime.isRunning else { throw Failure("reuse ended. \(runtime.errorsSoFar)") }
            return runtime.outputSoFar.contains("ready")
        }
        agent.signal(SIGCONT)
        let call = call(.createContainer, id: name, hook: try Artifacts.hook, socket: scratch("relay"))
        let outcome = try await Command(["/bin/sh", "-c", call]).outcome()
        if stays {
            #expect(outcome.status == 0, "\(outcome.errors)")
        } else {
            #expect(outcome.status == 1 && outcome.errors.contains("is gone or out of reach"), "\(outcome.errors)")
        }
        _ = try await runtime.outcome()
        try await removeCgroup(directory)
    }

    /// Who waits to be accepted while there are no descriptors is accepted when there are.
    @Test func runningOutOfDescriptorsEndsNoSocket() async throws {
        try await AgentProcess.with { agent in
            func descriptors() throws -> Set<Int> {
                Set(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(agent.pid)/fd").compactMap { Int($0) })
            }
            let open = try descriptors()
            // Some are high, and stay; what is to be had is below the limit.
            let limit = (0...).first { !open.contains($0) }! + 4
            try await Command.succeed(["prlimit", "--pid", "\(agent.pid)", "--nofile=\(limit):"])
            let script = """
                import socket, sys, time
                held = []
                for _ in range(16):
                    s = socket.socket(socket.AF_UNIX)
                    s.setblocking(False)
                    s.connect(sys.argv[1])
                    held.append(s)
                print("held", flush=True)
                time.sleep(60)
                """
            let holder = try Command(["/usr/bin/python3", "-c", script, agent.socket])
            do {
                defer { holder.signal(SIGKILL) }
                try await eventually("the connections") { holder.outputSoFar.contains("held") }
                try await eventually("the last descriptor") { try descriptors().isSuperset(of: 0..<limit) }
                // It must have met the error, and not be about to.
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(try await !agent.healthDetails.isEmpty)
            try await RuncContainer.with(agent) { container in
                #expect(agent.log.contains("id=\(container.id)"), "\(agent.log.suffix(2000))")
            }
        }
    }

    /// A hook without the host's root has to get there.
    @Test func directoriesOfTheHooksSocketAreOpenToAllWhateverTheUmask() async throws {
        let scratch = try TemporaryDirectory()
        let agent = try AgentProcess(["--hook-address", "unix://\(scratch("a/b/hook.sock"))"])
        try await agent.start(umask: "077")
        for (name, mode) in [("a", 0o755), ("a/b", 0o755), ("a/b/hook.sock", 0o666)] {
            let found = try FileManager.default.attributesOfItem(atPath: scratch(name))[.posixPermissions] as? Int
            #expect(found == mode, "\(name)")
        }
        try await agent.stop()
    }
}
