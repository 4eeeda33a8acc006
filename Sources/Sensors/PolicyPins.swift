// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// What the programs of this agent's policies are kept by when it goes, however it goes: names for their links in a BPF
/// file system. What they read is kept by them.
///
///     RUN/shared/…     what serves all policies: the cgroup tree, binaries at execs, system calls, enforcers
///     RUN/NUMBER/…     a program: links, its rows, and the policy that each row is of
///
/// A program's pins are made before its rows hold and go when they no longer do, so that of an agent that dies between
/// two steps all that holds is left, and names whom it is of.
package final class PolicyPins {
    static let shared = "shared"
    /// Among what is shared.
    static let generation = "generation"

    /// The root goes with whoever pins there last.
    private let root: PinRoot
    let path: String
    private var lastNumber = 0

    /// Nothing is made before there is something to pin.
    package init(_ root: PinRoot) {
        self.root = root
        path = "\(root.path)/\((root.runs.last ?? 0) + 1)"
    }

    // MARK: What serves all policies

    /// - Returns: the name, for ``unpin(_:)``.
    @discardableResult
    func pin(_ descriptor: Int32, as name: String) throws(SensorError) -> String {
        try Self.make(path)
        try Self.make("\(path)/\(Self.shared)")
        try Self.pin(descriptor, "\(path)/\(Self.shared)/\(name)")
        return name
    }

    func unpin(_ name: String) { unlink("\(path)/\(Self.shared)/\(name)") }

    /// A name that nothing has yet.
    func freeName(_ kind: String) -> String {
        lastNumber += 1
        return "\(kind)_\(lastNumber)"
    }

    // MARK: Programs

    func program(rows: Int) throws(SensorError) -> ProgramPins {
        lastNumber += 1
        return try ProgramPins("\(path)/\(lastNumber)", rows: rows)
    }

    /// At the agent's end: what nobody needs does not stay.
    package func removeUnlessNeeded() {
        guard PinRoot.names(in: path).allSatisfy({ $0 == Self.shared }) else { return }
        PinRoot.remove(path)
        root.removeIfEmpty(atEnd: true)
    }

    /// Lets a pinned link be its pin's alone. To destroy it by the library's means would stop its event.
    static func forget(_ link: OpaquePointer) {
        close(bpf_link__fd(link))
        bpf_link__disconnect(link)
        bpf_link__destroy(link)
    }

    static func make(_ directory: String) throws(SensorError) {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw SensorError("make", "the directory \(directory) of pinned programs")
        }
    }

    static func pin(_ descriptor: Int32, _ path: String) throws(SensorError) {
        guard bpf_obj_pin(descriptor, path) == 0 else { throw SensorError("pin", path) }
    }
}

/// A program's pins: while they are there it is called, whoever is gone.
final class ProgramPins {
    static let owners = "owners"
    static let rows = "rows"

    private let path: String
    /// By row, whose it is: ``PinnedOwner``.
    private let owners: Int32
    private(set) var isPinned = false

    fileprivate init(_ path: String, rows: Int) throws(SensorError) {
        self.path = path
        owners = bpf_map_create(
            BPF_MAP_TYPE_ARRAY, "pol_owners", 4, UInt32(PinnedOwner.size), UInt32(clamping: rows), nil)
        guard owners >= 0 else { throw SensorError("make", "the map pol_owners") }
    }

    deinit { if owners >= 0 { close(owners) } }

    /// Before the row may hold.
    func setOwner(_ row: UInt32, _ owner: PinnedOwner) throws(SensorError) {
        var key = row
        guard let bytes = owner.bytes else {
            throw SensorError("write the policy's name into", "the map pol_owners", errno: ENAMETOOLONG)
        }
        guard bpf_map_update_elem(owners, &key, bytes, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("write the policy's name into", "the map pol_owners")
        }
    }

    /// Whose it is comes first: what is called is never nobody's.
    ///
    /// - Parameter links: or programs that something else calls.
    func pin(rows: Int32, links: [Int32]) throws(SensorError) {
        isPinned = true
        try PolicyPins.make(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
        try PolicyPins.make(path)
        try PolicyPins.pin(owners, "\(path)/\(Self.owners)")
        try PolicyPins.pin(rows, "\(path)/\(Self.rows)")
        for (index, link) in links.enumerated() { try PolicyPins.pin(link, "\(path)/\(index)") }
    }

    func unpin() {
        guard isPinned else { return }
        isPinned = false
        PinRoot.remove(path, last: [Self.owners, Self.rows])
    }
}

/// Whose a row is, as it is written beside it: two texts, each with zeros behind it.
package struct PinnedOwner: Sendable, Hashable {
    package var name: String
    package var namespace: String

    package init(name: String, namespace: String) {
        self.name = name
        self.namespace = namespace
    }

    static let size = nameMax + namespaceMax
    private static let nameMax = 256
    private static let namespaceMax = 64

    /// nil if it is too long, or no text.
    var bytes: [UInt8]? {
        guard (1..<Self.nameMax).contains(name.utf8.count), namespace.utf8.count < Self.namespaceMax else {
            return nil
        }
        return Self.padded(name, Self.nameMax) + Self.padded(namespace, Self.namespaceMax)
    }

    /// nil for what no agent has written.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size, let name = Self.text(bytes[..<Self.nameMax]), !name.isEmpty,
            let namespace = Self.text(bytes[Self.nameMax...])
        else { return nil }
        self.init(name: name, namespace: namespace)
    }

    private static func padded(_ text: String, _ size: Int) -> [UInt8] {
        Array(text.utf8) + [UInt8](repeating: 0, count: size - text.utf8.count)
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        let text = bytes.prefix { $0 != 0 }
        // Names of Kubernetes' objects, and what stands for them.
        guard text.count < bytes.count, text.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        return String(validating: text, as: UTF8.self)
    }
}
