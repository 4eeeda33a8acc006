// SPDX-License-Identifier: Apache-2.0
package import SwiftProtobuf

/// What the API's messages consist of.
package enum APIDescriptors {
    /// Every file of what is served, and what these import.
    package static let files: Google_Protobuf_FileDescriptorSet = {
        // JSON's bytes are base64, and its reader is there.
        let json = "\"\(servedDescriptors)\""
        guard let bytes = try? Google_Protobuf_BytesValue(jsonString: json).value,
            let files = try? Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
        else { preconditionFailure("the generated descriptors cannot be read: run make proto") }
        return files
    }()
}
