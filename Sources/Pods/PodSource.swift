// SPDX-License-Identifier: Apache-2.0
package import Models

/// Something that knows which pods run on this node.
package protocol PodSource: Sendable {
    /// Tells first of all pods, then of every change, in order, and waits for `tell` each time. Troubles are logged
    /// and overcome: it returns when its task is cancelled, and only then.
    func run(_ tell: @escaping @Sendable (PodChange) async -> Void) async
}
