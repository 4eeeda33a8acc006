// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import AgentCore

@Suite struct ServiceManagerTests {
    /// A datagram socket bound as systemd would bind it; `@` in front means the abstract namespace.
    private func listen(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: path.utf8)
            if $0[0] == UInt8(ascii: "@") { $0[0] = 0 }
        }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(2 + path.utf8.count))
            }
        }
        try #require(bound == 0)
        return descriptor
    }

    @Test(arguments: ["/tmp/apus-notify", "@apus-notify"])
    func stateIsOneDatagram(_ prefix: String) throws {
        let path = "\(prefix)-\(UInt32.random(in: 0...UInt32.max))"
        let descriptor = try listen(path)
        defer {
            close(descriptor)
            unlink(path)
        }
        try ServiceManager(environment: ["NOTIFY_SOCKET": path]).notify("READY=1")
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1")
    }

    @Test func nothingHappensWithoutSystemd() throws {
        try ServiceManager(environment: [:]).notify("READY=1")
    }

    @Test func deafSocketIsAnError() {
        #expect(throws: (any Error).self) {
            try ServiceManager(environment: ["NOTIFY_SOCKET": "/no/such/socket"]).notify("READY=1")
        }
    }
}
