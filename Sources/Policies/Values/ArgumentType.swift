// SPDX-License-Identifier: Apache-2.0

/// What an argument is, and so how it is read and what it can be compared with.
package enum ArgumentType: String, Choice {
    case auto, int, int8, uint8, int16, uint16, int32, uint32, int64, uint64
    case size = "size_t"
    case charBuffer = "char_buf"
    case charIOVector = "char_iovec"
    case string, skb, sock, fd, file, filename, path, nop
    case bpfAttributes = "bpf_attr"
    case perfEvent = "perf_event"
    case bpfMap = "bpf_map"
    case bpfCommand = "bpf_cmd"
    case userNamespace = "user_namespace"
    case capability, kiocb
    case iovIterator = "iov_iter"
    case credentials = "cred"
    case loadInfo = "load_info"
    case module, syscall64
    case capabilitySet = "kernel_cap_t"
    case inheritableCapabilities = "cap_inheritable"
    case permittedCapabilities = "cap_permitted"
    case effectiveCapabilities = "cap_effective"
    case binaryParameters = "linux_binprm"
    case dataLocation = "data_loc"
    case networkDevice = "net_device"
    case socketAddress = "sockaddr"
    case unixSocketAddress = "sockaddr_un"
    case socket, dentry
    case bpfProgram = "bpf_prog"

    package var aliases: [String] {
        switch self {
        case .int8: ["sint8"]
        case .int16: ["sint16"]
        case .int32: ["sint32"]
        case .int64: ["sint64", "long"]
        case .uint64: ["ulong"]
        default: []
        }
    }

    package var since: Since {
        switch self {
        case .socketAddress, .unixSocketAddress, .socket, .dentry, .bpfProgram: .later
        default: .first
        }
    }

    package var doc: String {
        switch self {
        case .auto: "What the tracepoint's format says. Only in tracepoints."
        case .int: "A C int."
        case .int8, .int16, .int32, .int64: "A signed integer of so many bits."
        case .uint8, .uint16, .uint32, .uint64: "An unsigned integer of so many bits."
        case .size: "A size in bytes."
        case .charBuffer: "Bytes; another argument says how many, see sizeArgIndex."
        case .charIOVector: "Bytes in several pieces, as readv and writev take them; see sizeArgIndex."
        case .string: "Text that a NUL byte ends."
        case .skb: "A network packet (struct sk_buff)."
        case .sock: "A socket of the network layer (struct sock)."
        case .fd: "A file descriptor; its path is known where FollowFD has seen it opened, or the kernel tells."
        case .file: "An open file (struct file): its path."
        case .filename: "A file's name as a system call gave it (struct filename)."
        case .path: "A path (struct path)."
        case .nop: "An argument to leave out."
        case .bpfAttributes: "What a BPF program is loaded with (union bpf_attr)."
        case .perfEvent: "A perf event (struct perf_event)."
        case .bpfMap: "A BPF map (struct bpf_map)."
        case .bpfCommand: "The command of the system call bpf, by name."
        case .userNamespace: "A user namespace (struct user_namespace)."
        case .capability: "A capability's number, shown with its name."
        case .kiocb: "A file that is being read or written (struct kiocb)."
        case .iovIterator: "Bytes in pieces inside the kernel (struct iov_iter)."
        case .credentials: "The credentials of a process (struct cred)."
        case .loadInfo: "A kernel module that is being loaded (struct load_info)."
        case .module: "A kernel module (struct module)."
        case .syscall64: "A system call's number, with the ABI that it was called by. Only in tracepoints."
        case .capabilitySet: "A set of capabilities (kernel_cap_t)."
        case .inheritableCapabilities: "A set of inheritable capabilities."
        case .permittedCapabilities: "A set of permitted capabilities."
        case .effectiveCapabilities: "A set of effective capabilities."
        case .binaryParameters: "A program that is about to run (struct linux_binprm): its path."
        case .dataLocation: "Text of variable length in a tracepoint's record (__data_loc)."
        case .networkDevice: "A network device (struct net_device): its name."
        case .socketAddress: "An address as connect and bind take it (struct sockaddr)."
        case .unixSocketAddress: "A path to a socket, or an abstract name (struct sockaddr_un)."
        case .socket: "A socket of the file layer (struct socket)."
        case .dentry: "An entry of a directory (struct dentry): its path within the file system."
        case .bpfProgram: "A BPF program (struct bpf_prog)."
        }
    }
}

extension ArgumentType {
    /// What it is compared as.
    package enum Comparison: Sendable, Equatable {
        /// Numbers from a range; `isSigned` says how a value above the middle of it is meant.
        case integer(ClosedRange<Int128>)
        case text
        case socket
        /// Known on the machine only.
        case unknown
        /// By nothing.
        case never
    }

    package var comparison: Comparison {
        switch self {
        case .auto: .unknown
        case .int8: .integer(Int128(Int8.min)...Int128(Int8.max))
        case .uint8: .integer(0...Int128(UInt8.max))
        case .int16: .integer(Int128(Int16.min)...Int128(Int16.max))
        case .uint16: .integer(0...Int128(UInt16.max))
        case .int, .int32: .integer(Int128(Int32.min)...Int128(Int32.max))
        case .uint32, .bpfCommand, .capability: .integer(0...Int128(UInt32.max))
        case .int64, .syscall64: .integer(Int128(Int64.min)...Int128(Int64.max))
        case .uint64, .size, .capabilitySet, .inheritableCapabilities, .permittedCapabilities, .effectiveCapabilities:
            .integer(0...Int128(UInt64.max))
        case .charBuffer, .string, .fd, .file, .filename, .path, .kiocb, .loadInfo, .module, .binaryParameters,
            .dataLocation, .networkDevice, .unixSocketAddress, .dentry:
            .text
        case .skb, .sock, .socketAddress, .socket: .socket
        case .charIOVector, .nop, .bpfAttributes, .perfEvent, .bpfMap, .userNamespace, .iovIterator, .credentials,
            .bpfProgram:
            .never
        }
    }
}
