// SPDX-License-Identifier: Apache-2.0
import CLibbpf
internal import Dispatch
import Glibc
import Synchronization

/// Closes links one after the other, away from whoever has done with them: of each tracepoint and probe that is let go
/// the kernel waits for all CPUs, for up to a tenth of a second, and lets go no two at a time.
final class LinkCloser: Sendable {
    /// Both are nobody else's any more.
    private struct Remains: @unchecked Sendable {
        let links: [OpaquePointer]
        let descriptors: [Int32]

        func close() {
            for link in links { bpf_link__destroy(link) }
            for descriptor in descriptors { Glibc.close(descriptor) }
        }
    }

    private let queue = DispatchQueue(label: "policy-links", qos: .utility)
    private let waiting = Mutex(0)
    /// Links that may wait; who comes with more waits until all are closed.
    private static let most = 256

    /// Links whose turn has not come yet.
    var count: Int { waiting.withLock { $0 } }

    func close(_ links: [OpaquePointer], _ descriptors: [Int32]) {
        let remains = Remains(links: links, descriptors: descriptors)
        let count = links.count + descriptors.count
        guard count > 0 else { return }
        let isFull = waiting.withLock { waiting in
            waiting += count
            return waiting > Self.most
        }
        queue.async { [self] in
            remains.close()
            waiting.withLock { $0 -= count }
        }
        if isFull { finish() }
    }

    /// Returns when all are closed; false if there were none.
    @discardableResult func finish() -> Bool {
        guard count > 0 else { return false }
        queue.sync {}
        return true
    }
}
