// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A process held by a descriptor of its own (pidfd). Its number may become another's once it is gone; this never does.
package final class PinnedProcess: Sendable {
    private let descriptor: Int32

    /// - Parameter descriptor: a pidfd, closed with this object.
    package init(adopting descriptor: Int32) { self.descriptor = descriptor }

    /// Whichever process has this number now; nil if there is none.
    package convenience init?(pid: UInt32) {
        guard let pid = pid_t(exactly: pid), pid > 0 else { return nil }
        let descriptor = apus_pidfd_open(pid)
        guard descriptor >= 0 else { return nil }
        self.init(adopting: descriptor)
    }

    deinit { close(descriptor) }

    /// False from its exit on, also while nobody has waited for it yet.
    package var isRunning: Bool {
        var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var ready = poll(&state, 1, 0)
        while ready < 0 && errno == EINTR { ready = poll(&state, 1, 0) }
        return ready == 0
    }
}
