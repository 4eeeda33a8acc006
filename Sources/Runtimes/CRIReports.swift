// SPDX-License-Identifier: Apache-2.0
internal import CRIAPI
internal import Models

/// Reads the runtime's answers.
enum CRIReports {
    static func report(
        _ container: Runtime_V1_Container, _ response: Runtime_V1_ContainerStatusResponse,
        _ sandbox: Runtime_V1_PodSandbox?, _ runtime: String
    ) -> ReportedContainer? {
        let status = response.status
        // One that is only created has no process yet, but is known.
        guard status.state == .containerRunning || status.state == .containerCreated else { return nil }
        var draft = ContainerDraft(id: container.id, runtime: runtime)
        draft.name = container.metadata.name
        draft.image = first(status.image.userSpecifiedImage, status.image.image, container.image.image)
        draft.imageID = first(status.imageRef, status.imageID, container.imageRef)
        draft.startTime = status.startedAt
        takePod(&draft, container.labels, sandbox?.metadata)
        takeInfo(&draft, response.info["info"])
        return draft.checked()
    }

    /// A sandbox is the container that the pod's namespaces hang on. It has no name in the pod.
    static func report(
        _ sandbox: Runtime_V1_PodSandbox, _ response: Runtime_V1_PodSandboxStatusResponse, _ runtime: String
    ) -> ReportedContainer? {
        guard response.status.state == .sandboxReady else { return nil }
        var draft = ContainerDraft(id: sandbox.id, runtime: runtime)
        draft.startTime = response.status.createdAt
        takePod(&draft, sandbox.labels, sandbox.metadata)
        let info = takeInfo(&draft, response.info["info"])
        draft.image = info?["image"]?.text ?? ""
        return draft.checked()
    }

    /// As `ContainerIdentity.runtime` has it.
    static func runtimeName(_ name: String) -> String { name == "crio" ? "cri-o" : name.lowercased() }

    /// The kubelet's labels are on every container; those who make pods by other means may leave them out.
    private static func takePod(
        _ draft: inout ContainerDraft, _ labels: [String: String], _ metadata: Runtime_V1_PodSandboxMetadata?
    ) {
        draft.podName = first(labels["io.kubernetes.pod.name"], metadata?.name)
        draft.podNamespace = first(labels["io.kubernetes.pod.namespace"], metadata?.namespace)
        draft.podUID = first(labels["io.kubernetes.pod.uid"], metadata?.uid)
    }

    private static let wanted = Wanted.members([
        "pid": .all, "image": .all,
        "runtimeSpec": .members(["root": .members(["path": .all]), "linux": .members(["cgroupsPath": .all])]),
    ])

    @discardableResult
    private static func takeInfo(_ draft: inout ContainerDraft, _ info: String?) -> JSONValue? {
        guard let info = info.flatMap({ try? JSONTree.parse(Array($0.utf8), wanted) }) else { return nil }
        if let pid: UInt32 = info["pid"]?.integer(), pid > 0 { draft.initProcess = pid }
        draft.cgroupsPath = info["runtimeSpec"]?["linux"]?["cgroupsPath"]?.text ?? ""
        // A path that is relative to the bundle says nothing: where that is, the runtime does not tell.
        if let root = info["runtimeSpec"]?["root"]?["path"]?.text, root.hasPrefix("/") { draft.rootDir = root }
        return info
    }

    private static func first(_ texts: String?...) -> String {
        for case let text? in texts where !text.isEmpty { return text }
        return ""
    }
}
