// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Models
internal import NIOCore
internal import SystemPackage

/// A listening TCP socket.
///
/// The API tells everything that happens on the node, and can start and stop things: without TLS it never leaves it.
enum TCPSocket {
    /// - Parameter isOpen: any address will do, because of TLS or because nothing is told that is worth protecting.
    static func listen(host: String, port: UInt16, isOpen: Bool) throws(ListenError) -> Int32 {
        let address = ListenAddress.tcp(host: host, port: port)
        let resolved: SocketAddress
        do {
            resolved = try SocketAddress.makeAddressResolvingHost(host, port: Int(port))
        } catch {
            throw ListenError(address, "cannot resolve \(host): \(error)")
        }
        guard isOpen || isLoopback(resolved) else {
            throw ListenError(
                address,
                "\(host) is not a loopback address, and there is no TLS to protect the API (--server-tls-cert-file)")
        }

        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(resolved.protocol == .inet6 ? AF_INET6 : AF_INET, type, 0)
        guard descriptor >= 0 else { throw ListenError(address, "cannot make a socket: \(Errno(rawValue: errno))") }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout.size(ofValue: yes)))
        let bound = resolved.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
        guard bound == 0, Glibc.listen(descriptor, 1024) == 0 else {
            let error = Errno(rawValue: errno)
            close(descriptor)
            throw ListenError(address, "\(error)")
        }
        return descriptor
    }

    private static func isLoopback(_ address: SocketAddress) -> Bool {
        address.ipAddress.map { $0.hasPrefix("127.") || $0 == "::1" } ?? false
    }
}
