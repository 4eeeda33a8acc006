// SPDX-License-Identifier: Apache-2.0

/// What an installation has done, so that it can be undone exactly. It is written before anything else changes, and
/// removed after everything else is back.
struct InstallRecord: Equatable {
    enum Role: String {
        case hook, spec, config, description
    }

    struct File: Equatable {
        var role: Role
        var path: AbsolutePath
        /// SHA-256 of what was there before, nil when nothing was.
        var before: String?
        /// SHA-256 of what the installation put there.
        var after: String
        /// What was there before lies beside it.
        var hasBackup: Bool { before != nil && before != after }
    }

    var stage: String
    var files: [File]
    /// Made for the files, from the top.
    var directories: [AbsolutePath]
    /// Of containerd's config.toml.
    var edit: ContainerdEdit?

    static let largest = 4 << 20

    func file(_ path: AbsolutePath) -> File? { files.first { $0.path == path } }
    func file(_ role: Role) -> File? { files.first { $0.role == role } }

    var bytes: [UInt8] {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        var record = JSONValue.object(of: [
            "version": .number("1"), "stage": .string(stage),
            "files": .array(
                files.map {
                    .object(of: [
                        "role": .string($0.role.rawValue), "path": .string($0.path.description),
                        "sha256_before": text($0.before), "sha256": .string($0.after),
                    ])
                }),
            "directories": .array(directories.map { .string($0.description) }),
        ])
        if let edit {
            let previous = edit.previous.sorted { $0.key < $1.key }
            record["edit"] = .object(of: [
                "previous": .object(previous.map { .init(key: $0.key, value: text($0.value)) }),
                "added_runtime": .bool(edit.addedRuntime), "added_version": .bool(edit.addedVersion),
            ])
        }
        return Array(record.text.utf8)
    }

    init(stage: String, files: [File], directories: [AbsolutePath], edit: ContainerdEdit?) {
        self.stage = stage
        self.files = files
        self.directories = directories
        self.edit = edit
    }

    /// - Parameter name: what to call the file in errors.
    init(parsing bytes: [UInt8], name: String) throws(InstallerError) {
        let json = try JSONParser.parse(bytes, name: name)
        let refused = InstallerError(
            "\(name) is no record of an installation by this version. Undo the installation by hand, as docs/hook.md "
                + "says, then remove that file.")
        guard json["version"] == .number("1"), let stage = json["stage"]?.string, let files = json["files"]?.array,
            let directories = json["directories"]?.array
        else { throw refused }
        self.stage = stage
        self.files = []
        self.directories = []
        for file in files {
            guard let role = file["role"]?.string.flatMap(Role.init(rawValue:)), let path = file["path"]?.string,
                let after = file["sha256"]?.string, let before = file["sha256_before"]
            else { throw refused }
            let place = try AbsolutePath(path, role: "in \(name), the path")
            self.files.append(File(role: role, path: place, before: before.string, after: after))
        }
        for directory in directories {
            guard let path = directory.string else { throw refused }
            self.directories.append(try AbsolutePath(path, role: "in \(name), the directory"))
        }
        guard let edit = json["edit"] else { return }
        guard let previous = edit["previous"]?.members, let addedRuntime = edit["added_runtime"]?.bool,
            let addedVersion = edit["added_version"]?.bool
        else { throw refused }
        var values: [String: String?] = [:]
        for member in previous { values[member.key] = .some(member.value.string) }
        self.edit = ContainerdEdit(previous: values, addedRuntime: addedRuntime, addedVersion: addedVersion)
    }
}
