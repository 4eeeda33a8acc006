// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Ways through the running kernel's structures, and what is at their ends.
    @Suite struct FieldPathTests: KernelSuite {
        private static let exec = KernelTypes.Passer.rawTracepoint("sched_process_exec")

        private func path(_ text: String, argument: Int = 0) throws -> FieldPath {
            let names = text.split(separator: ".").map(String.init)
            return try kernelTypes.get().path(names, fromArgument: argument, of: Self.exec)
        }

        @Test("each pointer is a step, and what is in a structure is none")
        func steps() throws {
            #expect(try path("comm").end == .text(bytes: 16))
            #expect(try path("comm").steps.map(\.bytes) == [0])
            #expect(try path("real_parent.comm").steps.map(\.bytes) == [8, 0])
            #expect(try path("real_parent.real_parent.tgid").steps.map(\.bytes) == [8, 8, 4])
            #expect(try path("tgid").end == .number(bytes: 4, isSigned: true))
            #expect(try path("cred.uid.val").end == .number(bytes: 4, isSigned: false))
            #expect(try path("mm.exe_file").end == .pointer(to: "file"))
            #expect(try path("mm.exe_file.f_path").end == .structure("path"))
            #expect(try path("filename", argument: 2).end == .pointer(to: "char"))
            // mm_struct's fields are in a structure without a name.
            #expect(try path("mm.arg_start").end == .number(bytes: 8, isSigned: false))
            #expect(try path("in_execve").steps.map(\.bits) == [1])
        }

        @Test("elements are behind each other")
        func elements() throws {
            let first = try path("comm[0]"), fifth = try path("comm[5]")
            #expect(first.steps.map(\.bytes) == [1])
            #expect(fifth.steps.map(\.offset) == first.steps.map { $0.offset + 5 })
        }

        @Test(
            "what is not there is named, with what is near",
            arguments: [
                ("com", "struct task_struct has no field com; is comm meant?"),
                ("mm.ownr.comm", "struct mm_struct has no field ownr; is owner meant?"),
                ("xyzzy_plugh", "struct task_struct has no field xyzzy_plugh"),
                ("tgid.comm", "int has no fields, so no comm"),
                ("comm[16]", "comm has 16 elements, so there is no [16]"),
                ("tgid[0]", "tgid is int and has no elements"),
                (
                    Array(repeating: "real_parent", count: 9).joined(separator: "."),
                    "9 pointers are followed, and 8 is the limit"
                ),
            ])
        func errors(_ text: String, _ wanted: String) throws {
            let error = try #require(throws: FieldPathError.self) { try path(text) }
            #expect(error.description == wanted)
        }

        @Test("an argument that is no structure, or none, is no beginning")
        func beginnings() throws {
            let number = try #require(throws: FieldPathError.self) { try path("comm", argument: 1) }
            #expect(number.description == "the argument is int and no address of a structure with comm")
            let none = try #require(throws: FieldPathError.self) { try path("comm", argument: 3) }
            #expect(
                none.description
                    == "the raw tracepoint sched_process_exec passes 3 arguments, so there is none of index 3")
            let unknown = try #require(throws: FieldPathError.self) {
                try kernelTypes.get().path(["comm"], fromArgument: 0, of: .function("apus_no_such"))
            }
            #expect(unknown.description == "the kernel's types say nothing of the function apus_no_such")
        }

        @Test(
            "a program of the kernel goes the same way",
            arguments: [
                ("comm", POL_STRING, 0, "true"), ("mm.owner.comm", POL_STRING, 0, "true"),
                ("real_parent.tgid", POL_I32, 0, "\(getpid())"), ("mm.exe_file", POL_FILE, 0, "file /usr/bin/true"),
                ("mm.exe_file.f_path", POL_PATH, 0, "file /usr/bin/true"), ("cred", POL_CRED, 0, Self.rootCredentials),
                ("filename", POL_STRING, 2, "/usr/bin/true"), ("comm[1]", POL_I8, 0, "114"), ("argc", POL_I32, 2, "1"),
            ])
        func reading(_ text: String, _ type: pol_type, _ argument: Int, _ wanted: String) throws {
            var value = pol_argument(type, raw: UInt8(argument))
            value.max = 16
            if type == POL_FILE || type == POL_PATH { value.max = 4096 }
            let watched = Watched(
                place: .rawTracepoint("sched_process_exec"), values: [value],
                resolutions: [0: try path(text, argument: argument).resolution], passed: 3)
            let hits = try watched.hits(on: sensors, ofAnybody: true) { try Acts.run("/usr/bin/true") }.values
            #expect(hits.contains { $0.map(\.description) == [wanted] }, "told: \(hits)")
        }

        private static let rootCredentials = "uid 0 0 0 gid 0 effective \(Acts.allCapabilities)"
    }
}
