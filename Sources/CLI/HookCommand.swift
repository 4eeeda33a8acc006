// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Glibc
import Installer
import Models

/// Makes container runtimes call the hook.
struct HookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook",
        abstract: "Make a container runtime call the hook, undo that, or see how it is.",
        subcommands: [Install.self, Uninstall.self, ShowStatus.self])

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the hook and make a runtime call it.",
            discussion: """
                Only the runtime's own files are touched, and each is kept as it was: uninstall puts it back. Where all is \
                as wanted, nothing is changed. Restart containerd afterwards; nothing is restarted here.
                """)

        @Option(help: "The runtime: containerd, crio or podman.")
        var runtime: ContainerRuntime

        @Option(
            help: "When the hook is called: createRuntime or createContainer.",
            completion: .list(HookStage.allValueStrings))
        var stage = HookStage.createRuntime

        @Option(
            help: ArgumentHelp(
                "Where the agent listens for the hook; a socket's path. The hook's own default if not given.",
                valueName: "unix:///path"),
            transform: {
                guard case .unix(let path)? = ListenAddress($0) else {
                    throw ValidationError("\($0) is no address of a socket: expected unix:///path")
                }
                return "unix://\(path)"
            })
        var agentAddress: String?

        @OptionGroup var places: HookPlaces

        @Flag(help: "Replace what somebody has changed since the hook was installed.")
        var force = false

        func run() throws {
            var settings = places.settings(runtime)
            settings.stage = stage
            settings.agentAddress = agentAddress
            settings.isForced = force
            try installer(settings).install()
        }
    }

    struct Uninstall: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make every file what it was before the hook was installed.",
            discussion: "What was changed since stays as it is, less the lines that call the hook.")

        @Option(help: "The runtime: containerd, crio or podman.")
        var runtime: ContainerRuntime

        @OptionGroup var places: HookPlaces

        @Flag(help: "Remove what was installed even if somebody has changed it.")
        var force = false

        func run() throws {
            var settings = places.settings(runtime)
            settings.isForced = force
            try installer(settings).uninstall()
        }
    }

    struct ShowStatus: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "See for which runtimes the hook is installed, and what is wrong.",
            discussion: """
                Exit status 1 says that something is wrong, or, with --runtime, that the hook is not installed for it.
                """)

        @Option(help: "Only this runtime: containerd, crio or podman.")
        var runtime: ContainerRuntime?

        @OptionGroup var places: HookPlaces

        @Option(name: .shortAndLong, help: "The format: a table, or JSON with a line for each runtime.")
        var output = Format.table

        enum Format: String, CaseIterable, ExpressibleByArgument {
            case table, json
        }

        func run() throws {
            let runtimes = runtime.map { [$0] } ?? ContainerRuntime.allCases
            let statuses = try runtimes.map { try installer(places.settings($0)).status() }
            switch output {
            case .table:
                let lines = HookStatus.table(statuses).split(separator: "\n")
                try StandardOutput.write(lines.map { String($0).terminalSafe + "\n" }.joined())
            case .json: try StandardOutput.write(statuses.map(\.json).joined())
            }
            if statuses.contains(where: { !$0.problems.isEmpty }) {
                throw Failure("not all is well with the hook, as said above")
            }
            if runtime != nil && statuses.contains(where: { !$0.isInstalled }) {
                throw Failure("the hook is not installed for that runtime: apus hook install does it")
            }
        }
    }
}

/// Where things are, or go.
struct HookPlaces: ParsableArguments {
    @Option(
        help: ArgumentHelp("The hook to copy. If not given, the apus-oci-hook beside this program.", valueName: "path"))
    var hookSource: String?

    @Option(help: ArgumentHelp("Where the runtime finds the hook.", valueName: "path"))
    var hookPath = "/usr/local/bin/apus-oci-hook"

    @Option(help: ArgumentHelp("containerd's configuration.", valueName: "path"))
    var config = "/etc/containerd/config.toml"

    @Option(
        help: ArgumentHelp(
            """
            The directory of hooks of CRI-O or Podman. If not given, /etc/containers/oci/hooks.d for CRI-O and \
            /usr/share/containers/oci/hooks.d for Podman.
            """, valueName: "path"))
    var hooksDir: String?

    @Option(help: ArgumentHelp("Take every other path below this directory.", valueName: "directory"))
    var root = "/"

    func settings(_ runtime: ContainerRuntime) -> InstallSettings {
        var settings = InstallSettings(runtime: runtime, hookSource: hookSource ?? hookBesideThisProgram)
        settings.hookPath = hookPath
        settings.config = config
        settings.hooksDirectory = hooksDir
        settings.root = root
        return settings
    }

    private var hookBesideThisProgram: String {
        guard let program = realpath("/proc/self/exe", nil) else { return "apus-oci-hook" }
        defer { free(program) }
        let path = String(cString: program)
        return path[...(path.lastIndex(of: "/") ?? path.startIndex)] + "apus-oci-hook"
    }
}

/// An installer that tells its steps on stdout; its errors are failures of the command.
private func installer(_ settings: InstallSettings) throws -> HookInstaller {
    // Nobody reading is no reason to stop half-way.
    try HookInstaller(settings, say: { try? StandardOutput.write($0.terminalSafe + "\n") })
}

extension ContainerRuntime: ExpressibleByArgument {}

extension HookStage: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
    public static var allValueStrings: [String] { [HookStage.createRuntime, .createContainer].map(\.name) }
}
