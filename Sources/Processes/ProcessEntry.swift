// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// One image in the table, with its place in the family. Owned by the writer thread.
final class ProcessEntry {
    let key: rec_image
    /// The image that forked this process, or that it replaced; nil when unknown or no longer needed.
    private(set) var parent: ProcessEntry?
    /// The parent's image and those above it, also when the parent's entry is not needed any more.
    private let parentAndAbove: Ancestors
    /// Itself and those above it; made for its first child.
    private var asAncestors: Ancestors?
    private(set) var content: Content
    /// Itself while it is the process's current image, and every image that has it as parent: the API's refcnt.
    private(set) var references: UInt32 = 1
    /// How many images have ever had it as parent, as far as the API can count.
    private(set) var children: Int32 = 0

    enum Content {
        case image(ProcessImage)
        /// A fork that has not exec'd. Most exec a moment later, so its image is made only when it is asked for.
        case fork(rec_fork)
    }

    var hasForkedOnly: Bool { if case .fork = content { true } else { false } }
    /// A fork that the agent saw, whether or not its image was made since.
    let isFork: Bool

    init(key: rec_image, parent: ProcessEntry?, content: Content) {
        self.key = key
        self.parent = parent
        self.content = content
        if case .fork = content { isFork = true } else { isFork = false }
        parentAndAbove = parent?.withAncestors ?? .none
        parent?.adopt()
    }

    private func adopt() {
        references += 1
        if children < .max { children += 1 }
    }

    /// Those above its parent.
    var ancestors: Ancestors {
        guard let parent, !Ancestors.isFirst(parent.key.tgid) else { return .none }
        return parent.parentAndAbove
    }

    /// Whoever gets a child has an image by then.
    private var withAncestors: Ancestors {
        if let asAncestors { return asAncestors }
        guard case .image(let image) = content else { return parentAndAbove }
        let made = parentAndAbove.adding(image)
        asAncestors = made
        return made
    }

    func settle(_ image: ProcessImage) { content = .image(image) }

    /// The image is over: it exited, or another took its place.
    func retire() {
        references -= 1
        if let parent, parent.references > 0 { parent.references -= 1 }
        asAncestors?.nearestIsOver()
        // Children need this image, not what came before it: cut here, a process that execs for ever keeps one
        // predecessor in memory and not all of them.
        parent = nil
    }
}

extension rec_image {
    func isSameProcess(as other: rec_image) -> Bool { tgid == other.tgid && start == other.start }
}
