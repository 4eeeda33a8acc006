// SPDX-License-Identifier: Apache-2.0
internal import Files
internal import Policies
internal import SystemPackage

/// The policies of a file: all that it says, or an error that names it.
package struct PolicyFile: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package var source: PolicySource { .file(path) }

    /// Loads all of the file's policies, in the place of those that it had before.
    ///
    /// - Throws: What is wrong with the first of them that cannot be loaded. The others are.
    package func load(into manager: PolicyManager) async throws {
        let policies: [TracingPolicy]
        do {
            policies = try read()
        } catch {
            try await manager.note("\(path): \(error)", of: source, as: PolicyKey(name: name))
            throw PolicyLoadError("\(path): \(error)")
        }
        var failure: (any Error)?
        for policy in policies {
            do { try await manager.replace(policy, from: source) } catch { failure = failure ?? error }
        }
        // Also what stood for the file while it could not be read.
        let kept = Set(policies.map { PolicyKey($0) })
        for key in await manager.keys(from: source) where !kept.contains(key) { try await manager.delete(key) }
        if let failure { throw PolicyLoadError("\(path): \(failure)") }
    }

    /// Unloads what the file has said.
    package func unload(from manager: PolicyManager) async {
        for key in await manager.keys(from: source) { try? await manager.delete(key) }
    }

    /// What it is listed by while nothing is known of its policies.
    private var name: String { String(path.split(separator: "/").last ?? "") }

    private func read() throws -> [TracingPolicy] {
        let bytes = try SmallFile.read(path, limit: PolicyReader.maximumBytes)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw PolicyLoadError("it is not UTF-8 text") }
        var policies: [TracingPolicy] = []
        for document in try PolicyReader.documents(of: text) {
            let policy = try document.result.get()
            guard !policies.contains(where: { PolicyKey($0) == PolicyKey(policy) }) else {
                throw PolicyLoadError("line \(document.line): it has two policies of the name \(PolicyKey(policy))")
            }
            policies.append(policy)
        }
        guard !policies.isEmpty else { throw PolicyLoadError("it has no policy") }
        return policies
    }
}
