// SPDX-License-Identifier: Apache-2.0
import Containers
import Glibc
import Testing

@Suite struct PinnedProcessTests {
    @Test func `a process is running until it has exited, waited for or not`() throws {
        var pid = pid_t()
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("1000"), nil]
        defer { for argument in arguments { free(argument) } }
        try #require(posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, nil) == 0)
        let process = try #require(PinnedProcess(pid: UInt32(pid)))
        #expect(process.isRunning)
        kill(pid, SIGKILL)
        var information = siginfo_t()
        waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT)
        #expect(!process.isRunning)
        waitpid(pid, nil, 0)
        #expect(!process.isRunning)
    }

    @Test func `nobody is no process`() {
        for pid in [0, 4_000_000_000, UInt32(Int32.max)] as [UInt32] { #expect(PinnedProcess(pid: pid) == nil) }
    }
}
