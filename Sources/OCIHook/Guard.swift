// SPDX-License-Identifier: Apache-2.0
import CHook

/// What the guard (CHook's guard.c) has to know at any moment, since it may have to end the hook at any moment.
enum Guard {
    static func phase(_ phase: StaticString) {
        apus_guard_set_phase(phase.utf8Start)
    }

    /// Fields for the line that the guard logs if it ends the hook.
    static func context(stage: HookStage, id: String) {
        var line = LogLine()
        line.add("stage", stage.name)
        line.add("id", id)
        var text = line.text
        text.withUTF8 { apus_guard_set_context($0.baseAddress, $0.count) }
    }

    static func failureExit(failing: Bool) {
        apus_guard_set_failure_exit(failing ? 1 : 0)
    }

    /// Logs why the hook failed, and ends it by the fail mode.
    static func fail(_ message: String, _ fields: [(StaticString, String)]) -> Never {
        let line = Log.line(message, fields)
        Log.write(.error, line)
        apus_guard_spool()
        var text = line.text
        text.withUTF8 { apus_guard_fail($0.baseAddress, $0.count) }
    }
}
