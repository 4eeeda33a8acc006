// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Models

/// Containers that were made while the agent was not there: no caller to ask any more, but the kernel still shows what
/// they have become.
extension RegistrationResolver {
    /// What a clock tick and a busy machine may put between a process's start and the request that names it.
    private static let tolerance: Int64 = 10_000_000_000
    /// The hook is called when the init is there, and runs for ten minutes at most.
    private static let longestHook: Int64 = 600_000_000_000
    /// Bounds of the look into the container's directories.
    static let mostDirectories = 256
    static let mostProcesses = 4096

    /// Believes a spooled request (``Spool`` has seen to it that root alone can have written it) as far as it agrees with
    /// what is there now: the claimed directory exists, is no slice or service, bears no other container's id, and its
    /// oldest process was there when the request was written, and not long before. That process is taken for the init.
    ///
    /// - Parameter written: when, in nanoseconds of the boot clock.
    package func attest(
        _ identity: ContainerIdentity, written: Int64
    ) throws(RegistrationError) -> Registration {
        let id = identity.id.text
        guard written >= 0 else {
            throw RegistrationError(.unavailable, "container \(id) was told of before this boot: it is gone")
        }
        guard let path = identity.cgroupsPath?.path, path.utf8.count > 1 else {
            throw RegistrationError(
                .invalid, "container \(id) was told of without a cgroup, and its hook cannot be asked any more")
        }
        guard !Self.holdsOthers(path) else {
            throw RegistrationError(.denied, "container \(id) is said to be in \(path), which holds others too")
        }
        if let other = ContainerID.find(inCgroupPath: "/" + (path.split(separator: "/").last ?? "")),
            other.id != identity.id
        {
            throw RegistrationError(.denied, "container \(id) is said to be in \(path), which is \(other.id.text)'s")
        }
        guard let cgroup = hierarchy.id(ofPath: path) else {
            throw RegistrationError(.unavailable, "cgroup \(hierarchy.root)\(path) of container \(id) is gone")
        }
        guard let first = oldestProcess(below: path) else {
            throw RegistrationError(.unavailable, "no process is left in cgroup \(path) of container \(id)")
        }
        let began = Int64(clamping: first.start) &* (1_000_000_000 / max(Int64(sysconf(Int32(_SC_CLK_TCK))), 1))
        guard began <= written &+ Self.tolerance else {
            throw RegistrationError(
                .denied,
                "process \(first.pid) in cgroup \(path) began after container \(id) was told of: it is another's")
        }
        guard began >= written &- Self.longestHook &- Self.tolerance else {
            throw RegistrationError(
                .denied,
                "process \(first.pid) in cgroup \(path) began long before container \(id) was told of: it is no init")
        }
        guard let initPath = procfs.cgroupPath(of: first.pid, in: hierarchy),
            let initCgroup = hierarchy.id(ofPath: initPath),
            initPath == path || initPath.hasPrefix(path + "/")
        else {
            throw RegistrationError(.unavailable, "process \(first.pid), the init of container \(id), is gone")
        }
        let registration = Registration(
            identity: identity, cgroup: cgroup, cgroupPath: path, initCgroup: initCgroup, initPath: initPath,
            initProcess: first.pid, initStart: first.start, namespaces: procfs.namespaces(of: first.pid),
            callerCgroups: [],
            ancestors: [], isAwaited: { false })
        guard registration.holds(in: procfs, hierarchy) else {
            throw RegistrationError(.unavailable, "process \(first.pid), the init of container \(id), is gone")
        }
        return registration
    }

    /// The process of a directory, or of one below it, that began first; of two in one clock tick the lower number.
    func oldestProcess(below path: String) -> (pid: UInt32, start: UInt64)? {
        var oldest: (pid: UInt32, start: UInt64)?
        var (directories, processes) = (0, 0)
        var waiting = [path]
        while let path = waiting.popLast(), directories < Self.mostDirectories {
            directories += 1
            for pid in hierarchy.processes(in: path, limit: Self.mostProcesses - processes) {
                processes += 1
                guard let start = procfs.startTime(of: pid) else { continue }
                if let present = oldest, (present.start, present.pid) < (start, pid) { continue }
                oldest = (pid, start)
            }
            waiting += hierarchy.children(of: path, limit: Self.mostDirectories).map { "\(path)/\($0)" }
        }
        return oldest
    }
}

extension CgroupHierarchy {
    /// The pids in a directory's cgroup.procs; none if it is gone.
    func processes(in path: String, limit: Int) -> [UInt32] {
        let text = Procfs(root: root + path).text("cgroup.procs", limit: 64 << 10) ?? ""
        return text.split(separator: "\n").prefix(max(limit, 0)).compactMap { UInt32($0) }.filter { $0 > 0 }
    }

    func children(of path: String, limit: Int) -> [String] {
        guard let directory = opendir(root + path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(directory) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
