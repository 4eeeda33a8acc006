// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Names and numbers that are given again: paths of cgroups, and pids.
    @Suite struct ReuseTests {
        @Test func containersOfOneNameOneAfterTheOtherAreNotMixedUp() async throws {
            let count = Artifacts.count("APUS_RECREATED", default: 5)
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    let id = ContainerSetup().id
                    var words: [String] = []
                    for number in 0..<count {
                        var setup = ContainerSetup()
                        setup.id = id
                        setup.pod.name = "again-\(number)"
                        setup.stages = [HookStage.allCases[number % 2]]
                        words.append(uniqueWord("again"))
                        setup.command = ["/bin/true", words[number]]
                        try await RuncContainer.runToEnd(agent, setup)
                    }
                    try await events.settle()
                    for (number, word) in words.enumerated() {
                        let own = events.all { $0.process.arguments == word && $0.process.container.id == id }
                        #expect(own.count == 2, "\(number)")
                        #expect(own.allSatisfy { $0.process.pod.name == "again-\(number)" && $0.isInInitTree })
                    }
                    report("containers of one name, one after the other: \(count), each under its own pod")
                }
            }
        }

        /// Two containers and the host make processes side by side; each says in its arguments whose it is.
        ///
        /// In a guest the kernel has few pids to give. The machine's own pids are not the test's to take.
        @Test func pidsThatAreGivenAgainNameNobodyElse() async throws {
            let processes = Artifacts.count("APUS_REUSED_PIDS", default: 300)
            let file = URL(filePath: "/proc/sys/kernel/pid_max")
            let before = try Data(contentsOf: file)
            let isScarce = processes > 300
            if isScarce { try Data("400".utf8).write(to: file) }
            defer { if isScarce { try? before.write(to: file) } }

            let (word, each) = (uniqueWord("reused"), processes / 3)
            let limit = Duration.seconds(60 + each / 10)
            func loop(_ name: String) -> [String] {
                [
                    "/bin/sh", "-c",
                    "n=0; while [ $n -lt \(each) ]; do n=$((n+1)); /bin/true \(word) \(name); done; :",
                ]
            }
            func setup(_ name: String) -> ContainerSetup {
                var setup = ContainerSetup()
                setup.pod.name = name
                setup.command = loop(name)
                return setup
            }
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    async let first = RuncContainer.runToEnd(agent, setup("first"), within: limit)
                    async let second = RuncContainer.runToEnd(agent, setup("second"), within: limit)
                    async let host = Command.succeed(loop("host"), within: limit)
                    _ = try await (first, second, host)
                    try await events.settle()
                    let own = events.all { $0.process.arguments.hasPrefix(word + " ") }
                    let execs = own.filter(\.isExec)
                    let wrong = own.filter {
                        let name = $0.process.arguments.dropFirst(word.count + 1)
                        return $0.process.pod.name != (name == "host" ? "" : name)
                    }
                    #expect(execs.count == 3 * each)
                    #expect(wrong.isEmpty, "\(wrong.prefix(5).map(\.testDescription))")
                    let pids = Set(execs.map(\.process.pid.value)).count
                    if isScarce { #expect(pids < execs.count / 2, "no pid was given again") }
                    report("pids: \(execs.count) processes had \(pids) of them, \(wrong.count) events misattributed")
                }
            }
        }
    }

    /// Where containers are kept for the next agent.
    @Suite struct StateDirectoryTests {
        /// Who writes there says who containers are.
        @Test func directoryThatOthersMayWriteToIsNotBelieved() async throws {
            let agent = try AgentProcess()
            let directory = agent.directory("state")
            mkdir(directory, 0o700)
            chmod(directory, 0o777)
            try await agent.start()
            #expect(agent.log.contains("must be root's, and writable by nobody else"), "\(agent.log.suffix(2000))")
            #expect(!FileManager.default.fileExists(atPath: directory + "/state.db"))
            try await agent.stop()
        }

        @Test func databaseThatIsNoneIsPutAside() async throws {
            let agent = try AgentProcess()
            let file = agent.directory("state") + "/state.db"
            mkdir(agent.directory("state"), 0o700)
            try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: file))
            try await agent.start()
            #expect(agent.log.contains("put aside as state.db.broken"), "\(agent.log.suffix(2000))")
            #expect(FileManager.default.contents(atPath: file + ".broken") == Data(repeating: 0x41, count: 8192))
            try await RuncContainer.with(agent) { container in
                try await agent.stop()
                try await agent.start()
                #expect(agent.log.contains("container known from before"), "\(agent.log.suffix(2000))")
            }
            try await agent.stop()
        }

        /// While no agent was there the container went, and another has its path.
        @Test func pathOfAContainerThatHasGoneNamesNobody() async throws {
            let agent = try AgentProcess()
            try await agent.start()
            var setup = ContainerSetup()
            setup.cgroup = "/" + uniqueWord("apus-path")
            try await RuncContainer.with(agent, setup) { _ in try await agent.stop() }
            var other = ContainerSetup()
            other.cgroup = setup.cgroup
            other.stages = []
            try await RuncContainer.with(agent, other) { container in
                try await agent.start()
                #expect(!agent.log.contains("container known from before"), "\(agent.log.suffix(2000))")
                try await EventStream.with(agent) { events in
                    let word = uniqueWord("inside")
                    try await container.exec("/bin/true", word)
                    #expect(try await events.exec(word).process.container.id != setup.id)
                }
                try await agent.stop()
            }
        }
    }

    /// Numbers that are given again after a boot.
    @Suite struct OtherBootTests {
        /// The state directory of a machine that has booted since: its ids are other cgroups' now.
        @Test func idsOfAnotherBootNameNobody() async throws {
            let agent = try AgentProcess()
            try await agent.start()
            var setup = ContainerSetup()
            setup.command = ["/bin/sh", "-c", "while :; do /bin/true own; sleep 0.05; done"]
            do {
                try await RuncContainer.with(agent, setup) { container in
                    try await agent.stop()
                    let script = """
                        import sqlite3, sys
                        database = sqlite3.connect(sys.argv[1])
                        assert database.execute("UPDATE registration SET boot = 'another'").rowcount == 1
                        database.commit()
                        """
                    try await Command.succeed(
                        ["/usr/bin/python3", "-c", script, agent.directory("state") + "/state.db"])
                    try await agent.start()
                    try await EventStream.with(agent) { events in
                        let own = try await events.first("a child of the container") {
                            $0.isExec && $0.process.arguments == "own"
                        }
                        #expect(own.process.identity.source != "state", "\(own.process.identity)")
                    }
                }
                try await agent.stop()
            } catch {
                print("the agent's log:\n\(agent.log.suffix(4000))")
                try? await agent.kill()
                throw error
            }
        }
    }
}
