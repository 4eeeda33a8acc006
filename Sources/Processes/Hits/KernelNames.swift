// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The kernel's numbers by the names of its headers. What has no name here is told by its number.
enum KernelNames {
    static func family(_ number: UInt16) -> String {
        number < families.count ? "AF_\(families[Int(number)])" : String(number)
    }

    static func socketType(_ number: UInt16) -> String {
        switch number {
        case 1: "SOCK_STREAM"
        case 2: "SOCK_DGRAM"
        case 3: "SOCK_RAW"
        case 4: "SOCK_RDM"
        case 5: "SOCK_SEQPACKET"
        case 6: "SOCK_DCCP"
        case 10: "SOCK_PACKET"
        default: String(number)
        }
    }

    static func networkProtocol(_ number: UInt16) -> String {
        switch number {
        case 0: "IPPROTO_IP"
        case 1: "IPPROTO_ICMP"
        case 2: "IPPROTO_IGMP"
        case 4: "IPPROTO_IPIP"
        case 6: "IPPROTO_TCP"
        case 8: "IPPROTO_EGP"
        case 12: "IPPROTO_PUP"
        case 17: "IPPROTO_UDP"
        case 22: "IPPROTO_IDP"
        case 29: "IPPROTO_TP"
        case 33: "IPPROTO_DCCP"
        case 41: "IPPROTO_IPV6"
        case 46: "IPPROTO_RSVP"
        case 47: "IPPROTO_GRE"
        case 50: "IPPROTO_ESP"
        case 51: "IPPROTO_AH"
        case 58: "IPPROTO_ICMPV6"
        case 92: "IPPROTO_MTP"
        case 94: "IPPROTO_BEETPH"
        case 98: "IPPROTO_ENCAP"
        case 103: "IPPROTO_PIM"
        case 108: "IPPROTO_COMP"
        case 115: "IPPROTO_L2TP"
        case 132: "IPPROTO_SCTP"
        case 136: "IPPROTO_UDPLITE"
        case 137: "IPPROTO_MPLS"
        case 143: "IPPROTO_ETHERNET"
        case 255: "IPPROTO_RAW"
        case 262: "IPPROTO_MPTCP"
        default: String(number)
        }
    }

    /// Of a connection.
    static func state(_ number: UInt16) -> String {
        number > 0 && number <= states.count ? "TCP_\(states[Int(number) - 1])" : String(number)
    }

    static func bpfProgram(_ number: UInt32) -> String {
        number < programs.count ? "BPF_PROG_TYPE_\(programs[Int(number)])" : String(number)
    }

    static func bpfMap(_ number: UInt32) -> String {
        number < maps.count ? "BPF_MAP_TYPE_\(maps[Int(number)])" : String(number)
    }

    /// Nil where the API has no name for it either.
    static func bpfCommand(_ number: UInt32) -> StaticString? {
        number < commands.count ? commands[Int(number)] : nil
    }

    /// Those beyond are made for a driver each when it is loaded: kprobe, uprobe, a CPU's own.
    static func perfEvent(_ number: UInt32) -> String {
        number < perfEvents.count ? "PERF_TYPE_\(perfEvents[Int(number)])" : String(number)
    }

    /// Of the integrity measurement: enum hash_algo.
    static func hashAlgorithm(_ number: UInt32) -> String? {
        number < hashes.count ? "\(hashes[Int(number)])" : nil
    }

    /// As `ls -l` writes them.
    static func permissions(_ mode: UInt32) -> String {
        var text: [UInt8] = []
        switch mode & S_IFMT {
        case S_IFDIR: text.append(UInt8(ascii: "d"))
        case S_IFLNK: text.append(UInt8(ascii: "l"))
        case S_IFCHR: text.append(UInt8(ascii: "c"))
        case S_IFBLK: text.append(UInt8(ascii: "b"))
        case S_IFIFO: text.append(UInt8(ascii: "p"))
        case S_IFSOCK: text.append(UInt8(ascii: "s"))
        default: text.append(UInt8(ascii: "-"))
        }
        func letter(_ bit: UInt32, _ letter: Character) -> UInt8 {
            mode & bit != 0 ? letter.asciiValue ?? 0 : UInt8(ascii: "-")
        }
        func execute(_ bit: UInt32, _ special: UInt32, _ both: Character, _ alone: Character) -> UInt8 {
            if mode & special == 0 { return letter(bit, "x") }
            return (mode & bit != 0 ? both : alone).asciiValue ?? 0
        }
        text += [letter(0o400, "r"), letter(0o200, "w"), execute(0o100, 0o4000, "s", "S")]
        text += [letter(0o040, "r"), letter(0o020, "w"), execute(0o010, 0o2000, "s", "S")]
        text += [letter(0o004, "r"), letter(0o002, "w"), execute(0o001, 0o1000, "t", "T")]
        return String(decoding: text, as: UTF8.self)
    }

    private static let families: [StaticString] = [
        "UNSPEC", "UNIX", "INET", "AX25", "IPX", "APPLETALK", "NETROM", "BRIDGE", "ATMPVC", "X25", "INET6", "ROSE",
        "DECnet", "NETBEUI", "SECURITY", "KEY", "NETLINK", "PACKET", "ASH", "ECONET", "ATMSVC", "RDS", "SNA", "IRDA",
        "PPPOX", "WANPIPE", "LLC", "IB", "MPLS", "CAN", "TIPC", "BLUETOOTH", "IUCV", "RXRPC", "ISDN", "PHONET",
        "IEEE802154", "CAIF", "ALG", "NFC", "VSOCK", "KCM", "QIPCRTR", "SMC", "XDP", "MCTP",
    ]
    private static let states: [StaticString] = [
        "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
        "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV",
    ]
    private static let programs: [StaticString] = [
        "UNSPEC", "SOCKET_FILTER", "KPROBE", "SCHED_CLS", "SCHED_ACT", "TRACEPOINT", "XDP", "PERF_EVENT",
        "CGROUP_SKB", "CGROUP_SOCK", "LWT_IN", "LWT_OUT", "LWT_XMIT", "SOCK_OPS", "SK_SKB", "CGROUP_DEVICE", "SK_MSG",
        "RAW_TRACEPOINT", "CGROUP_SOCK_ADDR", "LWT_SEG6LOCAL", "LIRC_MODE2", "SK_REUSEPORT", "FLOW_DISSECTOR",
        "CGROUP_SYSCTL", "RAW_TRACEPOINT_WRITABLE", "CGROUP_SOCKOPT", "TRACING", "STRUCT_OPS", "EXT", "LSM",
        "SK_LOOKUP", "SYSCALL", "NETFILTER",
    ]
    private static let maps: [StaticString] = [
        "UNSPEC", "HASH", "ARRAY", "PROG_ARRAY", "PERF_EVENT_ARRAY", "PERCPU_HASH", "PERCPU_ARRAY", "STACK_TRACE",
        "CGROUP_ARRAY", "LRU_HASH", "LRU_PERCPU_HASH", "LPM_TRIE", "ARRAY_OF_MAPS", "HASH_OF_MAPS", "DEVMAP",
        "SOCKMAP", "CPUMAP", "XSKMAP", "SOCKHASH", "CGROUP_STORAGE", "REUSEPORT_SOCKARRAY", "PERCPU_CGROUP_STORAGE",
        "QUEUE", "STACK", "SK_STORAGE", "DEVMAP_HASH", "STRUCT_OPS", "RINGBUF", "INODE_STORAGE", "TASK_STORAGE",
        "BLOOM_FILTER", "USER_RINGBUF", "CGRP_STORAGE", "ARENA",
    ]
    private static let commands: [StaticString] = [
        "BPF_MAP_CREATE", "BPF_MAP_LOOKUP_ELEM", "BPF_MAP_UPDATE_ELEM", "BPF_MAP_DELETE_ELEM",
        "BPF_MAP_GET_NEXT_KEY", "BPF_PROG_LOAD", "BPF_OBJ_PIN", "BPF_OBJ_GET", "BPF_PROG_ATTACH", "BPF_PROG_DETACH",
        "BPF_PROG_TEST_RUN", "BPF_PROG_GET_NEXT_ID", "BPF_MAP_GET_NEXT_ID", "BPF_PROG_GET_FD_BY_ID",
        "BPF_MAP_GET_FD_BY_ID", "BPF_OBJ_GET_INFO_BY_FD", "BPF_PROG_QUERY", "BPF_RAW_TRACEPOINT_OPEN",
        "BPF_BTF_LOAD", "BPF_BTF_GET_FD_BY_ID", "BPF_TASK_FD_QUERY", "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
        "BPF_MAP_FREEZE", "BPF_BTF_GET_NEXT_ID", "BPF_MAP_LOOKUP_BATCH", "BPF_MAP_LOOKUP_AND_DELETE_BATCH",
        "BPF_MAP_UPDATE_BATCH", "BPF_MAP_DELETE_BATCH", "BPF_LINK_CREATE", "BPF_LINK_UPDATE",
        "BPF_LINK_GET_FD_BY_ID", "BPF_LINK_GET_NEXT_ID", "BPF_ENABLE_STATS", "BPF_ITER_CREATE", "BPF_LINK_DETACH",
        "BPF_PROG_BIND_MAP", "BPF_TOKEN_CREATE",
    ]
    private static let perfEvents: [StaticString] = [
        "HARDWARE", "SOFTWARE", "TRACEPOINT", "HW_CACHE", "RAW", "BREAKPOINT",
    ]
    private static let hashes: [StaticString] = [
        "md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224", "rmd128", "rmd256", "rmd320", "wp256",
        "wp384", "wp512", "tgr128", "tgr160", "tgr192", "sm3", "streebog256", "streebog512", "sha3-256", "sha3-384",
        "sha3-512",
    ]
}
