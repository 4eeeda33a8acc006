// SPDX-License-Identifier: Apache-2.0
package import Containers
package import Models

/// What runc knows of its containers: `<root>/<id>/state.json`. Under containerd and docker it is runc, too.
package struct RuncSource: ContainerSource {
    /// Plain runc, CRI-O and Podman; containerd, a directory a namespace; docker.
    package static let usualRoots = ["/run/runc", "/run/containerd/runc/*", "/run/docker/runtime-runc/*"]

    package let name = "runc"
    private let directories: StateDirectories

    /// - Parameter roots: runc's `--root` directories; one that ends in `/*` stands for every directory in it.
    package init(roots: [String] = usualRoots, procfs: Procfs = Procfs()) {
        directories = StateDirectories(source: name, roots: roots, procfs: procfs) {
            (id, directory) throws(RecordError) in
            let bytes = try directory.file("state.json", limit: StateDirectories.maximumRecord)
            return (try? JSONTree.parse(bytes, Self.wanted)).flatMap { Self.draft(id, $0) }
        }
    }

    package func containers() async throws(SourceError) -> [ReportedContainer] { try await directories.containers() }

    package func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
        try await directories.container(id)
    }

    private static let wanted = Wanted.members([
        "id": .all, "init_process_pid": .all, "init_process_start": .all, "created": .all, "cgroup_paths": .all,
        "config": .members(["rootfs": .all, "labels": .all]),
    ])

    private static func draft(_ id: ContainerID, _ state: JSONValue) -> ContainerDraft? {
        guard state["id"]?.text == id.text, let start = state["init_process_start"]?.integer(UInt64.self) else {
            return nil
        }
        var draft = ContainerDraft(id: id.text)
        draft.initProcess = state["init_process_pid"]?.integer()
        draft.initStart = start
        draft.startTime = ContainerDraft.nanoseconds(state["created"]?.text)
        draft.rootDir = state["config"]?["rootfs"]?.text ?? ""
        draft.cgroupsPath = cgroup(state["cgroup_paths"]?.members ?? [:])

        // Every annotation as key=value, and after them the bundle in the same form.
        var annotations = Annotations()
        for label in (state["config"]?["labels"]?.elements ?? []).prefix(Annotations.maximumCount) {
            guard let text = label.text, let equals = text.firstIndex(of: "=") else { continue }
            annotations[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        draft.bundle = annotations["bundle"] ?? ""
        draft.take(annotations)
        return draft
    }

    /// The path below the hierarchy's root: records have it with the mount before it, where every runtime has it.
    private static func cgroup(_ paths: [String: JSONValue]) -> String {
        let mount = "/sys/fs/cgroup"
        for controller in ["", "pids", "freezer", "memory"] {
            guard let path = paths[controller]?.text, path.hasPrefix(mount + "/") else { continue }
            let components = path.dropFirst(mount.count).split(separator: "/")
            // cgroup2 is mounted right there, or beside v1's controllers in a directory of this name.
            let isBelow = !controller.isEmpty || components.first == "unified"
            return "/" + components.dropFirst(isBelow ? 1 : 0).joined(separator: "/")
        }
        return ""
    }
}
