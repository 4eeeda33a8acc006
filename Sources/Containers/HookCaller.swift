// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Models

/// What the kernel says of whoever calls the hook socket, and what follows from it for the container.
package struct HookCaller: Sendable {
    package let pid: UInt32
    package let uid: UInt32

    package init(pid: UInt32, uid: UInt32) {
        self.pid = pid
        self.uid = uid
    }
}

/// A container ready to be entered into the registry.
package struct Registration: Sendable {
    package let identity: ContainerIdentity
    package let cgroup: UInt64
    package let cgroupPath: String
    /// The init's own directory: the container's, or the one below it that the runtime put it into.
    package let initCgroup: UInt64
    package let initPath: String
    /// The process whose next exec starts the container's own tree; host pid.
    package let initProcess: UInt32
    package let initStart: UInt64
    package let namespaces: NamespaceKey?

    /// Whether the init is still where it was, and the directory the one that it was.
    package func holds(in procfs: Procfs, _ hierarchy: CgroupHierarchy) -> Bool {
        procfs.cgroupPath(of: initProcess, in: hierarchy) == initPath && hierarchy.id(ofPath: cgroupPath) == cgroup
    }
}

/// Turns a hook's request into a registration with the kernel's own facts: the caller's cgroup and parent, not the
/// request, decide which cgroup and which process it is about.
package struct RegistrationResolver: Sendable {
    package let procfs: Procfs
    package let hierarchy: CgroupHierarchy

    package init(procfs: Procfs, hierarchy: CgroupHierarchy) {
        self.procfs = procfs
        self.hierarchy = hierarchy
    }

    /// - Parameters:
    ///   - statePid: the OCI state's pid; a host pid only in stage createRuntime.
    ///   - caller: from the socket's peer credentials.
    package func resolve(
        _ identity: ContainerIdentity, statePid: UInt32, caller: HookCaller
    ) throws(RegistrationError) -> Registration {
        let initProcess =
            identity.stage == .createRuntime
            ? try initNamed(by: statePid, identity, caller) : try initAbove(caller, identity)
        guard let path = procfs.cgroupPath(of: initProcess, in: hierarchy) else {
            throw RegistrationError(
                .unavailable,
                "cannot read the cgroup of process \(initProcess), the init of container \(identity.id.text): it is gone"
            )
        }
        guard path != "/" else {
            throw RegistrationError(
                .denied,
                "container \(identity.id.text) has no cgroup of its own in \(hierarchy.root): its init \(initProcess) is in the root"
            )
        }
        let own = containerPath(kernel: path, claimed: identity.cgroupsPath?.path ?? "")
        guard let cgroup = hierarchy.id(ofPath: own) else {
            throw RegistrationError(
                .failed,
                "cannot get the id of cgroup \(hierarchy.root)\(own) of container \(identity.id.text): \(String(cString: strerror(errno)))"
            )
        }
        guard let initCgroup = own == path ? cgroup : hierarchy.id(ofPath: path) else {
            throw RegistrationError(
                .unavailable, "cgroup \(hierarchy.root)\(path) of container \(identity.id.text)'s init is gone")
        }
        return Registration(
            identity: identity, cgroup: cgroup, cgroupPath: own, initCgroup: initCgroup, initPath: path,
            initProcess: initProcess, initStart: procfs.startTime(of: initProcess) ?? 0, namespaces: namespaces(of: initProcess))
    }

    /// In createContainer the hook already runs inside: its parent is the container's init, while the state's pid
    /// counts in the container's own pid namespace. Whoever lies here can mislabel its own parent's cgroup at most; a
    /// caller that ended and whose pid was taken before this look is not told apart yet.
    private func initAbove(_ caller: HookCaller, _ identity: ContainerIdentity) throws(RegistrationError) -> UInt32 {
        guard let parent = procfs.parent(of: caller.pid), parent > 1 else {
            throw RegistrationError(
                .unavailable, "the hook of container \(identity.id.text), pid \(caller.pid), is gone or out of reach")
        }
        return parent
    }

    /// In createRuntime the hook runs outside, as root, and the state names the init: a child of the runtime, as the
    /// hook is.
    private func initNamed(
        by statePid: UInt32, _ identity: ContainerIdentity, _ caller: HookCaller
    ) throws(RegistrationError) -> UInt32 {
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
        guard let runtime = procfs.parent(of: caller.pid), runtime == procfs.parent(of: statePid) else {
            throw RegistrationError(
                .denied,
                "createRuntime of container \(identity.id.text): process \(statePid) is no child of the runtime that "
                    + "called the hook \(caller.pid)")
        }
        for pid in [caller.pid, runtime] where !isInHostNamespaces(pid) {
            throw RegistrationError(
                .denied,
                "createRuntime of container \(identity.id.text): process \(pid) is not in the host's pid and user "
                    + "namespaces")
        }
        return statePid
    }

    /// The runtime and its hooks are the host's: root of a container, a privileged one included, is none of them. (A
    /// mount namespace of its own is nothing odd: systemd gives one to many services.)
    private func isInHostNamespaces(_ pid: UInt32) -> Bool {
        ["pid", "user"].allSatisfy { name in
            // Pid 1 may be out of reach, as in a sandbox; the agent itself is the next best to ask.
            let host = procfs.namespace(name, of: 1) ?? procfs.namespace(name, of: UInt32(getpid()))
            return host != nil && procfs.namespace(name, of: pid) == host
        }
    }

    package func namespaces(of pid: UInt32) -> NamespaceKey? {
        guard let mount = procfs.namespace("mnt", of: pid), let pidNamespace = procfs.namespace("pid", of: pid) else {
            return nil
        }
        return NamespaceKey(mount: mount, pid: pidNamespace)
    }

    /// The container's own directory. crun puts the init one deeper (`<path>/container`): the claimed path counts
    /// where the kernel's is that much below it, so that processes beside the init belong to the container as well.
    /// What holds others too, a slice or a service, is no container's.
    private func containerPath(kernel: String, claimed: String) -> String {
        guard claimed.count > 1, kernel.hasPrefix(claimed + "/"), !claimed.hasSuffix(".slice"),
            !claimed.hasSuffix(".service"), !kernel.dropFirst(claimed.count + 1).contains("/")
        else { return kernel }
        return claimed
    }
}
