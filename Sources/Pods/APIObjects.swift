// SPDX-License-Identifier: Apache-2.0

/// What every object and list carries, as far as it is read.
struct ObjectMetadata: Decodable {
    var name: String?
    var namespace: String?
    var resourceVersion: String?
    /// Of a list: where its next page begins.
    var next: String?

    private enum CodingKeys: String, CodingKey {
        case name, namespace, resourceVersion
        case next = "continue"
    }
}

/// One page of a list.
struct ListPage<Object: Decodable>: Decodable {
    var metadata: ObjectMetadata
    /// One that makes no sense is left out, not the list.
    var items: [Lossy<Object>]?
}

/// The API's own word on a failure.
struct APIStatus: Decodable {
    var message: String?
    var reason: String?
    var code: Int?
}

/// One line of a watch.
enum WatchEvent<Value: Decodable>: Decodable {
    case applied(ObjectMetadata, Lossy<Value>)
    case removed(ObjectMetadata)
    /// Everything up to this version has been told.
    case bookmark(ObjectMetadata)
    case failure(APIStatus)
    case unknown

    private enum CodingKeys: CodingKey { case type, object }

    private struct Object: Decodable {
        var metadata: ObjectMetadata
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let metadata = { try container.decode(Object.self, forKey: .object).metadata }
        switch try container.decode(String.self, forKey: .type) {
        case "ADDED", "MODIFIED":
            self = .applied(try metadata(), try container.decode(Lossy<Value>.self, forKey: .object))
        case "DELETED": self = .removed(try metadata())
        case "BOOKMARK": self = .bookmark(try metadata())
        case "ERROR": self = .failure(try container.decode(APIStatus.self, forKey: .object))
        default: self = .unknown
        }
    }
}
