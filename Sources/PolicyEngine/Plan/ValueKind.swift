// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies

extension ArgumentType {
    /// How the kernel reads it; nil for what only a tracepoint's format tells.
    var kernelType: pol_type? {
        switch self {
        case .auto: nil
        case .int, .int32: POL_I32
        case .int8: POL_I8
        case .uint8: POL_U8
        case .int16: POL_I16
        case .uint16: POL_U16
        case .uint32, .bpfCommand, .capability: POL_U32
        case .int64: POL_I64
        case .uint64, .size: POL_U64
        case .syscall64: POL_SYSCALL
        case .nop: POL_NOP
        case .charBuffer: POL_BUFFER
        case .charIOVector: POL_IOVEC
        case .string: POL_STRING
        case .filename: POL_FILENAME
        case .dataLocation: POL_DATA_LOC
        case .networkDevice: POL_NET_DEVICE
        case .iovIterator: POL_ITERATOR
        case .path: POL_PATH
        case .file: POL_FILE
        case .dentry: POL_DENTRY
        case .fd: POL_FD
        case .kiocb: POL_KIOCB
        case .binaryParameters: POL_BINPRM
        case .sock: POL_SOCK
        case .socket: POL_SOCKET
        case .skb: POL_SKB
        case .socketAddress, .unixSocketAddress: POL_SOCKADDR
        case .credentials: POL_CRED
        case .userNamespace: POL_USER_NAMESPACE
        case .capabilitySet, .inheritableCapabilities, .permittedCapabilities, .effectiveCapabilities:
            POL_CAPABILITIES
        case .bpfAttributes: POL_BPF_ATTR
        case .bpfMap: POL_BPF_MAP
        case .bpfProgram: POL_BPF_PROG
        case .perfEvent: POL_PERF_EVENT
        case .module: POL_MODULE
        case .loadInfo: POL_LOAD_INFO
        }
    }

    var isSocket: Bool { comparison == .socket }

    /// Addresses that system calls and functions of programs get from the program.
    var isInCallersMemory: Bool {
        switch self {
        case .charBuffer, .charIOVector, .string, .socketAddress, .unixSocketAddress, .bpfAttributes: true
        default: false
        }
    }

    var has32Bits: Bool {
        switch self {
        case .int, .int32, .uint32: true
        default: false
        }
    }
}

extension pol_type {
    /// Compared as the hook passes it, before anything is read.
    var isNumber: Bool { rawValue >= POL_I8.rawValue && rawValue <= POL_SYSCALL.rawValue }

    /// Bytes of variable number: bounded by pol_argument.max.
    var isBytes: Bool {
        switch self {
        case POL_STRING, POL_FILENAME, POL_BUFFER, POL_IOVEC, POL_ITERATOR, POL_DATA_LOC, POL_SOCKADDR: true
        default: false
        }
    }

    /// May go on in records of its own.
    var mayContinue: Bool { self == POL_BUFFER || self == POL_IOVEC || self == POL_ITERATOR }
}
