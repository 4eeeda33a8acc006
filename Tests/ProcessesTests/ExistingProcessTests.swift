// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import Foundation
import Processes
import Testing

/// Processes that were there before the agent: what the kernel said of them, and /proc a moment later.
@Suite struct ExistingProcessTests {
    /// A /proc in which process 20 has been caught by an exec after the kernel was asked.
    private func adopt(_ flags: rec_flag, parentExe: String = "sh\0bin\0") throws -> [UInt32: ProcessEvent] {
        let root = FileManager.default.temporaryDirectory.appending(path: "apus-proc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for (pid, arguments) in [(10, "sh\0-c\0loop\0"), (20, "/bin/true\0new\0")] {
            let directory = root.appending(path: "\(pid)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data(arguments.utf8).write(to: directory.appending(path: "cmdline"))
        }
        var events: [UInt32: ProcessEvent] = [:]
        var script = Script()
        _ = script.tracker.adopt(
            tasks: [
                Script.exec(image(10, execs: 3), parent: Script.init1, type: REC_TASK, exe: parentExe),
                Script.exec(
                    image(20, execs: 3), parent: image(10, execs: 3), type: REC_TASK, exe: "sh\0bin\0", flags: flags),
            ], early: [], procfs: Procfs(root: root.path), cgroupPaths: [:]
        ) { events[$0.process.pid] = $0 }
        return events
    }

    @Test func forkThatHasNotExecutedAnythingHasItsParentsArguments() throws {
        let process = try #require(try adopt(REC_FLAG_NO_EXEC)[20]?.process)
        #expect(process.binary == "/bin/sh" && process.arguments == "-c loop")
    }

    @Test func othersHaveWhatProcSays() throws {
        #expect(try adopt(rec_flag(0))[20]?.process.arguments == "new")
    }

    /// It was handed on: who forked it is not known any more.
    @Test func forkOfAnotherProgramHasWhatProcSays() throws {
        #expect(try adopt(REC_FLAG_NO_EXEC, parentExe: "init\0sbin\0")[20]?.process.arguments == "new")
    }
}
