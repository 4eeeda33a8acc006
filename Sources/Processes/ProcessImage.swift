// SPDX-License-Identifier: Apache-2.0
package import Containers
package import Models

/// One image of a process: what it is from its exec (or its fork, until it execs) to the next exec or its exit.
///
/// A value in all but name: nothing changes after `init` but the encodings, which the writer thread alone makes, each
/// when it is first wanted, and the container where it becomes known only while the image's events wait.
package final class ProcessImage: @unchecked Sendable {
    package let execID: String
    package let parentExecID: String
    package let pid: UInt32
    package let tid: UInt32
    /// The pid in the innermost pid namespace, 0 where unknown.
    package let namespacePid: UInt32
    /// The effective user id.
    package let uid: UInt32
    /// The login uid; 4294967295 when unset.
    package let loginUid: UInt32
    package let cwd: String
    package let binary: String
    package let arguments: String
    /// The API's words, joined by spaces: "execve clone rootcwd".
    package private(set) var flags: String
    /// Nanoseconds since 1970.
    package let startTime: Int64
    package private(set) var inInitTree: Bool
    package private(set) var container: Container?
    /// How the container was found; nil without one.
    package private(set) var containerKey: ContainerRegistry.Key?
    /// It sets the container up, and is none of its own processes.
    package private(set) var isSetUp: Bool
    /// kernfs id of the cgroup, 0 where unknown.
    package let cgroup: UInt64
    /// The directory for whose container its events wait.
    var heldFor: UInt64?
    /// Why there is no container where there should be one.
    private var unnamedReason: String
    package let properties: BinaryProperties?
    package let namespaces: NamespaceKey?
    /// Whether it is a container runtime's own program.
    package let lineage: RuntimeLineage
    package private(set) var origin: ExecOrigin
    /// Its argument vector is a probe's command, and nothing about it says that it is none.
    package let maybeExecProbe: Bool
    /// As they were at its exec; nil where nothing told of them.
    package let capabilities: CapabilitySets?
    /// Nil unless the agent is told to keep them.
    package let details: ProcessDetails?
    package let environment: EnvironmentVariables?
    /// The account's name; empty where it is not known, or nobody wants it.
    package let user: String

    /// IdentityInfo.reason: what is odd about how the container was found, or why it was not.
    var identityRemark: String {
        containerKey == .namespaces ? "entered the container's namespaces from outside" : unnamedReason
    }

    /// Whether it should have a container, and has not.
    var isUnnamed: Bool { !unnamedReason.isEmpty }

    /// Longer encodings are made again each time: forks of one process share its arguments, but would not share these.
    private static let largestKept = 16 << 10

    private var shortForm: ProcessImage?
    private var protobufCache: [UInt8]?
    private var jsonCache: [UInt8]?
    /// What the encodings knew of the container.
    private var encodedRevision: UInt32 = 0

    /// What an exec'd file did to the process's rights, and whether the file still has a name.
    package struct BinaryProperties: Sendable, Equatable {
        /// The effective ids that set-id bits gave.
        package var setuid: UInt32?
        package var setgid: UInt32?
        package var privileges: [RaisedPrivilege]
        /// Set for a file without a name: unlinked, or a memfd.
        package var unlinked: UnlinkedFile?

        package init(
            setuid: UInt32? = nil, setgid: UInt32? = nil, privileges: [RaisedPrivilege] = [],
            unlinked: UnlinkedFile? = nil
        ) {
            self.setuid = setuid
            self.setgid = setgid
            self.privileges = privileges
            self.unlinked = unlinked
        }
    }

    package struct UnlinkedFile: Sendable, Equatable {
        package var inode: UInt64
        package var links: UInt32
        /// What it was called; empty where that is not known.
        package var path: String

        package init(inode: UInt64, links: UInt32, path: String) {
            self.inode = inode
            self.links = links
            self.path = path
        }
    }

    /// What an exec raised. The raw values and names are the API's ProcessPrivilegesChanged.
    package enum RaisedPrivilege: UInt8, Sendable {
        case fileCapabilities = 1
        case fileSetuid = 2
        case fileSetgid = 3

        var name: StaticString {
            switch self {
            case .fileCapabilities: "PRIVILEGES_RAISED_EXEC_FILE_CAP"
            case .fileSetuid: "PRIVILEGES_RAISED_EXEC_FILE_SETUID"
            case .fileSetgid: "PRIVILEGES_RAISED_EXEC_FILE_SETGID"
            }
        }
    }

    /// What a container's process is to it. The raw values and names are the API's ProcessPhase.
    enum Phase: UInt32 {
        case setUp = 1
        case tree = 2

        var name: StaticString {
            switch self {
            case .setUp: "PHASE_SETUP"
            case .tree: "PHASE_TREE"
            }
        }
    }

    /// Nil outside of containers, and of what was brought into one from outside.
    var phase: Phase? {
        if container == nil { return nil }
        return inInitTree ? .tree : isSetUp ? .setUp : nil
    }

    package init(
        execID: String, parentExecID: String, pid: UInt32, tid: UInt32, namespacePid: UInt32, uid: UInt32,
        loginUid: UInt32, cwd: String, binary: String, arguments: String, flags: String, startTime: Int64,
        inInitTree: Bool, container: Container?, containerKey: ContainerRegistry.Key?,
        properties: BinaryProperties?, namespaces: NamespaceKey?, isSetUp: Bool = false, cgroup: UInt64 = 0,
        unnamedReason: String = "", lineage: RuntimeLineage = .none, origin: ExecOrigin = ExecOrigin(.host),
        maybeExecProbe: Bool = false, capabilities: CapabilitySets? = nil, details: ProcessDetails? = nil,
        environment: EnvironmentVariables? = nil, user: String = ""
    ) {
        self.execID = execID
        self.parentExecID = parentExecID
        self.pid = pid
        self.tid = tid
        self.namespacePid = namespacePid
        self.uid = uid
        self.loginUid = loginUid
        self.cwd = cwd
        self.binary = binary
        self.arguments = arguments
        self.flags = flags
        self.startTime = startTime
        self.inInitTree = inInitTree
        self.container = container
        self.containerKey = containerKey
        self.properties = properties
        self.namespaces = namespaces
        self.isSetUp = isSetUp
        self.cgroup = cgroup
        self.unnamedReason = unnamedReason
        self.lineage = lineage
        self.origin = origin
        self.maybeExecProbe = maybeExecProbe
        self.capabilities = capabilities
        self.details = details
        self.environment = environment
        self.user = user
    }

    /// So many bytes of arguments are kept of what is over and only an ancestor.
    static let abridgedArguments = 512

    /// What is told of it beside what descends from it: an event is not to grow with the arguments of a whole family.
    package var asAncestor: ProcessImage {
        if !canBeAbridged { return self }
        if let shortForm { return shortForm }
        let made = abridged
        shortForm = made
        return made
    }

    var canBeAbridged: Bool { arguments.utf8.count > Self.abridgedArguments || environmentSize > 0 }

    /// The bytes of it that its program chose, more or less.
    package var textSize: Int { arguments.utf8.count + environmentSize }

    private var environmentSize: Int { environment?.memory.count ?? 0 }

    /// The same with the first of its arguments alone, and without its environment.
    var abridged: ProcessImage {
        // Cut between two characters.
        var end =
            arguments.utf8.index(
                arguments.startIndex, offsetBy: Self.abridgedArguments, limitedBy: arguments.endIndex)
            ?? arguments.endIndex
        while end < arguments.endIndex, arguments.utf8[end] & 0xC0 == 0x80 { end = arguments.utf8.index(before: end) }
        let isCut = flags.split(separator: " ").contains("truncArgs") || end == arguments.endIndex
        return ProcessImage(
            execID: execID, parentExecID: parentExecID, pid: pid, tid: tid, namespacePid: namespacePid, uid: uid,
            loginUid: loginUid, cwd: cwd, binary: binary, arguments: String(arguments[..<end]),
            flags: isCut ? flags : flags + " truncArgs", startTime: startTime, inInitTree: inInitTree,
            container: container, containerKey: containerKey, properties: properties, namespaces: namespaces,
            isSetUp: isSetUp, cgroup: cgroup, unnamedReason: unnamedReason, lineage: lineage, origin: origin,
            maybeExecProbe: maybeExecProbe, capabilities: capabilities, details: details, user: user)
    }

    /// The wait for the container's identity is over. Writer thread only, and before any event of the image leaves.
    func identify(
        _ container: Container?, by key: ContainerRegistry.Key?, inTree: Bool, isSetUp: Bool, reason: String
    ) {
        self.container = container
        if inTree, !inInitTree {
            inInitTree = true
            flags += " inInitTree"
        }
        containerKey = key
        self.isSetUp = isSetUp
        unnamedReason = container == nil ? reason : ""
        origin = OriginEvidence(lineage: lineage).origin(
            in: container, by: key, inTree: inInitTree, isSetUp: isSetUp, isUnnamed: isUnnamed)
        shortForm = nil
        protobufCache = nil
        jsonCache = nil
    }

    /// The fields of tetragon.Process but `refcnt`, which moves, and ``appendExecOnly(to:)``'s: the event adds them.
    /// Writer thread only.
    package var protobuf: [UInt8] {
        forgetOutdated()
        if let protobufCache { return protobufCache }
        let bytes = ProcessEncoder.protobuf(self)
        if bytes.count <= Self.largestKept { protobufCache = bytes }
        return bytes
    }

    /// The members of the JSON object but these, without the braces. Writer thread only.
    package var json: [UInt8] {
        forgetOutdated()
        if let jsonCache { return jsonCache }
        let bytes = ProcessEncoder.json(self)
        if bytes.count <= Self.largestKept { jsonCache = bytes }
        return bytes
    }

    /// The same of one of its threads.
    package func protobuf(tid: UInt32) -> [UInt8] {
        if tid == self.tid { return protobuf }
        var (own, other) = (ProtobufWriter(), ProtobufWriter())
        ProcessEncoder.tid(self.tid, &own)
        ProcessEncoder.tid(tid, &other)
        return protobuf.dropLast(own.bytes.count) + other.bytes
    }

    package func json(tid: UInt32) -> [UInt8] {
        if tid == self.tid { return json }
        var own = JSONWriter()
        var other = JSONWriter()
        ProcessEncoder.tid(self.tid, &own)
        ProcessEncoder.tid(tid, &other)
        return json.dropLast(own.finish().count) + other.finish()
    }

    /// What only the event of the image's own exec has of tetragon.Process: `binary_properties`.
    package func appendExecOnly(to w: inout ProtobufWriter) {
        if let properties { w.message(18) { ProcessEncoder.binary(properties, &$0) } }
    }

    package func appendExecOnly(to w: inout JSONWriter) {
        if let properties { w.object("binary_properties") { ProcessEncoder.binary(properties, &$0) } }
    }

    /// The container may have become better known since.
    private func forgetOutdated() {
        guard let revision = container?.revision, revision != encodedRevision else { return }
        encodedRevision = revision
        protobufCache = nil
        jsonCache = nil
    }
}
