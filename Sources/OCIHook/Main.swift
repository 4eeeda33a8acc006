// SPDX-License-Identifier: Apache-2.0
import CHook

/// `apus-oci-hook`: tells the agent who a container is, before the container's first process runs.
///
/// A runtime starts it for every container, so it is small, quick and harmless: it never takes longer than its timeout,
/// and unless it was told to fail closed it never stops a container.
@main
struct Main {
    static func main() {
        let started = apus_clock_us()
        apus_guard_install()
        apus_open_standard_descriptors()

        let options = Options(commandLine: CommandLineArguments())
        switch options.action {
        case .help: printAndExit(Options.help)
        case .version: printAndExit("apus-oci-hook \(Version.current)\n")
        case .run: break
        }

        Guard.failureExit(failing: options.failClosed)
        apus_guard_start(options.timeoutMilliseconds, options.spoolReserveMilliseconds)
        Log.open(options.logFile)
        if apus_own_file_is_writable_by_others() {
            // Whoever used that has replaced this very check; what is left is to tell, and to do the work.
            Log.write(.warning, "the hook's own file is writable by group or others: chmod go-w", [])
        }
        for problem in options.problems {
            Log.write(.warning, "ignoring a part of the command line", [("problem", problem)])
        }
        guard let stage = HookStage(options.stage) else {
            Log.write(.warning, "unknown stage, nothing done", [("stage", options.stage)])
            apus_guard_succeed()
        }
        #if DEBUG
            options.failpoint.withCString { _ = apus_failpoint($0) }
        #endif
        Hook(stage: stage, options: options, started: started).run()
        apus_guard_succeed()
    }

    private static func printAndExit(_ text: String) {
        var text = text
        text.withUTF8 { apus_write(1, $0.baseAddress, $0.count) }
        apus_guard_succeed()
    }
}
