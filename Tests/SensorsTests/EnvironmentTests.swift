// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What execs bring of their environment, where it is wanted.
    @Suite struct EnvironmentTests: KernelSuite {
        private static let loaded = Result {
            var configuration = try Hierarchy.configuration(ringBytes: 64 << 20)
            configuration.environment = true
            return try BaseSensors(configuration)
        }

        /// The exec of a program that `env` gives this environment and no other.
        private func exec(_ environment: [String], _ arguments: [String] = [], on sensors: BaseSensors) throws
            -> Recording.Exec
        {
            var pid: pid_t = 0
            let recording = try Recording(on: sensors) {
                let words = ["-i"] + environment + ["/bin/true"] + arguments
                let child = try Child("/usr/bin/env", words.map { Array($0.utf8) })
                pid = child.pid
                #expect(child.end().status == 0)
            }
            #expect(recording.malformed == 0 && recording.gaps == 0)
            #expect(recording.execs(of: pid).count == 2)
            return try #require(recording.execs(of: pid).last)
        }

        private func memory(_ strings: [String]) -> [UInt8] { strings.flatMap { Array($0.utf8) + [0] } }

        @Test func `an environment follows the arguments, and is that of the new image`() throws {
            let given = ["A=1", "B=two words", "EMPTY=", "LAST=b=c"]
            let exec = try exec(given, ["x"], on: Self.loaded.get())
            #expect(exec.arguments == memory(["/bin/true", "x"] + given))
            #expect(Int(exec.fixed.args_total) == memory(["/bin/true", "x"]).count)
            #expect(Int(exec.fixed.env_total) == memory(given).count)
            #expect(!exec.has(REC_FLAG_ENV_TRUNCATED) && !exec.has(REC_FLAG_ENV_UNREADABLE))
        }

        @Test func `a process without an environment brings none`() throws {
            let exec = try exec([], on: Self.loaded.get())
            #expect(exec.arguments == memory(["/bin/true"]) && exec.fixed.env_total == 0)
        }

        @Test func `nobody's environment leaves the kernel where it is not wanted`() throws {
            let exec = try exec(["A=1"], on: sensors)
            #expect(exec.arguments == memory(["/bin/true"]) && exec.fixed.env_total == 0)
        }

        /// Around the inline part, the size of a continuation, and the end of what is sent.
        @Test(arguments: [8170, 8171, 8172, 8173, 40_000, 41_000, 120_000])
        func `a long environment arrives whole, behind any arguments`(length: Int) throws {
            let given = ["L=" + String(repeating: "l", count: length), "LAST=1"]
            for arguments in [[], ["x"], [String(repeating: "a", count: 9000)]] {
                let exec = try exec(given, arguments, on: Self.loaded.get())
                #expect(exec.arguments == memory(["/bin/true"] + arguments + given))
                #expect(!exec.has(REC_FLAG_ENV_TRUNCATED) && !exec.has(REC_FLAG_ARGS_TRUNCATED))
            }
        }

        @Test func `more than the limit is cut there and flagged, arguments first`() throws {
            let long = (0..<3).map { "L\($0)=" + String(repeating: "l", count: 100_000) }
            let most = Int(REC_ARGS_MAX.rawValue)
            let cut = try exec(long, ["x"], on: Self.loaded.get())
            #expect(cut.arguments == Array(memory(["/bin/true", "x"] + long).prefix(most)))
            #expect(cut.has(REC_FLAG_ENV_TRUNCATED) && !cut.has(REC_FLAG_ARGS_TRUNCATED))

            let without = try exec(["A=1"], long, on: Self.loaded.get())
            #expect(without.arguments == Array(memory(["/bin/true"] + long).prefix(most)))
            #expect(without.has(REC_FLAG_ENV_TRUNCATED) && without.has(REC_FLAG_ARGS_TRUNCATED))
        }
    }
}
