// SPDX-License-Identifier: Apache-2.0

/// When the export file has had enough and another takes its place. It looks at no file and at no clock.
package struct RotationPolicy: Sendable, Equatable {
    /// Bytes that a file does not grow beyond, unless its first line alone is longer.
    package var maxSize: Int
    /// Nanoseconds after which a file is old; 0: never.
    package var interval: UInt64

    package init(maxSize: Int, interval: UInt64 = 0) {
        self.maxSize = maxSize
        self.interval = interval
    }

    /// Whether a file must go before it grows. One without a line stays: it would be an empty backup.
    /// - Parameters:
    ///   - size: its bytes.
    ///   - growth: bytes that are about to be added; 0 when only the time is to be looked at.
    ///   - age: nanoseconds since the agent opened it.
    package func isDue(size: Int, growth: Int, age: UInt64) -> Bool {
        guard size > 0 else { return false }
        return size > maxSize || growth > maxSize - size || interval > 0 && age >= interval
    }
}
