// SPDX-License-Identifier: Apache-2.0

/// A place in code: one call of a stack.
package struct StackFrame: Sendable, Hashable {
    package var address: UInt64
    /// The function; empty where it is not known.
    package var symbol: String
    /// From the function's beginning, or the file's where there is no function.
    package var offset: UInt64
    /// The kernel's module, or the program or library; empty for the kernel itself.
    package var module: String

    package init(address: UInt64, symbol: String = "", offset: UInt64 = 0, module: String = "") {
        self.address = address
        self.symbol = symbol
        self.offset = offset
        self.module = module
    }
}
