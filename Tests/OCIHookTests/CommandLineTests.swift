// SPDX-License-Identifier: Apache-2.0
import Glibc
import Models
import Testing

extension HookTests {
    struct CommandLineTests {
        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
            scratch.write("bundle/config.json", "{}")
        }

        @Test("--version and --help")
        func information() throws {
            let version = try scratch.run([Program.hook, "--version"])
            #expect(version.exit == 0)
            #expect(version.output == "apus-oci-hook \(Version.current)\n")
            let help = try scratch.run([Program.hook, "createRuntime", "--help"])
            #expect(help.exit == 0)
            #expect(help.output.hasPrefix("usage: apus-oci-hook <stage>"))
            #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
        }

        @Test("An unknown stage is a line in the log, and standard input is left alone", arguments: ["poststop", ""])
        func unknownStage(stage: String) throws {
            let outcome = try scratch.hook(stage, ["--fail-closed"], input: .stuck)
            #expect(outcome.exit == 0)
            #expect(outcome.errors == "")
            #expect(scratch.logLines.last?.contains("unknown stage, nothing done") == true)
        }

        @Test(
            "What is wrong with the command line is a line in the log, and the hook does its work",
            arguments: [
                (["--spool-file=/x"], "unknown flag --spool-file"),
                (["--timeout", "soon"], "--timeout soon is no duration between 1ms and 10m"),
                (["--timeout", "0s"], "--timeout 0s is no duration"),
                (["--timeout=11m"], "--timeout 11m is no duration"),
                (["--timeout"], "--timeout needs a value"),
                (["extra"], "unexpected argument extra"),
                (["--failpoint=trap"], "unknown flag --failpoint"),
            ])
        func problems(flags: [String], problem: String) throws {
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(scratch.logLines.first?.contains(problem) == true, "\(scratch.logLines)")
            #expect(scratch.logLines.last?.contains("cannot tell the agent") == true)
        }

        @Test("Of a flag given twice the last wins")
        func twice() throws {
            let outcome = try scratch.hook(
                "createRuntime", ["--fail-closed", "--fail-closed=false", "--timeout=1m", "--timeout=200ms"],
                input: .stuck)
            #expect(outcome.exit == 0)
            #expect(outcome.milliseconds < 300)
        }

        @Test("Paths that are too long for what they are for are errors, and no more")
        func longPaths() throws {
            let long = "/" + String(repeating: "x", count: 100_000)
            for address in ["unix:/" + String(repeating: "x", count: 107), "unix:" + long] {
                #expect(try scratch.hook("createRuntime", ["--agent-address", address]).exit == 0)
                #expect(scratch.logLines.last?.contains("error=\"connecting: File name too long\"") == true)
            }
            let outcome = try scratch.hook("createRuntime", ["--log-file", long])
            #expect(outcome.exit == 0)
            #expect(outcome.errors.contains("error=\"File name too long\""))
            #expect(outcome.errors.contains("msg=\"cannot tell the agent\""))
        }

        @Test("Only absolute unix addresses are used", arguments: ["agent.sock", "unix:agent.sock", "localhost:1", ""])
        func address(address: String) throws {
            #expect(try scratch.hook("createRuntime", ["--agent-address", address]).exit == 0)
            #expect(scratch.logLines.last?.contains("the address is not unix:///absolute/path") == true)
        }
    }
}
