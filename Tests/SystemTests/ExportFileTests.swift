// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// The export file of a real agent, as logrotate and the agent itself move it about.
    @Suite struct ExportFileTests {
        private static let processes = 600
        private static let argument = String(repeating: "x", count: 2000)

        @Test("each event is in one file once, under rotation, compression and SIGHUP")
        func rotationAndSignals() async throws {
            let agent = try AgentProcess([
                "--export-file-max-size-mb", "1", "--export-file-max-backups", "0", "--export-file-compress",
            ])
            try await agent.start()
            do {
                let word = uniqueWord("exported")
                let storm = Task {
                    try await Command.succeed([
                        "/bin/sh", "-c",
                        "i=0; while [ $i -lt \(Self.processes) ]; do /bin/true \(word) $1; i=$((i+1)); done", "sh",
                        Self.argument,
                    ])
                }
                for round in 1...10 {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 1...100)))
                    if round.isMultiple(of: 2) {
                        rename(agent.exportFile, agent.directory("events.json.\(round)"))
                    }
                    agent.signal(SIGHUP)
                }
                _ = try await storm.value
                try await eventually("the export in the agent's account") {
                    try await agent.healthDetails.contains(/[1-9]\d* events exported/)
                }
                // The file that the last signal led to.
                try await eventually("the file") { FileManager.default.fileExists(atPath: agent.exportFile) }
                try await agent.stop()

                let files = try await Self.files(of: agent)
                var events: [Event] = []
                for file in files { events += try ExportedEvents.read(file, containing: word) }
                let own = events.filter { $0.process.arguments.hasPrefix(word) }
                #expect(own.count { $0.isExec } == Self.processes)
                #expect(own.count { $0.isExit } == Self.processes)
                #expect(Set(own.map { "\($0.process.execID) \($0.isExec)" }).count == 2 * Self.processes)
                for file in files {
                    let content = try Data(contentsOf: URL(filePath: file))
                    #expect(content.isEmpty || content.last == UInt8(ascii: "\n"), "\(file)")
                    #expect(content.count <= 1 << 20)
                }
                #expect(files.contains { $0.hasSuffix(".unpacked") })
                report("\(files.count) files, \(files.count { $0.hasSuffix(".unpacked") }) of them compressed")
            } catch {
                print("the agent's log:\n\(agent.log.suffix(4000))")
                try? await agent.kill()
                throw error
            }
        }

        /// All export files, those that were compressed unpacked.
        private static func files(of agent: AgentProcess) async throws -> [String] {
            var files: [String] = []
            for name in try FileManager.default.contentsOfDirectory(atPath: agent.directory.path)
            where name.hasPrefix("events") {
                let path = agent.directory(name)
                guard name.hasSuffix(".gz") else {
                    files.append(path)
                    continue
                }
                try await Command.succeed(["/bin/sh", "-c", "gzip -dc \"$1\" >\"$1.unpacked\"", "sh", path])
                files.append(path + ".unpacked")
            }
            return files
        }
    }
}
