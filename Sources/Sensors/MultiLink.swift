// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
import Glibc

/// Links to many functions at once. Each is asked for something that cannot be, and the error tells: a kernel that has
/// such links has looked at it. Attaching for real would stop the machine for some milliseconds.
enum MultiLink {
    /// At addresses that cannot be read. (Names would be looked for among all of the kernel's symbols.)
    static func tryKprobe() throws(Absence) {
        let program = try TinyProgram(BPF_PROG_TYPE_KPROBE, attachment: BPF_TRACE_KPROBE_MULTI, "for many functions")
        var options = bpf_link_create_opts()
        options.sz = MemoryLayout<bpf_link_create_opts>.size
        options.kprobe_multi.cnt = 1
        options.kprobe_multi.addrs = UnsafePointer(bitPattern: 8)
        let link = bpf_link_create(program.descriptor, 0, BPF_TRACE_KPROBE_MULTI, &options)
        try expect(EFAULT, from: link, "kprobe.multi")
    }

    static func tryUprobe() throws(Absence) {
        let attachment = bpf_attach_type(rawValue: UInt32(apus_trace_uprobe_multi))
        let program = try TinyProgram(BPF_PROG_TYPE_KPROBE, attachment: attachment, "for many functions")
        var offset: UInt64 = 0
        try expect(
            EBADF, from: apus_link_uprobe_multi(program.descriptor, "/", &offset, nil, nil, 1, 0), "uprobe.multi")
    }

    private static func expect(_ error: Int32, from link: Int32, _ kind: String) throws(Absence) {
        let answer = errno
        if link >= 0 { close(link) } else if answer != error { throw Absence("create a \(kind) link", errno: answer) }
    }
}
