// SPDX-License-Identifier: Apache-2.0
package import Policies

extension PolicyManager {
    /// Makes a policy as it is asked to be: first its mode, then whether it holds. What is nil stays, and nothing happens
    /// to a policy that is so already. Where the second fails the first has been done.
    package func configure(_ key: PolicyKey, isEnabled: Bool?, mode: PolicyOptions.Mode?) async throws {
        if let mode { try await setMode(mode, of: key) }
        guard let isEnabled else {
            guard status(of: key) != nil else { throw PolicyManagerError.unknown(key) }
            return
        }
        do {
            try await isEnabled ? enable(key) : disable(key)
        } catch PolicyManagerError.isNotDisabled where status(of: key)?.isLoaded == true {
            // It is enabled.
        } catch PolicyManagerError.isNotEnabled where status(of: key)?.state == .disabled {}
    }

    private func status(of key: PolicyKey) -> PolicyStatus? { list.first { $0.key == key } }
}
