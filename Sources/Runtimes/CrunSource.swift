// SPDX-License-Identifier: Apache-2.0
package import Containers
package import Models

/// What crun knows of its containers: `<root>/<id>/status`, and its own copy of the container's config.json beside it.
package struct CrunSource: ContainerSource {
    package static let usualRoots = ["/run/crun"]

    package let name = "crun"
    private let directories: StateDirectories

    /// - Parameter roots: crun's `--root` directories; one that ends in `/*` stands for every directory in it.
    package init(roots: [String] = usualRoots, procfs: Procfs = Procfs()) {
        directories = StateDirectories(source: name, roots: roots, procfs: procfs) {
            (id, directory) throws(RecordError) in
            let bytes = try directory.file("status", limit: StateDirectories.maximumRecord)
            guard let status = try? JSONTree.parse(bytes, Self.wanted) else { return nil }
            // Its container has run without it, so this is no reason to deny it; it will have no names then.
            let copy = try? directory.file("config.json", limit: StateDirectories.maximumRecord)
            let spec = copy.flatMap { try? parseJSON($0, into: OCISpecReader()).finish() }
            return Self.draft(id, status, spec ?? OCISpec())
        }
    }

    package func containers() async throws(SourceError) -> [ReportedContainer] { try await directories.containers() }

    package func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
        try await directories.container(id)
    }

    private static let wanted = Wanted.members([
        "pid": .all, "process-start-time": .all, "cgroup-path": .all, "rootfs": .all, "bundle": .all, "created": .all,
    ])

    private static func draft(_ id: ContainerID, _ status: JSONValue, _ spec: OCISpec) -> ContainerDraft? {
        guard let pid = status["pid"]?.integer(UInt32.self),
            let start = status["process-start-time"]?.integer(UInt64.self)
        else { return nil }
        var draft = ContainerDraft(id: id.text)
        draft.initProcess = pid
        draft.initStart = start
        draft.startTime = ContainerDraft.nanoseconds(status["created"]?.text)
        draft.bundle = status["bundle"]?.text ?? ""
        draft.cgroupsPath = status["cgroup-path"]?.text ?? ""
        var spec = spec
        if spec.rootPath.isEmpty { spec.rootPath = status["rootfs"]?.text ?? "" }
        draft.rootDir = spec.rootDirectory(bundle: draft.bundle)
        draft.take(spec.annotations)
        return draft
    }
}
