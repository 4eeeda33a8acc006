// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A file of sysfs or the like, 4 KiB of it at most; nil and errno if it cannot be read.
func smallText(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { return nil }
    return String(decoding: bytes[..<count], as: UTF8.self)
}

/// Its first line.
func smallFile(_ path: String) -> String? {
    smallText(path).map { String($0.prefix { $0 != "\n" }) }
}
