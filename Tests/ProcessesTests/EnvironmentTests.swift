// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import Foundation
import RE2
import Testing

@testable import Processes

/// The environment of processes: where it comes from, what is cut, what is masked.
@Suite struct EnvironmentTests {
    private let settings = DetailSettings(environment: true)

    private func variables(_ event: ProcessEvent?) -> [String]? {
        var result: [String] = []
        event?.process.environment?.forEach { result.append("\($0)=\($1)") }
        return event?.process.environment == nil ? nil : result
    }

    /// Processes whose environment was cut, but for the script's own init, of which /proc says nothing.
    private func cut(_ script: Script) -> UInt64 { script.tracker.counters.cutEnvironments - 1 }

    private func redaction(_ secret: String, of binary: String? = nil) throws -> Redaction {
        Redaction([
            .init(
                binaries: try binary.map { [try RegularExpression($0)] } ?? [],
                secrets: [try RegularExpression(secret)])
        ])
    }

    @Test func `an exec's record has its environment behind its arguments, and a fork has its parent's`() {
        var script = Script(details: settings)
        script.exec(image(5), filename: "/bin/a", arguments: ["a", "-x"], environment: ["A=1", "B=two words"])
        script.fork(image(6), from: image(5))
        script.exit(image(6))
        script.exec(image(7), filename: "/bin/b", arguments: ["b"])
        #expect(script.events.map(\.process.arguments) == ["-x", "-x", ""])
        #expect(script.events.map(variables) == [["A=1", "B=two words"], ["A=1", "B=two words"], []])
        #expect(script.events.allSatisfy { !$0.process.flags.contains("Envs") && !$0.process.flags.contains("Args") })
        #expect(cut(script) == 0)
    }

    @Test func `nobody who did not ask has it`() {
        var script = Script()
        script.exec(image(5), filename: "/bin/a", arguments: ["a"])
        #expect(script.events[0].process.environment == nil)
        let encoded = script.events[0].process.protobuf + script.events[0].process.json
        #expect(!String(decoding: encoded, as: UTF8.self).contains("environment"))
    }

    @Test func `what did not fit into the record follows it`() {
        var script = Script(details: settings)
        script.exec(image(5), filename: "/bin/a", arguments: ["a", "bbb"], environment: ["A=1"]) { $0.env_total = 12 }
        #expect(script.events.isEmpty)
        script.moreArguments(image(5), at: 10, "B=22\0C=\0")
        #expect(script.events.map(\.process.arguments) == ["bbb"])
        #expect(script.events.map(variables) == [["A=1", "B=22", "C="]])
        // It is the environment that was long, not the arguments.
        #expect(script.events[0].process.flags == "execve")
    }

    @Test func `an environment lost on the way is flagged and counted, the arguments are whole`() {
        var script = Script(details: settings)
        script.exec(image(5), filename: "/bin/a", arguments: ["a", "bbb"], environment: ["A=1", "TOKEN=hal"]) {
            // The last variable is cut.
            $0.args_len -= 1
            $0.env_total = 40
        }
        script.lose(1)
        script.exit(image(5))
        #expect(script.events.map(\.process.arguments) == ["bbb", "bbb"])
        #expect(variables(script.events.first) == ["A=1"])
        #expect(script.events[0].process.flags == "execve truncEnvs")
        #expect(cut(script) == 1 && script.tracker.counters.lostArguments == 0)
    }

    @Test func `arguments lost on the way have no environment behind them`() {
        var script = Script(details: settings)
        script.exec(image(5), filename: "/bin/a", arguments: ["a", "bbb"], argumentsTotal: 100) { $0.env_total = 40 }
        script.quiet()
        #expect(script.events[0].process.flags == "execve truncArgs truncEnvs dataArgs")
        #expect(script.events.map(variables) == [[]])
        #expect(cut(script) == 1 && script.tracker.counters.lostArguments == 1)
    }

    @Test(arguments: [(REC_FLAG_ENV_TRUNCATED, "truncEnvs"), (REC_FLAG_ENV_UNREADABLE, "errorEnvs")])
    func `what the kernel could not send is flagged and counted`(flag: rec_flag, word: String) {
        var script = Script(details: settings)
        script.exec(image(5), filename: "/bin/a", arguments: ["a"], environment: ["A=1"], flags: flag)
        #expect(script.events[0].process.flags.split(separator: " ").contains(Substring(word)))
        #expect(cut(script) == 1)
    }

    @Test func `more variables than anybody has are cut`() {
        let most = EnvironmentVariables.most
        for (count, isCut) in [(most, false), (most + 1, true)] {
            let memory = Array(String(repeating: "A=\0", count: count).utf8)
            let environment = memory.withUnsafeBytes { EnvironmentVariables($0, mask: nil) }
            #expect(environment.isCut == isCut && environment.memory.count == most * 3)
        }
    }

    @Test func `each variable is masked by itself, before any event has it`() throws {
        var script = Script(
            details: settings, redaction: try redaction(#"(?:^TOKEN=|^A=x PASS=|--token )(.*)"#, of: "/login$"))
        let given = ["TOKEN=hunter2", "A=x", "PASS=seen", "NOTTOKEN=seen", "Z=x\nTOKEN=seen"]
        script.exec(
            image(5, execs: 1), filename: "/bin/login", arguments: ["login", "--token", "hunter2"], environment: given)
        script.fork(image(6), from: image(5, execs: 1))
        script.exit(image(6))
        script.exec(image(7), filename: "/bin/other", arguments: ["other"], environment: given)
        let masked = ["TOKEN=*****"] + given.dropFirst()
        #expect(script.events.map(variables) == [masked, masked, given])
        for event in script.events.prefix(2) {
            let encoded = [event.process, event.parent].compactMap { $0 }.map { $0.protobuf + $0.json }
            #expect(encoded.allSatisfy { !String(decoding: $0, as: UTF8.self).contains("hunter2") })
        }
    }

    @Test func `a mask may take the name, too`() throws {
        var script = Script(details: settings, redaction: try redaction("^(AWS_.*)"))
        script.exec(image(5), filename: "/bin/a", arguments: ["a"], environment: ["AWS_KEY=x", "B=1"])
        #expect(variables(script.events.first) == ["*****=", "B=1"])
    }

    @Test func `what was there before has its environment from proc, masked`() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "apus-proc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let long = "L=" + String(repeating: "l", count: Int(REC_ARGS_MAX.rawValue))
        let all = [10: "A=1\0TOKEN=hunter2\0", 20: "B=new\0", 30: "A=1\0\(long)\0"]
        for (pid, environment) in all {
            let directory = root.appending(path: "\(pid)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data("sh\0".utf8).write(to: directory.appending(path: "cmdline"))
            try Data(environment.utf8).write(to: directory.appending(path: "environ"))
        }
        var script = Script(details: settings, redaction: try redaction("^TOKEN=(.*)"))
        var events: [UInt32: ProcessEvent] = [:]
        func task(_ pid: UInt32, parent: rec_image = Script.init1, _ flags: rec_flag = rec_flag(0)) -> [UInt8] {
            Script.exec(
                image(pid, execs: 3), parent: parent, type: REC_TASK, exe: "sh\0bin\0", flags: flags)
        }
        _ = script.tracker.adopt(
            tasks: [
                task(10), task(20, parent: image(10, execs: 3), REC_FLAG_NO_EXEC), task(30), task(40),
                task(50, REC_FLAG_KERNEL_THREAD),
            ], early: [], procfs: Procfs(root: root.path), cgroupPaths: [:]
        ) { events[$0.process.pid] = $0 }
        #expect(variables(events[10]) == ["A=1", "TOKEN=*****"])
        // It has not executed anything: what /proc says is of a later image.
        #expect(variables(events[20]) == ["A=1", "TOKEN=*****"])
        #expect(variables(events[30]) == ["A=1"])
        #expect(events[30]?.process.flags.contains("truncEnvs") == true)
        #expect(events[40]?.process.environment == nil && events[40]?.process.flags.contains("errorEnvs") == true)
        #expect(cut(script) == 2)

        var without = Script()
        _ = without.tracker.adopt(
            tasks: [task(10)], early: [], procfs: Procfs(root: root.path), cgroupPaths: [:]
        ) { #expect($0.process.environment == nil) }
    }
}
