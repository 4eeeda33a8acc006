// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Installer

/// A command that ends between any two of its changes leaves what it, or its opposite, can go on from.
@Suite struct InterruptionTests {
    private let config = "/etc/containerd/config.toml"
    private let interruption = InstallerError("interrupted")

    /// Runs a command up to its change number `count`; whether it was interrupted there.
    private func interrupted(
        after count: Int, _ sandbox: Sandbox, _ settings: InstallSettings, _ command: (HookInstaller) throws -> Void
    ) throws -> Bool {
        var left = count
        do {
            try sandbox.run(settings, command) { [interruption] _ throws(InstallerError) in
                if left == 0 { throw interruption }
                left -= 1
            }
            return false
        } catch let error as InstallerError where error == interruption {
            return true
        }
    }

    /// Directories that were made before anything was recorded are nobody's files.
    private func files(_ sandbox: Sandbox) throws -> [String: Sandbox.Entry] {
        try sandbox.snapshot().filter { $0.value.bytes != nil }
    }

    private func prepared(_ runtime: ContainerRuntime, _ text: String?) throws -> (Sandbox, InstallSettings) {
        let sandbox = try Sandbox()
        if let text { try sandbox.write(config, text) }
        try sandbox.write("/etc/containerd/own.json", Configuration.ownSpec)
        try sandbox.write("/usr/local/bin/apus-oci-hook", "older")
        return (sandbox, sandbox.settings(runtime))
    }

    @Test(
        arguments: [
            (.containerd, Configuration.ownSpecs), (.containerd, Configuration.debian), (.containerd, nil),
            (.podman, nil),
        ] as [(ContainerRuntime, String?)])
    func anInterruptedInstallIsRepaired(_ runtime: ContainerRuntime, _ text: String?) throws {
        let (model, settings) = try prepared(runtime, text)
        try model.install(settings)
        let wanted = model.read(config)
        var count = 0
        while true {
            let (sandbox, settings) = try prepared(runtime, text)
            let before = try files(sandbox)
            guard try interrupted(after: count, sandbox, settings, { try $0.install() }) else { break }
            let now = sandbox.read(config)
            #expect(now == before[config]?.bytes || now == wanted, "after \(count) changes")
            if count % 2 == 0 {
                try sandbox.install(settings)
                #expect(sandbox.read(config) == wanted)
                #expect(try sandbox.status(settings).problems == [], "after \(count) changes")
            }
            try sandbox.uninstall(settings)
            #expect(try files(sandbox) == before, "after \(count) changes")
            count += 1
        }
        #expect(count > 8)
        // The other parity, each of them undone at once.
        for count in 0..<count {
            let (sandbox, settings) = try prepared(runtime, text)
            let before = try files(sandbox)
            _ = try interrupted(after: count, sandbox, settings) { try $0.install() }
            if count % 2 == 1 { try sandbox.install(settings) }
            try sandbox.uninstall(settings)
            #expect(try files(sandbox) == before, "after \(count) changes")
        }
    }

    @Test(
        arguments: [(.containerd, Configuration.ownSpecs), (.containerd, nil), (.podman, nil)]
            as [(ContainerRuntime, String?)])
    func anInterruptedUninstallIsRepaired(_ runtime: ContainerRuntime, _ text: String?) throws {
        for isInstalledAgain in [false, true] {
            var count = 0
            while true {
                let (sandbox, settings) = try prepared(runtime, text)
                let before = try sandbox.snapshot()
                try sandbox.install(settings)
                let installed = sandbox.read(config)
                guard try interrupted(after: count, sandbox, settings, { try $0.uninstall() }) else {
                    #expect(try sandbox.snapshot() == before)
                    break
                }
                let now = sandbox.read(config)
                #expect(now == before[config]?.bytes || now == installed, "after \(count) changes")
                if isInstalledAgain {
                    try sandbox.install(settings)
                    #expect(try sandbox.status(settings).problems == [], "after \(count) changes")
                }
                try sandbox.uninstall(settings)
                #expect(try files(sandbox) == before.filter { $0.value.bytes != nil }, "after \(count) changes")
                count += 1
            }
            #expect(count > 3)
        }
    }
}
