// SPDX-License-Identifier: Apache-2.0
import AgentCore
import ArgumentParser
import Glibc
import Logging
import Models
import NRI

/// apus-nri. Exit codes: 0 the runtime that started it has closed the connection, or it was told to stop; 1 that
/// connection failed; 2 told something that it cannot do.
@main struct NRIPlugin {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        // As a container's first process it would otherwise not hear them. Nothing is held that would have to be put away.
        for number in [SIGTERM, SIGINT] { signal(number) { _ in _exit(0) } }

        let (options, identity) = readOptions()
        let log = Logger(label: "apus-nri") { _ in
            LineLogHandler(
                label: "apus-nri", format: options.logFormat, level: LogLevel(options.logLevel), write: writeIfReady)
        }
        let hook = options.hook
        let service = PluginService(hook.injection) { try hook.reading(configuration: $0) }
        let plugin = Plugin(identity, service: service, log: log)
        log.notice(
            "starting",
            metadata: [
                "version": "\(Version.current)", "plugin": "\(identity.index)-\(identity.name)",
                "hook": "\(hook.hookPath)", "stage": "\(hook.stage.name)",
            ])
        guard let inherited = variable("NRI_PLUGIN_SOCKET") else { plugin.serve(socketPath: options.socketPath) }
        do {
            try plugin.serve(RuntimeSocket(inherited: inherited))
        } catch {
            log.critical(
                "cannot go on",
                metadata: ["attempt": "\(error.attempt)", "error": "\(error.reason)", "advice": "\(error.advice)"])
            exit(1)
        }
    }

    private static func readOptions() -> (Options, PluginIdentity) {
        do {
            let options = try Options.parse()
            return (options, try options.identity(program: CommandLine.arguments.first ?? "", environment: variable))
        } catch {
            let text = Options.fullMessage(for: error)
            if Options.exitCode(for: error) == .success {
                print(text)
                exit(0)
            }
            LineLogHandler.writeToStandardError(Array("apus-nri: \(text)\n".utf8))
            exit(2)
        }
    }

    /// Nil where it is not set or empty.
    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Writes a line where there is room for it: a reader of the log that is stuck must not hold containers. A pipe that
    /// is ready has room for 4,096 bytes; a longer line is cut.
    private static let writeIfReady: @Sendable ([UInt8]) -> Void = { bytes in
        let room = 4096
        let line = bytes.count <= room ? bytes : bytes.prefix(room - 1) + [UInt8(ascii: "\n")]
        var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&entry, 1, 0) > 0, entry.revents & Int16(POLLOUT) != 0 { LineLogHandler.writeToStandardError(line) }
    }
}
