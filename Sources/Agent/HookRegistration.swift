// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import TetragonAPI

extension ContainerIdentity {
    /// What a hook says, checked field by field.
    init(_ request: Tetragon_CreateContainer) throws(RegistrationError) {
        guard request.annotations.count <= Annotations.maximumCount else {
            throw RegistrationError(
                .invalid, "RuntimeHook: createContainer.annotations are more than \(Annotations.maximumCount)")
        }
        var annotations = Annotations()
        for (key, value) in request.annotations { annotations.append(key, value) }
        do throws(ContainerIdentityError) {
            try self.init(
                id: request.containerID, name: request.containerName, image: request.containerImage,
                runtime: RuntimeName.tell(
                    annotations: annotations, cgroupsPath: request.cgroupsPath, bundle: request.hook.bundle),
                bundle: request.hook.bundle, rootDir: request.rootDir, cgroupsPath: request.cgroupsPath,
                podName: request.podName, podNamespace: request.podNamespace, podUID: request.podUid,
                stage: HookStage(request.hook.stage))
        } catch {
            throw RegistrationError(.invalid, "RuntimeHook: createContainer.\(error.description)")
        }
    }
}
