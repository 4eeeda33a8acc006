// SPDX-License-Identifier: Apache-2.0

/// A container's full id: what its runtime calls it.
///
/// Engines use 64 hex digits; plain runc and crun take any name, so the bound is theirs: up to 1024 characters of
/// `[A-Za-z0-9_.+-]`, the first a letter or a digit.
package struct ContainerID: Sendable, Hashable {
    package static let maximumLength = 1024

    package let text: String

    package init?(_ text: String) {
        guard let first = text.utf8.first, text.utf8.count <= Self.maximumLength, Self.isAlphanumeric(first),
            text.utf8.allSatisfy({ Self.isAlphanumeric($0) || "_.+-".utf8.contains($0) })
        else {
            return nil
        }
        self.text = text
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}

extension ContainerID {
    /// A container recognised by the name of its cgroup.
    package struct Found: Sendable, Equatable {
        package let id: ContainerID
        /// "containerd", "cri-o", "docker", "podman", or "" if the cgroup's name does not tell.
        package let runtime: String
        /// The container's own cgroup: the path or one of its parents.
        package let cgroup: String
    }

    /// Finds the container that a cgroup belongs to by the names that engines give: `<engine>-<id>.scope`,
    /// `<engine>-<id>`, `…:<engine>:<id>` and a bare `<id>`, the id being 64 hex digits.
    ///
    /// The *outermost* match holds. Below it the names are the container's own business: systemd, kind and docker in
    /// docker make cgroups there, and somebody hostile could make one with the name of another container.
    package static func find(inCgroupPath path: String) -> Found? {
        var (parent, cgroup) = ("", "")
        for bytes in path.utf8.split(separator: UInt8(ascii: "/")) {
            let component = String(Substring(bytes))
            cgroup += "/" + component
            if let (id, engine) = parse(component: component) {
                let runtime = engine.isEmpty ? runtimeName(ofParent: parent) : runtimeName(ofEngine: engine)
                return Found(id: id, runtime: runtime, cgroup: cgroup)
            }
            parent = component
        }
        return nil
    }

    private static let hexDigits = 64

    private static func parse(component: String) -> (id: ContainerID, engine: String)? {
        var name = component.utf8[...]
        if name.suffix(6).elementsEqual(".scope".utf8) {
            name = name.dropLast(6)
        }
        let digits = name.suffix(hexDigits)
        guard digits.count == hexDigits, digits.allSatisfy(isLowercaseHex),
            let id = ContainerID(String(Substring(digits)))
        else {
            return nil
        }
        var engine = name.dropLast(hexDigits)
        if engine.isEmpty {
            return (id, "")
        }
        guard let separator = engine.popLast(), separator == UInt8(ascii: "-") || separator == UInt8(ascii: ":") else {
            return nil
        }
        // A systemd-style cgroupsPath taken for a directory name: `kubepods-pod1.slice:cri-containerd:<id>`.
        if let colon = engine.lastIndex(of: UInt8(ascii: ":")) {
            engine = engine[engine.index(after: colon)...]
        }
        // `crio-conmon-<id>.scope` and `libpod-conmon-<id>.scope` hold the monitor, not the container.
        return engine.suffix(6).elementsEqual("conmon".utf8) ? nil : (id, String(Substring(engine)))
    }

    private static func isLowercaseHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func runtimeName(ofEngine engine: String) -> String {
        switch engine {
        case "cri-containerd", "nerdctl": "containerd"
        case "crio": "cri-o"
        case "docker": "docker"
        case "libpod": "podman"
        default: ""
        }
    }

    private static func runtimeName(ofParent parent: String) -> String {
        switch parent {
        case "docker": "docker"
        case "libpod_parent": "podman"
        default: ""
        }
    }
}
