// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Runs tasks on an event loop, so that a call is read, handled and answered by one thread.
///
/// Otherwise each step of a call goes through the shared thread pool and back, which is most of what a short call
/// costs, and waits there behind whatever else the agent computes.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
