// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Models

/// Where a container is in the hierarchy.
struct Place {
    /// The container's own directory, as a path below the root, and its id.
    let own: String
    let cgroup: UInt64
    let initCgroup: UInt64

    /// Whether a path is the container's directory or below it.
    func contains(_ path: String) -> Bool { path == own || path.hasPrefix(own + "/") }
}

extension RegistrationResolver {
    /// - Parameter path: the init's directory.
    func place(
        _ identity: ContainerIdentity, _ initProcess: UInt32, _ path: String
    ) throws(RegistrationError) -> Place {
        guard path != "/" else {
            throw RegistrationError(
                .denied,
                "container \(identity.id.text) has no cgroup of its own in \(hierarchy.root): its init \(initProcess) is in the root"
            )
        }
        let claimed = identity.cgroupsPath?.path ?? ""
        guard Self.agrees(claimed: claimed, kernel: path) else {
            throw RegistrationError(
                .denied,
                "container \(identity.id.text) is said to be in cgroup \(claimed), and its init \(initProcess) is in "
                    + path)
        }
        let own = Self.ownDirectory(kernel: path, claimed: claimed)
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
        return Place(own: own, cgroup: cgroup, initCgroup: initCgroup)
    }

    /// Whether linux.cgroupsPath can have led to the directory that the kernel shows. What is before its last component
    /// is the runtime's business (a delegated or a relative place); the last one names the container, and crun puts the
    /// init one deeper. A claim of nothing agrees with everything.
    private static func agrees(claimed: String, kernel: String) -> Bool {
        guard let name = components(claimed).last else { return true }
        return components(kernel).suffix(2).contains { $0 == name || unit(named: $0) == name }
    }

    /// A runtime without systemd's driver takes `slice:prefix:name` for the name of a directory.
    private static func unit(named directory: Substring) -> Substring? {
        guard directory.contains(":"), let path = try? CgroupPath(cgroupsPath: String(directory)) else { return nil }
        return components(path.path).last
    }

    private static func components(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

    /// crun puts the init one deeper (`<path>/container`): the claimed path counts where the kernel's is that much below
    /// it, so that processes beside the init belong to the container as well. What holds others too, a slice or a
    /// service, is no container's.
    private static func ownDirectory(kernel: String, claimed: String) -> String {
        guard claimed.count > 1, kernel.hasPrefix(claimed + "/"), !holdsOthers(claimed),
            !kernel.dropFirst(claimed.count + 1).contains("/")
        else { return kernel }
        return claimed
    }

    static func holdsOthers(_ path: String) -> Bool { path.hasSuffix(".slice") || path.hasSuffix(".service") }
}
