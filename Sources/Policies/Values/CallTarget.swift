// SPDX-License-Identifier: Apache-2.0

/// What a probe is put on.
package enum CallTarget: Sendable, Equatable {
    case symbol(String)
    /// The functions of a list of the same policy.
    case list(String)
}

extension CallTarget {
    static let codec = Codec<CallTarget>.parsed(
        "a function's name or list:NAME", 1...128, pattern: #"list:.+|[A-Za-z_][A-Za-z0-9_.$]*"#
    ) { text in
        if text.hasPrefix("list:") {
            let name = String(text.dropFirst(5))
            return name.isEmpty ? nil : .list(name)
        }
        return isSymbol(text) ? .symbol(text) : nil
    }

    /// As compilers name functions: `tcp_connect`, `foo.isra.0`.
    static func isSymbol(_ text: String) -> Bool {
        String(text.split(whereSeparator: { $0 == "." || $0 == "$" }).joined()).isIdentifier
            && text.first != "." && text.first != "$"
    }
}

extension String {
    /// `sys_open`, `__x64_sys_open`, `__arm64_sys_open`: what the kernel calls a system call, or a policy may.
    var isSystemCall: Bool { hasPrefix("sys_") || hasPrefix("__") && dropFirst(2).contains("_sys_") }

    /// A hook for security modules, on which a function may decide in the kernel's stead.
    var isSecurityFunction: Bool { hasPrefix("security_") }
}
