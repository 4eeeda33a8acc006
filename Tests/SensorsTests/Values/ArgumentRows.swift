// SPDX-License-Identifier: Apache-2.0
import CLinux
import CRecords
import Glibc
import Policies
import Sensors

extension ArgumentRow {
    /// By hooks that every kernel has: tracepoints with their records, and without.
    static let ofTracepoints: [ArgumentRow] = numbers + bytes + objects

    /// lseek of no file by -2: what a type has of a register is its lower end, with the type's sign.
    private static let numbers: [ArgumentRow] = [
        (.int8, POL_I8, "-2", "254"), (.uint8, POL_U8, "254", "-2"), (.int16, POL_I16, "-2", "65534"),
        (.uint16, POL_U16, "65534", "-2"), (.int, POL_I32, "-2", "4294967294"), (.int32, POL_I32, "-2", "4294967294"),
        (.uint32, POL_U32, "4294967294", "-2"), (.int64, POL_I64, "-2", "18446744073709551614"),
        (.uint64, POL_U64, "18446744073709551614", "-2"), (.size, POL_U64, "18446744073709551614", "4294967294"),
    ].map { type, kernelType, wanted, unwanted in
        ArgumentRow(
            type, "an offset of lseek", .enter("lseek"), pol_argument(kernelType, at: 24), wanted: wanted, not: unwanted
        ) { lseek(-1, -2, SEEK_CUR) }
    }

    private static let bytes: [ArgumentRow] = [
        ArgumentRow(
            .string, "a program's: the path of an open", .enter("openat"), pol_argument(POL_STRING, at: 24, POL_USER),
            wanted: "/tmp/apus-string", not: "/tmp/apus-string2"
        ) { Acts.open("/tmp/apus-string") },
        ArgumentRow(
            .string, "the kernel's: a thread's new name", .rawTracepoint("task_rename"), passed: 2,
            pol_argument(POL_STRING, raw: 1), wanted: "apus-renamed", not: "apus-rename"
        ) {
            try Acts.renamed("apus-renamed")
        },
        ArgumentRow(
            .string, "in the record itself: a thread's new name",
            .tracepoint(subsystem: "task", event: "task_rename"),
            pol_argument(POL_STRING, at: 28, max: 16, POL_IN_PLACE), wanted: "apus-in-place", not: "apus-in-placf"
        ) {
            try Acts.renamed("apus-in-place")
        },
        ArgumentRow(
            .charBuffer, "what is written", .enter("write"),
            pol_argument(POL_BUFFER, raw: 0, count: 1, at: 24, POL_USER), pol_argument(POL_U64, raw: 1, at: 32),
            wanted: "written", not: "written!"
        ) { try Acts.write("written!", of: 7) },
        ArgumentRow(
            .charIOVector, "what is written in pieces", .enter("writev"),
            pol_argument(POL_IOVEC, raw: 0, count: 1, at: 24, POL_USER), pol_argument(POL_U64, raw: 1, at: 32),
            wanted: "one, two", not: "one, two, three"
        ) { try Acts.writePieces([Array("one".utf8), [], Array(", ".utf8), Array("two".utf8)]) },
        ArgumentRow(
            .dataLocation, "the path of an exec", .tracepoint(subsystem: "sched", event: "sched_process_exec"),
            pol_argument(POL_DATA_LOC, at: 8), wanted: "/usr/bin/true", not: "/usr/bin/false", isOfAnybody: true
        ) { try Acts.run("/usr/bin/true") },
        ArgumentRow(
            .networkDevice, "of a packet", .rawTracepoint("net_dev_start_xmit"), passed: 2,
            pol_argument(POL_NET_DEVICE, raw: 1), wanted: "lo", not: "eth0"
        ) { try Acts.reach(40_001, from: 40_002, SOCK_DGRAM, sending: "x") },
        ArgumentRow(
            .nop, "nothing of an lseek", .enter("lseek"), pol_argument(POL_NOP, at: 24), wanted: "", not: "-2"
        ) { lseek(-1, -2, SEEK_CUR) },
        ArgumentRow(
            .syscall64, "a call's number", .tracepoint(subsystem: "raw_syscalls", event: "sys_enter"),
            pol_argument(POL_SYSCALL, at: 8), wanted: "121", not: "122"
        ) { Acts.call(121) },
        ArgumentRow(
            .bpfCommand, "of bpf(2)", .enter("bpf"), pol_argument(POL_U32, at: 16), wanted: "77", not: "78"
        ) { Acts.bpf(77, [:]) },
        ArgumentRow(
            .bpfAttributes, "a program's: those of a program that cannot be", .enter("bpf"),
            pol_argument(POL_BPF_ATTR, raw: 0, count: 1, at: 24, POL_USER), pol_argument(POL_U32, raw: 1, at: 32),
            wanted: "type 99 instructions 3 apus_attr", not: "type 99 instructions 3 apus_att"
        ) { Acts.bpf(5, [0: 99, 1: 3], name: "apus_attr") },
    ]

    private static let objects: [ArgumentRow] = [
        ArgumentRow(
            .fd, "of a close", .enter("fchdir"), pol_argument(POL_FD, at: 16), wanted: "file /tmp/apus-fd",
            not: "file /tmp/apus-fd2"
        ) { try Acts.withFile("/tmp/apus-fd") { _ = fchdir($0) } },
        ArgumentRow(
            .fd, "of a file in memory, which has no directory", .enter("fchdir"), pol_argument(POL_FD, at: 16),
            wanted: "file /memfd:apus-nowhere", not: "file /"
        ) {
            let file = apus_memory_file("apus-nowhere")
            _ = fchdir(file)
            close(file)
        },
        ArgumentRow(
            .fd, "that is none", .enter("fchdir"), pol_argument(POL_FD, at: 16), wanted: "  unreadable",
            not: "directory /"
        ) { _ = fchdir(-100) },
        ArgumentRow(
            .binaryParameters, "of an exec", .rawTracepoint("sched_process_exec"), passed: 3,
            pol_argument(POL_BINPRM, raw: 2), wanted: "file /usr/bin/true", not: "file /usr/bin/false",
            isOfAnybody: true
        ) { try Acts.run("/usr/bin/true") },
        ArgumentRow(
            .sock, "of a connect", .rawTracepoint("inet_sock_set_state"), passed: 3, pol_argument(POL_SOCK),
            wanted: "family 2 protocol 6 127.0.0.1:40004 to 127.0.0.1:40003 state 7",
            not: "family 2 protocol 6 127.0.0.1:40003 to 127.0.0.1:40004 state 7"
        ) { try Acts.reach(40_003, from: 40_004, SOCK_STREAM) },
        ArgumentRow(
            .skb, "a datagram that leaves", .rawTracepoint("net_dev_queue"), passed: 1, pol_argument(POL_SKB),
            wanted: "family 2 protocol 17 127.0.0.1:40006 to 127.0.0.1:40005",
            not: "family 2 protocol 17 127.0.0.1:40005 to 127.0.0.1:40006"
        ) { try Acts.reach(40_005, from: 40_006, SOCK_DGRAM, sending: "x") },
        ArgumentRow(
            .skb, "a datagram that comes", .rawTracepoint("netif_receive_skb"), passed: 1, pol_argument(POL_SKB),
            wanted: "family 2 protocol 17 127.0.0.1:40008 to 127.0.0.1:40007",
            not: "family 2 protocol 17 127.0.0.1:40007 to 127.0.0.1:40008", isOfAnybody: true
        ) { try Acts.reach(40_007, from: 40_008, SOCK_DGRAM, sending: "x") },
        ArgumentRow(
            .socketAddress, "a program's: of a connect", .enter("connect"),
            pol_argument(POL_SOCKADDR, raw: 0, count: 1, at: 24, POL_USER), pol_argument(POL_I32, raw: 1, at: 32),
            wanted: "family 2 127.0.0.1:40009", not: "family 2 127.0.0.1:40010"
        ) { try Acts.reach(40_009, from: 40_010, SOCK_STREAM) },
        ArgumentRow(
            .unixSocketAddress, "a program's: a path", .enter("connect"),
            pol_argument(POL_SOCKADDR, raw: 0, count: 1, at: 24, POL_USER), pol_argument(POL_I32, raw: 1, at: 32),
            wanted: "unix /tmp/apus-unix", not: "unix /tmp/apus-uni"
        ) { try Acts.unix("/tmp/apus-unix", connect) },
        ArgumentRow(
            .unixSocketAddress, "a program's: a name", .enter("connect"),
            pol_argument(POL_SOCKADDR, raw: 0, count: 1, at: 24, POL_USER), pol_argument(POL_I32, raw: 1, at: 32),
            wanted: "unix \0apus-abstract", not: "unix \0apus-abstrac"
        ) { try Acts.unix("\0apus-abstract", connect) },
    ]
}
