// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// The agent writes protobuf and JSON by hand, each once for all readers.
    @Suite(.sharedAgent) struct EncodingTests {
        @Test func exportedLineAndStreamedMessageSayTheSame() async throws {
            try await EventStream.with(agent()) { events in
                try await makeEventsOfAllKinds()
                try await events.settle()
                let streamed = events.all
                let last = streamed.last { $0.isExit }!
                var exported: [Event] = []
                try await eventually("the export file to have it all") {
                    exported = try ExportedEvents.read(agent().exportFile)
                    return exported.contains { $0.message == last.message }
                }
                // The file began with the agent, the stream later: one must be a part of the other, in one order.
                let start = try #require(exported.firstIndex { $0.message == streamed[0].message })
                let same = exported[start...]
                #expect(same.count >= streamed.count && streamed.count > 300)
                for (line, message) in zip(same, streamed) {
                    #expect(line.message == message.message)
                    if line.message != message.message { break }
                }
                report("events compared in both encodings: \(streamed.count)")
            }
        }

        private func makeEventsOfAllKinds() async throws {
            let run = try Artifacts.testProgram("run")
            let leave = try Artifacts.testProgram("leave")
            for style in AnnotationStyle.allCases {
                var setup = ContainerSetup()
                setup.style = style
                setup.command = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true own $i; done"]
                try await RuncContainer.runToEnd(agent(), setup)
                setup.id = ContainerSetup().id
                setup.command = ContainerSetup().command
                try await RuncContainer.with(agent(), setup) { container in
                    try await container.exec("/bin/sh", "-c", "/bin/true 'in jected' \"\t\"; :")
                    try await container.enter("/bin/sh", "-c", "/bin/true entered; :")
                }
            }
            _ = try await Command.run(leave, "signal", "11")
            _ = try await Command.run(leave, "leader-first", "3")
            _ = try await Command.run(run, "memfd", "/bin/true", "a")
            _ = try await Command.run(run, "child", "/bin/true", String(repeating: "long ", count: 10_000))
            _ = try await Command.run(
                "/bin/sh", "-c",
                #"for i in $(seq 50); do /bin/true "$(printf 'a\n"\\\303\251\377\001\177')" é ☃ 😀; done"#)
            _ = try await Command.run("/usr/bin/setpriv", "--reuid", "1000", "--clear-groups", "/bin/true")
        }
    }
}
