// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Programs of the kernel that are in the middle of a call.
enum RunningPrograms {
    /// Returns when all have ended that had begun before, however long they were kept from the CPU. Of those that may
    /// sleep, which ask for a file's hash, nobody can know: they have ``passage``.
    static func awaitEnds() {
        // Refused where CPUs are kept from the clock's ticks; no program runs for as long as this.
        if apus_wait_for_readers() != 0 { usleep(100_000) }
        usleep(passage)
    }

    /// Microseconds: well over what a call needs, from the first program of its place to the last.
    private static let passage: UInt32 = 20_000
}
