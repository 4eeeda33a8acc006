// SPDX-License-Identifier: Apache-2.0
import CHook

/// Reads the two documents that a runtime leaves for its hooks.
enum Documents {
    static let maximumState = 1 << 20
    static let maximumSpec = 16 << 20

    /// The state on standard input.
    static func state() throws(JSONError) -> OCIState {
        let reader = try readJSON(from: 0, limit: maximumState, into: OCIStateReader())
        do {
            return try reader.finish()
        } catch {
            throw .document(error)
        }
    }

    /// The bundle's config.json. Its path comes from the runtime and is absolute: in createContainer the working
    /// directory is the image's, and the image may well have a /config.json.
    static func spec(bundle: String) throws(JSONError) -> OCISpec {
        let path = bundle + "/config.json"
        let descriptor = path.withCString { apus_open_regular($0) }
        if descriptor < 0 {
            throw .read(-descriptor)
        }
        defer { apus_close(descriptor) }
        return try readJSON(from: descriptor, limit: maximumSpec, into: OCISpecReader()).finish()
    }
}
