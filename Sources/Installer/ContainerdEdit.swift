// SPDX-License-Identifier: Apache-2.0

/// What was done to a config.toml: enough to take it out again, whatever else was changed since.
struct ContainerdEdit: Equatable {
    /// The value that a runtime's base_runtime_spec had, as it was written; nil for a line that is wholly ours.
    var previous: [String: String?] = [:]
    /// The table of runc is ours.
    var addedRuntime = false
    /// The line with the version is ours.
    var addedVersion = false
}

extension ContainerdConfig {
    private static let addedRuntime = "runc"
    private static let runtimeType = "io.containerd.runc.v2"

    /// Gives every runtime a base spec; where there is no runtime, runc becomes one.
    /// - Parameter spec: the path for a runtime, by the one that it names now.
    func naming(spec: (String?) -> AbsolutePath) throws(InstallerError) -> (bytes: [UInt8], edit: ContainerdEdit) {
        var result = bytes
        var expected = tree
        var edit = ContainerdEdit()
        let runtimes = try runtimes()
        // From the end, so that places further up stay where they are.
        for runtime in runtimes.reversed() {
            let path = spec(runtime.specPath).description
            let value = Array(JSONValue.quoted(path).utf8)
            expected = expected.setting((runtimesPath + [runtime.name, Self.specKey])[...], to: .string(path))
            if case .pair(let range)? = runtime.spec?.kind {
                edit.previous[runtime.name] = String(decoding: bytes[range], as: UTF8.self)
                result.replaceSubrange(range, with: value)
            } else {
                edit.previous[runtime.name] = .some(nil)
                insert(
                    runtime.indentation + Array("\(Self.specKey) = ".utf8) + value, behind: runtime.header, in: &result)
            }
        }
        if version == nil {
            edit.addedVersion = true
            expected = expected.setting(["version"], to: .integer(2))
            append("version = 2", to: &result)
        }
        if runtimes.isEmpty {
            let name = Self.addedRuntime
            let path = spec(nil).description
            edit.addedRuntime = true
            edit.previous[name] = .some(nil)
            for (key, text) in [(Self.specKey, path), ("runtime_type", Self.runtimeType)] {
                expected = expected.setting((runtimesPath + [name, key])[...], to: .string(text))
            }
            append("", to: &result)
            append("[\(header(of: name))]", to: &result)
            append("  \(Self.specKey) = \(JSONValue.quoted(path))", to: &result)
            append("  runtime_type = \(JSONValue.quoted(Self.runtimeType))", to: &result)
        }
        try check(result, means: expected)
        return (result, edit)
    }

    /// The document without our lines. Those that name another spec by now are somebody else's, and stay.
    /// - Parameter isOurs: whether a path is one of ours.
    func withoutEdit(_ edit: ContainerdEdit, isOurs: (String) -> Bool) throws(InstallerError) -> [UInt8] {
        var result = bytes
        var expected = tree
        for runtime in try runtimes().reversed() {
            guard let path = runtime.specPath, isOurs(path), let spec = runtime.spec,
                case .pair(let range) = spec.kind
            else { continue }
            let keys = runtimesPath + [runtime.name]
            if let previous = edit.previous[runtime.name] ?? nil {
                result.replaceSubrange(range, with: Array(previous.utf8))
                let old = try TOMLTree(parsing: Array("old = \(previous)".utf8), name: "the record of \(name)")
                expected = expected.setting((keys + [Self.specKey])[...], to: old[["old"]])
            } else if edit.addedRuntime, let lines = linesOfAddedRuntime(runtime) {
                result.removeSubrange(lines)
                expected = expected.setting(keys[...], to: nil)
            } else {
                result.removeSubrange(spec.lines)
                expected = expected.setting((keys + [Self.specKey])[...], to: nil)
            }
        }
        // Tables that only the header of ours had made are gone with it.
        expected =
            edit.addedRuntime
            ? expected.pruned(runtimesPath, like: try TOMLTree(parsing: result, name: name)) : expected
        if edit.addedVersion, expected == .table(["version": .integer(2)]) {
            // A document of nothing else, comments left out: it was of no version before, and meant nothing.
            let rest = try ContainerdConfig(result, name: name)
            if let line = rest.statements.first(where: { $0.keys == ["version"] }) { result.removeSubrange(line.lines) }
            expected = .table([:])
        }
        try check(result, means: expected)
        return result
    }

    /// The lines of the table that was added, with the empty one before it; nil when somebody has put more into it.
    private func linesOfAddedRuntime(_ runtime: Runtime) -> Range<Int>? {
        let table = tree[runtimesPath + [runtime.name]]?.table
        guard runtime.name == Self.addedRuntime, let table, table.count == 2,
            table["runtime_type"] == .string(Self.runtimeType),
            let index = statements.firstIndex(where: { $0.start == runtime.header.start }), index + 2 < statements.count
        else { return nil }
        var start = runtime.header.lines.lowerBound
        for blank in ["\r\n\r\n", "\n\n"] where bytes[..<start].reversed().starts(with: blank.utf8.reversed()) {
            start -= blank.utf8.count / 2
            break
        }
        return start..<statements[index + 2].lines.upperBound
    }

    private func check(_ result: [UInt8], means expected: TOMLTree) throws(InstallerError) {
        let found: TOMLTree
        do {
            found = try TOMLTree(parsing: result, name: "the edited text")
        } catch {
            throw InstallerError(
                "\(name) cannot be edited safely: \(error). Name the hook in it by hand, as docs/hook.md says.")
        }
        guard found == expected else {
            throw InstallerError(
                "\(name) cannot be edited safely: more than the base specs of its runtimes would change. "
                    + "Name the hook in it by hand, as docs/hook.md says.")
        }
    }

    private var newline: [UInt8] {
        guard let end = bytes.firstIndex(of: 0x0a), end > 0, bytes[end - 1] == 0x0d else { return [0x0a] }
        return [0x0d, 0x0a]
    }

    private func append(_ line: String, to result: inout [UInt8]) {
        if let last = result.last, last != 0x0a { result += newline }
        // No empty line at the beginning.
        if line.isEmpty && result.isEmpty { return }
        result += Array(line.utf8) + newline
    }

    private func insert(_ line: [UInt8], behind statement: TOMLStatement, in result: inout [UInt8]) {
        let end = statement.lines.upperBound
        let hasNewline = result[..<end].last == 0x0a
        result.insert(contentsOf: hasNewline ? line + newline : newline + line, at: end)
    }
}

extension TOMLTree {
    /// Without those tables on the path that are empty and that the other tree has not.
    fileprivate func pruned(_ path: [String], like other: TOMLTree) -> TOMLTree {
        var tree = self
        for count in stride(from: path.count, to: 0, by: -1) {
            let keys = path.prefix(count)
            if tree[Array(keys)] == .table([:]) && other[Array(keys)] == nil { tree = tree.setting(keys, to: nil) }
        }
        return tree
    }
}
