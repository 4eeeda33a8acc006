internal import GRPCCore
// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore

/// What the kernel says of the process at the other end of a unix socket, at the moment when it connected.
///
/// The pid is the peer's in *our* pid namespace (0 if it has none there); nothing that a client sends can change it.
package struct PeerCredentials: Sendable, Equatable {
    package let pid: UInt32
    package let uid: UInt32
    package let gid: UInt32
}

extension PeerCredentials {
    /// The layout of `struct ucred`, which glibc shows to GNU sources only.
    struct Kernel: Sendable {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
    }

    init(_ kernel: Kernel) {
        self.init(pid: UInt32(max(0, kernel.pid)), uid: kernel.uid, gid: kernel.gid)
    }

    /// The transport offers one thing only that reaches the service from a connection: the remote address. A unix
    /// client's own address says nothing (it is unnamed or of the client's choice), so the credentials take its place.
    var address: SocketAddress {
        get throws { try SocketAddress(unixDomainSocketPath: "peer/\(pid)/\(uid)/\(gid)") }
    }

    /// Reads back what ``address`` has become in the context of an RPC.
    init?(remotePeer: String) {
        let parts = remotePeer.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "unix:peer",
            let pid = UInt32(parts[1]), let uid = UInt32(parts[2]), let gid = UInt32(parts[3])
        else { return nil }
        self.init(pid: pid, uid: uid, gid: gid)
    }
}

extension ServerContext {
    /// The client's credentials; nil over TCP.
    ///
    /// Safe to believe: every unix listener of ours replaces the address of every connection (``CredentialChannel``),
    /// and a TCP address never starts with `unix:`.
    var peerCredentials: PeerCredentials? { PeerCredentials(remotePeer: remotePeer) }
}
