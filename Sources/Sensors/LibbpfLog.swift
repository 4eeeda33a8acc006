// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Synchronization

/// libbpf's messages: handed to whoever logs, and kept in part, because the verifier's log comes this way too and
/// belongs into the error. One for the process, as libbpf's print function is.
package enum LibbpfLog {
    package enum Level: Sendable { case warning, info, debug }

    private struct State {
        var handler: (@Sendable (Level, String) -> Void)?
        var recent: [String] = []
    }

    private static let state = Mutex(State())
    private static let keptMessages = 16
    private static let keptBytes = 4096

    /// Sends libbpf's messages (without the newline at their end) to `handler`.
    package static func send(to handler: (@Sendable (Level, String) -> Void)?) {
        state.withLock { $0.handler = handler }
    }

    /// Makes libbpf speak to us. Has no further effect when called again.
    static func install() {
        _ = libbpf_set_print { level, format, arguments in
            guard level != LIBBPF_DEBUG, let format, let arguments else { return 0 }
            var text = [CChar](repeating: 0, count: 65536)
            vsnprintf(&text, text.count, format, arguments)
            LibbpfLog.take(level == LIBBPF_WARN ? .warning : .info, text)
            return 0
        }
    }

    static func forget() {
        state.withLock { $0.recent.removeAll() }
    }

    /// The end of what was said since ``forget()``.
    static func tail() -> String {
        String(state.withLock { $0.recent }.joined(separator: "\n").suffix(keptBytes))
    }

    private static func take(_ level: Level, _ text: [CChar]) {
        var bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        while bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        let message = String(decoding: bytes, as: UTF8.self)
        let handler = state.withLock { state in
            state.recent.append(message)
            if state.recent.count > keptMessages { state.recent.removeFirst() }
            return state.handler
        }
        handler?(level, message)
    }
}
