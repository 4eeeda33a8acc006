// SPDX-License-Identifier: Apache-2.0

/// What wait() reports, taken apart.
struct ExitCode {
    /// The argument of exit(), 0 when a signal ended the process.
    let status: UInt32
    /// The name of the signal that ended the process, "" when it exited by itself.
    let signal: String

    /// - Parameter code: exit status << 8 | core << 7 | signal.
    init(_ code: Int32) {
        status = UInt32(bitPattern: code) >> 8 & 0xFF
        signal = Self.name(UInt32(bitPattern: code) & 0x7F)
    }

    /// Linux's names on x86 and arm (signal(7)), 1 to 31; real-time signals count from SIGRTMIN, 34 in the C library.
    private static let names = [
        "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
        "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",
        "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",
        "SIGPWR", "SIGSYS",
    ]

    private static func name(_ number: UInt32) -> String {
        if number < UInt32(names.count) { return names[Int(number)] }
        return number >= 34 ? (number == 34 ? "SIGRTMIN" : "SIGRTMIN+\(number - 34)") : "SIG\(number)"
    }
}
