// SPDX-License-Identifier: Apache-2.0
internal import Models
internal import SwiftProtobuf

/// What a source gathers of one container before it is checked.
struct ContainerDraft {
    var id = ""
    var name = ""
    var image = ""
    var runtime = ""
    var bundle = ""
    var rootDir = ""
    var cgroupsPath = ""
    var podName = ""
    var podNamespace = ""
    var podUID = ""
    var initProcess: UInt32?
    var initStart: UInt64?
    var imageID = ""
    var startTime: Int64 = 0

    /// Nil without a container id. Any other field that is not in order is left empty: a container shall not get out of
    /// sight by a line break in its image's name.
    func checked() -> ReportedContainer? {
        var draft = self
        while true {
            do throws(ContainerIdentityError) {
                let identity = try ContainerIdentity(
                    id: draft.id, name: draft.name, image: draft.image, runtime: draft.runtime, bundle: draft.bundle,
                    rootDir: draft.rootDir, cgroupsPath: draft.cgroupsPath, podName: draft.podName,
                    podNamespace: draft.podNamespace, podUID: draft.podUID)
                return ReportedContainer(
                    identity: identity, initProcess: initProcess, initStart: initStart,
                    imageID: Self.isDigest(imageID) ? imageID : "", startTime: max(startTime, 0))
            } catch {
                guard let field = Self.fields[error.field], !draft[keyPath: field].isEmpty else { return nil }
                draft[keyPath: field] = ""
            }
        }
    }

    private static var fields: [String: WritableKeyPath<ContainerDraft, String>] {
        [
            "name": \.name, "image": \.image, "runtime": \.runtime, "bundle": \.bundle, "rootDir": \.rootDir,
            "cgroupsPath": \.cgroupsPath, "podName": \.podName, "podNamespace": \.podNamespace, "podUID": \.podUID,
        ]
    }

    /// Printable and of a bounded length: what else is in it is for those who compare it.
    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count <= ContainerIdentity.maximumImageLength && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }

    /// `2026-11-25T22:23:08.861964053Z` in nanoseconds since 1970; 0 if it is no time.
    static func nanoseconds(_ time: String?) -> Int64 {
        guard let time, time.utf8.count <= 64,
            let stamp = try? Google_Protobuf_Timestamp(jsonString: "\"\(time)\"")
        else { return 0 }
        let (whole, overflow) = stamp.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, tooMuch) = whole.addingReportingOverflow(Int64(stamp.nanos))
        return overflow || tooMuch ? 0 : sum
    }
}

extension ContainerDraft {
    /// Who the container is, out of the annotations that its engine gave it.
    mutating func take(_ annotations: Annotations) {
        let pod = PodAnnotations(annotations)
        name = pod.containerName
        image = pod.image
        podName = pod.podName
        podNamespace = pod.podNamespace
        podUID = pod.podUID
        imageID = annotations["io.kubernetes.cri-o.ImageRef"] ?? ""
        runtime = RuntimeName.tell(annotations: annotations, cgroupsPath: cgroupsPath, bundle: bundle)
    }
}

extension ReportedContainer {
    /// Two records of one container: what the first does not know comes from the second.
    func completed(by other: ReportedContainer) -> ReportedContainer {
        guard other.identity.id == identity.id else { return self }
        func either(_ field: KeyPath<ContainerIdentity, String>) -> String {
            identity[keyPath: field].isEmpty ? other.identity[keyPath: field] : identity[keyPath: field]
        }
        let same = initProcess == nil || initProcess == other.initProcess
        let pod = identity.hasPod ? identity : other.identity
        let draft = ContainerDraft(
            id: identity.id.text, name: either(\.name), image: either(\.image), runtime: either(\.runtime),
            bundle: either(\.bundle), rootDir: either(\.rootDir),
            cgroupsPath: (identity.cgroupsPath ?? other.identity.cgroupsPath)?.path ?? "", podName: pod.podName,
            podNamespace: pod.podNamespace, podUID: pod.podUID, initProcess: initProcess ?? other.initProcess,
            initStart: same ? initStart ?? other.initStart : initStart,
            imageID: imageID.isEmpty ? other.imageID : imageID, startTime: startTime == 0 ? other.startTime : startTime)
        return draft.checked() ?? self
    }
}
