// SPDX-License-Identifier: Apache-2.0

/// `tetragon.RuntimeHookRequest` with its only event, `createContainer`: what the hook says to the agent.
///
/// Encoded by hand because the hook cannot carry a protobuf library; a test holds the bytes equal to protoc's.
package struct RuntimeHookRequest: Sendable, Equatable {
    package var cgroupsPath = ""
    package var rootDir = ""
    package var annotations = Annotations()
    package var containerName = ""
    package var containerID = ""
    package var podName = ""
    package var podUID = ""
    package var podNamespace = ""
    package var containerImage = ""
    package var mounts: [OCIMount] = []
    package var stage = ""
    package var pid: UInt32 = 0
    package var bundle = ""

    package init() {}

    /// - Parameters:
    ///   - spec: nil if config.json could not be read. The state's annotations stand in for it then.
    ///   - cgroup: the spec's cgroupsPath, understood; nil if there is none that can be.
    package init(stage: HookStage, state: OCIState, spec: OCISpec?, cgroup: CgroupPath?) {
        annotations = spec?.annotations ?? state.annotations
        let pod = PodAnnotations(annotations)
        cgroupsPath = cgroup?.path ?? ""
        rootDir = spec?.rootDirectory(bundle: state.bundle) ?? ""
        containerName = pod.containerName
        containerID = pod.containerID.isEmpty ? state.id : pod.containerID
        podName = pod.podName
        podUID = pod.podUID
        podNamespace = pod.podNamespace
        containerImage = pod.image
        mounts = spec?.mounts ?? []
        self.stage = stage.name
        pid = state.pid
        bundle = state.bundle
    }

    package func encoded() -> [UInt8] {
        var request = ProtobufWriter()
        request.message(1) { container in
            container.string(1, cgroupsPath)
            container.string(2, rootDir)
            for entry in annotations.entries {
                container.message(3) { map in
                    map.string(1, entry.key, always: true)
                    map.string(2, entry.value, always: true)
                }
            }
            container.string(4, containerName)
            container.string(5, containerID)
            container.string(6, podName)
            container.string(7, podUID)
            container.string(8, podNamespace)
            container.string(9, containerImage)
            for mount in mounts {
                container.message(10) { encode(mount, into: &$0) }
            }
            container.message(50000) { hook in
                hook.string(1, stage)
                hook.uint32(2, pid)
                hook.string(3, bundle)
            }
        }
        return request.bytes
    }

    private func encode(_ mount: OCIMount, into writer: inout ProtobufWriter) {
        writer.string(1, mount.destination)
        writer.string(2, mount.type)
        writer.string(3, mount.source)
        for option in mount.options {
            writer.string(4, option, always: true)
        }
    }
}
