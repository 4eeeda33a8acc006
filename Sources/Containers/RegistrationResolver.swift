// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Models

/// Turns a hook's request into a registration with the kernel's own facts: the caller's cgroup and parent, not the
/// request, decide which cgroup and which process it is about. Where the two contradict each other it is refused.
package struct RegistrationResolver: Sendable {
    package let procfs: Procfs
    package let hierarchy: CgroupHierarchy

    /// The runtime and its hooks are in these.
    private let hostNamespaces: [(name: String, inode: UInt32?)]

    package init(procfs: Procfs, hierarchy: CgroupHierarchy) {
        self.procfs = procfs
        self.hierarchy = hierarchy
        hostNamespaces = ["pid", "user"].map { name in
            // Pid 1 may be out of reach, as in a sandbox; the agent itself is the next best to ask.
            (name, procfs.namespace(name, of: 1) ?? procfs.namespace(name, of: UInt32(getpid())))
        }
    }

    /// - Parameters:
    ///   - statePid: the OCI state's pid; a host pid only in stage createRuntime.
    ///   - caller: from the socket's peer credentials.
    package func resolve(
        _ identity: ContainerIdentity, statePid: UInt32, caller: HookCaller
    ) throws(RegistrationError) -> Registration {
        let isOutside = identity.stage == .createRuntime
        if isOutside { try checkClaim(of: statePid, identity, caller) }
        guard let parent = procfs.parent(of: caller.pid), parent > 1 else { throw gone(caller, identity) }
        // In createContainer the hook already runs inside: its parent is the container's init, while the state's pid
        // counts in the container's own pid namespace.
        let initProcess = isOutside ? statePid : parent
        guard let stat = procfs.stat(of: initProcess), !stat.hasEnded,
            let path = procfs.cgroupPath(of: initProcess, in: hierarchy)
        else {
            throw RegistrationError(
                .unavailable,
                "cannot read the cgroup of process \(initProcess), the init of container \(identity.id.text): it is gone"
            )
        }
        if isOutside { try checkRuntime(parent, caller, initProcess, stat, identity) }
        let place = try place(identity, initProcess, path)
        let callers =
            isOutside
            ? try cgroups(of: [caller.pid, parent], outside: place, identity)
            : [try checkInside(caller, initProcess, stat.parent, place, identity)]
        let registration = Registration(
            identity: identity, cgroup: place.cgroup, cgroupPath: place.own, initCgroup: place.initCgroup,
            initPath: path, initProcess: initProcess, initStart: stat.startTime,
            namespaces: procfs.namespaces(of: initProcess), callerCgroups: callers, ancestors: ancestors(of: place.own),
            isAwaited: caller.isRunning)
        // The last look: all that was read above by number was read of processes that are there still. A parent that
        // had gone would not be the caller's parent any more.
        guard caller.isRunning(), procfs.parent(of: caller.pid) == parent,
            procfs.startTime(of: initProcess) == stat.startTime
        else { throw gone(caller, identity) }
        return registration
    }

    private func gone(_ caller: HookCaller, _ identity: ContainerIdentity) -> RegistrationError {
        RegistrationError(
            .unavailable,
            "the hook of container \(identity.id.text), pid \(caller.pid), its parent or the init is gone or out of reach"
        )
    }

    // MARK: Stage createRuntime

    /// The hook runs outside, as root, and the state names the init.
    private func checkClaim(
        of statePid: UInt32, _ identity: ContainerIdentity, _ caller: HookCaller
    ) throws(RegistrationError) {
        guard statePid > 1 else {
            throw RegistrationError(
                .invalid, "createRuntime of container \(identity.id.text) names no process (state.pid is \(statePid))")
        }
        guard caller.uid == 0 else {
            throw RegistrationError(
                .denied,
                "createRuntime of container \(identity.id.text) is for root, and pid \(caller.pid) has uid \(caller.uid)"
            )
        }
    }

    /// The init is a child of the runtime, as the hook is, and both of these are the host's.
    private func checkRuntime(
        _ runtime: UInt32, _ caller: HookCaller, _ initProcess: UInt32, _ stat: ProcessStat,
        _ identity: ContainerIdentity
    ) throws(RegistrationError) {
        guard isMade(initProcess, stat, by: runtime) else {
            throw RegistrationError(
                .denied,
                "createRuntime of container \(identity.id.text): process \(initProcess) is no child of the runtime "
                    + "\(runtime) that called the hook \(caller.pid)")
        }
        for pid in [caller.pid, runtime] where !isInHostNamespaces(pid) {
            throw RegistrationError(
                .denied,
                "createRuntime of container \(identity.id.text): process \(pid) is not in the host's pid and user "
                    + "namespaces")
        }
    }

    /// The cgroups of the hook and its runtime, neither of which is in the container.
    private func cgroups(
        of pids: [UInt32], outside place: Place, _ identity: ContainerIdentity
    ) throws(RegistrationError) -> [UInt64] {
        var cgroups: [UInt64] = []
        for pid in pids {
            guard let path = procfs.cgroupPath(of: pid, in: hierarchy), let cgroup = hierarchy.id(ofPath: path) else {
                throw RegistrationError(
                    .unavailable, "createRuntime of container \(identity.id.text): cannot tell the cgroup of \(pid)")
            }
            guard !place.contains(path) else {
                throw RegistrationError(
                    .denied,
                    "createRuntime of container \(identity.id.text): process \(pid) is in \(place.own) itself; a "
                        + "container has a cgroup of its own, and its runtime is outside")
            }
            cgroups.append(cgroup)
        }
        return cgroups
    }

    /// Whether a process is the runtime's child, or was left to an ancestor of the runtime's: crun forks twice for a user
    /// and a pid namespace, and what was between has ended by now. Such a one is in these namespaces, and began after
    /// the runtime.
    private func isMade(_ initProcess: UInt32, _ stat: ProcessStat, by runtime: UInt32) -> Bool {
        if stat.parent == runtime { return true }
        guard let began = procfs.startTime(of: runtime), stat.startTime >= began, !isInHostNamespaces(initProcess)
        else {
            return false
        }
        var ancestor = runtime
        for _ in 0..<Self.mostAncestors {
            guard let above = procfs.parent(of: ancestor), above > 0 else { return false }
            if above == stat.parent { return true }
            ancestor = above
        }
        return false
    }

    private static let mostAncestors = 64

    /// The runtime and its hooks are the host's: root of a container, a privileged one included, is none of them. (A
    /// mount namespace of its own is nothing odd: systemd gives one to many services.)
    private func isInHostNamespaces(_ pid: UInt32) -> Bool {
        hostNamespaces.allSatisfy { $0.inode != nil && procfs.namespace($0.name, of: pid) == $0.inode }
    }

    // MARK: Stage createContainer

    /// - Returns: the runtime's cgroup.
    ///
    /// The hook and the init are in the container's cgroup, the runtime that waits for them is not, and the init has not
    /// changed its root yet: it sees the runtime's. A process of a running container that reaches the socket sees the
    /// image's, or has no parent outside.
    private func checkInside(
        _ caller: HookCaller, _ initProcess: UInt32, _ runtime: UInt32, _ place: Place, _ identity: ContainerIdentity
    ) throws(RegistrationError) -> UInt64 {
        guard let path = procfs.cgroupPath(of: caller.pid, in: hierarchy), place.contains(path) else {
            throw RegistrationError(
                .denied,
                "createContainer of container \(identity.id.text): the hook \(caller.pid) is not in the cgroup of its "
                    + "parent, \(place.own)")
        }
        // crun's has been left to an ancestor of the runtime's, if it has a user and a pid namespace.
        guard runtime > 0, let outside = procfs.cgroupPath(of: runtime, in: hierarchy), !place.contains(outside),
            let cgroup = hierarchy.id(ofPath: outside)
        else {
            throw RegistrationError(
                .denied,
                "createContainer of container \(identity.id.text): no runtime outside of \(place.own) waits for "
                    + "\(initProcess), so that is no init")
        }
        guard let root = procfs.rootDirectory(of: initProcess), root == outerRoot(of: runtime) else {
            throw RegistrationError(
                .denied,
                "createContainer of container \(identity.id.text): process \(initProcess) has changed its root "
                    + "already, so that it runs, and nobody sets it up any more")
        }
        return cgroup
    }

    /// The ids of the directories above a path, without the root.
    private func ancestors(of path: String) -> [UInt64] {
        var (ids, above): ([UInt64], String) = ([], "")
        for component in path.split(separator: "/").dropLast().prefix(Self.mostAncestors) {
            above += "/" + component
            if let id = hierarchy.id(ofPath: above) { ids.append(id) }
        }
        return ids
    }

    /// Pid 1 may be out of reach, as in a sandbox; the agent itself is the next best to ask.
    private func outerRoot(of runtime: UInt32) -> FileIdentity? {
        procfs.rootDirectory(of: runtime) ?? (runtime == 1 ? procfs.rootDirectory(of: UInt32(getpid())) : nil)
    }
}
