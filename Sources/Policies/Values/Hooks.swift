// SPDX-License-Identifier: Apache-2.0

/// A function of the kernel, or a system call.
package struct Kprobe: Sendable, Equatable {
    package var call = CallTarget.symbol("")
    /// The name is one of a system call: the machine's prefix is added.
    package var isSystemCall = true
    package var arguments: [HookArgument] = []
    package var hasReturn = false
    package var returnArgument: HookArgument?
    package var returnArgumentAction: ReturnAction?
    package var message: String?
    package var tags: [String] = []
    package var selectors: [Selector] = []
    /// That the kernel has no such function is no error.
    package var mayBeMissing = false

    package init() {}

    /// What is done with the returned value itself.
    package enum ReturnAction: String, Choice {
        case post = "Post"
        case trackSock = "TrackSock"
        case untrackSock = "UntrackSock"

        package var doc: String {
            switch self {
            case .post: "Send an event."
            case .trackSock: "From here on this process is known for the returned socket."
            case .untrackSock: "Forget the process of the returned socket."
            }
        }
    }
}

/// A tracepoint of the kernel.
package struct Tracepoint: Sendable, Equatable {
    package var subsystem = ""
    package var event = ""
    /// Its arguments as they are passed, rather than its record's fields.
    package var isRaw = false
    package var arguments: [HookArgument] = []
    package var message: String?
    package var tags: [String] = []
    package var selectors: [Selector] = []

    package init() {}
}

/// Functions of a program or library.
package struct Uprobe: Sendable, Equatable {
    package var path = ""
    package var symbols: [String] = []
    /// Places in the file, beside the symbols.
    package var offsets: [UInt64] = []
    package var arguments: [HookArgument] = []
    package var hasReturn = false
    package var returnArgument: HookArgument?
    package var message: String?
    package var tags: [String] = []
    package var selectors: [Selector] = []

    package init() {}
}

/// A hook for security modules.
package struct LSMHook: Sendable, Equatable {
    package var hook = ""
    package var arguments: [HookArgument] = []
    package var message: String?
    package var tags: [String] = []
    package var selectors: [Selector] = []

    package init() {}
}

/// A probe that a program or library brings.
package struct USDTProbe: Sendable, Equatable {
    package var path = ""
    package var provider = ""
    package var name = ""
    package var arguments: [HookArgument] = []
    package var message: String?
    package var tags: [String] = []
    package var selectors: [Selector] = []

    package init() {}
}
