// SPDX-License-Identifier: Apache-2.0
package import Containers
package import Models

/// A container as a runtime's records tell of it. That it is so, only the kernel can say: `cgroupPath(procfs:hierarchy:)`.
package struct ReportedContainer: Sendable, Equatable {
    /// Its stage is nil, its cgroupsPath what the record says.
    package let identity: ContainerIdentity
    /// Host pid; nil where the source does not know it.
    package let initProcess: UInt32?
    /// When that process started, in clock ticks since boot as in /proc/PID/stat; nil where the source does not know it.
    package let initStart: UInt64?
    /// The image's digest, with a repository's name before it where the runtime has one. May be empty.
    package let imageID: String
    /// When the container was started, or created where nothing else is known. Nanoseconds since 1970; 0 is unknown.
    package let startTime: Int64

    package init(
        identity: ContainerIdentity, initProcess: UInt32? = nil, initStart: UInt64? = nil, imageID: String = "",
        startTime: Int64 = 0
    ) {
        self.identity = identity
        self.initProcess = initProcess
        self.initStart = initStart
        self.imageID = imageID
        self.startTime = startTime
    }
}

extension ReportedContainer {
    /// The container's own cgroup, if the record is true: the init still is the process that the record means, and the
    /// kernel has it in a cgroup that the record names or that carries the container's id.
    ///
    /// - Returns: the path below the hierarchy's root *as the kernel gives it*, or nil. The init may be deeper: crun puts
    ///   it into `container`, systemd into `init.scope`.
    package func cgroupPath(procfs: Procfs, hierarchy: CgroupHierarchy) -> String? {
        guard let initProcess, let path = procfs.cgroupPath(of: initProcess, in: hierarchy), path != "/",
            !path.hasSuffix(" (deleted)"), let start = procfs.startTime(of: initProcess)
        else { return nil }
        // Read after the cgroup: who has this start time now had it then, too.
        if let initStart, initStart != start { return nil }
        if let claimed = identity.cgroupsPath?.path, let own = Self.part(of: path, named: claimed) { return own }
        if let found = ContainerID.find(inCgroupPath: path), found.id == identity.id { return found.cgroup }
        return nil
    }

    /// The path up to the end of the claimed one. That need not begin at the root: a runtime that is in a container
    /// itself writes paths below its own.
    private static func part(of path: String, named claimed: String) -> String? {
        let (all, wanted) = (path.split(separator: "/"), claimed.split(separator: "/"))
        // What holds others too, a slice or a service, is no container's.
        guard let last = wanted.last, !last.hasSuffix(".slice"), !last.hasSuffix(".service") else { return nil }
        guard let place = all.firstRange(of: wanted) else { return nil }
        return "/" + all[..<place.upperBound].joined(separator: "/")
    }
}
