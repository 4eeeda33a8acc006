// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A socket at which somebody listens and nobody answers.
final class SilentListener: Sendable {
    private let descriptor: Int32
    private let waiting: [Int32]

    /// - Parameter full: fill the queue of connections, so that the next connect must wait.
    init(path: String, full: Bool) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.descriptor = descriptor
        var address = try Self.address(path)
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        guard bound == 0, listen(descriptor, full ? 0 : 16) == 0 else {
            throw Failure("cannot listen at \(path): \(String(cString: strerror(errno)))")
        }
        var waiting: [Int32] = []
        while full {
            let client = socket(
                AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            waiting.append(client)
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) }
            }
            if connected != 0 { break }
        }
        self.waiting = waiting
    }

    deinit { for descriptor in waiting + [descriptor] { close(descriptor) } }

    private static func address(_ path: String) throws -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure("the socket path is too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return address
    }
}
