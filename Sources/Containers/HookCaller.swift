// SPDX-License-Identifier: Apache-2.0

/// What the kernel says of whoever calls the hook socket.
package struct HookCaller: Sendable {
    package let pid: UInt32
    package let uid: UInt32
    /// Whether the process that connected has not exited. What /proc says of `pid` is of that process only if this holds
    /// *after* the look: the number may have become another's.
    package let isRunning: @Sendable () -> Bool

    package init(pid: UInt32, uid: UInt32, isRunning: @escaping @Sendable () -> Bool) {
        self.pid = pid
        self.uid = uid
        self.isRunning = isRunning
    }
}
