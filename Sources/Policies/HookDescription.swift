// SPDX-License-Identifier: Apache-2.0

/// What the records of one hook of one policy mean: for whoever makes events of them.
package final class HookDescription: Sendable {
    /// What records call it: unique on the node, and never given again while the agent runs.
    package let row: UInt32
    package let policy: String
    /// Of a TracingPolicyNamespaced; empty otherwise.
    package let namespace: String
    package let place: Place
    package let message: String
    package let tags: [String]
    /// In the order in which the policy declares them, which is the event's.
    package let arguments: [Argument]
    package let returnArgument: Argument?
    /// What each selector does; what is done where there is none is ``Action/post(_:)``.
    package let actions: [[Action]]
    package let returnActions: [[Action]]

    /// Where the hook is, as events tell it.
    package enum Place: Sendable, Equatable {
        /// Names of functions, of system calls with the kernel's prefix (`__x64_sys_openat`); the record says which.
        case function([String])
        case tracepoint(subsystem: String, event: String)
        case symbols(path: String, [String])
        /// That a program or library brings (USDT).
        case probe(path: String, provider: String, name: String)
        case securityHook(String)
    }

    package struct Argument: Sendable, Equatable {
        /// The value in the record that it is: 0 to 4, or 5 (POL_RETURN).
        package var slot: UInt8
        package var type: ArgumentType
        package var label: String

        package init(slot: UInt8, type: ArgumentType, label: String) {
            self.slot = slot
            self.type = type
            self.label = label
        }
    }

    package init(
        row: UInt32, policy: String, namespace: String, place: Place, message: String, tags: [String],
        arguments: [Argument], returnArgument: Argument?, actions: [[Action]], returnActions: [[Action]]
    ) {
        self.row = row
        self.policy = policy
        self.namespace = namespace
        self.place = place
        self.message = message
        self.tags = tags
        self.arguments = arguments
        self.returnArgument = returnArgument
        self.actions = actions
        self.returnActions = returnActions
    }
}
