// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `apus hook` as a program, below a root of its own.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HookCommandTests {
    private final class Root {
        let path = FileManager.default.temporaryDirectory.appending(path: "apus-hook-\(UUID().uuidString)").path

        init() throws {
            for directory in ["", "/etc", "/usr", "/usr/local", "/usr/local/bin", "/var", "/var/lib"] {
                try FileManager.default.createDirectory(
                    atPath: path + directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755]
                )
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func apus(_ arguments: String) async throws -> ClientRun.Outcome {
            try await ClientRun(shell: "umask 077; exec $apus hook \(arguments) --hook-source /bin/true --root \(path)")
                .outcome()
        }

        func files() throws -> Set<String> { Set(try FileManager.default.subpathsOfDirectory(atPath: path)) }
    }

    @Test(arguments: ["containerd", "crio", "podman"])
    func installStatusAndUninstallEndAsDocumented(_ runtime: String) async throws {
        let root = try Root()
        let before = try root.files()
        #expect(try await root.apus("status --runtime \(runtime)").status == 1)
        #expect(try await root.apus("status").status == 0)

        let installed = try await root.apus("install --runtime \(runtime)")
        #expect(installed.status == 0 && installed.talk.isEmpty, "\(installed.talk)")
        #expect(
            installed.output.contains("copied the hook from /bin/true to \(root.path)/usr/local/bin/apus-oci-hook\n"))
        #expect(installed.output.contains("\nnext: "))
        #expect(installed.output.contains("systemctl restart containerd") == (runtime == "containerd"))
        let again = try await root.apus("install --runtime \(runtime)")
        #expect(again.status == 0 && again.output.hasSuffix("nothing was changed\n"))

        let status = try await root.apus("status --runtime \(runtime) -o json")
        #expect(status.status == 0 && status.output.contains("\"runtime\":\"\(runtime)\",\"installed\":true"))
        #expect(try await root.apus("status").output.split(separator: "\n").count == 4)
        #expect(try await root.apus("uninstall --runtime \(runtime)").status == 0)
        #expect(try root.files() == before)
    }

    @Test func whatIsWrongIsOneLineAndExitStatusOne() async throws {
        let root = try Root()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: root.path + "/usr/local/bin")
        let outcome = try await root.apus("install --runtime crio")
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        #expect(outcome.talk.hasPrefix("apus: \(root.path)/usr/local/bin can be written by everybody"))
        #expect(outcome.talk.split(separator: "\n").count == 1)
    }

    @Test(arguments: [
        "install", "uninstall", "install --runtime docker", "install --runtime crio --stage poststop", "status -o xml",
        "install --runtime crio --agent-address localhost:80", "install --runtime crio --wrong",
    ])
    func aWrongCommandLineIsExitStatusTwo(_ arguments: String) async throws {
        let root = try Root()
        let before = try root.files()
        let outcome = try await root.apus(arguments)
        #expect(outcome.status == 2 && outcome.talk.contains("Usage: apus hook"))
        #expect(try root.files() == before)
    }
}
