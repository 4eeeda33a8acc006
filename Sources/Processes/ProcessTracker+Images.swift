// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Containers
internal import Models
internal import Sensors

/// Makes images out of records: names, times, container, rights.
extension ProcessTracker {
    /// - Parameters:
    ///   - time: when the image began, in boot time: its exec, or what is known of it.
    ///   - environment: variables each ended by NUL; nil where they are not wanted.
    ///   - file: path of the executed file; asked for where the file has no name any more.
    ///   - vector: the argument vector; asked for where it matters.
    mutating func makeImage(
        _ fixed: rec_exec, parent: ProcessEntry?, time: UInt64, filename: String, cwd: String, arguments: String,
        environment: UnsafeRawBufferPointer? = nil, flags: ProcessFlags, file: () -> String,
        vector: () -> [String]
    ) -> ProcessImage {
        let namespaces = NamespaceKey(mount: fixed.ns.mnt, pid: fixed.ns.pid)
        let found = registry.container(cgroup: fixed.cgroup_id, namespaces: namespaces)
        let previous = parent.map { image(of: $0) }
        // Of one that was there before, the parent need not be who brought it: with the host's pids orphans of the
        // container come to its shim as well.
        let isOrphan = flags.contains(.procFS) && fixed.ns_level == 0
        let inTree = flags.contains(.inInitTree)
        let isSetUp = isSetUp(found?.container, inTree: inTree)
        let binary = Path.absolute(filename, in: cwd)
        var evidence = OriginEvidence(
            previous: isOrphan ? nil : previous, cameFromInside: isInside(previous, found?.container),
            lineage: lineage(binary, fixed, isInContainer: found != nil, after: previous, namespaces),
            hasTerminal: fixed.tty != 0)
        if let found, !inTree, !isSetUp, previous?.lineage.isRuntime == true, !flags.contains(.truncatedArguments) {
            evidence.command = found.container.command(binary: binary, vector: vector)
        }
        let origin = evidence.origin(in: found?.container, by: found?.key, inTree: inTree, isSetUp: isSetUp)
        let mask = redaction?.mask(of: binary)
        let variables = environment.map { EnvironmentVariables($0, mask: mask) }
        var flags = flags
        if variables?.isCut == true { flags.insert(.truncatedEnvironment) }
        if !flags.isDisjoint(with: [.truncatedEnvironment, .environmentError]) { counters.cutEnvironments += 1 }
        return ProcessImage(
            execID: execID(time: time, pid: fixed.image.tgid), parentExecID: previous?.execID ?? "",
            pid: fixed.image.tgid, tid: fixed.image.tgid, namespacePid: fixed.ns_pid,
            uid: fixed.creds.euid, loginUid: fixed.login_uid, cwd: cwd, binary: binary,
            arguments: mask?(arguments) ?? arguments,
            flags: text(flags), startTime: clock.wall(time), inInitTree: inTree,
            container: found?.container, containerKey: found?.key, properties: properties(fixed, file: file),
            namespaces: namespaces, isSetUp: isSetUp, cgroup: fixed.cgroup_id, lineage: evidence.lineage,
            origin: origin, maybeExecProbe: evidence.command?.isProbe == true && origin.command != nil,
            capabilities: CapabilitySets(fixed.creds), details: ProcessDetails(fixed, detailSettings),
            environment: variables, user: userNames?.name(of: fixed) ?? "")
    }

    /// A process that has forked and not exec'd runs its parent's program.
    func forkedImage(_ record: rec_fork, parent: ProcessImage?) -> ProcessImage {
        let found = registry.container(cgroup: record.cgroup_id, namespaces: parent?.namespaces)
        let inTree = record.flags & REC_FLAG_IN_TREE.rawValue != 0
        let isSetUp = isSetUp(found?.container, inTree: inTree)
        let evidence = OriginEvidence(
            previous: parent, cameFromInside: isInside(parent, found?.container), lineage: parent?.lineage ?? .none)
        var flags: ProcessFlags = .clone
        if inTree { flags.insert(.inInitTree) }
        if parent == nil { flags.insert(.miss) }
        if parent?.cwd == "/" { flags.insert(.rootCwd) }
        return ProcessImage(
            execID: execID(time: record.child.start, pid: record.child.tgid), parentExecID: parent?.execID ?? "",
            pid: record.child.tgid, tid: record.child.tgid, namespacePid: record.ns_pid,
            uid: parent?.uid ?? 0, loginUid: parent?.loginUid ?? .max, cwd: parent?.cwd ?? "",
            binary: parent?.binary ?? "", arguments: parent?.arguments ?? "", flags: flags.text,
            startTime: clock.wall(record.child.start), inInitTree: inTree,
            container: found?.container, containerKey: found?.key, properties: nil,
            namespaces: parent?.namespaces, isSetUp: isSetUp, cgroup: record.cgroup_id, lineage: evidence.lineage,
            origin: evidence.origin(in: found?.container, by: found?.key, inTree: inTree, isSetUp: isSetUp),
            maybeExecProbe: parent?.maybeExecProbe ?? false, capabilities: parent?.capabilities,
            details: parent?.details, environment: parent?.environment, user: parent?.user ?? "")
    }

    /// Whether an image ran in the cgroup of this container.
    private func isInside(_ image: ProcessImage?, _ container: Container?) -> Bool {
        guard let image, let container else { return false }
        return image.container === container || registry.tree.container(above: image.cgroup) === container
    }

    private func lineage(
        _ binary: String, _ fixed: rec_exec, isInContainer: Bool, after previous: ProcessImage?,
        _ namespaces: NamespaceKey
    ) -> RuntimeLineage {
        let before = previous?.lineage ?? .none
        // The host's own: in no container, in none that nobody has told of yet or ever, and in the first pid namespace.
        if !isInContainer, fixed.ns_level == 0,
            case let lineage = RuntimeLineage.ofHost(binary, after: before, runtimeNames), lineage.isRuntime,
            !registry.isContainerToBe(fixed.cgroup_id)
        {
            return lineage
        }
        // In the container's own mount namespace it is the container's file, whatever its name.
        if before.isRuntime, namespaces.mount == previous?.namespaces?.mount,
            RuntimeLineage.isSelf(binary, isUnlinked: fixed.file.nlink == 0 && fixed.file.inode != 0)
        {
            return before
        }
        return .none
    }

    /// All that a record says of a process that nothing else told of.
    func strangerImage(_ image: rec_image, cgroup: UInt64, inTree: Bool) -> ProcessImage {
        let found = registry.container(cgroup: cgroup, namespaces: nil)
        let isSetUp = isSetUp(found?.container, inTree: inTree)
        return ProcessImage(
            execID: execID(time: image.start, pid: image.tgid), parentExecID: "",
            pid: image.tgid, tid: image.tgid, namespacePid: 0, uid: 0, loginUid: .max, cwd: "",
            binary: "", arguments: "", flags: ProcessFlags.unknown.text, startTime: clock.wall(image.start),
            inInitTree: inTree, container: found?.container, containerKey: found?.key, properties: nil,
            namespaces: nil, isSetUp: isSetUp, cgroup: cgroup,
            origin: OriginEvidence(lineage: .none).origin(
                in: found?.container, by: found?.key, inTree: inTree, isSetUp: isSetUp))
    }

    /// The parent of everything whose parent is pid 0.
    func kernelImage() -> ProcessImage {
        ProcessImage(
            execID: execID(time: 1, pid: 0), parentExecID: "", pid: 0, tid: 0, namespacePid: 0, uid: 0,
            loginUid: .max, cwd: "/", binary: "<kernel>", arguments: "", flags: ProcessFlags.procFS.text,
            startTime: clock.wall(1), inInitTree: false, container: nil, containerKey: nil, properties: nil,
            namespaces: nil)
    }

    private func properties(_ fixed: rec_exec, file: () -> String) -> ProcessImage.BinaryProperties? {
        func has(_ flag: rec_flag) -> Bool { fixed.flags & flag.rawValue != 0 }
        var properties = ProcessImage.BinaryProperties()
        if has(REC_FLAG_SETUID) { properties.setuid = fixed.creds.euid }
        if has(REC_FLAG_SETGID) { properties.setgid = fixed.creds.egid }
        if has(REC_FLAG_FILE_CAPS) { properties.privileges.append(.fileCapabilities) }
        if has(REC_FLAG_PRIVILEGED_ID) {
            if has(REC_FLAG_SETUID), fixed.creds.euid == 0 { properties.privileges.append(.fileSetuid) }
            if has(REC_FLAG_SETGID), fixed.creds.egid == 0 { properties.privileges.append(.fileSetgid) }
        }
        if fixed.file.nlink == 0, fixed.file.inode != 0 {
            properties.unlinked = .init(inode: fixed.file.inode, links: 0, path: file())
        }
        return properties == .init() ? nil : properties
    }
}
