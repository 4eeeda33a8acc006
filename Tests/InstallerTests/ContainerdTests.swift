// SPDX-License-Identifier: Apache-2.0
import Glibc
import Models
import Testing

@testable import Installer

/// Installing for containerd and undoing it, with configurations as nodes have them and containerd's own programs.
@Suite struct ContainerdTests {
    private let config = "/etc/containerd/config.toml"
    private let spec = "/etc/containerd/apus-base-spec.json"

    /// Where the hook is called, in the spec that a runtime names.
    private func hooks(
        of runtime: String, _ configuration: Configuration, in sandbox: Sandbox, stage: String = "createRuntime"
    ) throws -> [JSONValue] {
        let tree = try TOMLTree(parsing: try #require(sandbox.read(config)), name: config)
        let keys = ContainerdConfig.runtimesPath(version: configuration.version) + [runtime, "base_runtime_spec"]
        let path = try #require(tree[keys]?.string, "\(runtime) names no base spec")
        return try #require(try sandbox.json(path)["hooks"]?[stage]?.array)
    }

    private func whole(_ configuration: Configuration) throws {
        let sandbox = try Sandbox()
        let settings = try configuration.place(in: sandbox)
        let before = try sandbox.snapshot()

        try sandbox.install(settings)
        for runtime in configuration.runtimes {
            let calls = try hooks(of: runtime, configuration, in: sandbox)
            #expect(calls.last?["path"] == .string("/usr/local/bin/apus-oci-hook"))
            #expect(calls.last?["args"]?.array?.dropFirst().first == .string("createRuntime"))
        }
        let installed = try sandbox.snapshot()
        let hook = try #require(installed["/usr/local/bin/apus-oci-hook"])
        #expect(hook.mode == S_IFREG | 0o755 && hook.owner == 0)
        #expect(hook.bytes == (try HookInstaller(settings, say: { _ in }).hookProgram()))
        #expect(installed[config]?.mode == S_IFREG | (configuration.bytes == nil ? 0o644 : 0o640))
        #expect(try sandbox.status(settings).problems == [])
        if let bytes = configuration.bytes, let now = sandbox.read(config) {
            // Only lines with our spec, and those of an added table, are new; no old one but an empty spec is gone.
            let old = bytes.split(separator: 0x0a).map { $0.last == 0x0d ? $0.dropLast() : $0 }
            let new = now.split(separator: 0x0a).map { $0.last == 0x0d ? $0.dropLast() : $0 }
            let gone = new.difference(from: old).removals
            #expect(gone.count <= configuration.runtimes.count, "\(gone)")
            for case .remove(_, let line, _) in gone {
                #expect(String(decoding: line, as: UTF8.self).contains("base_runtime_spec"))
            }
            if bytes.contains(0x0d) { #expect(now.count { $0 == 0x0a } == now.count { $0 == 0x0d }) }
        }

        let said = try sandbox.install(settings)
        #expect(said == ["the hook is installed for containerd already; nothing was changed"])
        #expect(try sandbox.snapshot() == installed)

        try sandbox.uninstall(settings)
        #expect(try sandbox.snapshot() == before)
        #expect(try sandbox.uninstall(settings) == ["the hook is not installed for containerd; nothing was changed"])
        #expect(try sandbox.snapshot() == before)
    }

    @Test("a second install changes nothing, and uninstall makes everything what it was", arguments: Configuration.all)
    func matrix(_ configuration: Configuration) throws { try whole(configuration) }

    @Test func containerdsOwnDefaultIsEditedToo() throws { try whole(Configuration.standard()) }

    @Test("what somebody changed after the install stays when our lines go", arguments: Configuration.all)
    func laterEdits(_ configuration: Configuration) throws {
        let sandbox = try Sandbox()
        let settings = try configuration.place(in: sandbox)
        try sandbox.install(settings)
        let newline = (configuration.bytes ?? []).contains(0x0d) ? "\r\n" : "\n"
        let addition = "\(newline)# mine\(newline)[debug]\(newline)level = \"info\"\(newline)"
        try sandbox.write(config, (sandbox.read(config) ?? []) + Array(addition.utf8))
        #expect(
            try sandbox.status(settings).problems == ["\(sandbox.root)\(config) was changed since it was installed."])

        try sandbox.uninstall(settings)
        let rest = try #require(sandbox.text(config))
        #expect(!rest.contains("apus") && rest.hasSuffix(addition))
        let tree = try TOMLTree(parsing: Array(rest.utf8), name: config)
        // A version that was added has to stay, because what was written after it counts on it.
        var expected = try TOMLTree(parsing: configuration.bytes ?? [], name: config)
        if expected[["version"]] == nil { expected = expected.setting(["version"], to: .integer(2)) }
        #expect(tree == expected.setting(["debug", "level"], to: .string("info")))
        if configuration.bytes?.last == 0x0a, configuration.version == 2, expected[["plugins"]] != nil {
            #expect(rest == String(decoding: configuration.bytes ?? [], as: UTF8.self) + addition)
        }
        #expect(sandbox.read(spec) == nil && sandbox.read("/usr/local/bin/apus-oci-hook") == nil)
        #expect(sandbox.read(config + ".apus-backup") == nil)
    }

    @Test func installAfterAnEditTakesInNewRuntimesAndKeepsTheEdit() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.severalRuntimes)
        try sandbox.install()
        let addition =
            "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.new]\nruntime_type = \"io.containerd.runc.v2\"\n"
        try sandbox.write(config, (sandbox.read(config) ?? []) + Array(addition.utf8))
        #expect(try sandbox.status().problems.contains { $0.contains("its runtime new. Install again.") })
        try sandbox.install()
        #expect(try sandbox.status().problems == [])
        try sandbox.uninstall()
        #expect(sandbox.text(config) == Configuration.severalRuntimes + addition)
    }

    @Test func anotherStageReplacesTheOldOne() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.ownSpecs)
        try sandbox.write("/etc/containerd/own.json", Configuration.ownSpec)
        let before = try sandbox.snapshot()
        try sandbox.install()
        var settings = sandbox.settings()
        settings.stage = .createContainer
        settings.agentAddress = "unix:///run/other.sock"
        settings.hookPath = "/usr/local/bin/other-hook"
        try sandbox.install(settings)
        #expect(sandbox.read("/usr/local/bin/apus-oci-hook") == nil)
        let spec = try sandbox.json(spec)
        #expect(spec["hooks"]?["createRuntime"]?.array?.count == 1)
        #expect(
            spec["hooks"]?["createContainer"]?.array?.first?["args"]
                == .array(
                    [
                        "/usr/local/bin/other-hook", "createContainer", "--spool-dir", "/var/lib/apus/spool",
                        "--agent-address", "unix:///run/other.sock",
                    ].map { .string($0) }))
        try sandbox.uninstall(settings)
        #expect(try sandbox.snapshot() == before)
    }

    @Test func hooksOfAnOwnSpecStayAndEachSpecHasItsCopy() throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.ownSpecs)
        try sandbox.write("/etc/containerd/own.json", Configuration.ownSpec)
        try sandbox.install()
        let own = try sandbox.json(spec)
        #expect(
            own["hooks"]?["createRuntime"]?.array?.map { $0["path"]?.string } == [
                "/opt/own", "/usr/local/bin/apus-oci-hook",
            ])
        #expect(own["hooks"]?["poststop"] == .array([]))
        #expect(own["n"] == .number("9007199254740993"))
        let standard = try sandbox.json("/etc/containerd/apus-base-spec-2.json")
        #expect(standard["hooks"]?["createRuntime"]?.array?.count == 1)
        #expect(standard["mounts"]?.array?.isEmpty == false)
        #expect(
            sandbox.text(config)?.contains("base_runtime_spec   =   \"/etc/containerd/apus-base-spec.json\"  # ours")
                == true)
    }

    @Test func theDefaultSpecLimitsNothingThatContainerdWouldNotLimit() throws {
        let sandbox = try Sandbox()
        try sandbox.install()
        let process = try sandbox.json(spec)["process"]
        #expect(process?["rlimits"] == nil && process?["capabilities"] != nil)
        let ctr = try #require(Program("ctr", in: Sandbox.programs))
        #expect(String(decoding: try ctr.run(["oci", "spec"]).output, as: UTF8.self).contains("RLIMIT_NOFILE"))
    }

    @Test func aCallWrittenByHandGivesWay() throws {
        let call = HookCall(path: try AbsolutePath("/bin/hook", role: "it"), stage: .createRuntime)
        let old =
            #"{"ociVersion":"1","hooks":{"createRuntime":[{"path":"/bin/hook"}],"createContainer":[{"path":"/bin/hook"}]}}"#
        let spec = try JSONParser.parse(try call.added(to: Array(old.utf8), isDefault: false, name: "it"), name: "it")
        #expect(spec["hooks"]?["createRuntime"]?.array?.count == 1)
        #expect(spec["hooks"]?["createContainer"] == nil)
        let null = #"{"ociVersion":"1","hooks":null}"#
        #expect(throws: Never.self) { try call.added(to: Array(null.utf8), isDefault: true, name: "it") }
    }

    @Test(arguments: [
        "{}", "[]", "{\"ociVersion\":\"1\",\"hooks\":[]}", "{\"ociVersion\":\"1\",\"hooks\":{\"createRuntime\":{}}}",
        "{",
    ])
    func aBrokenOwnSpecIsRefused(_ text: String) throws {
        let sandbox = try Sandbox()
        try sandbox.write(config, Configuration.ownSpecs)
        try sandbox.write("/etc/containerd/own.json", text)
        try sandbox.expectRefusal(["/etc/containerd/own.json is no "]) { try sandbox.install() }
    }

    @Test func filesThatWereThereComeBack() throws {
        let sandbox = try Sandbox()
        try sandbox.write("/usr/local/bin/apus-oci-hook", Array("older".utf8), mode: 0o700)
        try sandbox.write(spec, "{}")
        let before = try sandbox.snapshot()
        try sandbox.install()
        #expect(sandbox.text("/usr/local/bin/apus-oci-hook.apus-backup") == "older")
        try sandbox.uninstall()
        #expect(try sandbox.snapshot() == before)
    }

    @Test func aHookThatTwoRuntimesUseGoesWithTheLast() throws {
        for first in [ContainerRuntime.containerd, .crio] {
            let second = first == .crio ? ContainerRuntime.containerd : .crio
            let sandbox = try Sandbox()
            try sandbox.write("/usr/local/bin/apus-oci-hook", "older")
            let before = try sandbox.snapshot()
            try sandbox.install(sandbox.settings(.containerd))
            try sandbox.install(sandbox.settings(.crio))
            #expect(try sandbox.uninstall(sandbox.settings(first)).contains { $0.contains("\(second.title) uses it") })
            #expect(try sandbox.status(sandbox.settings(second)).problems == [])
            try sandbox.uninstall(sandbox.settings(second))
            #expect(try sandbox.snapshot() == before)
        }
    }
}
