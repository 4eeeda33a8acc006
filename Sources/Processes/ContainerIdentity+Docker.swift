// SPDX-License-Identifier: Apache-2.0
package import Models

extension ContainerIdentity {
    /// Process.docker: the API text promises the first fifteen digits of the container's id.
    package var docker: String { String(id.text.prefix(15)) }
}
