// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
import Testing

/// Something that listens on the agent's socket and is no agent.
final class RudeAgent: Sendable {
    enum Manners: Sendable {
        /// Takes connections and says nothing.
        case silent
        /// Has no room left for a connection.
        case full
        /// Sends a sound SETTINGS frame, then pieces of an endless one, a byte at a time.
        case dribbling
        /// Answers in another protocol.
        case gibberish
        /// Takes connections and closes them.
        case hangingUp
        /// Reads what comes first, and closes.
        case leaving
    }

    private let listener: Int32
    private let descriptors = Mutex<[Int32]>([])

    init(_ scratch: Scratch, _ manners: Manners) throws {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.address(scratch.socket)
        let bound = withUnsafeBytes(of: &address) {
            bind(listener, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
        }
        try #require(bound == 0 && listen(listener, 0) == 0)
        if manners == .full {
            fill(address)
            return
        }
        spawnThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                serve(connection, manners)
            }
        }
    }

    /// Ends the listener and every conversation, and with them the threads.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        descriptors.withLock { all in
            all.forEach { shutdown($0, Int32(SHUT_RDWR)) }
            all.forEach { close($0) }
            all = []
        }
    }

    private func serve(_ connection: Int32, _ manners: Manners) {
        descriptors.withLock { $0.append(connection) }
        switch manners {
        case .silent, .full: break
        case .hangingUp: shutdown(connection, Int32(SHUT_RDWR))
        case .leaving:
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            _ = recv(connection, &piece, piece.count, 0)
            shutdown(connection, Int32(SHUT_RDWR))
        case .gibberish: say(connection, Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
        case .dribbling:
            say(connection, [0, 0, 0, 4, 0, 0, 0, 0, 0])
            spawnThread {
                // A frame of an unknown type, which a client has to skip: 16,000 bytes, one every 10 ms.
                var frame: [UInt8] = [0, 62, 128, 200, 0, 0, 0, 0, 0]
                while send(connection, &frame, 1, Int32(MSG_NOSIGNAL)) == 1 {
                    if frame.count > 1 { frame.removeFirst() }
                    usleep(10_000)
                }
            }
        }
    }

    private func say(_ connection: Int32, _ bytes: [UInt8]) {
        _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Connects until the kernel takes no more.
    private func fill(_ address: sockaddr_un) {
        for _ in 0..<64 {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            descriptors.withLock { $0.append(descriptor) }
            let connected = withUnsafeBytes(of: address) {
                connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
            if connected != 0 { return }
        }
    }

    private static func address(_ path: String) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return address
    }
}

private func spawnThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        { context in
            Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    pthread_detach(thread)
}
