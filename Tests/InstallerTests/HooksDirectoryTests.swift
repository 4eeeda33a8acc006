// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Installer

/// CRI-O and Podman: a file in a directory of hooks.
@Suite struct HooksDirectoryTests {
    private func description(_ runtime: ContainerRuntime) -> String { runtime.hooksDirectory + "/apus-oci-hook.json" }

    @Test(arguments: [ContainerRuntime.crio, .podman])
    func installWritesTheFormThatRuntimesReadAndUninstallRemovesIt(_ runtime: ContainerRuntime) throws {
        let sandbox = try Sandbox()
        let settings = sandbox.settings(runtime)
        let before = try sandbox.snapshot()
        try sandbox.install(settings)
        // Beside the one that is shipped for installing by hand.
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let shipped = try #require(open(root + "/hooks.d/apus-oci-hook.json", O_RDONLY) as Int32?)
        defer { close(shipped) }
        let bytes = try readAll(shipped, shown: "hooks.d", limit: 1 << 20)
        #expect(try sandbox.json(description(runtime)) == JSONParser.parse(bytes, name: "hooks.d"))

        let installed = try sandbox.snapshot()
        #expect(try sandbox.install(settings).last?.hasSuffix("nothing was changed") == true)
        #expect(try sandbox.snapshot() == installed)
        try sandbox.uninstall(settings)
        #expect(try sandbox.snapshot() == before)
    }

    @Test func podmanReadsItsDirectoryAndCrioItsOwn() throws {
        let sandbox = try Sandbox()
        try sandbox.install(sandbox.settings(.crio))
        try sandbox.install(sandbox.settings(.podman))
        #expect(sandbox.read("/etc/containers/oci/hooks.d/apus-oci-hook.json") != nil)
        #expect(sandbox.read("/usr/share/containers/oci/hooks.d/apus-oci-hook.json") != nil)
        var settings = sandbox.settings(.podman)
        settings.hooksDirectory = "/etc/elsewhere"
        try sandbox.expectRefusal(["Uninstall it there first"]) { try sandbox.install(settings) }
    }

    @Test func aChangedDescriptionIsOnlyRemovedOrReplacedByForce() throws {
        let sandbox = try Sandbox()
        var settings = sandbox.settings(.crio)
        let before = try sandbox.snapshot()
        try sandbox.install(settings)
        try sandbox.write(description(.crio), "{}")
        #expect(try sandbox.status(settings).problems.count == 1)
        try sandbox.expectRefusal(["was changed since it was installed", "--force"]) { try sandbox.uninstall(settings) }
        try sandbox.expectRefusal(["was changed since it was installed", "--force"]) { try sandbox.install(settings) }
        settings.isForced = true
        try sandbox.install(settings)
        #expect(try sandbox.status(settings).problems == [])
        try sandbox.write(description(.crio), "{}")
        try sandbox.uninstall(settings)
        #expect(try sandbox.snapshot() == before)
    }

    @Test func aForeignDescriptionComesBack() throws {
        let sandbox = try Sandbox()
        for directory in ["/etc/containers", "/etc/containers/oci", "/etc/containers/oci/hooks.d"] {
            mkdir(sandbox.root + directory, 0o755)
        }
        try sandbox.write(description(.crio), "{\"by\": \"hand\"}")
        let before = try sandbox.snapshot()
        try sandbox.install(sandbox.settings(.crio))
        try sandbox.uninstall(sandbox.settings(.crio))
        #expect(try sandbox.snapshot() == before)
    }

    @Test func aDirectoryOfHooksThatOthersCanWriteIsRefused() throws {
        let sandbox = try Sandbox()
        mkdir(sandbox.root + "/etc/containers", 0o755)
        chmod(sandbox.root + "/etc/containers", 0o777)
        try sandbox.expectRefusal(["/etc/containers can be written by everybody"]) {
            try sandbox.install(sandbox.settings(.crio))
        }
    }
}
