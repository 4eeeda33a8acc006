// SPDX-License-Identifier: Apache-2.0
internal import Models
package import SwiftProtobuf

/// What the API's messages consist of.
package enum APIDescriptors {
    /// Every file of what is served, and what these import.
    package static let files: Google_Protobuf_FileDescriptorSet = {
        guard let files = try? Google_Protobuf_FileDescriptorSet(serializedBytes: decodeBase64(servedDescriptors))
        else {
            preconditionFailure("the generated descriptors cannot be read: run make proto")
        }
        return files
    }()
}
