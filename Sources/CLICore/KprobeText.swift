// SPDX-License-Identifier: Apache-2.0

internal import TetragonAPI

/// What is told of a kernel function in a line: for those that many watch a picture, a word and what they do.
struct KprobeText {
    let picture: String
    let word: String
    /// Behind the program.
    let details: [String]

    init(_ kprobe: Tetragon_ProcessKprobe) {
        let name = Self.withoutPrefix(kprobe.functionName)
        guard let known = Self.known[name] else {
            (picture, word, details) = ("❓", "syscall", [kprobe.functionName.terminalWord])
            return
        }
        let arguments = kprobe.args
        func text(_ index: Int) -> String { index < arguments.count ? arguments[index].compactText : "" }
        var (picture, word) = (known.picture, known.word)
        var details: [String] = []
        switch known.details {
        case .nothing: break
        case .arguments(let indexes): details = indexes.map(text)
        case .transfer:
            details = [text(0)]
            let size = text(2)
            if !size.isEmpty { details.append("\(size) bytes") }
        case .socket:
            details = [text(0)]
            let size = name == "tcp_sendmsg" ? text(1) : ""
            if !size.isEmpty { details.append("bytes \(size)") }
        case .permission:
            // MAY_WRITE and MAY_READ of the kernel's masks.
            let mask = arguments.count > 1 ? arguments[1].number ?? 0 : 0
            (picture, word) =
                mask & 2 != 0 ? ("📝", "write") : mask & 4 != 0 ? ("📚", "read") : (known.picture, known.word)
            details = [text(0)]
        }
        (self.picture, self.word, self.details) = (picture, word, details.filter { !$0.isEmpty })
    }

    var headline: (String, String) { (picture, word) }

    /// `__x64_sys_read` is `sys_read`.
    private static func withoutPrefix(_ name: String) -> String {
        for prefix in ["__x64_", "__ia32_", "__arm64_"] where name.hasPrefix(prefix) {
            return String(name.dropFirst(prefix.count))
        }
        return name
    }

    private enum Details {
        case nothing
        case arguments([Int])
        /// A file, and how many bytes.
        case transfer
        case socket
        /// A file, and what is to be done to it.
        case permission
    }

    private static let known: [String: (picture: String, word: String, details: Details)] = [
        "sys_write": ("📝", "write", .transfer), "sys_read": ("📚", "read", .transfer),
        "fd_install": ("📬", "open", .arguments([1])), "sys_openat": ("📬️", "openat", .arguments([1])),
        "sys_open": ("📬", "open", .arguments([0])), "sys_close": ("📪", "close", .arguments([0])),
        "sys_mount": ("💾", "mount", .arguments([0, 1])), "sys_setuid": ("🔑", "setuid", .arguments([0])),
        "sys_clock_settime": ("⏰", "clock_settime", .nothing),
        "sys_pivot_root": ("💾", "pivot_root", .arguments([0, 1])),
        "proc_exec_connector": ("🔧", "proc_exec_connector", .nothing), "sys_setns": ("🔧", "setns", .arguments([1])),
        "tcp_connect": ("🔌", "connect", .socket), "tcp_close": ("🧹", "close", .socket),
        "tcp_sendmsg": ("📤", "sendmsg", .socket), "bpf_check": ("🐝", "bpf_load", .arguments([0])),
        "security_perf_event_alloc": ("🐝", "perf_event_alloc", .arguments([0])),
        "security_bpf_map_alloc": ("🗺", "bpf_map_create", .arguments([0])),
        "security_file_permission": ("📝", "file_permission", .permission),
        "security_mmap_file": ("📝", "mmap", .arguments([0])),
        "security_path_truncate": ("📝", "truncate", .arguments([0])),
    ]
}

extension Tetragon_KprobeArgument {
    /// The value in a word or two; empty for what has none.
    fileprivate var compactText: String {
        switch arg {
        case .stringArg(let text): text.terminalWord
        case .pathArg(let path): path.path.terminalWord
        case .fileArg(let file): file.path.terminalWord
        case .linuxBinprmArg(let file): file.path.terminalWord
        case .sockArg(let sock):
            sock.protocol.lowercased().drop("ipproto_").terminalSafe + " " + sock.saddr.terminalSafe
                + ":\(sock.sport) -> "
                + sock.daddr.terminalSafe + ":\(sock.dport)"
        case .bpfAttrArg(let program):
            [program.progType.terminalWord, program.progName.terminalWord, "instruction count \(program.insnCnt)"]
                .joined(separator: " ")
        case .bpfMapArg(let map):
            [
                map.mapType.terminalWord, map.mapName.terminalWord, "key size \(map.keySize)",
                "value size \(map.valueSize)", "max entries \(map.maxEntries)",
            ].joined(separator: " ")
        case .perfEventArg(let event):
            [event.type.terminalWord, event.kprobeFunc.isEmpty ? "" : event.kprobeFunc.terminalWord]
                .filter { !$0.isEmpty }.joined(separator: " ")
        default: number.map { "\($0)" } ?? ""
        }
    }

    /// A value that is a number.
    fileprivate var number: Int64? {
        switch arg {
        case .intArg(let number): Int64(number)
        case .uintArg(let number): Int64(number)
        case .longArg(let number): number
        case .sizeArg(let number): Int64(clamping: number)
        default: nil
        }
    }
}

extension String {
    fileprivate func drop(_ prefix: String) -> String { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self }
}
