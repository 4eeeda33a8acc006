// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import SystemPackage

/// Tells systemd how the agent is doing, as sd_notify(3) describes: one datagram to `$NOTIFY_SOCKET`.
package struct ServiceManager: Sendable {
    private let socketPath: String?

    /// Silent where the variable is not set: the agent was not started by systemd, or not with `Type=notify`.
    package init(environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Sends a state such as `READY=1` or `STOPPING=1`.
    package func notify(_ state: String) throws(Errno) {
        guard let socketPath else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        defer { close(descriptor) }

        var (address, length) = try Self.address(socketPath)
        let sent = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, state, state.utf8.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        guard sent == state.utf8.count else { throw Errno(rawValue: errno) }
    }

    /// A path, or with `@` in front a name in the abstract namespace (a zero byte stands for the `@`).
    private static func address(_ path: String) throws(Errno) -> (sockaddr_un, socklen_t) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else { throw .fileNameTooLong }
        withUnsafeMutableBytes(of: &address.sun_path) { target in
            target.copyBytes(from: path.utf8)
            if target[0] == UInt8(ascii: "@") { target[0] = 0 }
        }
        let head = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        return (address, socklen_t(head + path.utf8.count))
    }
}
