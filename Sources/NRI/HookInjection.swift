// SPDX-License-Identifier: Apache-2.0
package import Models

/// The hook that containers get.
package struct HookInjection: Sendable, Equatable {
    /// Where the hook is on the host.
    package var path: String
    package var stage: HookStage
    /// In seconds: the runtime kills the hook after that, and fails the container.
    package var timeout: Int
    /// Where the hook finds the agent, unless at the default address.
    package var agentAddress: ListenAddress?

    package init(path: String, stage: HookStage, timeout: Int, agentAddress: ListenAddress? = nil) {
        self.path = path
        self.stage = stage
        self.timeout = timeout
        self.agentAddress = agentAddress
    }

    /// What the container gets besides the hooks that it has.
    var hooks: NRIHooks {
        var hook = NRIHook()
        hook.path = path
        hook.args = [Self.fileName(path), stage.name, "--spool-dir", usualSpoolDirectory]
        if let agentAddress { hook.args += ["--agent-address", "\(agentAddress)"] }
        hook.timeout.value = Int64(timeout)
        var hooks = NRIHooks()
        switch stage {
        case .createRuntime: hooks.createRuntime = [hook]
        case .createContainer: hooks.createContainer = [hook]
        }
        return hooks
    }

    /// Whether a container has the hook already, by a base specification or another plugin: in one stage it has told the
    /// agent all that it would in the other.
    func isPresent(in hooks: NRIHooks) -> Bool {
        [hooks.createRuntime, hooks.createContainer].joined().contains {
            $0.path == path || Self.fileName($0.path) == "apus-oci-hook"
        }
    }

    private static func fileName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}
