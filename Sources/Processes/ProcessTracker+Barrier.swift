// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Containers

/// Identity before emission: what happens in a directory that a container is about to have leaves when it is known whose
/// it is, or with the reason why it is not.
extension ProcessTracker {
    /// Why events left without an identity: IdentityInfo.reason.
    enum Unnamed: String {
        case timeout = "nobody told of the container in time"
        case removed = "the cgroup was removed before anybody told of the container"
        case overflow = "more happened than is kept before anybody told of the container"
        case stopped = "the agent stopped before anybody told of the container"
    }

    /// Every event passes here.
    mutating func offer(_ event: ProcessEvent, emit: (ProcessEvent) -> Void) {
        guard registry.isAwaiting || !barrier.isEmpty, let directory = directory(toWaitFor: event) else {
            return emit(event)
        }
        counters.held += 1
        barrier.hold(event, for: directory)
        if let full = barrier.overfull(directory) { giveUp(full, .overflow, emit: emit) }
    }

    /// A process in an awaited directory waits; so do whose earlier events or whose parent's wait, wherever they are
    /// now: a process's exec leaves before its children's, and its exit last.
    private func directory(toWaitFor event: ProcessEvent) -> UInt64? {
        if event.process.container == nil, let awaited = registry.awaited(above: event.process.cgroup) {
            return awaited
        }
        return event.process.heldFor ?? event.parent?.heldFor
    }

    /// Every image that is made passes here.
    mutating func remember(_ image: ProcessImage) -> ProcessImage {
        if registry.isAwaiting, image.container == nil, let directory = registry.awaited(above: image.cgroup) {
            barrier.remember(image, in: directory)
        }
        return image
    }

    /// A container has been registered, and its init is armed: what waited for that leaves.
    package mutating func registered(_ cgroup: UInt64, emit: (ProcessEvent) -> Void) {
        let container = registry.containers[cgroup]
        if let container, container.source == .runtime { makeImagesOfForks(in: container) }
        let directories = registry.told(of: cgroup)
        if directories.count == 1 {
            release(directories[0], reason: nil, emit: emit)
        } else {
            // A container may have more than one, crun's have: what is between them stays in order.
            var events: [ProcessEvent] = []
            for directory in directories { release(directory, reason: nil) { events.append($0) } }
            for event in events.sorted(by: { $0.bootTime < $1.bootTime }) { emit(event) }
        }
        guard let container, container.source == .runtime, let process = container.initProcess,
            let entry = table[process], image(of: entry).lineage.isRuntime
        else { return }
        awaitedInits[process] = AwaitedInit(start: entry.key.start, container: container)
    }

    /// What has only forked so far waits with the others, or its tree would not be followed.
    private mutating func makeImagesOfForks(in container: Container) {
        for entry in Array(table.values) {
            guard case .fork(let record) = entry.content,
                registry.tree.container(above: record.cgroup_id) === container
            else { continue }
            _ = image(of: entry)
        }
    }

    /// Lets go what has waited long enough.
    package mutating func releaseOverdue(at now: UInt64, emit: (ProcessEvent) -> Void) {
        guard !barrier.isEmpty else { return }
        if barrier.hasUnansweredHook(at: now) { registry.noteNameless() }
        for directory in barrier.overdue(at: now) { giveUp(directory, .timeout, emit: emit) }
    }

    /// Lets everything go, because the agent goes.
    package mutating func releaseAll(emit: (ProcessEvent) -> Void) {
        for directory in barrier.directories { giveUp(directory, .stopped, emit: emit) }
    }

    mutating func giveUp(_ directory: UInt64, _ reason: Unnamed, emit: (ProcessEvent) -> Void) {
        registry.gaveUpWaiting(for: directory)
        release(directory, reason: reason, emit: emit)
    }

    private mutating func release(_ directory: UInt64, reason: Unnamed?, emit: (ProcessEvent) -> Void) {
        guard let queue = barrier.release(directory) else { return }
        var tree: Set<String> = []
        for image in queue.images { identify(image, reason, &tree) }
        for event in queue.events {
            event.process.heldFor = nil
            if event.process.isUnnamed { counters.unnamed += 1 }
            emit(event)
        }
    }

    /// The wait is over for an image whose container was not known when it was made.
    ///
    /// - Parameter tree: exec_ids of images in the tree of a container of which its runtime told, and no hook: nothing
    ///   marked its init in the kernel, so the tree is followed here as far as it has grown.
    private mutating func identify(_ image: ProcessImage, _ reason: Unnamed?, _ tree: inout Set<String>) {
        let found = registry.container(cgroup: image.cgroup, namespaces: image.namespaces)
        var (inTree, isSetUp) = (image.inInitTree, isSetUp(found?.container, inTree: image.inInitTree))
        if let container = found?.container, container.source == .runtime {
            isSetUp = image.lineage.isRuntime
            inTree = !isSetUp && (image.pid == container.initProcess || tree.contains(image.parentExecID))
            if inTree {
                tree.insert(image.execID)
                lateTrees.append(TreeSeed(tgid: image.pid, cgroup: image.cgroup))
            }
        }
        image.identify(
            found?.container, by: found?.key, inTree: inTree, isSetUp: isSetUp, reason: reason?.rawValue ?? "")
    }

    /// Whether a process belongs to what makes a container, its runtime's init and hooks, and not to the container.
    func isSetUp(_ container: Container?, inTree: Bool) -> Bool {
        guard let container, !inTree else { return false }
        return !registry.hasStarted(container)
    }
}
