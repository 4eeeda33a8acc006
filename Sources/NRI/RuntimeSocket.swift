// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The connection to the runtime. Every wait has an end, except the one for the next request.
package final class RuntimeSocket {
    package typealias Instant = ContinuousClock.Instant

    private let descriptor: Int32

    /// Connects to the socket on which the runtime takes plugins.
    package init(path: String) throws(ConnectionFailure) {
        func failure(_ error: Int32) -> ConnectionFailure {
            ConnectionFailure(
                attempt: "connecting to the runtime at \(path)", reason: String(cString: strerror(error)),
                advice: "see that the runtime runs, that NRI is enabled in it, and that --socket-path is its socket")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { throw failure(ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }

        // Non-blocking: a runtime that is stuck does not take connections, and connect(2) would wait for it.
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw failure(errno) }
        let connected = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw failure(errno) }
    }

    /// Takes over a connection that the runtime made before it started this program.
    ///
    /// - Parameter text: the descriptor's number, as the runtime has written it.
    package init(inherited text: String) throws(ConnectionFailure) {
        func failure(_ reason: String) -> ConnectionFailure {
            ConnectionFailure(
                attempt: "taking over the connection NRI_PLUGIN_SOCKET=\(text)", reason: reason,
                advice: "that variable is for the runtime to set: unset it to connect to --socket-path")
        }
        guard let number = Int32(text), number > STDERR_FILENO else { throw failure("no descriptor's number") }
        var type: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &length) == 0 else {
            throw failure(String(cString: strerror(errno)))
        }
        guard type == SOCK_STREAM.rawValue else { throw failure("no stream socket") }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        descriptor = number
    }

    deinit { close(descriptor) }

    /// What has come, at most 64 KiB; waits for it. Empty when the runtime has closed the connection or is gone.
    func receive(until deadline: Instant?, while activity: String) throws(ConnectionFailure) -> [UInt8] {
        while true {
            guard wait(for: POLLIN, until: deadline) else { throw timedOut(activity) }
            var problem: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                let received = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                problem = received < 0 ? errno : 0
                count = max(received, 0)
            }
            switch problem {
            case 0: return bytes
            case EINTR, EAGAIN: continue
            case ECONNRESET: return []
            default: throw broken(activity, problem)
            }
        }
    }

    /// Sends all of it.
    func send(_ bytes: [UInt8], until deadline: Instant, while activity: String) throws(ConnectionFailure) {
        var sent = 0
        while sent < bytes.count {
            guard wait(for: POLLOUT, until: deadline) else { throw timedOut(activity) }
            let written = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent,
                    Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            if written >= 0 {
                sent += written
            } else if errno != EINTR && errno != EAGAIN {
                throw broken(activity, errno)
            }
        }
    }

    /// Whether the socket is ready, or has an error to tell; false when it is too late.
    private func wait(for event: Int32, until deadline: Instant?) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        while true {
            let milliseconds = deadline.map { deadline in
                let left = ContinuousClock.now.duration(to: deadline) / .milliseconds(1)
                return Int32(min(max(left.rounded(.up), 0), 1e9))
            }
            let ready = poll(&entry, 1, milliseconds ?? -1)
            if ready > 0 { return true }
            if ready == 0 { return false }
            guard errno == EINTR else { return true }
        }
    }

    private func timedOut(_ activity: String) -> ConnectionFailure {
        ConnectionFailure(
            attempt: activity, reason: "timed out", advice: "see whether the runtime is stuck, and its log")
    }

    private func broken(_ activity: String, _ error: Int32) -> ConnectionFailure {
        let isClosed = error == EPIPE || error == ECONNRESET
        return ConnectionFailure(
            attempt: activity,
            reason: isClosed ? "the runtime closed the connection" : String(cString: strerror(error)),
            advice: "see the runtime's log")
    }
}
