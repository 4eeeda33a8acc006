// SPDX-License-Identifier: Apache-2.0
import Glibc
import PolicyEngine
import Sensors
import Testing

/// What every kernel has that the agent runs on.
@Suite struct RealKernelSurveyTests {
    private static let types = try? KernelTypes()
    private let survey = RealKernelSurvey(KernelFeatures.probe(types), types: types)

    @Test("system calls have the kernel's numbers, in both ABIs")
    func systemCalls() {
        #expect(survey.systemCall("no_such_call", is32Bit: false) == nil)
        #expect(survey.systemCall("no_such_call", is32Bit: true) == nil)
        #expect(survey.systemCalls.contains("openat") && survey.systemCalls.count > 250)
        #if arch(x86_64)
            #expect(survey.systemCall("openat", is32Bit: false) == 257)
            #expect(survey.systemCall("openat", is32Bit: true) == 295)
            // Another machine's.
            #expect(survey.systemCall("umount", is32Bit: false) == nil)
        #endif
    }

    @Test("functions are those of the kernel")
    func functions() {
        #expect(survey.hasFunction("vfs_read") && survey.hasFunction("\(survey.systemCallPrefix)sys_openat"))
        #expect(!survey.hasFunction("vfs_rea") && !survey.hasFunction("") && !survey.hasFunction("vfs_read\nvfs_write"))
        #expect(survey.functions { $0 == "vfs_read" } == ["vfs_read"])
    }

    @Test("types tell what functions take and return")
    func prototypes() {
        #expect(survey.prototype(of: "vfs_read") == FunctionPrototype(parameters: 4, returnsValue: true))
        #expect(survey.prototype(of: "fd_install") == FunctionPrototype(parameters: 2, returnsValue: false))
        #expect(survey.prototype(of: "no_such_function") == nil)
        #expect(survey.rawTracepointValues("sched_process_fork") == 2 && survey.rawTracepointValues("no_such") == nil)
    }

    @Test("tracepoints have formats")
    func formats() throws {
        let fields = try #require(survey.tracepointFormat(subsystem: "sched", event: "sched_process_exec"))
        #expect(fields.prefix(4).map(\.name) == ["common_type", "common_flags", "common_preempt_count", "common_pid"])
        #expect(fields[4].name == "filename" && fields[4].kind == .dataLocation && fields[4].offset == 8)
        #expect(survey.tracepointFormat(subsystem: "..", event: "sched") == nil)
        #expect(survey.tracepointFormat(subsystem: "sched", event: "no_such") == nil)
    }

    @Test("the host's namespaces are those of process 1, and the agent's own where that is out of reach")
    func namespaces() {
        var buffer = [CChar](repeating: 0, count: 64)
        var length = readlink("/proc/1/ns/net", &buffer, 63)
        if length < 0 { length = readlink("/proc/self/ns/net", &buffer, 63) }
        let link = String(decoding: buffer.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(survey.hostNamespace("net").map { "net:[\($0)]" } ?? "" == link)
        #expect(survey.hostNamespace("../ns/net") == nil)
    }

    @Test("what a kernel has not it says why")
    func absences() {
        for feature in KernelFeature.Name.allCases where !survey.has(feature) {
            #expect(!survey.absence(of: feature).isEmpty)
        }
    }
}
