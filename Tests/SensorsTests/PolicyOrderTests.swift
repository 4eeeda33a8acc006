// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Which of several programs at one place is called first: a replacement that goes from one to another counts on it.
    @Suite struct PolicyOrderTests: KernelSuite {
        private static let functions: [PolicyProgram.Place] =
            (probedFeatures.has(.kprobe) ? [.function("security_file_open")] : [])
            + (probedFeatures.has(.fentry) ? [.function("security_file_open", by: .fentry)] : [])
            + (probedFeatures.has(.modifySecurity) ? [.function("security_file_open", by: .fmodRet)] : [])
            + (probedFeatures.has(.lsm) && probedFeatures.has(.lsmActive) ? [.securityHook("file_open")] : [])

        @Test(
            "tracepoints begin with the oldest",
            arguments: [.tracepoint(subsystem: "syscalls", event: "sys_enter_openat"), .rawTracepoint("sys_enter")]
                as [PolicyProgram.Place])
        func oldestFirst(_ place: PolicyProgram.Place) throws { #expect(try order(at: place) == [1, 2, 3]) }

        @Test("system calls that we tell apart begin with the newest")
        func systemCalls() throws { #expect(try order(at: .systemCall("openat", by: .rawSyscall)) == [3, 2, 1]) }

        @Test(
            "functions and security hooks begin with the newest",
            .needs(anyOf: .kprobe, .fentry, .modifySecurity, .lsmActive), arguments: functions)
        func newestFirst(_ place: PolicyProgram.Place) throws { #expect(try order(at: place) == [3, 2, 1]) }

        /// In which order programs that were attached as 1, 2, 3 see an open.
        private func order(at place: PolicyProgram.Place) throws -> [UInt32] {
            var trial = PolicyTrial([])
            let maps = try policyMaps()
            let programs = try (1...3).map { number in
                trial.values.id = UInt32(number)
                return try trial.program(at: place, maps)
            }
            defer { for program in programs { program.detach() } }
            for program in programs { try program.attach() }
            _ = try takeHits()
            let file = open("/tmp", O_RDONLY | O_CLOEXEC)
            if file >= 0 { close(file) }
            return try takeHits().filter { $0.tid == OwnProcess.thread }.prefix(3).map(\.row)
        }
    }
}
