// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP port of 127.0.0.1 that nobody listens on now.
func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout.size(ofValue: address))
    let failure = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, size) != 0 || getsockname(descriptor, $0, &size) != 0
        }
    }
    guard !failure else { throw Failure("no free port") }
    return UInt16(bigEndian: address.sin_port)
}
