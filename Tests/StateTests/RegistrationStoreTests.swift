// SPDX-License-Identifier: Apache-2.0
import Foundation
import Models
import State
import Testing

@Suite struct RegistrationStoreTests: ~Copyable {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "apus-state-\(UUID())")
    private var path: String { directory.appending(path: "state.db").path }

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: directory) }

    private func registration(_ id: String, cgroup: UInt64, execs: UInt32? = 3) throws -> StoredRegistration {
        StoredRegistration(
            identity: try ContainerIdentity(
                id: id, name: "web", image: "busybox:1", runtime: "containerd", bundle: "/run/b", rootDir: "/run/b/r",
                cgroupsPath: "/pods/\(id)", podName: "shop", podNamespace: "prod", podUID: "0b3c",
                stage: .createRuntime),
            cgroup: cgroup, cgroupPath: "/pods/\(id)", initProcess: 4711,
            initStart: 1 << 60, initExecs: execs)
    }

    @Test func `what is stored is there for the next one, to the last field`() throws {
        // Ids use all of their bits.
        let stored = try [registration("a", cgroup: .max - 1), registration("b", cgroup: 7, execs: nil)]
        do {
            let store = try RegistrationStore(path: path, boot: "one")
            for registration in stored { try store.save(registration) }
        }
        let found = try RegistrationStore(path: path, boot: "one").all()
        #expect(found.sorted { $0.identity.id.text < $1.identity.id.text } == stored)
    }

    @Test func `another boot's ids name nobody`() throws {
        try RegistrationStore(path: path, boot: "one").save(registration("a", cgroup: 7))
        #expect(try RegistrationStore(path: path, boot: "two").all().isEmpty)
        #expect(try RegistrationStore(path: path, boot: "one").all().isEmpty)
    }

    @Test func `a cgroup has one container, and none when it is gone`() throws {
        let store = try RegistrationStore(path: path, boot: "one")
        try store.save(registration("a", cgroup: 7))
        try store.save(registration("b", cgroup: 7))
        try store.save(registration("c", cgroup: 8))
        #expect(try Set(store.all().map(\.identity.id.text)) == ["b", "c"])
        try store.remove([7, 9])
        #expect(try store.all().map(\.identity.id.text) == ["c"])
    }

    @Test func `a file that is no database is an error that names it`() throws {
        try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: path))
        let failure = #expect(throws: RegistrationStore.Failure.self) {
            _ = try RegistrationStore(path: path, boot: "one")
        }
        #expect(failure?.description.contains(path) == true)
    }
}
