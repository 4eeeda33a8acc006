// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What was attempted, on what, and why the kernel or libbpf refused.
package struct SensorError: Error, CustomStringConvertible {
    package let operation: String
    package let object: String
    package let errno: Int32
    /// The end of what libbpf had to say meanwhile; the verifier's log if a program was refused.
    package let log: String

    init(_ operation: String, _ object: String, errno: Int32 = Glibc.errno, log: String = "") {
        self.operation = operation
        self.object = object
        self.errno = abs(errno)
        self.log = log
    }

    package var description: String {
        let reason = "cannot \(operation) \(object): \(String(cString: strerror(errno))) (errno \(errno))"
        return log.isEmpty ? reason : reason + "\n" + log
    }
}
