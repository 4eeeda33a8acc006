// SPDX-License-Identifier: Apache-2.0
internal import Containers
package import Models

/// How a process came to be where it is. What it starts has the same origin.
package struct ExecOrigin: Sendable, Equatable {
    /// The raw values and names are the API's ExecOrigin.Kind.
    package enum Kind: UInt32, Sendable, CaseIterable {
        case unknown = 0
        case initTree = 1
        case execProbe = 2
        case lifecycleHook = 3
        case runtimeExec = 4
        case runtimeExecTTY = 5
        case namespaceEntry = 6
        case runtimeSetup = 7
        case host = 8

        var name: StaticString {
            switch self {
            case .unknown: "ORIGIN_UNKNOWN"
            case .initTree: "ORIGIN_INIT_TREE"
            case .execProbe: "ORIGIN_EXEC_PROBE"
            case .lifecycleHook: "ORIGIN_LIFECYCLE_HOOK"
            case .runtimeExec: "ORIGIN_RUNTIME_EXEC"
            case .runtimeExecTTY: "ORIGIN_RUNTIME_EXEC_TTY"
            case .namespaceEntry: "ORIGIN_NAMESPACE_ENTRY"
            case .runtimeSetup: "ORIGIN_RUNTIME_SETUP"
            case .host: "ORIGIN_HOST"
            }
        }

        /// Whether what a process of this origin starts in its container has been brought there by it.
        fileprivate var isInherited: Bool {
            switch self {
            case .unknown, .execProbe, .lifecycleHook, .runtimeExec, .runtimeExecTTY, .namespaceEntry: true
            case .initTree, .runtimeSetup, .host: false
            }
        }
    }

    package let kind: Kind
    /// The kubelet's command that the process is, or looks like.
    package let command: PodCommand.Kind?

    package init(_ kind: Kind, command: PodCommand.Kind? = nil) {
        self.kind = kind
        self.command = command
    }
}

/// What is known of a process where its origin is asked for.
struct OriginEvidence {
    /// Whose program this process ran before, or who forked it; nil where unknown.
    var previous: ProcessImage?
    /// Whether that one's cgroup is the same container's.
    var cameFromInside = false
    var lineage: RuntimeLineage
    var hasTerminal = false
    /// The kubelet's command for this container that the argument vector is.
    var command: PodCommand.Kind?

    /// - Parameters:
    ///   - container: as its cgroup or, by `key`, its namespaces say.
    ///   - isUnnamed: there should be a container and nobody has told of it.
    func origin(
        in container: Container?, by key: ContainerRegistry.Key?, inTree: Bool, isSetUp: Bool, isUnnamed: Bool = false
    ) -> ExecOrigin {
        guard let container else { return ExecOrigin(isUnnamed ? .unknown : .host) }
        if inTree { return ExecOrigin(.initTree) }
        // The runtime's own program, on its way to what it was asked to execute.
        if isSetUp || lineage.isRuntime { return ExecOrigin(.runtimeSetup) }
        if key == .namespaces { return ExecOrigin(.namespaceEntry) }
        guard let previous else { return ExecOrigin(.unknown) }
        if previous.lineage.isRuntime { return execOrigin(in: container, by: previous.lineage) }
        if cameFromInside { return previous.origin.kind.isInherited ? previous.origin : ExecOrigin(.unknown) }
        return ExecOrigin(.namespaceEntry)
    }

    /// The first program of a runtime's exec. Who asked the runtime for it can be told where the engine has a road of
    /// its own for the kubelet: CRI-O runs ExecSync, and only that, under a monitor. In the others an exec without a
    /// terminal by anybody looks the same.
    private func execOrigin(in container: Container, by runtime: RuntimeLineage) -> ExecOrigin {
        if hasTerminal { return ExecOrigin(.runtimeExecTTY) }
        guard let command else { return ExecOrigin(.runtimeExec) }
        guard container.identity.runtime == "cri-o", runtime == .runtimeOfMonitor else {
            return ExecOrigin(.unknown, command: command)
        }
        return ExecOrigin(command.isProbe ? .execProbe : .lifecycleHook, command: command)
    }
}

extension PodCommand {
    /// Whether a process is this command: the same argument vector, and a binary of that name, or of that very path if
    /// the command has one. Of a script the kernel puts the interpreter before the script's own vector.
    /// - Parameter vector: from the process's memory.
    func matches(binary: String, vector: [String]) -> Bool {
        guard let wanted = arguments.first, wanted.hasPrefix("/") ? binary == wanted : binary.hasSuffix("/" + wanted)
        else { return false }
        if Self.isSame(vector[...], arguments[...]) { return true }
        let inserted = vector.count - arguments.count
        return inserted > 0 && vector[inserted] == binary
            && Self.isSame(vector.suffix(arguments.count - 1), arguments.dropFirst())
    }

    /// Byte by byte: two spellings of a letter are the same string to Swift, and not to execve.
    private static func isSame(_ one: ArraySlice<String>, _ other: ArraySlice<String>) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }
}

extension Container {
    /// The kubelet's command for this container that a process is. A probe's before a lifecycle hook's: they may be the
    /// same.
    func command(binary: String, vector: () -> [String]) -> PodCommand.Kind? {
        guard let commands = podContainer?.commands, !commands.isEmpty else { return nil }
        let vector = vector()
        let matching = commands.filter { $0.matches(binary: binary, vector: vector) }
        return (matching.first { $0.kind.isProbe } ?? matching.first)?.kind
    }
}
