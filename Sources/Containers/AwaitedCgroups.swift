// SPDX-License-Identifier: Apache-2.0
internal import Models

/// Directories that were made for a container of which nobody has told yet: what happens in them waits for the word.
///
/// A guess that costs a delay where it is wrong, and never an identity: who the container is says the hook alone.
struct AwaitedCgroups {
    /// Directories below one parent that nobody told of; after so many the parent is one without a hook.
    static let patience = 3

    private(set) var directories: Set<UInt64> = []
    /// Given up, or not waited for below a parent without a hook: nor is what is made in them.
    private(set) var refused: Set<UInt64> = []
    /// Parents below which a container was registered.
    private var parents: Set<UInt64> = []
    /// How many waited in vain below a parent since the last registration there.
    private var disappointments: [UInt64: Int] = [:]

    /// - Parameters:
    ///   - isTop: the parent is the hierarchy's root, below which everything is.
    ///   - byRuntime: a container runtime made it, as far as programs' names say.
    /// - Returns: whether somebody's word on it is awaited; nil if it is no container's.
    @discardableResult
    mutating func created(_ id: UInt64, parent: UInt64, isTop: Bool, name: String, byRuntime: Bool) -> Bool? {
        let hasPlace = !isTop && parents.contains(parent)
        guard refused.contains(parent) || Self.isContainers(name, hasPlace: hasPlace, byRuntime: byRuntime) else {
            return nil
        }
        if refused.contains(parent) || disappointments[parent, default: 0] >= Self.patience {
            refused.insert(id)
            return false
        }
        directories.insert(id)
        return true
    }

    private static func isContainers(_ name: String, hasPlace: Bool, byRuntime: Bool) -> Bool {
        if ContainerID.find(inCgroupPath: "/" + name) != nil { return true }
        // A monitor's own; and what systemd's names say is none. A scope without an id in its name may be anybody's.
        if name.contains("conmon") || otherUnits.contains(where: name.hasSuffix) { return false }
        return byRuntime || (hasPlace && !name.hasSuffix(".scope"))
    }

    private static let otherUnits = [".service", ".slice", ".socket", ".mount", ".swap"]

    /// The word came for a container's directory.
    /// - Returns: the directories that were waited for and are not any more: this one, those in it (the init may be
    ///   deeper), and those around it, which turn out to be no container's.
    mutating func told(of id: UInt64, in tree: CgroupTree) -> [UInt64] {
        let done = directories.filter {
            tree.nearest(of: [id], above: $0) != nil || tree.nearest(of: [$0], above: id) != nil
        }
        directories.subtract(done)
        refused.remove(id)
        let parent = tree.parent(of: id)
        parents.insert(parent)
        disappointments[parent] = nil
        return Array(done)
    }

    /// Nobody told in time.
    mutating func gaveUp(_ id: UInt64, parent: UInt64) {
        guard directories.remove(id) != nil else { return }
        refused.insert(id)
        disappointments[parent, default: 0] += 1
    }

    mutating func removed(_ id: UInt64) {
        directories.remove(id)
        refused.remove(id)
        parents.remove(id)
        disappointments[id] = nil
    }
}
