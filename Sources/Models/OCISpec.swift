// SPDX-License-Identifier: Apache-2.0

/// A mount of a container's config.json.
package struct OCIMount: Sendable, Equatable {
    package var destination: String
    package var type: String
    package var source: String
    package var options: [String]

    package init(destination: String = "", type: String = "", source: String = "", options: [String] = []) {
        self.destination = destination
        self.type = type
        self.source = source
        self.options = options
    }
}

/// A container's config.json, as far as the hook needs it.
package struct OCISpec: Sendable, Equatable {
    /// `linux.cgroupsPath` as it is written there; `CgroupPath` understands it.
    package var cgroupsPath = ""
    /// `root.path`: absolute, or relative to the bundle.
    package var rootPath = ""
    package var annotations = Annotations()
    package var mounts: [OCIMount] = []

    package init() {}

    /// The container's root directory as a host path. Joined lexically: nothing is looked up.
    package func rootDirectory(bundle: String) -> String {
        if rootPath.isEmpty || rootPath.utf8.first == UInt8(ascii: "/") {
            return rootPath
        }
        return bundle.utf8.last == UInt8(ascii: "/") ? bundle + rootPath : bundle + "/" + rootPath
    }
}

/// Reads an `OCISpec` from JSON events. What it does not know (most of a config.json) is skipped without a copy.
package struct OCISpecReader: JSONDocumentReader {
    private enum Place {
        case spec, root, linux, annotations, mounts, mount, mountOptions, elsewhere
    }

    private var spec = OCISpec()
    private var mount = OCIMount()
    private var places: [Place] = []
    private var key = ""

    package init() {}

    /// The document, once all its events have been received. Nothing in it is obligatory for the hook.
    package func finish() -> OCISpec { spec }

    package mutating func receive(_ event: JSONEvent) throws(OCIDocumentError) {
        switch event {
        case .beginObject, .beginArray:
            try descend(event)
        case .endObject, .endArray:
            if places.removeLast() == .mount {
                spec.mounts.append(mount)
            }
        case .key(let bytes):
            if places.last != .elsewhere {
                key = String(decoding: bytes, as: UTF8.self)
            }
        case .string, .number, .bool, .null:
            try scalar(event)
        }
    }

    private mutating func descend(_ event: JSONEvent) throws(OCIDocumentError) {
        guard places.count < maximumJSONDepth else {
            throw .tooDeep
        }
        switch (places.last, event) {
        case (nil, .beginObject):
            places.append(.spec)
        case (nil, _):
            throw .wrongType(field: "the document")
        case (.spec, _):
            try places.append(member(event))
        case (.mounts, .beginObject):
            mount = OCIMount()
            places.append(.mount)
        case (.mount, .beginArray) where key == "options":
            places.append(.mountOptions)
        case (.annotations, _):
            throw .wrongType(field: "annotations")
        case (.linux, _) where key == "cgroupsPath":
            throw .wrongType(field: "linux.cgroupsPath")
        case (.root, _) where key == "path":
            throw .wrongType(field: "root.path")
        case (.mounts, _), (.mountOptions, _):
            throw .wrongType(field: "mounts")
        default:
            places.append(.elsewhere)
        }
    }

    private func member(_ event: JSONEvent) throws(OCIDocumentError) -> Place {
        switch (key, event) {
        case ("root", .beginObject): return .root
        case ("linux", .beginObject): return .linux
        case ("annotations", .beginObject): return .annotations
        case ("mounts", .beginArray): return .mounts
        case ("root", _), ("linux", _), ("annotations", _), ("mounts", _): throw .wrongType(field: key)
        default: return .elsewhere
        }
    }

    private mutating func scalar(_ event: JSONEvent) throws(OCIDocumentError) {
        guard let place = places.last else {
            throw .wrongType(field: "the document")
        }
        if case .null = event {
            return
        }
        let text: String? =
            if place != .elsewhere, case .string(let bytes) = event {
                String(decoding: bytes, as: UTF8.self)
            } else {
                nil
            }
        switch (place, key, text) {
        case (.root, "path", let text?): spec.rootPath = text
        case (.linux, "cgroupsPath", let text?): spec.cgroupsPath = text
        case (.annotations, _, let text?): try spec.annotations.read(key, text)
        case (.mountOptions, _, let text?): mount.options.append(text)
        case (.mount, "destination", let text?): mount.destination = text
        case (.mount, "type", let text?): mount.type = text
        case (.mount, "source", let text?): mount.source = text
        case (.root, "path", nil): throw .wrongType(field: "root.path")
        case (.linux, "cgroupsPath", nil): throw .wrongType(field: "linux.cgroupsPath")
        case (.annotations, _, nil): throw .wrongType(field: "annotations")
        case (.mounts, _, _), (.mountOptions, _, nil), (.mount, "destination", nil), (.mount, "source", nil):
            throw .wrongType(field: "mounts")
        case (.spec, "root", _), (.spec, "linux", _), (.spec, "annotations", _), (.spec, "mounts", _):
            throw .wrongType(field: key)
        default: return
        }
    }
}
