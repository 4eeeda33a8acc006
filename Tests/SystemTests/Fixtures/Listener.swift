// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A socket of the loopback network, and a thread that has what comes there.
final class Listener: Sendable {
    let port: UInt16
    private let descriptor: Int32
    private let seen = Mutex<[String]>([])
    private let open = Mutex<[Int32]>([])

    /// What has come so far: requests' first lines, or the names that were asked for, each with its type.
    var requests: [String] { seen.withLock { $0 } }

    /// A web server: answers 204, and a path that ends in `silent` with nothing at all.
    static func web() throws -> Listener {
        let listener = try Listener("127.0.0.1", 0, SOCK_STREAM)
        guard listen(listener.descriptor, 64) == 0 else { throw Failure("cannot listen") }
        listener.start { listener in
            let client = accept(listener.descriptor, nil, nil)
            guard client >= 0 else { return false }
            Thread.detachNewThread { listener.answerWeb(client) }
            return true
        }
        return listener
    }

    /// A name server at an address: has no name's address, and says so.
    static func names(at address: String) throws -> Listener {
        let listener = try Listener(address, 53, SOCK_DGRAM)
        listener.start { $0.answerName() }
        return listener
    }

    private init(_ address: String, _ port: UInt16, _ type: __socket_type) throws {
        descriptor = socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = inet_addr(address)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let bound = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard bound else { throw Failure("cannot listen at \(address):\(port): \(String(cString: strerror(errno)))") }
        self.port = UInt16(bigEndian: place.sin_port)
    }

    deinit { close(descriptor) }

    /// Ends its threads.
    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        for client in open.withLock({ $0 }) { shutdown(client, Int32(SHUT_RDWR)) }
    }

    private func start(_ step: @escaping @Sendable (Listener) -> Bool) {
        Thread.detachNewThread { [self] in while step(self) {} }
    }

    private func answerWeb(_ client: Int32) {
        open.withLock { $0.append(client) }
        defer {
            open.withLock { $0.removeAll { $0 == client } }
            close(client)
        }
        var text = ""
        var bytes = [UInt8](repeating: 0, count: 4096)
        while !text.contains("\r\n\r\n") {
            let count = recv(client, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            text += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
        let line = text.components(separatedBy: "\r\n")[0]
        seen.withLock { $0.append(line) }
        if line.contains("silent") {
            _ = recv(client, &bytes, bytes.count, 0)
        } else {
            let answer = Array("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".utf8)
            send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
        }
    }

    private func answerName() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 512)
        var from = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let count = withUnsafeMutablePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &bytes, bytes.count, 0, $0, &size)
            }
        }
        guard count > 0 else { return false }
        // RFC 1035, 4.1: a header of 12 bytes, the labels, the type, the class.
        var labels: [String] = []
        var place = 12
        while place < count, bytes[place] > 0, place + 1 + Int(bytes[place]) < count {
            labels.append(String(decoding: bytes[(place + 1)...(place + Int(bytes[place]))], as: UTF8.self))
            place += 1 + Int(bytes[place])
        }
        guard place + 5 <= count else { return true }
        seen.withLock { $0.append("\(labels.joined(separator: ".")) \(bytes[place + 2])") }
        // An answer, to the question alone: no such name.
        bytes[2] |= 0x80
        bytes[3] = 0x83
        bytes.replaceSubrange(6..<12, with: repeatElement(0, count: 6))
        let answer = Array(bytes[..<(place + 5)])
        withUnsafePointer(to: &from) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, answer, answer.count, 0, $0, size)
            }
        }
        return true
    }
}
