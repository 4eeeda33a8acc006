// SPDX-License-Identifier: Apache-2.0
import Sensors
import Testing

@testable import Sensors

/// Formats as kernels have them.
@Suite struct TracepointFormatTests {
    private static let common = """
        name: NAME
        ID: 443
        format:
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
        \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
        \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;


        """

    private func fields(_ name: String, _ lines: String) -> [TracepointField] {
        TracepointField.fields(of: Self.common.replacing("NAME", with: name) + lines)
    }

    private func field(
        _ name: String, _ offset: Int, _ size: Int, _ kind: TracepointField.Kind, isSigned: Bool = false
    ) -> TracepointField {
        TracepointField(name: name, offset: offset, size: size, isSigned: isSigned, kind: kind)
    }

    @Test("a record's fields are counted from its first on, which all records have")
    func rawCalls() {
        let fields = fields(
            "sys_enter",
            """
            \tfield:long id;\toffset:8;\tsize:8;\tsigned:1;
            \tfield:unsigned long args[6];\toffset:16;\tsize:48;\tsigned:0;

            print fmt: "NR %ld (%lx)", REC->id, REC->args[0]
            """)
        #expect(fields.prefix(4).map(\.name) == ["common_type", "common_flags", "common_preempt_count", "common_pid"])
        #expect(fields[3] == field("common_pid", 4, 4, .number, isSigned: true))
        #expect(fields[4] == field("id", 8, 8, .number, isSigned: true))
        #expect(fields[5] == field("args", 16, 48, .array(ofText: false)))
        #expect(fields.count == 6)
    }

    @Test("a system call's arguments have a register's width and the type's meaning")
    func calls() {
        let fields = fields(
            "sys_enter_openat",
            """
            \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;
            \tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;
            \tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;
            \tfield:unsigned int flags;\toffset:32;\tsize:8;\tsigned:0;
            \tfield:umode_t mode;\toffset:40;\tsize:8;\tsigned:0;
            \tfield:size_t count;\toffset:48;\tsize:8;\tsigned:0;
            \tfield:loff_t pos;\toffset:56;\tsize:8;\tsigned:0;
            \tfield:unsigned long more;\toffset:64;\tsize:8;\tsigned:0;
            \tfield:const char *const * argv;\toffset:72;\tsize:8;\tsigned:0;
            \tfield:struct open_how * how;\toffset:80;\tsize:8;\tsigned:0;
            """)
        #expect(
            Array(fields.dropFirst(4)) == [
                field("__syscall_nr", 8, 4, .number, isSigned: true), field("dfd", 16, 4, .number, isSigned: true),
                field("filename", 24, 8, .pointer(toText: true)), field("flags", 32, 4, .number),
                field("mode", 40, 2, .number), field("count", 48, 8, .number),
                field("pos", 56, 8, .number, isSigned: true), field("more", 64, 8, .number),
                field("argv", 72, 8, .pointer(toText: false)), field("how", 80, 8, .pointer(toText: false)),
            ])
    }

    @Test("text is told from other elements, and what is elsewhere from what is there")
    func arrays() {
        let fields = fields(
            "sched_process_exec",
            """
            \tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;
            \tfield:char comm[16];\toffset:12;\tsize:16;\tsigned:0;
            \tfield:__u8 saddr[4];\toffset:28;\tsize:4;\tsigned:0;
            \tfield:__rel_loc char[] other;\toffset:32;\tsize:4;\tsigned:0;
            \tfield:struct timespec time;\toffset:40;\tsize:16;\tsigned:0;
            """)
        #expect(
            Array(fields.dropFirst(4)) == [
                field("filename", 8, 4, .dataLocation), field("comm", 12, 16, .array(ofText: true)),
                field("saddr", 28, 4, .array(ofText: false)), field("other", 32, 4, .other),
                field("time", 40, 16, .other),
            ])
    }

    @Test(
        "what is no field is none",
        arguments: [
            "", "field:", "\tfield:;\toffset:8;\tsize:8;\tsigned:0;", "\tfield:int a;\toffset:-8;\tsize:8;\tsigned:0;",
            "\tfield:int a;\toffset:8;\tsize:0;\tsigned:0;", "\tfield:int a;\toffset:99999;\tsize:8;\tsigned:0;",
            "\tfield:[4];\toffset:8;\tsize:8;\tsigned:0;", ";;;;::::",
            "print fmt: field:int a; offset:8; size:4; signed:1;",
        ])
    func damaged(_ line: String) { #expect(TracepointField.fields(of: line).isEmpty) }

    @Test("a format of any length has 64 fields at most")
    func long() {
        let line = "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n"
        #expect(TracepointField.fields(of: String(repeating: line, count: 10_000)).count == 64)
    }

    @Test("names that would lead elsewhere are no events", arguments: ["..", ".", "", "a/b"])
    func names(_ name: String) {
        #expect(TracepointField.fields(subsystem: name, event: "sys_enter") == nil)
        #expect(TracepointField.fields(subsystem: "raw_syscalls", event: name) == nil)
    }
}
