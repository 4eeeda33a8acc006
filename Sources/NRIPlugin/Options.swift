// SPDX-License-Identifier: Apache-2.0
import AgentCore
import ArgumentParser
import Logging
import Models
import NRI

struct Options: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-nri",
        abstract: "Adds the Apus OCI hook to each container of containerd or CRI-O, as an NRI plugin.",
        discussion: """
            Connects to the runtime, or serves the connection over which the runtime started it. The lines of the \
            plugin's configuration file (flag=value, without the dashes) win over the command line's hook flags.
            """,
        version: Version.current)

    @Option(help: ArgumentHelp("The socket on which the runtime takes NRI plugins.", valueName: "path"))
    var socketPath = "/var/run/nri/nri.sock"

    @Option(help: ArgumentHelp("The plugin's name. (default: from the runtime or the file name, else apus)"))
    var pluginName: String?

    @Option(
        help: ArgumentHelp(
            "The plugin's place among all plugins, two digits. (default: from the runtime or the file name, else 10)"))
    var pluginIndex: String?

    @OptionGroup var hook: HookOptions

    @Option(
        help: "trace, debug, info, notice, warning, error or critical. (default: info)",
        transform: AgentOptions.logLevel)
    var logLevel = Logger.Level.info

    @Option(help: "text or json.")
    var logFormat = LogFormat.text

    func validate() throws {
        guard socketPath.hasPrefix("/"), socketPath.utf8.count <= ListenAddress.longestPath else {
            throw ValidationError(
                "The value '\(socketPath)' is invalid for '--socket-path': it must be an absolute path of at most "
                    + "\(ListenAddress.longestPath) bytes")
        }
    }

    /// The name and the index by the first that knows them: a flag, the runtime, the program's file name (`10-apus`).
    func identity(program: String, environment: (String) -> String?) throws -> PluginIdentity {
        let file = program.split(separator: "/").last.map(String.init) ?? program
        let parts = file.split(separator: "-", maxSplits: 1).map(String.init)
        let isIndexed = parts.count == 2 && PluginIdentity(name: parts[1], index: parts[0]) != nil
        let name = pluginName ?? environment("NRI_PLUGIN_NAME") ?? (isIndexed ? parts[1] : "apus")
        let index = pluginIndex ?? environment("NRI_PLUGIN_IDX") ?? (isIndexed ? parts[0] : "10")
        guard let identity = PluginIdentity(name: name, index: index) else {
            throw ValidationError(
                "The plugin cannot be called '\(index)-\(name)': '--plugin-index' must be two digits, "
                    + "'--plugin-name' letters, digits and any of -_.+")
        }
        return identity
    }
}

/// What a container gets: on the command line, or in the configuration file that the runtime hands over.
struct HookOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where apus-oci-hook is on the host.", valueName: "path"))
    var hookPath = "/usr/local/bin/apus-oci-hook"

    @Option(help: "createRuntime or createContainer: when the hook runs.")
    var stage = HookStage.createRuntime

    @Option(
        help: ArgumentHelp("When the OCI runtime kills the hook and fails the container.", valueName: "seconds")
    )
    var hookTimeout = 5

    @Option(
        help: ArgumentHelp(
            "The agent's hook socket, for the hook. (default: the hook's own default)", valueName: "address"))
    var agentAddress: ListenAddress?

    func validate() throws {
        guard hookPath.hasPrefix("/"), !hookPath.hasSuffix("/"), hookPath.utf8.count < 4096 else {
            throw ValidationError("The value '\(hookPath)' is invalid for '--hook-path': it must be an absolute path")
        }
        guard (1...600).contains(hookTimeout) else {
            throw ValidationError(
                "The value '\(hookTimeout)' is invalid for '--hook-timeout': it must be from 1 to 600 seconds")
        }
        if case .tcp? = agentAddress {
            throw ValidationError("The hook reaches the agent over a unix socket only: --agent-address unix:///path")
        }
    }

    var injection: HookInjection {
        HookInjection(path: hookPath, stage: stage, timeout: hookTimeout, agentAddress: agentAddress)
    }

    /// These options with what a configuration file says instead: a flag a line, `flag=value`; lines that are empty or
    /// begin with `#` say nothing.
    func reading(configuration text: String) throws -> HookInjection {
        let lines = text.split(whereSeparator: \.isNewline).map(\.trimmed).filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard lines.count <= 64 else { throw ValidationError("it has \(lines.count) lines, and 64 are the limit") }
        var given = ["--hook-path=\(hookPath)", "--stage=\(stage.name)", "--hook-timeout=\(hookTimeout)"]
        if let agentAddress { given.append("--agent-address=\(agentAddress)") }
        do {
            return try Self.parse(given + lines.map { "--\($0)" }).injection
        } catch {
            throw ValidationError(Self.message(for: error))
        }
    }
}

extension HookStage: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String { name }
}
