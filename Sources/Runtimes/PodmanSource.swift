// SPDX-License-Identifier: Apache-2.0
package import Models

/// Podman's containers: that they run say the records of the OCI runtime below it, what they are called and made from
/// says Podman's storage.
package struct PodmanSource: ContainerSource {
    package static let usualStorage = "/var/lib/containers/storage"

    /// A few hundred bytes a container.
    private static let maximumRecord = 16 << 20
    /// Storage drivers that keep containers; the driver's name begins the directory's.
    private static let drivers = ["overlay", "vfs", "btrfs", "zfs"]

    package let name = "podman"
    private let storage: String
    private let runtimes: [any ContainerSource]

    /// - Parameters:
    ///   - storage: Podman's `--root`.
    ///   - runtimes: sources of the OCI runtimes that Podman may use.
    package init(storage: String = usualStorage, runtimes: [any ContainerSource]) {
        self.storage = storage
        self.runtimes = runtimes
    }

    package func containers() async throws(SourceError) -> [ReportedContainer] {
        var result: [ReportedContainer] = []
        for runtime in runtimes { result += try await runtime.containers().filter(Self.isPodman) }
        if result.isEmpty { return [] }
        let stored = await stored()
        return result.prefix(maximumContainers).map { Self.named($0, by: stored) }
    }

    package func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
        for runtime in runtimes {
            guard let report = try await runtime.container(id), Self.isPodman(report) else { continue }
            return Self.named(report, by: await stored())
        }
        return nil
    }

    private static func isPodman(_ report: ReportedContainer) -> Bool { report.identity.runtime == "podman" }

    /// The record of the runtime goes first: its bundle and its process are what the rest is about.
    private static func named(_ report: ReportedContainer, by stored: [String: ContainerDraft]) -> ReportedContainer {
        guard let known = stored[report.identity.id.text]?.checked() else { return report }
        return report.completed(by: known)
    }

    /// Names and images by container id, of every storage driver that has some.
    private func stored() async -> [String: ContainerDraft] {
        var result: [String: ContainerDraft] = [:]
        for driver in Self.drivers {
            let path = "\(storage)/\(driver)-containers"
            // Written anew by Podman whenever a container comes or goes: what makes no sense is looked at again.
            for pause in [0, 20] {
                if pause > 0 { try? await Task.sleep(for: .milliseconds(pause)) }
                guard let bytes = try? RecordDirectory(path).file("containers.json", limit: Self.maximumRecord) else {
                    break
                }
                guard let list = try? JSONTree.parse(bytes, Self.wanted) else { continue }
                for draft in list.elements.prefix(maximumContainers).compactMap(Self.draft) { result[draft.id] = draft }
                break
            }
        }
        return result
    }

    private static let wanted = Wanted.each(
        .members(["id": .all, "names": .all, "image": .all, "metadata": .all]))

    private static func draft(_ entry: JSONValue) -> ContainerDraft? {
        guard let id = entry["id"]?.text else { return nil }
        // A document of its own, as a string.
        let metadata = (entry["metadata"]?.text).flatMap { try? JSONTree.parse(Array($0.utf8), .all) }
        var draft = ContainerDraft(id: id)
        draft.name = metadata?["name"]?.text ?? entry["names"]?.elements.first?.text ?? ""
        draft.image = metadata?["image-name"]?.text ?? ""
        if let image = entry["image"]?.text, !image.isEmpty {
            draft.imageID = image.contains(":") ? image : "sha256:" + image
        }
        return draft
    }
}
