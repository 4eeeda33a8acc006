// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
import Glibc

/// Places that a program is attached to by a perf event, which stays disabled.
enum PerfEvent {
    static func tracepoint(_ group: String, _ name: String) throws(Absence) {
        try attach(try openTracepoint(group, name), "the tracepoint \(name)", BPF_PROG_TYPE_TRACEPOINT)
    }

    /// An event of a tracepoint on every CPU, the caller's to close.
    static func openTracepoint(_ group: String, _ name: String) throws(Absence) -> Int32 {
        let directory = try Tracefs()
        guard let number = smallFile("\(directory.path)/events/\(group)/\(name)/id").flatMap({ UInt64($0) }) else {
            throw Absence("read the id of the event \(name) in tracefs", errno: errno)
        }
        let event = apus_perf_event(2 /* PERF_TYPE_TRACEPOINT */, number, nil, 0, 0)
        guard event >= 0 else { throw Absence("create a perf event for the tracepoint \(name)", errno: errno) }
        return event
    }

    /// Asks for a function that is not there: a kernel that has looked for it would have gone on. A real one takes
    /// milliseconds to come and go.
    static func kprobe() throws(Absence) {
        try expectNoEntry(apus_perf_event(try type("kprobe"), 0, "apus_no_such_function", 0, 0), "kprobe")
    }

    /// Asks for a file that is not there.
    static func uprobe() throws(Absence) {
        try expectNoEntry(apus_perf_event(try type("uprobe"), 0, "/nonexistent/apus", 0, 1), "uprobe")
    }

    static func mappedFiles() throws(Absence) {
        guard let cpu = OnlineCPUs.all.first else { throw Absence("no processor is known to be online") }
        let event = apus_mapping_event(cpu)
        guard event >= 0 else { throw Absence("create a perf event that tells of mapped files", errno: errno) }
        close(event)
    }

    private static func expectNoEntry(_ event: Int32, _ kind: String) throws(Absence) {
        if event >= 0 { close(event) } else if errno != ENOENT { throw Absence("create a \(kind) event", errno: errno) }
    }

    private static func type(_ source: String) throws(Absence) -> UInt32 {
        let path = "/sys/bus/event_source/devices/\(source)/type"
        guard let type = smallFile(path).flatMap({ UInt32($0) }) else { throw Absence("read \(path)", errno: errno) }
        return type
    }

    private static func attach(_ event: Int32, _ place: String, _ type: bpf_prog_type) throws(Absence) {
        defer { close(event) }
        let program = try TinyProgram(type, "for \(place)")
        guard apus_perf_event_attach(event, program.descriptor) == 0 else {
            throw Absence("attach a program to \(place)", errno: errno)
        }
    }
}
