// SPDX-License-Identifier: Apache-2.0
import CRecords
import Testing

@testable import Sensors

/// Parts of long values as they come, and as they do not.
@Suite struct LongValuesTests {
    private func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private func begin(_ text: String, flags: pol_value_flag = POL_CONTINUED) throws -> LongValues? {
        var fixed = rec_policy()
        fixed.head.type = UInt16(REC_POLICY.rawValue)
        (fixed.tid, fixed.call) = (5, 77)
        let head = pol_value(
            index: 2, type: UInt8(POL_BUFFER.rawValue), flags: UInt16(flags.rawValue), length: UInt32(text.utf8.count))
        let values = bytes(of: head) + Array(text.utf8)
        fixed.values_len = UInt32(values.count)
        return try (bytes(of: fixed) + values).withUnsafeBytes { LongValues(of: try PolicyView($0)) }
    }

    private func take(
        _ number: UInt32, at offset: UInt32, _ text: String, isLast: Bool = false, tid: UInt32 = 5, call: UInt64 = 77,
        into values: inout LongValues
    ) throws -> Bool {
        var fixed = rec_policy_data()
        fixed.head.type = UInt16(REC_POLICY_DATA.rawValue)
        (fixed.tid, fixed.call, fixed.index) = (tid, call, 2)
        (fixed.number, fixed.offset, fixed.length) = (number, offset, UInt32(text.utf8.count))
        fixed.flags = isLast ? UInt8(POL_LAST.rawValue) : 0
        return try (bytes(of: fixed) + Array(text.utf8)).withUnsafeBytes { values.take(try PolicyDataView($0)) }
    }

    private func text(_ values: LongValues) -> String? { values[2].map { String(decoding: $0.bytes, as: UTF8.self) } }

    @Test("parts make the value whole")
    func whole() throws {
        var values = try #require(try begin("ab"))
        #expect(try take(0, at: 2, "cd", into: &values))
        #expect(!values.isComplete)
        #expect(try take(1, at: 4, "e", isLast: true, into: &values))
        #expect(values.isComplete && text(values) == "abcde" && values[2]?.flags == 0)
    }

    @Test("a part that is missing leaves what came before, as truncated")
    func lost() throws {
        var values = try #require(try begin("ab"))
        #expect(try take(0, at: 2, "cd", into: &values))
        #expect(try take(2, at: 6, "gh", isLast: true, into: &values))
        #expect(values.isComplete && text(values) == "abcd")
        #expect(values[2]?.flags == UInt16(POL_TRUNCATED.rawValue))
    }

    @Test("what is given up is truncated")
    func abandoned() throws {
        var values = try #require(try begin("ab"))
        values.abandon()
        #expect(values.isComplete && text(values) == "ab" && values[2]?.flags == UInt16(POL_TRUNCATED.rawValue))
    }

    @Test("parts of another thread or another hit are not ours")
    func others() throws {
        var values = try #require(try begin("ab"))
        #expect(try !take(0, at: 2, "cd", tid: 6, into: &values))
        #expect(try !take(0, at: 2, "cd", call: 78, into: &values))
        #expect(text(values) == "ab")
    }

    @Test("what is whole has nothing to come")
    func nothing() throws {
        let values = try begin("ab", flags: POL_TRUNCATED)
        #expect(values == nil)
    }

    @Test("a part whose length is beyond its end is malformed")
    func malformed() {
        var fixed = rec_policy_data()
        fixed.head.type = UInt16(REC_POLICY_DATA.rawValue)
        fixed.length = 1
        #expect(throws: MalformedRecord.self) { try bytes(of: fixed).withUnsafeBytes { _ = try Record($0) } }
    }
}
