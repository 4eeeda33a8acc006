// SPDX-License-Identifier: Apache-2.0

/// containerd's config.toml: which runtimes it has, and which base spec each of them names.
struct ContainerdConfig {
    struct Runtime {
        var name: String
        /// Behind which line a line of ours goes.
        var header: TOMLStatement
        /// The statement that names the base spec, and what it says; an empty text is as good as none.
        var spec: TOMLStatement?
        var specPath: String?
        /// White space before the statements of its table.
        var indentation: [UInt8]
    }

    let bytes: [UInt8]
    let name: String
    let tree: TOMLTree
    let statements: [TOMLStatement]
    /// 2 or 3; nil for a document without any statement, which becomes one of version 2.
    let version: Int?

    static let largest = 4 << 20
    static let specKey = "base_runtime_spec"

    /// - Parameter name: what to call the file in errors.
    init(_ bytes: [UInt8], name: String) throws(InstallerError) {
        self.bytes = bytes
        self.name = name
        tree = try TOMLTree(parsing: bytes, name: name)
        statements = TOMLStatements.all(in: bytes)
        switch tree[["version"]] {
        case .integer(let number) where number == 2 || number == 3: version = number
        case nil where tree == .table([:]): version = nil
        case nil, .integer(1):
            throw InstallerError(
                "\(name) is of version 1, which names plugins in another way. Bring it to version 2 "
                    + "(containerd config migrate prints it so), then install again.")
        default:
            throw InstallerError(
                "\(name) is of a version that is not known here; 2 and 3 are. "
                    + "Name the hook in it by hand, as docs/hook.md says.")
        }
    }

    /// Where the tables of runtimes lie.
    var runtimesPath: [String] { Self.runtimesPath(version: version ?? 2) }

    static func runtimesPath(version: Int) -> [String] {
        let plugin = version == 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri"
        return ["plugins", plugin, "containerd", "runtimes"]
    }

    /// In the order of the file. Forms that cannot be edited by the line are refused.
    func runtimes() throws(InstallerError) -> [Runtime] {
        try refuseOtherForms()
        guard let names = tree[runtimesPath]?.table?.keys.sorted() else { return [] }
        var runtimes: [Runtime] = []
        for name in names {
            guard let index = statements.firstIndex(where: { $0.kind == .table && $0.keys == runtimesPath + [name] })
            else {
                throw InstallerError(
                    "\(self.name) has no line [\(header(of: name))] of its own for its runtime \(name). "
                        + "Write it so, then install again.")
            }
            let body = statements[(index + 1)...].prefix { if case .pair = $0.kind { true } else { false } }
            let spec = body.first { $0.keys == [Self.specKey] }
            let first = body.first ?? statements[index]
            runtimes.append(
                Runtime(
                    name: name, header: statements[index], spec: spec,
                    specPath: try specPath(of: name, statement: spec),
                    indentation: Array(bytes[first.lines.lowerBound..<first.start])
                        + (body.isEmpty ? [0x20, 0x20] : [])))
        }
        return runtimes.sorted { $0.header.start < $1.header.start }
    }

    private func specPath(of runtime: String, statement: TOMLStatement?) throws(InstallerError) -> String? {
        guard let value = tree[runtimesPath + [runtime, Self.specKey]] else { return nil }
        guard let path = value.string, case .pair(let range)? = statement?.kind,
            !bytes[range].starts(with: "\"\"\"".utf8), !bytes[range].starts(with: "'''".utf8)
        else {
            throw InstallerError(
                "\(name) has a \(Self.specKey) for its runtime \(runtime) that is no text on one line. "
                    + "Write it so, then install again.")
        }
        return path.isEmpty ? nil : path
    }

    func header(of runtime: String) -> String {
        let isBare =
            !runtime.isEmpty
            && runtime.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
        return "plugins.\"\(runtimesPath[1])\".containerd.runtimes."
            + (isBare ? runtime : JSONValue.quoted(runtime))
    }

    /// Dotted keys and inline tables on the way to the runtimes: valid, and no line can be put into them.
    private func refuseOtherForms() throws(InstallerError) {
        var table: [String] = []
        for statement in statements {
            let path: [String]
            let isRefused: Bool
            switch statement.kind {
            case .table:
                table = statement.keys
                continue
            case .tableOfArray:
                table = statement.keys
                path = statement.keys
                isRefused =
                    runtimesPath.starts(with: path)
                    || path.starts(with: runtimesPath) && path.count == runtimesPath.count + 1
            case .pair:
                path = table + statement.keys
                isRefused =
                    runtimesPath.starts(with: path)
                    || path.starts(with: runtimesPath) && table.count <= runtimesPath.count
            }
            guard !isRefused else {
                let line = bytes[..<statement.start].count { $0 == UInt8(ascii: "\n") } + 1
                throw InstallerError(
                    "\(name), line \(line), writes \(path.joined(separator: ".")) as a dotted key, an inline table or "
                        + "an array, which cannot be edited safely. Write it as a table with a header of its own, like "
                        + "[\(header(of: "runc"))], then install again.")
            }
        }
    }
}
