// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What an exec event says of the image that it starts.
    @Suite(.sharedAgent) struct ImageTests {
        @Test(arguments: [(1, 20_000), (2, 125_000)])
        func longArgumentsArriveWhole(_ count: Int, _ length: Int) async throws {
            let words = (0..<count).map { number in
                uniqueWord("long") + String(repeating: String(number), count: length)
            }
            try await expectArguments(words, toBe: words.joined(separator: " "))
        }

        @Test func spacesQuotesAndNewlinesCanBeReadBack() async throws {
            let word = uniqueWord("quoted")
            try await expectArguments(
                [word, "two words", "a \"quote\"", "line\nbreak", "", "back\\slash"],
                toBe: #"\#(word) "two words" "a \"quote\"" "line"# + "\n" + #"break" "" back\slash"#)
        }

        @Test func invalidUTF8IsRepairedInBothEncodings() async throws {
            let word = uniqueWord("invalid")
            try await EventStream.with(agent()) { events in
                try await Command.succeed(["/bin/sh", "-c", #"/bin/true \#(word) "$(printf 'a\377b')"; :"#])
                let exec = try await events.exec("\(word) a\u{FFFD}b")
                let line = try await exported(exec)
                #expect(line.process.arguments == exec.process.arguments)
            }
        }

        @Test func execFromAnotherThreadEndsTheOldImageAndKeepsThePid() async throws {
            let word = uniqueWord("thread")
            try await EventStream.with(agent()) { events in
                let command = try Command([Artifacts.testProgram("run"), "thread", "/bin/true", word])
                _ = try await command.outcome()
                let exec = try await events.exec(word)
                let before = try await events.exec("thread /bin/true \(word)")
                #expect(exec.process.binary == "/bin/true")
                #expect(exec.process.pid.value == UInt32(command.pid))
                #expect(exec.process.tid.value == exec.process.pid.value)
                #expect(exec.process.parentExecID == before.process.execID)
                #expect(try await events.exit(of: exec).exit.status == 0)
            }
        }

        @Test func unlinkedBinaryHasAnInodeWithoutLinks() async throws {
            let word = uniqueWord("unlinked")
            let directory = try TemporaryDirectory()
            try FileManager.default.copyItem(atPath: Artifacts.testProgram("short-lived"), toPath: directory("gone"))
            try await expectNamelessFile(word, ["unlinked", directory("gone"), word], was: directory("gone"))
        }

        @Test func memfdBinaryHasAnInodeWithoutLinks() async throws {
            let word = uniqueWord("memfd")
            try await expectNamelessFile(
                word, ["memfd", Artifacts.testProgram("short-lived"), word], was: "/memfd:copy")
        }

        @Test func ordinaryBinaryHasNoProperties() async throws {
            let word = uniqueWord("ordinary")
            try await EventStream.with(agent()) { events in
                try await Command.succeed(["/bin/true", word])
                #expect(!(try await events.exec(word).process.hasBinaryProperties))
            }
        }

        @Test func scriptIsItsOwnBinary() async throws {
            let word = uniqueWord("script")
            let directory = try TemporaryDirectory()
            let script = directory("script")
            try "#!/bin/sh\n:\n".write(toFile: script, atomically: false, encoding: .utf8)
            #expect(chmod(script, 0o755) == 0)
            try await EventStream.with(agent()) { events in
                try await Command.succeed([script, word])
                let exec = try await events.first("the script") { $0.isExec && $0.process.arguments.contains(word) }
                #expect(exec.process.binary == script)
            }
        }

        @Test func parentsAreLinkedAndAnExecsPredecessorIsItsParent() async throws {
            let word = uniqueWord("family")
            try await EventStream.with(agent()) { events in
                // The outer shell forks and waits; its child becomes another shell, then true: same pid, two images.
                try await Command.succeed([
                    "/bin/sh", "-c", "/bin/sh -c 'exec /bin/true \(word)' \(word)-middle; :", "\(word)-outer",
                ])
                let last = try await events.exec(word)
                let middle = try await events.first("the middle") {
                    $0.isExec && $0.process.arguments.hasSuffix(" \(word)-middle")
                }
                let outer = try await events.first("the outer") {
                    $0.isExec && $0.process.arguments.hasSuffix(" \(word)-outer")
                }
                #expect(last.process.pid.value == middle.process.pid.value)
                #expect(last.process.parentExecID == middle.process.execID)
                #expect(last.parent.execID == middle.process.execID)
                #expect(last.process.execID != middle.process.execID)
                #expect(middle.process.parentExecID == outer.process.execID)
                #expect(middle.parent.binary == "/bin/sh")
                #expect(middle.process.flags.contains("clone") && !last.process.flags.contains("clone"))
                // The pid ends once, as the image that it was last.
                try await events.settle()
                let ends = events.all { $0.isExit && $0.process.pid.value == last.process.pid.value }
                #expect(ends.map(\.process.execID) == [last.process.execID])
            }
        }

        @Test func whoWhereAndWhenAreTold() async throws {
            let word = uniqueWord("facts")
            let directory = try TemporaryDirectory()
            try await EventStream.with(agent()) { events in
                let earliest = Date()
                let command = try Command([
                    "env", "-C", directory.path, "setpriv", "--reuid", "65534", "--clear-groups", "/bin/true", word,
                ])
                _ = try await command.outcome()
                let latest = Date()
                let process = try await events.exec(word).process
                #expect(process.binary == "/bin/true")
                #expect(process.cwd == directory.path)
                #expect(process.uid.value == 65534)
                #expect(process.pid.value == UInt32(command.pid))
                #expect(process.tid.value == process.pid.value)
                let started = process.startTime.date
                #expect((earliest.addingTimeInterval(-0.05)...latest.addingTimeInterval(0.05)).contains(started))
                #expect(process.docker == "" && !process.hasPod && !process.hasContainer)
                let decoded = String(decoding: Data(base64Encoded: process.execID) ?? Data(), as: UTF8.self)
                #expect(decoded.hasSuffix(":\(command.pid)"))
            }
        }

        private func expectArguments(_ words: [String], toBe text: String) async throws {
            try await EventStream.with(agent()) { events in
                try await Command.succeed(["/bin/true"] + words)
                let exec = try await events.exec(text)
                #expect(!exec.process.flags.contains("truncArgs"))
                #expect(try await events.exit(of: exec).process.arguments == text)
                #expect(try await exported(exec).process.arguments == text)
            }
        }

        private func expectNamelessFile(_ word: String, _ words: [String], was path: String) async throws {
            try await EventStream.with(agent()) { events in
                try await Command.succeed([Artifacts.testProgram("run")] + words)
                let exec = try await events.exec(word)
                let inode = exec.process.binaryProperties.file.inode
                #expect(inode.hasLinks && inode.links.value == 0)
                #expect(inode.number != 0)
                #expect(exec.process.binaryProperties.file.path == path)
                #expect(try await !events.exit(of: exec).process.hasBinaryProperties)
                #expect(try await exported(exec).process.binaryProperties == exec.process.binaryProperties)
            }
        }

        /// The same event as the export file has it.
        private func exported(_ event: Event) async throws -> Event {
            let file = try agent().exportFile
            var found: Event?
            try await eventually("the exported line") {
                found = try ExportedEvents.read(file, containing: event.process.execID).first {
                    $0.message == event.message
                }
                return found != nil
            }
            return found!
        }
    }
}
