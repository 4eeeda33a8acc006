// SPDX-License-Identifier: Apache-2.0
package import Containers
internal import GRPCCore
internal import NIOCore

/// What the kernel says of the process at the other end of a unix socket, at the moment when it connected.
///
/// The pid is the peer's in *our* pid namespace (0 if it has none there); nothing that a client sends can change it.
package struct PeerCredentials: Sendable {
    package let pid: UInt32
    package let uid: UInt32
    package let gid: UInt32
    /// The process itself, held as long as the connection; nil if it was gone before we could take hold of it.
    package let process: PinnedProcess?

    /// Whether the process that connected is there; false where we have no hold of it.
    package var isRunning: Bool { process?.isRunning ?? false }

    package init(pid: UInt32, uid: UInt32, gid: UInt32, process: PinnedProcess?) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.process = process
    }
}

extension PeerCredentials {
    /// Somebody who came by TCP.
    static let stranger = PeerCredentials(pid: 0, uid: .max, gid: .max, process: nil)

    /// The layout of `struct ucred`, which glibc shows to GNU sources only.
    struct Kernel: Sendable {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
    }

    init(_ kernel: Kernel, process: PinnedProcess?) {
        self.init(pid: UInt32(max(0, kernel.pid)), uid: kernel.uid, gid: kernel.gid, process: process)
    }
}

/// The number of a connection to one of our unix sockets.
///
/// The transport offers one thing only that reaches the service from a connection: the remote address. A unix client's
/// own address says nothing (it is unnamed or of the client's choice), so this number takes its place.
struct ConnectionNumber: Hashable, Sendable {
    let value: UInt64

    var address: SocketAddress {
        get throws { try SocketAddress(unixDomainSocketPath: "peer/\(value)") }
    }
}

extension ServerContext {
    /// Which connection this call came by; nil over TCP.
    ///
    /// Safe to believe: every unix listener of ours replaces the address of every connection (``CredentialChannel``),
    /// and a TCP address never starts with `unix:`.
    var connection: ConnectionNumber? {
        guard remotePeer.hasPrefix("unix:peer/") else { return nil }
        return UInt64(remotePeer.dropFirst("unix:peer/".count)).map { ConnectionNumber(value: $0) }
    }
}
