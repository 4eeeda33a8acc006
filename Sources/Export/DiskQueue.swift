// SPDX-License-Identifier: Apache-2.0
internal import Dispatch

/// Runs an actor apart from the shared threads, which must not wait for a disk: there may be as few as one.
final class DiskQueue: SerialExecutor {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: name, qos: .utility) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
