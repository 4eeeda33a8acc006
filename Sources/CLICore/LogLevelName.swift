// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// How much an agent logs, as users write it.
package enum LogLevelName: String, CaseIterable, Sendable {
    case panic, fatal, error, warn, info, debug, trace

    package var level: Tetragon_LogLevel {
        switch self {
        case .panic: .panic
        case .fatal: .fatal
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        case .trace: .trace
        }
    }

    /// Nil for a level that this client does not know.
    package init?(_ level: Tetragon_LogLevel) {
        guard let name = Self.allCases.first(where: { $0.level == level }) else { return nil }
        self = name
    }
}
