// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Installer

/// What could be changed by others, or cannot be edited, is refused, and nothing changes.
@Suite struct RefusalTests {
    private let config = "/etc/containerd/config.toml"

    // MARK: - Paths

    @Test func aLinkAsConfigurationIsRefused() throws {
        let sandbox = try Sandbox()
        try sandbox.write("/etc/real.toml", Configuration.debian)
        symlink("../real.toml", sandbox.root + config)
        try sandbox.expectRefusal([config + " is a symbolic link", "Name the real path"]) { try sandbox.install() }
        symlink("nowhere", sandbox.root + "/usr/local/bin/apus-oci-hook")
        unlink(sandbox.root + config)
        try sandbox.expectRefusal(["apus-oci-hook is a symbolic link"]) { try sandbox.install() }
    }

    @Test(arguments: ["/etc", "/etc/containerd", "/usr/local", "/usr/local/bin", "/var/lib"])
    func aLinkOnTheWayIsRefused(_ directory: String) throws {
        let sandbox = try Sandbox()
        try #require(rename(sandbox.root + directory, sandbox.root + directory + "-real") == 0)
        symlink(sandbox.root + directory + "-real", sandbox.root + directory)
        try sandbox.expectRefusal([sandbox.root + directory + " is a symbolic link"]) { try sandbox.install() }
    }

    @Test(
        arguments: ["", "/etc", "/etc/containerd", "/usr", "/usr/local/bin", "/var/lib"],
        [(0o777, "everybody"), (0o1777, "everybody"), (0o775, "group 0")] as [(mode_t, String)])
    func aDirectoryThatOthersCanWriteIsRefused(_ directory: String, _ bad: (mode: mode_t, who: String)) throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.debian)
        chmod(sandbox.root + directory, bad.mode)
        let parts = ["\(sandbox.root)\(directory) can be written by \(bad.who)", "chmod go-w"]
        try sandbox.expectRefusal(parts) { try sandbox.install() }
        chmod(sandbox.root + directory, 0o755)
        try sandbox.install()
        chmod(sandbox.root + directory, bad.mode)
        try sandbox.expectRefusal(parts) { try sandbox.uninstall() }
    }

    @Test func whatIsNotRootsIsRefused() throws {
        for path in ["/etc/containerd", "/usr/local/bin", config, "/etc/containerd/own.json"] {
            let sandbox = try Sandbox()
            try sandbox.write(config, Configuration.ownSpecs)
            try sandbox.write("/etc/containerd/own.json", Configuration.ownSpec)
            chown(sandbox.root + path, 12345, 0)
            try sandbox.expectRefusal(["\(sandbox.root)\(path) belongs to user 12345", "chown root"]) {
                try sandbox.install()
            }
        }
    }

    @Test func filesThatOthersCanWriteAreRefused() throws {
        for path in [config, "/etc/containerd/own.json"] {
            let sandbox = try Sandbox()
            try sandbox.write(config, Configuration.ownSpecs)
            try sandbox.write("/etc/containerd/own.json", Configuration.ownSpec)
            chmod(sandbox.root + path, 0o666)
            try sandbox.expectRefusal(["\(sandbox.root)\(path) can be written by everybody"]) { try sandbox.install() }
        }
    }

    @Test func aHookInTmpIsRefused() throws {
        let sandbox = try Sandbox()
        mkdir(sandbox.root + "/tmp", 0o1777)
        chmod(sandbox.root + "/tmp", 0o1777)
        var settings = sandbox.settings()
        settings.hookPath = "/tmp/apus-oci-hook"
        try sandbox.expectRefusal(["/tmp can be written by everybody"]) { try sandbox.install(settings) }
    }

    @Test(arguments: [
        "relative", "", "/", "/a//b", "/a/../b", "/a/.", "/a/", "/a\nb", "/" + String(repeating: "x", count: 256),
    ])
    func pathsThatAreNotPlainAreRefused(_ path: String) throws {
        let sandbox = try Sandbox()
        for key in [\InstallSettings.hookPath, \.config] {
            var settings = sandbox.settings()
            settings[keyPath: key] = path
            try sandbox.expectRefusal(["cannot be used"]) { try sandbox.install(settings) }
        }
    }

    @Test func whatIsNoFileOrNoProgramIsRefused() throws {
        let sandbox = try Sandbox()
        mkfifo(sandbox.root + config, 0o644)
        try sandbox.expectRefusal([config + " is not a regular file"]) { try sandbox.install() }
        unlink(sandbox.root + config)
        for (source, reason) in [
            ("/nonexistent", "No such file"), ("/etc", "not a regular file"), ("/etc/passwd", "no program"),
            ("/dev/zero", "not a regular file"),
        ] {
            var settings = sandbox.settings()
            settings.hookSource = source
            try sandbox.expectRefusal([source, reason, "--hook-source"]) { try sandbox.install(settings) }
        }
    }

    @Test func aFileInTheWayOfABackupIsRefused() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.debian)
        try sandbox.write(config + ".apus-backup", "mine")
        try sandbox.expectRefusal(["config.toml.apus-backup exists", "Move it away"]) { try sandbox.install() }
    }

    /// A mount cannot be removed, and what is mounted there is somebody else's.
    @Test func whatIsInTheWayOfTheNewFileIsNotWrittenInto() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.debian)
        try sandbox.write("/etc/precious", "precious")
        let place = "/etc/containerd/.config.toml.apus-new"
        try sandbox.write(place, "")
        let mount = try #require(Program("mount", in: Sandbox.programs))
        _ = try mount.run(["--bind", sandbox.root + "/etc/precious", sandbox.root + place])
        defer { umount2(sandbox.root + place, Int32(MNT_DETACH)) }
        try #require(sandbox.text(place) == "precious")
        try sandbox.expectRefusal(["create a file beside \(sandbox.root)\(config)"]) { try sandbox.install() }
        #expect(sandbox.text("/etc/precious") == "precious")
    }

    @Test func whatIsLeftAtTheNewFilesNameIsReplacedAndNotWrittenInto() throws {
        for isLink in [false, true] {
            let sandbox = try Sandbox()
            try sandbox.write(config, Configuration.debian)
            try sandbox.write("/etc/precious", "precious")
            let (precious, place) = (sandbox.root + "/etc/precious", "/etc/containerd/.config.toml.apus-new")
            #expect((isLink ? symlink(precious, sandbox.root + place) : link(precious, sandbox.root + place)) == 0)
            try sandbox.install()
            #expect(sandbox.text("/etc/precious") == "precious" && sandbox.read(place) == nil)
            #expect(try sandbox.status().problems == [])
        }
    }

    @Test func twoAtATimeAreRefused() throws {
        let sandbox = try Sandbox()
        try sandbox.run(sandbox.settings()) { _ in
            try sandbox.expectRefusal(["Another apus hook command runs"]) { try sandbox.install() }
        }
        #expect(throws: Never.self) { try sandbox.install() }
    }

    // MARK: - Configurations

    @Test(
        arguments: [
            ("version = 2\nversion = 2\n", "not valid TOML"),
            ("version = 2\n[plugins\n", "not valid TOML"),
            ("version = 2\n{{ template \"base\" . }}\n", "not valid TOML"),
            ("root = \"/x\"\n", "version 1"),
            ("disabled_plugins = [\"cri\"]\n", "version 1"),
            ("version = 1\n", "version 1"),
            ("version = 4\n", "version that is not known"),
            ("version = \"2\"\n", "version that is not known"),
            ("version = 2\n[plugins]\n\"io.containerd.grpc.v1.cri\" = { containerd = {} }\n", "line 3"),
            (
                "version = 2\nplugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.runtime_type = \"x\"\n",
                "line 2"
            ),
            ("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\nruntimes.runc = {}\n", "line 3"),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]\nrunc = {runtime_type = \"x\"}\n",
                "line 3"
            ),
            ("version = 2\n[[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]]\n", "line 2"),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n",
                "has no line [plugins."
            ),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nbase_runtime_spec = 3\n",
                "no text on one line"
            ),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nbase_runtime_spec = \"\"\"/x\"\"\"\n",
                "no text on one line"
            ),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nbase_runtime_spec = \"x\"\n",
                "cannot be used"
            ),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nbase_runtime_spec = \"/none\"\n",
                "does not exist"
            ),
            (
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
                    + "base_runtime_spec = \"/etc/containerd/apus-base-spec.json\"\n",
                "the record of that installation, is missing"
            ),
            // Valid for us, not for containerd.
            ("version = 2\nroot = 5\n", "does not take"),
        ] as [(String, String)])
    func configurationsThatCannotBeEditedAreRefused(_ text: String, _ reason: String) throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, text)
        try sandbox.expectRefusal([config, reason]) { try sandbox.install() }
    }

    @Test func aConfigurationThatIsNotUTF8OrTooLargeIsRefused() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Array("version = 2 # ".utf8) + [0xff])
        try sandbox.expectRefusal(["not UTF-8"]) { try sandbox.install() }
        try sandbox.write(config, "version = 2 # \0")
        try sandbox.expectRefusal(["zero byte"]) { try sandbox.install() }
        try sandbox.write(config, [UInt8](repeating: 0x0a, count: 5 << 20))
        try sandbox.expectRefusal(["larger than"]) { try sandbox.install() }
    }

    @Test func aContainerdThatWouldNotReadTheTablesIsNoticed() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.containerd2)
        try sandbox.expectRefusal(["would not give the base spec", "to its runtime "]) { try sandbox.install() }
        // An imported file that replaces the tables of this one.
        let other =
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nruntime_type = \"x\"\n"
        try sandbox.write("/etc/containerd/other.toml", other)
        try sandbox.write(config, "imports = [\"\(sandbox.root)/etc/containerd/other.toml\"]\n" + Configuration.debian)
        try sandbox.expectRefusal(["would not give the base spec", "its runtime runc"]) { try sandbox.install() }
    }

    @Test func aMissingCtrIsNamed() throws {
        let sandbox = try Sandbox()
        try sandbox.expectRefusal(["there is no ctr"]) {
            try sandbox.install(sandbox.settingsWithoutContainerd(hasCtr: false))
        }
    }

    @Test func aRecordOfSomethingElseIsRefused() throws {
        let sandbox = try Sandbox()
        mkdir(sandbox.root + "/var/lib/apus", 0o755)
        mkdir(sandbox.root + "/var/lib/apus/hook-install", 0o755)
        for text in ["{}", "", "{\"version\":1,\"stage\":\"x\",\"files\":[{}],\"directories\":[]}"] {
            try sandbox.write("/var/lib/apus/hook-install/containerd.json", text)
            try sandbox.expectRefusal(["containerd.json"]) { try sandbox.install() }
            try sandbox.expectRefusal(["containerd.json"]) { try sandbox.uninstall() }
        }
    }
}
