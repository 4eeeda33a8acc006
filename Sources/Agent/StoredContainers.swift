// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Containers
import Glibc
import Logging
import Models
import State

/// The containers that hooks told of, kept for the next agent in the state directory.
struct StoredContainers: Sendable {
    private let store: RegistrationStore?
    private let procfs: Procfs
    private let hierarchy: CgroupHierarchy
    private let log: Logger

    /// Makes the directory. Without a database the agent works, and its successor knows less.
    init(directory: String, procfs: Procfs, hierarchy: CgroupHierarchy, log: Logger) {
        self.procfs = procfs
        self.hierarchy = hierarchy
        self.log = log
        let path = directory + "/state.db"
        do {
            guard let boot = procfs.text("sys/kernel/random/boot_id", limit: 64)?.trimmed, !boot.isEmpty else {
                throw StartError("\(procfs.root)/sys/kernel/random/boot_id cannot be read")
            }
            // Who writes here says who containers are.
            try RootsDirectory(directory).make()
            store = try Self.open(path, boot, log)
        } catch {
            store = nil
            log.warning(
                "no state: after a restart containers that run now have no names", metadata: ["error": "\(error)"])
        }
    }

    private static func open(_ path: String, _ boot: String, _ log: Logger) throws -> RegistrationStore {
        do throws(RegistrationStore.Failure) {
            return try RegistrationStore(path: path, boot: boot)
        } catch {
            guard error.isCorrupt else { throw error }
            // What a machine that went down has torn is void anyway.
            log.warning("state database put aside as state.db.broken", metadata: ["error": "\(error)"])
            for suffix in ["", "-wal", "-shm"] { rename(path + suffix, path + ".broken" + suffix) }
            return try RegistrationStore(path: path, boot: boot)
        }
    }

    /// The stored containers whose directories are still there: an id is not given twice in a boot. The others' rows go.
    func take() -> [Container] {
        guard let store else { return [] }
        do {
            let all = try store.all()
            let present = all.filter { hierarchy.id(ofPath: $0.cgroupPath) == $0.cgroup }
            let ids = Set(present.map(\.cgroup))
            try store.remove(all.map(\.cgroup).filter { !ids.contains($0) })
            return present.map {
                Container(
                    identity: $0.identity, source: .state, cgroup: $0.cgroup, cgroupPath: $0.cgroupPath,
                    initProcess: $0.initProcess, initStart: $0.initStart, initExecs: $0.initExecs,
                    namespaces: namespaces($0))
            }
        } catch {
            log.warning("stored containers not read", metadata: ["error": "\(error)"])
            return []
        }
    }

    /// Its init's, if that lives.
    private func namespaces(_ stored: StoredRegistration) -> NamespaceKey? {
        let namespaces = procfs.namespaces(of: stored.initProcess)
        return procfs.startTime(of: stored.initProcess) == stored.initStart ? namespaces : nil
    }

    /// Returns when the next agent will know the container, whatever becomes of this one.
    func keep(_ registration: Registration, initExecs: UInt32?) {
        write {
            try $0.save(
                StoredRegistration(
                    identity: registration.identity, cgroup: registration.cgroup, cgroupPath: registration.cgroupPath,
                    initProcess: registration.initProcess,
                    initStart: registration.initStart, initExecs: initExecs))
        }
    }

    func forget(_ cgroups: [UInt64]) { write { try $0.remove(cgroups) } }

    /// A full disk must not keep a container from being known now.
    private func write(_ body: (RegistrationStore) throws -> Void) {
        guard let store else { return }
        do { try body(store) } catch { log.warning("state not written", metadata: ["error": "\(error)"]) }
    }
}
