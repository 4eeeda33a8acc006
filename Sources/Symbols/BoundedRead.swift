// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A descriptor that is closed with its owner.
final class OpenFile {
    let descriptor: Int32

    init?(_ path: String) {
        // What is no regular file must not keep its opener waiting.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// All of a file whose size nobody knows, as those of /proc; nil if it is longer.
    func contents(atMost limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let part = part(at: nil, min(1 << 16, limit + 1 - bytes.count))
            if part.isEmpty { return bytes }
            bytes += part
        }
        return nil
    }

    /// Exactly these bytes, or nil.
    func bytes(at offset: UInt64, _ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard let (at, overflow) = Optional(offset.addingReportingOverflow(UInt64(bytes.count))), !overflow,
                let place = off_t(exactly: at)
            else { return nil }
            let part = part(at: place, min(1 << 20, count - bytes.count))
            if part.isEmpty { return nil }
            bytes += part
        }
        return bytes
    }

    private func part(at offset: off_t?, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var length = 0
            repeat {
                length =
                    offset.map { pread(descriptor, buffer.baseAddress, count, $0) }
                    ?? read(descriptor, buffer.baseAddress, count)
            } while length < 0 && errno == EINTR
            filled = max(0, length)
        }
    }
}
