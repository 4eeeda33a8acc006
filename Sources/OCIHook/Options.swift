// SPDX-License-Identifier: Apache-2.0
import CHook

/// The command line: `apus-oci-hook <stage> [flags]`.
///
/// Whatever is wrong with it is a line in the log, never a reason to stop a container: a typing error in a node's
/// configuration must not keep every pod from starting.
struct Options {
    enum Action {
        case run, help, version
    }

    var action = Action.run
    var stage = ""
    var agentAddress = "unix:///var/run/apus/hook.sock"
    var timeoutMilliseconds: UInt32 = 1000
    var failClosed = false
    var failAllowNamespaces = "kube-system"
    var logFile = "/var/log/apus/hook.log"
    /// Where a request is left that the agent could not be told; empty for nowhere.
    var spoolDirectory = ""
    /// Debug builds: how to die (see failpoint.c).
    var failpoint = ""
    /// What was not understood.
    var problems: [String] = []

    init(commandLine: consuming CommandLineArguments) {
        while let argument = commandLine.next() {
            if argument.utf8.starts(with: "--".utf8) {
                flag(argument, &commandLine)
            } else if stage.isEmpty {
                stage = argument
            } else {
                problems.append("unexpected argument \(argument)")
            }
        }
    }

    private mutating func flag(_ argument: String, _ rest: inout CommandLineArguments) {
        let (name, attached) = Self.split(argument)
        switch name {
        case "--help": action = .help
        case "--version": action = .version
        case "--fail-closed": setFailClosed(attached)
        case "--agent-address", "--timeout", "--fail-allow-namespaces", "--log-file", "--spool-dir":
            guard let value = attached ?? rest.next() else {
                problems.append("\(name) needs a value")
                return
            }
            set(name, value)
        default:
            #if DEBUG
                if name == "--failpoint" {
                    failpoint = attached ?? rest.next() ?? ""
                    return
                }
            #endif
            problems.append("unknown flag \(name)")
        }
    }

    private mutating func set(_ name: String, _ value: String) {
        switch name {
        case "--agent-address": agentAddress = value
        case "--fail-allow-namespaces": failAllowNamespaces = value
        case "--log-file": logFile = value
        case "--spool-dir":
            guard value.isEmpty || value.utf8.first == UInt8(ascii: "/") else {
                problems.append("--spool-dir \(value) is no absolute path")
                return
            }
            spoolDirectory = value
        default:
            guard let milliseconds = Self.milliseconds(value) else {
                problems.append("--timeout \(value) is no duration between 1ms and 10m")
                return
            }
            timeoutMilliseconds = milliseconds
        }
    }

    /// The part of the timeout that is not spent on the agent, so that there is time left for the spool: a tenth, up to
    /// 100 ms.
    var spoolReserveMilliseconds: UInt32 {
        spoolDirectory.isEmpty || timeoutMilliseconds < 2 ? 0 : max(1, min(100, timeoutMilliseconds / 10))
    }

    private mutating func setFailClosed(_ value: String?) {
        switch value {
        case nil, "true": failClosed = true
        case "false": failClosed = false
        case let value?:
            // Whoever writes this flag wants the strict mode; being asked for it unclearly is no reason to leave it.
            problems.append("--fail-closed=\(value) is neither true nor false, taken for true")
            failClosed = true
        }
    }

    /// `--flag=value` has its value with it.
    private static func split(_ argument: String) -> (name: String, value: String?) {
        guard let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            return (argument, nil)
        }
        return (String(argument[..<equals]), String(argument[argument.utf8.index(after: equals)...]))
    }

    /// `250ms`, `1s` or `2m`.
    private static func milliseconds(_ text: String) -> UInt32? {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let unit: UInt64
        switch String(Substring(text.utf8.dropFirst(digits.count))) {
        case "ms": unit = 1
        case "s": unit = 1000
        case "m": unit = 60_000
        default: return nil
        }
        guard digits.count <= 9, let count = UInt64(String(Substring(digits))), (1...600_000).contains(count * unit)
        else {
            return nil
        }
        return UInt32(count * unit)
    }

    /// Whether a container of this namespace may start although its identity could not be delivered.
    func allowsFailure(inNamespace namespace: String) -> Bool {
        !namespace.isEmpty
            && failAllowNamespaces.utf8.split(separator: UInt8(ascii: ",")).contains {
                $0.elementsEqual(namespace.utf8)
            }
    }

    static let help = """
        usage: apus-oci-hook <stage> [flags] < state.json

        Tells the agent who a container is before it starts. Called by an OCI runtime; stage is
        createRuntime or createContainer.

          --agent-address ADDRESS         the agent's hook socket (unix:///var/run/apus/hook.sock)
          --timeout DURATION              the longest that a container is held: 250ms, 1s, 2m (1s)
          --fail-closed                   fail the container if the agent could not be told
          --fail-allow-namespaces A,B     namespaces that --fail-closed leaves alone (kube-system)
          --log-file FILE                 where to log, one line an event (/var/log/apus/hook.log)
          --spool-dir DIR                 where to leave what the agent could not be told (nowhere)
          --version                       print the version
          --help                          print this text

        """
}

/// The arguments after the program's name.
struct CommandLineArguments {
    private var index = 1

    mutating func next() -> String? {
        guard let argument = apus_argument(index) else {
            return nil
        }
        index += 1
        return String(cString: argument)
    }
}
