// SPDX-License-Identifier: Apache-2.0

/// What a hook passed or returned, in the form that events tell it: KprobeArgument's.
enum HookValue: Sendable, Equatable {
    /// It could not be had, which its label says.
    case none
    case string(String)
    case int(Int32)
    case uint(UInt32)
    case long(Int64)
    case size(UInt64)
    case bytes([UInt8])
    /// The beginning of so many; 0 where it is not known how many.
    case truncatedBytes([UInt8], of: UInt64)
    case path(File)
    case file(File)
    case binary(File)
    case socket(Socket)
    case packet(Socket)
    case socketAddress(family: UInt16, address: String, port: UInt16)
    case localAddress(path: String)
    case credentials(Credentials, CapabilitySets)
    case userNamespace(UserNamespace)
    case capability(Int32)
    case capabilities(CapabilityKind, UInt64)
    case bpfAttributes(BPFProgram)
    case bpfProgram(BPFProgram)
    case bpfMap(BPFMap)
    case bpfCommand(UInt32)
    case perfEvent(PerfEvent)
    case module(Module)
    case networkDevice(String)
    case systemCall(UInt32, is32Bit: Bool)

    struct File: Sendable, Equatable {
        var path: String
        /// What is missing of the path.
        var flags: String
        /// Of the inode: type and permission bits; 0 where it is not known.
        var mode: UInt32

        var permission: String { mode == 0 ? "" : KernelNames.permissions(mode) }
    }

    /// A socket, or a packet's two ends.
    struct Socket: Sendable, Equatable {
        var family: UInt16
        var type: UInt16 = 0
        var proto: UInt16
        var state: UInt16 = 0
        var mark: UInt32
        var priority: UInt32
        var from: String
        var to: String
        var fromPort: UInt16
        var toPort: UInt16
        var cookie: UInt64 = 0
        var hash: UInt32 = 0
        var length: UInt32 = 0
        var securityPaths: UInt32 = 0
        var offloadedPaths: UInt32 = 0
    }

    struct UserNamespace: Sendable, Equatable {
        var level: Int32
        var owner: UInt32
        var group: UInt32
        var number: UInt32
    }

    /// Which of KprobeArgument's hexadecimal sets it is.
    enum CapabilityKind: Sendable { case kernel, inheritable, permitted, effective }

    struct BPFProgram: Sendable, Equatable {
        var type: UInt32
        var instructions: UInt32
        var name: String
    }

    struct BPFMap: Sendable, Equatable {
        var type: UInt32
        var keySize: UInt32
        var valueSize: UInt32
        var maxEntries: UInt32
        var name: String
    }

    struct PerfEvent: Sendable, Equatable {
        var function: String
        var type: UInt32
        var config: UInt64
        var offset: UInt64
    }

    struct Module: Sendable, Equatable {
        var name: String
        /// Nil where the kernel does not check.
        var isSignatureGood: Bool?
        /// The kernel's bits.
        var taints: UInt64
    }
}

/// A value with the name that the policy gave it.
struct HitArgument: Sendable, Equatable {
    var value: HookValue
    /// Behind it in parentheses what is wrong with the value.
    var label: String

    enum Remark: String {
        case unreadable, truncated
        /// Values before it took all of the record's room.
        case noRoom = "no room"
        /// The record that had it was lost, or told before.
        case missing
    }

    init(_ value: HookValue, label: String, _ remark: Remark? = nil) {
        self.value = value
        self.label = remark.map { label.isEmpty ? "(\($0.rawValue))" : "\(label) (\($0.rawValue))" } ?? label
    }
}
