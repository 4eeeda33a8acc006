// SPDX-License-Identifier: Apache-2.0

/// Where a policy wants to be told what is mapped to be run.
package struct LoadRule: Sendable {
    /// nil: everywhere.
    package var scope: ScopeRule?

    package init(scope: ScopeRule?) { self.scope = scope }

    /// - Parameter container: nil for the host.
    package func applies(to container: @autoclosure () -> ScopedContainer?) -> Bool {
        scope?.applies(to: container()) ?? true
    }
}

/// What sees files that are mapped to be run, for as long as a policy asks for it.
package struct LoadWatching: Sendable {
    /// Sees to it that it can be had. Nothing is told yet.
    package var prepare: @Sendable () async throws -> Void
    /// From the return on files are told of where one of these rules applies; of none, nothing is looked at any more.
    package var watch: @Sendable ([LoadRule]) async -> Void
    /// Bytes that it takes now.
    package var kernelMemory: @Sendable () -> UInt64

    package init(
        prepare: @escaping @Sendable () async throws -> Void, watch: @escaping @Sendable ([LoadRule]) async -> Void,
        kernelMemory: @escaping @Sendable () -> UInt64
    ) {
        self.prepare = prepare
        self.watch = watch
        self.kernelMemory = kernelMemory
    }

    /// Nobody is told anything.
    package static let none = LoadWatching(prepare: {}, watch: { _ in }, kernelMemory: { 0 })
}
