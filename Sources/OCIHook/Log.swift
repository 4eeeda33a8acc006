// SPDX-License-Identifier: Apache-2.0
import CHook

/// The hook's log, `key=value` lines (see CHook's log.c for the file).
enum Log {
    enum Level {
        case info, warning, error

        var name: StaticString {
            switch self {
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    static func open(_ path: String) {
        let error = path.withCString { apus_log_open($0) }
        if error != 0 {
            write(.warning, "cannot open the log file", [("file", path), ("error", errorText(error))])
        }
    }

    static func write(_ level: Level, _ message: String, _ fields: [(StaticString, String)]) {
        write(level, line(message, fields))
    }

    static func write(_ level: Level, _ line: LogLine) {
        var text = line.text
        text.withUTF8 { bytes in
            level.name.withUTF8Buffer { name in
                name.withMemoryRebound(to: CChar.self) {
                    apus_log_write($0.baseAddress, bytes.baseAddress, bytes.count)
                }
            }
        }
    }

    static func line(_ message: String, _ fields: [(StaticString, String)]) -> LogLine {
        var line = LogLine()
        line.add("msg", message)
        for (key, value) in fields {
            line.add(key, value)
        }
        return line
    }
}

/// The English text of an error number.
func errorText(_ number: CInt) -> String {
    String(cString: apus_error_text(number))
}
