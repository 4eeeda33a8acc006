// SPDX-License-Identifier: Apache-2.0

package import Models

/// The container runtimes that can be told to call the hook.
package enum ContainerRuntime: String, CaseIterable, Sendable {
    case containerd, crio, podman

    /// Where it looks for descriptions of hooks when nobody has told it otherwise. Podman looks nowhere else, CRI-O looks
    /// into both, and what is in /etc is the operator's.
    package var hooksDirectory: String {
        switch self {
        case .containerd, .crio: "/etc/containers/oci/hooks.d"
        case .podman: "/usr/share/containers/oci/hooks.d"
        }
    }

    /// What the operator calls it.
    package var title: String {
        switch self {
        case .containerd: "containerd"
        case .crio: "CRI-O"
        case .podman: "Podman"
        }
    }
}

/// What is to be installed, for which runtime, and where. Paths are below `root`.
package struct InstallSettings: Sendable {
    package var runtime: ContainerRuntime
    package var stage = HookStage.createRuntime
    /// The program to copy; not below `root`.
    package var hookSource: String
    package var hookPath = "/usr/local/bin/apus-oci-hook"
    /// containerd's config.toml.
    package var config = "/etc/containerd/config.toml"
    /// nil for the runtime's own.
    package var hooksDirectory: String?
    /// The agent's hook socket, `unix:///path`; nil for the usual one.
    package var agentAddress: String?
    package var root = "/"
    /// Where the records of installations lie.
    package var stateDirectory = "/var/lib/apus/hook-install"
    /// Where the runtime's programs are looked for.
    package var programDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    /// Replace, or remove, what somebody has changed since the installation.
    package var isForced = false

    package init(runtime: ContainerRuntime, hookSource: String) {
        self.runtime = runtime
        self.hookSource = hookSource
    }
}
