// SPDX-License-Identifier: Apache-2.0
import Foundation

/// An OCI bundle: a root file system of busybox and test programs, and a config.json.
struct Bundle {
    let path: String

    /// - Parameter hookAddress: where the hook finds its agent.
    init(_ setup: ContainerSetup, in directory: TemporaryDirectory, hookAddress: String, hookLog: String) throws {
        path = directory("bundle")
        try Self.makeRoot(path + "/rootfs", programs: setup.programs)
        for (file, content) in setup.files {
            let place = URL(filePath: path + "/rootfs" + file).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            try content.write(toFile: path + "/rootfs" + file, atomically: false, encoding: .utf8)
        }
        var hooks = try setup.stages.reduce(into: [String: Any]()) { hooks, stage in
            hooks[stage.rawValue] = [
                try stage.hook(tells: hookAddress, writes: hookLog, flags: setup.hookFlags)
            ]
        }
        if !setup.earlierHooks.isEmpty {
            let earlier = setup.earlierHooks.map { ["path": $0[0], "args": $0] as [String: Any] }
            hooks["createContainer"] = earlier + (hooks["createContainer"] as? [[String: Any]] ?? [])
        }
        let config = Self.config(setup, hooks: hooks)
        try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path + "/config.json"))
    }

    private static let applets = [
        "sh", "true", "false", "sleep", "cat", "echo", "mkdir", "setsid", "unshare", "kill", "touch", "rm", "id",
    ]

    static func makeRoot(_ root: String, programs: [String]) throws {
        let files = FileManager.default
        for directory in ["bin", "proc", "dev", "tmp", "etc"] {
            try files.createDirectory(atPath: "\(root)/\(directory)", withIntermediateDirectories: true)
        }
        try place(try Artifacts.tool("busybox"), at: root + "/bin/busybox")
        for applet in applets {
            try files.createSymbolicLink(atPath: "\(root)/bin/\(applet)", withDestinationPath: "busybox")
        }
        for program in programs { try place(try Artifacts.testProgram(program), at: "\(root)/\(program)") }
    }

    /// By a hard link where that goes: containers by the dozen want the same file.
    private static func place(_ file: String, at destination: String) throws {
        if link(file, destination) != 0 { try FileManager.default.copyItem(atPath: file, toPath: destination) }
    }

    private static func mounts(_ setup: ContainerSetup) -> [[String: Any]] {
        let own: [[String: Any]] = [
            ["destination": "/proc", "type": "proc", "source": "proc"],
            [
                "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
            ],
        ]
        return own
            + setup.binds.map {
                ["destination": $0.key, "type": "bind", "source": $0.value, "options": ["bind", "rw"]]
            }
    }

    /// What an unprivileged container gets everywhere.
    static let capabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    ]

    private static func config(_ setup: ContainerSetup, hooks: [String: Any]) -> [String: Any] {
        // No rlimits, they would need CAP_SYS_RESOURCE.
        // With cgroup2 alone, rules of devices take CAP_SYS_RESOURCE, which the machine does not give.
        let resources: [String: Any] =
            RuncContainer.hasOwnView ? [:] : ["devices": [["allow": true, "access": "rwm"]]]
        let namespaces =
            (setup.sharesHostPids ? [] : ["pid"]) + (setup.hasUserNamespace ? ["user"] : []) + ["mount", "ipc", "uts"]
        let capabilities = capabilities + setup.capabilities
        let mappings = [["containerID": 0, "hostID": 100_000, "size": 65_536]]
        return [
            "ociVersion": "1.0.2",
            "process": [
                "terminal": false, "user": ["uid": 0, "gid": 0], "args": setup.command, "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
            ],
            "root": ["path": "rootfs", "readonly": false],
            "hostname": "apus-test",
            "mounts": mounts(setup),
            "annotations": setup.style.annotations(setup.pod, id: setup.id),
            "hooks": hooks,
            "linux": [
                "cgroupsPath": setup.cgroup ?? "/\(setup.id)",
                "namespaces": namespaces.map { ["type": $0] },
                "uidMappings": setup.hasUserNamespace ? mappings : [],
                "gidMappings": setup.hasUserNamespace ? mappings : [],
                "resources": resources,
                "maskedPaths": setup.hasMaskedPaths ? ["/proc/kcore", "/proc/acpi", "/proc/timer_list"] : [],
                "readonlyPaths": setup.hasMaskedPaths ? ["/proc/bus", "/proc/fs", "/proc/irq"] : [],
            ],
        ]
    }
}

extension HookStage {
    /// The hook, as the `hooks` of a config.json have it.
    func hook(tells address: String, writes log: String, flags: [String] = []) throws -> [String: Any] {
        [
            "path": try Artifacts.hook,
            "args": [
                "apus-oci-hook", rawValue, "--agent-address", address, "--log-file", log, "--timeout", "\(patience)s",
            ] + flags,
        ]
    }
}
