// SPDX-License-Identifier: Apache-2.0
package import Logging
package import Models

/// This node's pods, from the API server of its cluster: `--enable-k8s-api`.
package struct KubernetesSource: PodSource {
    private let access: APIAccessSource
    private let nodeName: String
    private let timing: APITiming
    private let logger: Logger

    /// - Throws: where there is no way to an API server. Later on that is logged and tried again.
    package init(
        access: APIAccessSource, nodeName: String, timing: APITiming = APITiming(), logger: Logger
    ) throws(APIAccessError) {
        _ = try access.load()
        self.access = access
        self.nodeName = nodeName
        self.timing = timing
        self.logger = logger
    }

    package func run(_ tell: @escaping @Sendable (PodChange) async -> Void) async {
        await Following(access: access, path: "/api/v1/pods", subject: "pods", timing: timing, logger: logger)
            .run(PodFollower(nodeName: nodeName, logger: logger), tell)
    }
}
