// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// How processes end: once each, and as their parents see it.
    @Suite(.sharedAgent) struct ExitTests {
        @Test(arguments: [UInt32(0), 1, 139]) func codeIsTheOneGivenToExit(_ code: UInt32) async throws {
            let exit = try await end(of: ["leave", "exit", "\(code)"])
            #expect(exit.status == code)
            #expect(exit.signal == "")
        }

        @Test(arguments: [("9", "SIGKILL"), ("11", "SIGSEGV")])
        func signalIsNamed(_ number: String, _ name: String) async throws {
            let exit = try await end(of: ["leave", "signal", number])
            #expect(exit.signal == name)
            #expect(exit.status == 0)
        }

        @Test func leaderThatExitsFirstEndsNothing() async throws {
            let exit = try await end(of: ["leave", "leader-first", "7"])
            #expect(exit.status == 7)
            #expect(exit.signal == "")
        }

        @Test func threadsThatRunOutEndAsTheParentSeesIt() async throws {
            // Which thread's code counts is the kernel's affair, and has changed: what wait() says is right.
            let words = [try Artifacts.testProgram("leave"), "leader-last", "5"]
            let seen = try await Command(words).outcome().status
            #expect(try await end(of: ["leave", "leader-last", "5"]).status == UInt32(seen))
        }

        @Test func nineThreadsThatLeaveAtOnceAreOneExit() async throws {
            let times = Artifacts.count("APUS_THREAD_EXITS", default: 1000)
            let program = try Artifacts.testProgram("leave")
            try await EventStream.with(agent()) { events in
                try await Command.succeed([
                    "/bin/sh", "-c", "i=0; while [ $i -lt \(times) ]; do \(program) together 9; i=$((i+1)); done",
                ])
                try await events.settle()
                let own = events.all { $0.process.binary == program && $0.process.arguments == "together 9" }
                let ends = Dictionary(grouping: own.filter(\.isExit), by: \.process.execID)
                #expect(Set(own.filter(\.isExec).map(\.process.execID)).count == times)
                #expect(ends.count == times)
                #expect(ends.values.allSatisfy { $0.count == 1 })
                report("exits of nine threads at once: \(ends.values.map(\.count).reduce(0, +)) for \(times) processes")
            }
        }

        /// Runs a test program with arguments of its own, and returns its exit event; there must be no second one.
        private func end(of words: [String]) async throws -> Tetragon_ProcessExit {
            let program = try Artifacts.testProgram(words[0])
            let arguments = words.dropFirst().joined(separator: " ")
            var found: Tetragon_ProcessExit?
            try await EventStream.with(agent()) { events in
                let command = try Command([program] + words.dropFirst())
                _ = try await command.outcome()
                try await events.settle()
                let own = events.all { $0.process.pid.value == UInt32(command.pid) && $0.process.binary == program }
                #expect(own.filter(\.isExec).count == 1)
                #expect(own.filter(\.isExit).count == 1)
                #expect(own.allSatisfy { $0.process.arguments == arguments })
                #expect(Set(own.map(\.process.execID)).count == 1)
                found = own.first(where: \.isExit)?.exit
            }
            guard let found else { throw Failure("no exit of \(words.joined(separator: " "))") }
            return found
        }
    }
}
