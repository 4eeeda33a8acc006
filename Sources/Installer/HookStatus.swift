// SPDX-License-Identifier: Apache-2.0

internal import Models

/// How an installation is.
package struct HookStatus: Sendable {
    /// The installed program, beside the one that would be installed now.
    package enum Program: String, Sendable {
        case same, different, missing
        /// There is nothing to compare it with.
        case unknown
    }

    package var runtime: ContainerRuntime
    package var isInstalled = false
    package var stage: String?
    package var hookPath: String?
    package var program: Program?
    /// The file that makes the runtime call the hook.
    package var configuration: String?
    /// Whether it does so, for every runtime that it has.
    package var isCalled = false
    /// What is wrong, and what to do about it.
    package var problems: [String] = []

    /// One line of JSON, newline included.
    package var json: String {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return JSONValue.object(of: [
            "runtime": .string(runtime.rawValue), "installed": .bool(isInstalled), "stage": text(stage),
            "hook_path": text(hookPath), "hook": text(program?.rawValue), "config": text(configuration),
            "called": .bool(isCalled), "problems": .array(problems.map { .string($0) }),
        ]).line + "\n"
    }

    /// Aligned columns under a header, then the problems.
    package static func table(_ statuses: [HookStatus]) -> String {
        let header = ["RUNTIME", "STATE", "STAGE", "HOOK", "PROGRAM", "CONFIGURATION"]
        let rows =
            [header]
            + statuses.map { status in
                [
                    status.runtime.rawValue,
                    !status.isInstalled ? "not installed" : status.problems.isEmpty ? "installed" : "broken",
                    status.stage ?? "-", status.hookPath ?? "-", status.program?.rawValue ?? "-",
                    status.configuration ?? "-",
                ]
            }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            text += cells.joined(separator: "  ").trimmingTrailingSpaces + "\n"
        }
        for status in statuses {
            for problem in status.problems { text += "\(status.runtime.rawValue): \(problem)\n" }
        }
        return text
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: Substring {
        self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)]
    }
}

extension HookInstaller {
    /// Looks at everything and changes nothing. What cannot be looked at is a problem, not an error.
    package func status() -> HookStatus {
        var status = HookStatus(runtime: settings.runtime)
        func attempt(_ body: () throws(InstallerError) -> Void) {
            do throws(InstallerError) { try body() } catch { status.problems.append(error.description) }
        }
        var record: InstallRecord?
        attempt { () throws(InstallerError) in record = try self.record(of: settings.runtime) }
        guard let record else { return status }

        status.isInstalled = true
        status.stage = record.stage
        status.hookPath = record.file(.hook).map { disk.shown($0.path) }
        status.configuration = (record.file(.config) ?? record.file(.description)).map { disk.shown($0.path) }
        status.isCalled = settings.runtime != .containerd
        let again = "Install again."
        for file in record.files {
            let shown = disk.shown(file.path)
            attempt { () throws(InstallerError) in
                guard let content = try disk.read(file.path, limit: Self.largestHook) else {
                    if file.role == .hook { status.program = .missing }
                    if file.role == .description || file.role == .config { status.isCalled = false }
                    throw InstallerError("\(shown) is missing. \(again)")
                }
                let digest = FileDigest.hex(content.bytes)
                switch file.role {
                case .hook:
                    status.program = compare(digest)
                    if status.program == .different {
                        status.problems.append("\(shown) is not the same program as \(settings.hookSource). \(again)")
                    }
                    if content.mode & 0o111 != 0o111 { status.problems.append("\(shown) is not executable. \(again)") }
                case .config:
                    let unnamed = try runtimesWithoutSpec(content, file.path)
                    status.isCalled = unnamed.isEmpty
                    for name in unnamed {
                        status.problems.append("\(shown) does not give the base spec to its runtime \(name). \(again)")
                    }
                case .spec, .description: break
                }
                if digest != file.after {
                    if digest == file.before && file.role == .description { status.isCalled = false }
                    status.problems.append("\(shown) was changed since it was installed.")
                }
            }
        }
        return status
    }

    private func compare(_ digest: String) -> HookStatus.Program {
        guard let source = try? hookProgram() else { return .unknown }
        return FileDigest.hex(source) == digest ? .same : .different
    }

    private func runtimesWithoutSpec(
        _ content: Disk.File, _ path: AbsolutePath
    ) throws(InstallerError) -> [String] {
        let config = try ContainerdConfig(content.bytes, name: disk.shown(path))
        let runtimes = try config.runtimes()
        if runtimes.isEmpty { return ["runc"] }
        return runtimes.filter { $0.specPath.map { isOurSpec($0, beside: path) } != true }.map(\.name)
    }
}
