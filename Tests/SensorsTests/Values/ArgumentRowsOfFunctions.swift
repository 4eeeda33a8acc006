// SPDX-License-Identifier: Apache-2.0
import CLinux
import CRecords
import Glibc
import Policies
import Sensors

extension ArgumentRow {
    /// By functions of the kernel.
    static let ofFunctions: [ArgumentRow] = [
        ArgumentRow(
            .filename, "of an open", .function("do_filp_open"), pol_argument(POL_FILENAME, raw: 1),
            wanted: "/tmp/apus-filename", not: "/tmp/apus-filenam"
        ) { Acts.open("/tmp/apus-filename") },
        ArgumentRow(
            .kiocb, "of a read", .function("shmem_file_read_iter"), pol_argument(POL_KIOCB),
            wanted: "file /tmp/apus-kiocb", not: "file /tmp/apus-kioc"
        ) { try Acts.withFile("/tmp/apus-kiocb") { Acts.readOne($0) } },
        ArgumentRow(
            .iovIterator, "of a read into one buffer", .function("shmem_file_read_iter"),
            pol_argument(POL_ITERATOR, raw: 1), wanted: "before", not: "befor"
        ) { try Acts.withFile("/tmp/apus-iterator") { Acts.readOne($0) } },
        ArgumentRow(
            .iovIterator, "of a read into two", .function("shmem_file_read_iter"),
            pol_argument(POL_ITERATOR, raw: 1), wanted: "before", not: "bef"
        ) { try Acts.withFile("/tmp/apus-iterators") { Acts.readTwo($0) } },
        ArgumentRow(
            .credentials, "that a thread gets", .function("commit_creds"), pol_argument(POL_CRED),
            wanted: "uid 0 0 4711 gid 0 effective \(Acts.allCapabilities)",
            not: "uid 0 4711 0 gid 0 effective \(Acts.allCapabilities)"
        ) { Acts.becomeAndBack() },
        ArgumentRow(
            .charBuffer, "what a read has brought", .function("__x64_sys_read"), isCall: true, hasReturn: true,
            pol_argument(POL_BUFFER, raw: 1, count: 2, POL_USER, POL_AT_RETURN), wanted: "abcd", not: "before"
        ) { try Acts.withFile("/tmp/apus-read", "abcd") { Acts.readOne($0) } },
        ArgumentRow(
            .charIOVector, "what a read in pieces has brought", .function("__x64_sys_readv"), isCall: true,
            hasReturn: true, pol_argument(POL_IOVEC, raw: 1, count: 2, POL_USER, POL_AT_RETURN), wanted: "abcd",
            not: "before"
        ) { try Acts.withFile("/tmp/apus-readv", "abcd") { Acts.readTwo($0) } },
        ArgumentRow(
            .syscall64, "a call of 32 bits", .tracepoint(subsystem: "raw_syscalls", event: "sys_enter"),
            pol_argument(POL_SYSCALL, at: 8), wanted: "\(20 + 1 << 31)", not: "20"
        ) { try Acts.callBy32Bits() },
    ]

    /// By hooks for security modules.
    static let ofSecurityHooks: [ArgumentRow] = [
        ArgumentRow(
            .path, "that is asked about", .securityHook("inode_getattr"), passed: 1, pol_argument(POL_PATH),
            wanted: "file /tmp/apus-path", not: "file /apus-path"
        ) {
            try Acts.withFile("/tmp/apus-path") { _ in
                var status = stat()
                stat("/tmp/apus-path", &status)
            }
        },
        ArgumentRow(
            .file, "that is opened", .securityHook("file_open"), passed: 1, pol_argument(POL_FILE),
            wanted: "file /tmp/apus-file", not: "file /tmp/apus-fil"
        ) { try Acts.withFile("/tmp/apus-file") { _ in } },
        ArgumentRow(
            .dentry, "that is removed, within its file system", .securityHook("inode_unlink"), passed: 2,
            pol_argument(POL_DENTRY, raw: 1), wanted: "file \(Acts.temporary)/apus-dentry",
            not: "file \(Acts.temporary)/apus-dentr"
        ) { try Acts.withFile("/tmp/apus-dentry") { _ in } },
        ArgumentRow(
            .socket, "that is connected", .securityHook("socket_connect"), passed: 3, pol_argument(POL_SOCKET),
            wanted: "family 2 protocol 6 127.0.0.1:40012 to 0.0.0.0:0 state 7",
            not: "family 2 protocol 6 127.0.0.1:40011 to 0.0.0.0:0 state 7"
        ) { try Acts.reach(40_011, from: 40_012, SOCK_STREAM) },
        ArgumentRow(
            .socketAddress, "the kernel's: to be connected to", .securityHook("socket_connect"), passed: 3,
            pol_argument(POL_SOCKADDR, raw: 1, count: 2), wanted: "family 2 127.0.0.1:40013",
            not: "family 2 127.0.0.1:40014"
        ) { try Acts.reach(40_013, from: 40_014, SOCK_STREAM) },
        ArgumentRow(
            .unixSocketAddress, "the kernel's: a name to bind to", .securityHook("socket_bind"), passed: 3,
            pol_argument(POL_SOCKADDR, raw: 1, count: 2), wanted: "unix \0apus-bound", not: "unix \0apus-bound\0"
        ) { try Acts.unix("\0apus-bound", bind) },
        ArgumentRow(
            .credentials, "that a thread is about to get", .securityHook("task_fix_setuid"), passed: 3,
            pol_argument(POL_CRED), wanted: "uid 0 0 4711 gid 0 effective \(Acts.allCapabilities)",
            not: "uid 0 4711 0 gid 0 effective \(Acts.allCapabilities)"
        ) { Acts.becomeAndBack() },
        ArgumentRow(
            .userNamespace, "in which a capability is needed", .securityHook("capable"), passed: 4,
            pol_argument(POL_USER_NAMESPACE, raw: 1), wanted: "level 0 owner 0 0 inode 4026531837",
            not: "level 1 owner 0 0 inode 4026531837", isOfAnybody: true
        ) { Acts.nameHost() },
        ArgumentRow(
            .capability, "that is needed", .securityHook("capable"), passed: 4, pol_argument(POL_I32, raw: 2),
            wanted: "21", not: "22"
        ) { Acts.nameHost() },
        ArgumentRow(
            .effectiveCapabilities, "to be set", .securityHook("capset"), passed: 5,
            pol_argument(POL_CAPABILITIES, raw: 2), wanted: "\(Acts.allCapabilities & ~(1 << 25))",
            not: "\(1 << 13)"
        ) { try Acts.setCapabilities() },
        ArgumentRow(
            .inheritableCapabilities, "to be set", .securityHook("capset"), passed: 5,
            pol_argument(POL_CAPABILITIES, raw: 3), wanted: "\(1 << 13)",
            not: "\(Acts.allCapabilities & ~(1 << 25))"
        ) { try Acts.setCapabilities() },
        ArgumentRow(
            .permittedCapabilities, "to be set", .securityHook("capset"), passed: 5,
            pol_argument(POL_CAPABILITIES, raw: 4), wanted: "\(Acts.allCapabilities)",
            not: "\(Acts.allCapabilities & ~(1 << 25))"
        ) { try Acts.setCapabilities() },
        ArgumentRow(
            .capabilitySet, "to be set", .securityHook("capset"), passed: 5, pol_argument(POL_CAPABILITIES, raw: 2),
            wanted: "\(Acts.allCapabilities & ~(1 << 25))", not: "\(1 << 13)"
        ) { try Acts.setCapabilities() },
        ArgumentRow(
            .bpfAttributes, "the kernel's", .securityHook("bpf"), passed: 3,
            pol_argument(POL_BPF_ATTR, raw: 1, count: 2), wanted: "type 99 instructions 3 apus_attr",
            not: "type 99 instructions 3 apus_att"
        ) { Acts.bpf(5, [0: 99, 1: 3], name: "apus_attr") },
        ArgumentRow(
            .bpfMap, "that is made", .securityHook("bpf_map"), passed: 2, pol_argument(POL_BPF_MAP),
            wanted: "type 2 4/16 x 5 apus_map", not: "type 1 4/16 x 5 apus_map"
        ) {
            // BPF_MAP_CREATE of an array.
            Acts.bpf(0, [0: 2, 1: 4, 2: 16, 3: 5], name: "apus_map", at: 28)
        },
        ArgumentRow(
            .bpfProgram, "that is loaded", .securityHook("bpf_prog"), passed: 1, pol_argument(POL_BPF_PROG),
            wanted: "type 1 instructions 2 apus_prog", not: "type 1 instructions 2 apus_pro"
        ) { Acts.loadProgram("apus_prog") },
        ArgumentRow(
            .perfEvent, "that is made", .securityHook("perf_event_alloc"), passed: 1, pol_argument(POL_PERF_EVENT),
            wanted: "type 1 config 9 offset 0 ", not: "type 1 config 0 offset 0 "
        ) {
            let event = apus_perf_event(1, 9, nil, 0, 1)
            if event >= 0 { close(event) }
        },
    ]
}

extension Acts {
    static func renamed(_ name: String) throws {
        guard let before = OwnProcess.lines(of: "/proc/thread-self/comm").first else {
            throw TestFailure("no name to give back")
        }
        apus_name_thread(name)
        apus_name_thread(String(before))
    }

    /// /tmp's path within its file system.
    static let temporary: String = {
        var (root, own) = (stat(), stat())
        return stat("/", &root) == 0 && stat("/tmp", &own) == 0 && root.st_dev == own.st_dev ? "/tmp" : ""
    }()

    static func readOne(_ file: Int32) {
        lseek(file, 0, SEEK_SET)
        var bytes = Array("before".utf8)
        _ = read(file, &bytes, bytes.count)
    }

    static func readTwo(_ file: Int32) {
        lseek(file, 0, SEEK_SET)
        var bytes = Array("before".utf8)
        bytes.withUnsafeMutableBytes { bytes in
            let vector = [
                iovec(iov_base: bytes.baseAddress, iov_len: 3), iovec(iov_base: bytes.baseAddress! + 3, iov_len: 3),
            ]
            _ = readv(file, vector, 2)
        }
    }

    /// As this process has them.
    static let allCapabilities: UInt64 = {
        let line = OwnProcess.lines(of: "/proc/self/status").first { $0.hasPrefix("CapEff:") } ?? ""
        return UInt64(line.split(separator: "\t").last ?? "", radix: 16) ?? 0
    }()

    static func becomeAndBack() {
        call(117, 0, 0, 4711)
        call(117, 0, 0, 0)
    }

    static func nameHost() {
        var name = [CChar](repeating: 0, count: 65)
        gethostname(&name, 64)
        sethostname(name, strlen(name))
    }

    /// CAP_SYS_TIME (25) out of effect, CAP_NET_RAW (13) inheritable; and back.
    static func setCapabilities() throws {
        var head: [UInt32] = [0x2008_0522, 0]
        var before = [UInt32](repeating: 0, count: 6)
        try head.withUnsafeMutableBytes { head in
            let version = Int(bitPattern: head.baseAddress)
            let read = before.withUnsafeMutableBytes { call(125, version, Int(bitPattern: $0.baseAddress)) }
            guard read == 0 else { throw TestFailure("capget: errno \(errno)") }
            var changed = before
            changed[0] &= ~(1 << 25)
            changed[2] |= 1 << 13
            for var words in [changed, before] {
                _ = words.withUnsafeMutableBytes { call(126, version, Int(bitPattern: $0.baseAddress)) }
            }
        }
    }

    /// A socket filter that returns 0.
    static func loadProgram(_ name: String) {
        let code: [UInt64] = [0xb7, 0x95]
        let license = Array("GPL\0".utf8)
        code.withUnsafeBytes { code in
            license.withUnsafeBytes { license in
                let (at, by) = (UInt(bitPattern: code.baseAddress), UInt(bitPattern: license.baseAddress))
                bpf(
                    5,
                    [
                        0: 1, 1: 2, 2: UInt32(truncatingIfNeeded: at), 3: UInt32(truncatingIfNeeded: at >> 32),
                        4: UInt32(truncatingIfNeeded: by), 5: UInt32(truncatingIfNeeded: by >> 32),
                    ], name: name)
            }
        }
    }
}
