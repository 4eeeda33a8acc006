// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Installer

/// A real containerd, started with what was installed.
@Suite(.serialized, .timeLimit(.minutes(2))) struct DaemonTests {
    /// A daemon of the test's own, apart from the node's in all that it touches.
    private final class Daemon {
        private let directory: String
        private var pid: pid_t = 0

        init(config: String, directory: String) throws {
            self.directory = directory
            let containerd = try #require(
                Program("containerd", in: Sandbox.programs), "the Debian package containerd is missing: make setup")
            let words = [
                containerd.path, "--config", config, "--root", directory + "/root", "--state", directory + "/state",
                "--address", directory + "/socket",
            ]
            var files = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&files)
            defer { posix_spawn_file_actions_destroy(&files) }
            for descriptor in 0..<3 as Range<Int32> {
                posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0)
            }
            var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            defer { for argument in arguments { free(argument) } }
            try #require(posix_spawn(&pid, containerd.path, &files, nil, &arguments, environ) == 0)
        }

        deinit {
            kill(pid, SIGTERM)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }

        /// What its CRI plugin, which reads the base specs at its start, has become: "ok" or "error".
        func cri() async throws -> Substring? {
            let ctr = try #require(Program("ctr", in: Sandbox.programs))
            for _ in 0..<300 {
                let outcome = try ctr.run(["--address", directory + "/socket", "plugins", "ls"])
                let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n")
                let words = lines.map { $0.split(separator: " ") }
                if let line = words.first(where: { $0.starts(with: ["io.containerd.grpc.v1", "cri"]) }) {
                    return line.last
                }
                try await Task.sleep(for: .milliseconds(100))
            }
            return nil
        }
    }

    @Test(arguments: [nil, Configuration.debian, Configuration.severalRuntimes])
    func containerdStartsWithTheInstalledSpecAndKnowsIt(_ text: String?) async throws {
        // Nothing is above it: the paths in the configuration are those that containerd opens.
        let sandbox = try Sandbox(in: "/var/lib")
        let place = sandbox.root + "/etc/containerd"
        var settings = InstallSettings(runtime: .containerd, hookSource: sandbox.hookSource)
        settings.config = place + "/config.toml"
        settings.hookPath = sandbox.root + "/usr/local/bin/apus-oci-hook"
        settings.stateDirectory = sandbox.root + "/var/lib/hook-install"
        if let text { try sandbox.write("/etc/containerd/config.toml", text) }
        try sandbox.install(settings)

        let containerd = try #require(Program("containerd", in: Sandbox.programs))
        let dump = try containerd.run(["--config", settings.config, "config", "dump"])
        let tree = try TOMLTree(parsing: dump.output, name: "the dump")
        let runtimes = try #require(tree[ContainerdConfig.runtimesPath(version: 2)]?.table)
        #expect(!runtimes.isEmpty)
        for (name, runtime) in runtimes {
            #expect(runtime[["base_runtime_spec"]] == .string(place + "/apus-base-spec.json"), "\(name)")
        }
        #expect(try await Daemon(config: settings.config, directory: sandbox.root).cri() == "ok")

        // That it is read, and not only named.
        try sandbox.write("/etc/containerd/apus-base-spec.json", "no spec")
        #expect(try await Daemon(config: settings.config, directory: sandbox.root).cri() == "error")
    }
}
