// SPDX-License-Identifier: Apache-2.0

internal import Models

/// How a runtime calls the hook, in the two forms in which runtimes want to be told.
struct HookCall {
    var path: AbsolutePath
    var stage: HookStage
    /// The agent's socket; nil for the usual one.
    var agentAddress: String?

    /// An entry of an OCI spec's hooks. The runtime's patience in seconds is longer than the hook's own, which would
    /// otherwise fail containers.
    private var entry: JSONValue {
        var arguments: [JSONValue] = [
            .string(path.description), .string(stage.name), .string("--spool-dir"), .string(usualSpoolDirectory),
        ]
        if let agentAddress { arguments += [.string("--agent-address"), .string(agentAddress)] }
        return .object(of: [
            "path": .string(path.description), "args": .array(arguments), "env": .array([]), "timeout": .number("5"),
        ])
    }

    /// A file of hooks.d, of version 1.0.0.
    var description: [UInt8] {
        let description = JSONValue.object(of: [
            "version": .string("1.0.0"), "hook": entry, "when": .object(of: ["always": .bool(true)]),
            "stages": .array([.string(stage.name)]),
        ])
        return Array(description.text.utf8)
    }

    /// The spec with the hook in it, behind those that it has. A call of the same program by hand gives way to ours.
    /// - Parameters:
    ///   - isDefault: it is containerd's own default, not an operator's. What containerd's CRI plugin takes out of
    ///     that one as long as no base spec is named is taken out here: 1,024 open files as the limit of every
    ///     container, above all.
    ///   - name: what to call the spec in errors.
    func added(to spec: [UInt8], isDefault: Bool, name: String) throws(InstallerError) -> [UInt8] {
        var spec = try JSONParser.parse(spec, name: name)
        func refused(_ what: String) -> InstallerError {
            InstallerError("\(name) is no OCI spec: \(what). Mend it, then install again.")
        }
        guard spec["ociVersion"]?.string != nil, spec.members != nil else { throw refused("it has no ociVersion") }
        if isDefault {
            if var process = spec["process"] {
                for key in ["rlimits", "apparmorProfile"] { process[key] = nil }
                spec["process"] = process
            }
            if var linux = spec["linux"] {
                linux["seccomp"] = nil
                spec["linux"] = linux
            }
        }
        var hooks = spec["hooks"] ?? .null
        if hooks == .null { hooks = .object([]) }
        guard hooks.members != nil else { throw refused("its hooks are no object") }
        for stage in [HookStage.createRuntime, .createContainer] {
            let list = hooks[stage.name] ?? .null
            guard list == .null || list.array != nil else { throw refused("its hooks.\(stage.name) is no array") }
            let others = (list.array ?? []).filter { $0["path"]?.string != path.description }
            if stage == self.stage {
                hooks[stage.name] = .array(others + [entry])
            } else if others.count != (list.array ?? []).count {
                hooks[stage.name] = others.isEmpty ? nil : .array(others)
            }
        }
        spec["hooks"] = hooks
        return Array(spec.text.utf8)
    }
}
