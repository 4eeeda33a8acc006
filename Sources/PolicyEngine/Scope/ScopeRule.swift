// SPDX-License-Identifier: Apache-2.0
package import Containers
import Models

/// Where a policy with selectors holds.
package struct ScopeRule: Sendable {
    /// Also for whoever is in no container.
    package var includesHost: Bool
    package var includes: @Sendable (ScopedContainer) -> Bool

    package init(includesHost: Bool, includes: @escaping @Sendable (ScopedContainer) -> Bool) {
        self.includesHost = includesHost
        self.includes = includes
    }

    /// - Parameter container: nil for the host.
    package func applies(to container: ScopedContainer?) -> Bool { container.map(includes) ?? includesHost }
}

extension ScopeRule {
    /// nil: everybody, so that nobody need be asked.
    package init?(_ scope: PolicyScope) {
        guard !scope.isEverything else { return nil }
        self.init(includesHost: scope.includesHost) { scope.applies(to: $0) }
    }
}

extension ScopedContainer {
    /// As it is known now. On the thread that owns the container.
    package init(_ container: Container) {
        let (identity, pod, known) = (container.identity, container.pod, container.podContainer)
        self.init(
            isInPod: identity.hasPod || pod != nil, namespace: pod?.namespace ?? identity.podNamespace,
            labels: pod?.labels ?? [:], name: identity.name.isEmpty ? known?.name ?? "" : identity.name,
            image: identity.image.isEmpty ? known?.image ?? "" : identity.image)
    }
}
