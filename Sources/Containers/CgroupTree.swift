// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The directories of the hierarchy by id, with their parents: what is nested in a container's cgroup is the
/// container's. Owned by the writer thread.
package struct CgroupTree {
    private struct Node {
        var parent: UInt64
        var depth = 1
        var container: Container?
    }

    private var nodes: [UInt64: Node] = [:]

    /// No walk is longer, whatever a container makes below itself: deeper directories hang beside their parents.
    private static let maximumDepth = 64
    /// Directories beyond this are not entered by the first scan; they are learnt as they change.
    private static let maximumScanned = 200_000

    package init() {}

    package var count: Int { nodes.count }

    package mutating func insert(id: UInt64, parent: UInt64) {
        var parent = parent
        var depth = 1
        if let above = nodes[parent] {
            depth = above.depth + 1
            if depth >= Self.maximumDepth {
                // The grandparent has the same container, unless the parent is one itself; that would be lost.
                if above.container == nil { parent = above.parent }
                depth = Self.maximumDepth - 1
            }
        }
        nodes[id, default: Node(parent: parent)].parent = parent
        nodes[id]?.depth = depth
    }

    /// Directories that `other` does not have.
    func missing(in other: CgroupTree) -> [UInt64] { nodes.keys.filter { other.nodes[$0] == nil } }

    /// Takes over the places of `other`'s directories; containers stay.
    mutating func adopt(_ other: CgroupTree) {
        for (id, node) in other.nodes {
            nodes[id, default: node].parent = node.parent
            nodes[id]?.depth = node.depth
        }
    }

    /// - Returns: the container that was registered for this very directory.
    @discardableResult package mutating func remove(id: UInt64) -> Container? {
        nodes.removeValue(forKey: id)?.container
    }

    /// `container` is nil to take a registration back.
    package mutating func assign(_ container: Container?, to id: UInt64) {
        nodes[id, default: Node(parent: 0)].container = container
    }

    /// The container registered for this very directory.
    package func container(at id: UInt64) -> Container? { nodes[id]?.container }

    /// The container of the nearest directory at or above `id`.
    package func container(above id: UInt64) -> Container? {
        var id = id
        for _ in 0..<Self.maximumDepth {
            guard let node = nodes[id] else { return nil }
            if let container = node.container { return container }
            id = node.parent
        }
        return nil
    }

    /// The nearest of some directories that is at or above `id`.
    func nearest(of directories: Set<UInt64>, above id: UInt64) -> UInt64? {
        var id = id
        for _ in 0..<Self.maximumDepth {
            if directories.contains(id) { return id }
            guard let node = nodes[id] else { return nil }
            id = node.parent
        }
        return nil
    }

    /// Directories at and below one that is a container's, those of containers inside left out.
    func directories(of container: Container) -> [UInt64] {
        nodes.keys.filter { self.container(above: $0) === container }
    }

    func parent(of id: UInt64) -> UInt64 { nodes[id]?.parent ?? 0 }

    /// Whether a directory is the hierarchy's root, or one of which nothing is known.
    func isTop(_ id: UInt64) -> Bool { parent(of: id) == 0 }

    /// Learns every directory that is there. Called once the cgroup sensors run, so that none is missed in between.
    /// - Parameter visit: gets the id and the path below the root of each.
    /// - Returns: whether it has seen all of them.
    @discardableResult
    package mutating func scan(_ hierarchy: CgroupHierarchy, visit: (UInt64, String) -> Void) -> Bool {
        guard let root = hierarchy.id(ofPath: "/") else { return false }
        var isWhole = true
        insert(id: root, parent: 0)
        var waiting: [(id: UInt64, path: String)] = [(root, "")]
        while let (id, path) = waiting.popLast(), nodes.count < Self.maximumScanned {
            guard let directory = opendir(hierarchy.root + path + "/") else {
                if errno != ENOENT { isWhole = false }
                continue
            }
            defer { closedir(directory) }
            while let entry = readdir(directory) {
                guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name != ".", name != ".." else { continue }
                let child = apus_cgroup_id(dirfd(directory), name)
                guard child != 0 else { continue }
                insert(id: child, parent: id)
                visit(child, "\(path)/\(name)")
                waiting.append((child, "\(path)/\(name)"))
            }
        }
        return isWhole && waiting.isEmpty
    }
}
