// SPDX-License-Identifier: Apache-2.0

/// A cgroup as an absolute path below the cgroup root, such as `/kubepods.slice/…/cri-containerd-<id>.scope`.
package struct CgroupPath: Sendable, Equatable {
    /// Longer ones are refused: PATH_MAX, the kernel's own bound.
    package static let maximumLength = 4096

    package let path: String

    /// Takes a path that is absolute already, such as one of /proc/<pid>/cgroup.
    package init(absolute path: String) throws(CgroupPathError) {
        try Self.check(path)
        if path.utf8.first != UInt8(ascii: "/") {
            throw .relative
        }
        self.path = path
    }

    /// Understands `linux.cgroupsPath` of a config.json as the runtimes' two cgroup drivers write it: a path
    /// (cgroupfs), or `slice:prefix:name` (systemd).
    ///
    /// A relative path is refused: where it leads depends on the runtime's own cgroup.
    package init(cgroupsPath: String) throws(CgroupPathError) {
        try Self.check(cgroupsPath)
        let path = cgroupsPath.utf8.contains(UInt8(ascii: "/")) ? cgroupsPath : try Self.expand(unit: cgroupsPath)
        try self.init(absolute: path)
    }

    /// `slice:prefix:name` is the unit `<prefix>-<name>.scope` (or the slice `name`) in its slice.
    private static func expand(unit: String) throws(CgroupPathError) -> String {
        let parts = unit.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw .unknownForm
        }
        let (slice, prefix, name) = (String(parts[0]) ?? "", String(parts[1]) ?? "", String(parts[2]) ?? "")
        if name.isEmpty {
            throw .emptyComponent
        }
        // Without a slice, systemd and the runtimes put system containers into system.slice.
        let parent = try expand(slice: slice.isEmpty ? "system.slice" : slice)
        let child = isSlice(name) ? name : prefix + "-" + name + ".scope"
        return parent == "/" ? "/" + child : parent + "/" + child
    }

    /// `a-b-c.slice` is the directory `/a.slice/a-b.slice/a-b-c.slice`, and `-.slice` is the root.
    static func expand(slice: String) throws(CgroupPathError) -> String {
        guard isSlice(slice) else {
            throw .notASlice
        }
        if slice == "-.slice" {
            return "/"
        }
        let stem = slice.utf8.dropLast(".slice".utf8.count)
        var (path, prefix) = ("", "")
        for component in stem.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false) {
            guard !component.isEmpty else {
                throw .emptyComponent
            }
            prefix += prefix.isEmpty ? String(Substring(component)) : "-" + String(Substring(component))
            path += "/" + prefix + ".slice"
        }
        return path
    }

    private static func isSlice(_ name: String) -> Bool {
        name.utf8.count > ".slice".utf8.count && name.utf8.suffix(".slice".utf8.count).elementsEqual(".slice".utf8)
    }

    private static func check(_ text: String) throws(CgroupPathError) {
        if text.isEmpty {
            throw .empty
        }
        if text.utf8.count > maximumLength {
            throw .tooLong
        }
        if text.utf8.contains(0) {
            throw .nulByte
        }
        for component in text.utf8.split(separator: UInt8(ascii: "/")) where component.elementsEqual("..".utf8) {
            throw .parentReference
        }
    }
}

/// Why a text names no cgroup.
package enum CgroupPathError: Error, Equatable {
    case empty, tooLong, nulByte, parentReference, relative, unknownForm, notASlice, emptyComponent

    package var description: String {
        switch self {
        case .empty: "it is empty"
        case .tooLong: "it is longer than 4096 bytes"
        case .nulByte: "it contains a NUL byte"
        case .parentReference: "it contains the component .."
        case .relative: "it is a relative path"
        case .unknownForm: "it is neither a path nor slice:prefix:name"
        case .notASlice: "its slice does not end in .slice"
        case .emptyComponent: "a component of it is empty"
        }
    }
}
