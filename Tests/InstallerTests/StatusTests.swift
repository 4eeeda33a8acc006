// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Installer

@Suite struct StatusTests {
    @Test func whatIsNotInstalledHasNoProblems() throws {
        let status = try Sandbox().status()
        #expect(!status.isInstalled && !status.isCalled && status.problems == [] && status.program == nil)
    }

    @Test func whatIsInstalledIsDescribed() throws {
        let sandbox = try Sandbox()
        try sandbox.install()
        var settings = sandbox.settings()
        let status = try sandbox.status(settings)
        #expect(status.isInstalled && status.isCalled && status.problems == [] && status.program == .same)
        #expect(status.hookPath == sandbox.root + "/usr/local/bin/apus-oci-hook" && status.stage == "createRuntime")
        let json = try JSONParser.parse(Array(status.json.utf8), name: "status")
        #expect(json["installed"] == .bool(true) && json["hook"] == .string("same") && json["problems"] == .array([]))
        settings.hookSource = "/nonexistent"
        #expect(try sandbox.status(settings).program == .unknown)
        #expect(try sandbox.status(settings).problems == [])
        settings.hookSource = "/bin/false"
        #expect(try sandbox.status(settings).program == .different)
        #expect(try sandbox.status(settings).problems.first?.contains("not the same program as /bin/false") == true)
    }

    @Test func eachThingThatWentWrongIsAProblem() throws {
        let config = "/etc/containerd/config.toml"
        func problems(_ spoil: (Sandbox) throws -> Void) throws -> String {
            let sandbox = try Sandbox()
            try sandbox.install()
            try spoil(sandbox)
            return try sandbox.status().problems.joined(separator: "\n")
        }
        #expect(try problems { unlink($0.root + "/usr/local/bin/apus-oci-hook") }.contains("apus-oci-hook is missing"))
        #expect(try problems { unlink($0.root + config) }.contains("config.toml is missing"))
        #expect(
            try problems { unlink($0.root + "/etc/containerd/apus-base-spec.json") }.contains("spec.json is missing"))
        #expect(try problems { chmod($0.root + "/usr/local/bin", 0o777) }.contains("bin can be written by everybody"))
        #expect(try problems { chmod($0.root + "/usr/local/bin/apus-oci-hook", 0o644) }.contains("is not executable"))
        #expect(try problems { try $0.write(config, "version = 2\n") }.contains("to its runtime runc"))
        #expect(try problems { try $0.write(config, "version = \n") }.contains("not valid TOML"))
        #expect(
            try problems { try $0.write("/etc/containerd/apus-base-spec.json", "{}") }.contains("was changed since"))
    }

    @Test func theTableIsAlignedAndProblemsFollow() {
        var good = HookStatus(runtime: .containerd)
        good.isInstalled = true
        good.stage = "createRuntime"
        good.hookPath = "/usr/local/bin/apus-oci-hook"
        good.program = .same
        good.configuration = "/etc/containerd/config.toml"
        var bad = good
        bad.runtime = .crio
        bad.problems = ["it is gone."]
        #expect(
            HookStatus.table([good, bad, HookStatus(runtime: .podman)]) == """
                RUNTIME     STATE          STAGE          HOOK                          PROGRAM  CONFIGURATION
                containerd  installed      createRuntime  /usr/local/bin/apus-oci-hook  same     /etc/containerd/config.toml
                crio        broken         createRuntime  /usr/local/bin/apus-oci-hook  same     /etc/containerd/config.toml
                podman      not installed  -              -                             -        -
                crio: it is gone.

                """)
    }
}
