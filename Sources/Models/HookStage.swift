// SPDX-License-Identifier: Apache-2.0

/// The moments of the OCI lifecycle at which the hook can be called.
package enum HookStage: Sendable, Equatable {
    /// In the runtime's namespaces and cgroup; the state's pid is the init's host pid.
    case createRuntime
    /// In the container's namespaces and cgroup, before it has changed its root.
    case createContainer

    package init?(_ name: String) {
        switch name {
        case "createRuntime": self = .createRuntime
        case "createContainer": self = .createContainer
        default: return nil
        }
    }

    package var name: String {
        switch self {
        case .createRuntime: "createRuntime"
        case .createContainer: "createContainer"
        }
    }
}

/// Where hooks leave what they could not tell, and an agent looks at its start, unless they are told otherwise.
package let usualSpoolDirectory = "/var/lib/apus/spool"
