// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Installer

/// A node's file system in small, below a directory of its own.
final class Sandbox {
    /// What a file is, as far as somebody could notice. Of directories only that they are there: their times change.
    struct Entry: Equatable, CustomStringConvertible {
        var mode: mode_t
        var owner: uid_t
        var bytes: [UInt8]?
        var modified: [Int]?

        var description: String {
            "mode \(String(mode, radix: 8)), \(bytes.map { "\($0.count) bytes" } ?? "a directory")"
        }
    }

    static let programs = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]

    let root: String
    let hookSource = "/bin/true"
    private(set) var lines: [String] = []

    /// - Parameter parent: where it lies; in /tmp what is above it is not safe, which only matters without a root.
    init(in parent: String = "/tmp") throws {
        root = "\(parent)/apus-installer-\(UInt64.random(in: 0...UInt64.max))"
        for directory in ["", "/etc", "/etc/containerd", "/usr", "/usr/local", "/usr/local/bin", "/var", "/var/lib"] {
            try #require(mkdir(root + directory, 0o755) == 0)
            try #require(chmod(root + directory, 0o755) == 0)
        }
        let ctr = try #require(
            Program("ctr", in: Self.programs), "the Debian package containerd is missing: make setup")
        try #require(mkdir(root + "/programs", 0o755) == 0 && symlink(ctr.path, root + "/programs/ctr") == 0)
    }

    deinit {
        // The few commands of a shell, because nothing here may follow a link out.
        _ = try? Program("rm", in: ["/usr/bin", "/bin"])?.run(["-rf", "--one-file-system", root])
    }

    func settings(_ runtime: ContainerRuntime = .containerd) -> InstallSettings {
        var settings = InstallSettings(runtime: runtime, hookSource: hookSource)
        settings.root = root
        return settings
    }

    /// As on a node whose containerd is not in the usual places: there is ctr, or not even that.
    func settingsWithoutContainerd(hasCtr: Bool = true) -> InstallSettings {
        var settings = settings()
        settings.programDirectories = [root + (hasCtr ? "/programs" : "/nothing")]
        return settings
    }

    func write(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws {
        let file = try #require(fopen(root + path, "w"))
        try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
        chmod(root + path, mode)
    }

    func write(_ path: String, _ text: String) throws { try write(path, Array(text.utf8)) }

    func read(_ path: String) -> [UInt8]? {
        let descriptor = open(root + path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return try? readAll(descriptor, shown: path, limit: 1 << 28)
    }

    func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

    func json(_ path: String) throws -> JSONValue {
        try JSONParser.parse(try #require(read(path), "there is no \(path)"), name: path)
    }

    /// Everything below the root.
    func snapshot(_ directory: String = "") throws -> [String: Entry] {
        var entries: [String: Entry] = [:]
        let stream = try #require(opendir(root + directory))
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            let path = directory + "/" + name
            var status = stat()
            try #require(lstat(root + path, &status) == 0)
            var found = Entry(mode: status.st_mode, owner: status.st_uid)
            if status.st_mode & S_IFMT == S_IFDIR {
                entries.merge(try snapshot(path)) { first, _ in first }
            } else {
                found.bytes = read(path)
                found.modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            }
            entries[path] = found
        }
        return entries
    }

    /// Runs a command of the installer and returns what it said.
    @discardableResult
    func run(
        _ settings: InstallSettings, _ command: (HookInstaller) throws -> Void,
        willChange: @escaping (String) throws(InstallerError) -> Void = { _ throws(InstallerError) in }
    ) throws -> [String] {
        lines = []
        try command(HookInstaller(settings, say: { [self] in lines.append($0) }, willChange: willChange))
        return lines
    }

    @discardableResult
    func install(_ settings: InstallSettings? = nil) throws -> [String] {
        try run(settings ?? self.settings()) { try $0.install() }
    }

    @discardableResult
    func uninstall(_ settings: InstallSettings? = nil) throws -> [String] {
        try run(settings ?? self.settings()) { try $0.uninstall() }
    }

    func status(_ settings: InstallSettings? = nil) throws -> HookStatus {
        try HookInstaller(settings ?? self.settings(), say: { _ in }).status()
    }
}
