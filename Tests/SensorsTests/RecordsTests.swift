// SPDX-License-Identifier: Apache-2.0
import CRecords
import Testing

@testable import Sensors

/// Records made by hand: what the kernel would send, and what it never should.
@Suite struct RecordsTests {
    /// A rec_exec with the given parts behind it.
    private func execRecord(
        type: rec_type = REC_EXEC, flags: rec_flag = rec_flag(0), filename: String = "", cwd: String = "",
        exe: String = "", arguments: String = "", argumentsTotal: Int? = nil, environmentTotal: Int = 0
    ) -> [UInt8] {
        var fixed = rec_exec()
        fixed.head.type = UInt16(type.rawValue)
        fixed.flags = flags.rawValue
        fixed.filename_len = UInt16(filename.utf8.count)
        fixed.cwd_len = UInt16(cwd.utf8.count)
        fixed.exe_len = UInt16(exe.utf8.count)
        fixed.args_len = UInt16(arguments.utf8.count)
        fixed.args_total = UInt32(argumentsTotal ?? arguments.utf8.count)
        fixed.env_total = UInt32(environmentTotal)
        return bytes(of: fixed) + Array((filename + cwd + exe + arguments).utf8)
    }

    private func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private func withRecord<R>(_ bytes: [UInt8], _ body: (Record) throws -> R) throws -> R {
        try bytes.withUnsafeBytes { try body(try Record($0)) }
    }

    @Test func `the parts of an exec are where its lengths say`() throws {
        let record = execRecord(
            filename: "./a", cwd: "c\0b\0a\0", exe: "exe\0bin\0", arguments: "./a\0-x y\0")
        try withRecord(record) { record in
            guard case .exec(let exec) = record else { throw TestFailure("not an exec") }
            #expect(String(decoding: exec.filename, as: UTF8.self) == "./a")
            #expect(String(decoding: exec.cwd(), as: UTF8.self) == "/a/b/c")
            #expect(String(decoding: exec.exe(), as: UTF8.self) == "/bin/exe")
            #expect(String(decoding: exec.arguments, as: UTF8.self) == "./a\0-x y\0")
            #expect(exec.argumentsToCome == 0)
        }
    }

    @Test func `an empty working directory is the root unless it could not be had`() throws {
        try withRecord(execRecord(flags: REC_FLAG_CWD_IS_ROOT)) { record in
            guard case .exec(let exec) = record else { throw TestFailure("not an exec") }
            #expect(exec.cwd() == Array("/".utf8))
            #expect(exec.exe() == [])
        }
        try withRecord(execRecord(type: REC_TASK, flags: REC_FLAG_CWD_ERROR)) { record in
            guard case .task(let task) = record else { throw TestFailure("not a task") }
            #expect(task.cwd() == [])
        }
    }

    @Test func `a part of a value whose length is beyond its end is malformed`() {
        var fixed = rec_policy_data()
        fixed.head.type = UInt16(REC_POLICY_DATA.rawValue)
        fixed.length = 1
        #expect(throws: MalformedRecord.self) { try withRecord(bytes(of: fixed)) { _ in } }
    }

    @Test(arguments: [(3, 0), (20_000, 19_997), (262_144, 262_141), (300_000, 262_141)])
    func `arguments to come end at the limit`(total: Int, toCome: Int) throws {
        try withRecord(execRecord(arguments: "ab\0", argumentsTotal: total)) { record in
            guard case .exec(let exec) = record else { throw TestFailure("not an exec") }
            #expect(exec.argumentsToCome == toCome)
        }
    }

    @Test(arguments: [(0, 0), (5, 5), (300_000, 262_137)])
    func `the environment comes behind the arguments, up to the same limit`(total: Int, toCome: Int) throws {
        let record = execRecord(arguments: "ab\0A=1\0", argumentsTotal: 3, environmentTotal: 4 + total)
        try withRecord(record) { record in
            guard case .exec(let exec) = record else { throw TestFailure("not an exec") }
            #expect(exec.argumentsToCome == toCome)
            let parts = exec.parts(of: exec.arguments)
            #expect(String(decoding: parts.arguments, as: UTF8.self) == "ab\0")
            #expect(String(decoding: parts.environment, as: UTF8.self) == "A=1\0")
        }
    }

    @Test func `arguments that could not be read are not waited for`() throws {
        try withRecord(execRecord(flags: REC_FLAG_ARGS_UNREADABLE, argumentsTotal: 20_000)) { record in
            guard case .exec(let exec) = record else { throw TestFailure("not an exec") }
            #expect(exec.argumentsToCome == 0)
        }
    }

    @Test func `only args_len bytes of a continuation count`() throws {
        var fixed = rec_args()
        fixed.head.type = UInt16(REC_ARGS.rawValue)
        fixed.args_len = 3
        try withRecord(bytes(of: fixed) + Array("abcfiller".utf8)) { record in
            guard case .arguments(let more) = record else { throw TestFailure("not arguments") }
            #expect(Array(more.bytes) == Array("abc".utf8))
        }
    }

    @Test func `a cgroup has its own name`() throws {
        var fixed = rec_cgroup()
        fixed.head.type = UInt16(REC_CGROUP.rawValue)
        fixed.what = REC_CGROUP_CREATED.rawValue
        fixed.name_len = 4
        try withRecord(bytes(of: fixed) + Array("pod1".utf8)) { record in
            guard case .cgroup(let cgroup) = record else { throw TestFailure("not a cgroup") }
            #expect(String(decoding: cgroup.name, as: UTF8.self) == "pod1")
        }
    }

    @Test func `an exec cut anywhere is malformed and nothing worse`() {
        let whole = execRecord(filename: "/bin/true", cwd: "root\0", exe: "x\0", arguments: "true\0")
        for length in 0..<whole.count {
            #expect(throws: MalformedRecord.self) { try withRecord(Array(whole[..<length])) { _ in } }
        }
    }

    @Test(arguments: [REC_EXEC, REC_ARGS, REC_FORK, REC_EXIT, REC_CGROUP, REC_TASK])
    func `a head alone is malformed whatever its type`(type: rec_type) {
        var head = rec_head()
        head.type = UInt16(type.rawValue)
        #expect(throws: MalformedRecord(type: head.type, size: 24)) { try withRecord(bytes(of: head)) { _ in } }
    }

    @Test(arguments: [0, 7, 65535] as [UInt16]) func `an unknown type is malformed`(type: UInt16) {
        var head = rec_head()
        head.type = type
        let record = bytes(of: head) + [UInt8](repeating: 0xff, count: 512)
        #expect(throws: MalformedRecord(type: type, size: 536)) { try withRecord(record) { _ in } }
    }

    @Test func `lengths far beyond the record are malformed`() {
        var fixed = rec_args()
        fixed.head.type = UInt16(REC_ARGS.rawValue)
        fixed.args_len = .max
        #expect(throws: MalformedRecord.self) { try withRecord(bytes(of: fixed) + [1, 2, 3]) { _ in } }
    }

    /// Whatever the bytes, the views stay within them (a debug build traps otherwise).
    @Test func `random bytes never reach beyond the record`() {
        var random = SystemRandomNumberGenerator()
        var good = 0
        for round in 0..<4000 {
            var record = (0..<Int.random(in: 3..<90)).flatMap { _ in bytes(of: random.next()) }
            record[4] = UInt8(round % 8)
            record[5] = 0
            record.withUnsafeBytes { bytes in
                guard let record = try? Record(bytes) else { return }
                good += 1
                if case .exec(let exec) = record { _ = exec.cwd() + exec.exe() + Array(exec.arguments) }
            }
        }
        #expect(good > 0)
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
