// SPDX-License-Identifier: Apache-2.0
import CEL
import SwiftProtobuf
import Testing

@Suite("CEL over encoded messages") struct MessageTests {
    @Test(
        "fields read as their types, and unset ones as their defaults",
        arguments: [
            ("p.binary", "'/bin/sh'"), ("p.pid", "7u"), ("p.pid > 1u", "true"), ("p.pid > uint(1)", "true"),
            ("p.start", "1970-01-01T00:00:05Z"), ("p.labels['app']", "'web'"),
            ("p.labels.app", "'web'"), ("p.labels.other", "error: no such key"), ("'app' in p.labels", "true"),
            ("p.flags", "['a', 'b']"), ("p.flags.exists(x, x == 'b')", "true"),
            ("p.in_init_tree", "true"), ("p.state == State.RUNNING", "true"), ("p.digest", "b1,2"),
            ("p.numbers", "[1, -2, 300]"), ("p.ratio", "0.5"), ("p.parent.binary", "'/sbin/init'"),
            ("p.parent.parent.parent.binary", "''"), ("p.parent.pid", "null"), ("p.parent.pid == null", "true"),
            ("p.parent.pid > 1u", "error: no such overload: _<_ does not take values of these types"),
            ("p.parent.start", "1970-01-01T00:00:00Z"), ("p.parent.age", "0s"), ("p.parent.labels", "{}"),
            ("p.parent.flags", "[]"), ("p.parent.json", "null"), ("p.parent.detail", "null"),
            ("p.age", "1.5s"), ("p.json.a[1]", "'x'"), ("p.json.n", "2.0"), ("p.detail.binary", "'inner'"),
            ("has(p.binary)", "true"), ("has(p.parent.digest)", "false"),
            ("has(p.parent.pid)", "false"), ("has(p.maybe)", "true"), ("p.maybe", "0"),
            ("has(p.parent.maybe)", "false"), ("has(p.labels) && !has(p.parent.labels)", "true"),
            ("has(p.flags) && !has(p.parent.flags)", "true"),
            ("p == p", "true"), ("p == p.parent", "false"), ("p.parent == Process{binary: '/sbin/init'}", "true"),
            ("p == null", "false"), ("p.?pid.orValue(0u)", "7u"), ("p.parent.?pid.orValue(0u)", "0u"),
            ("cidr('10.0.0.0/8').containsIP(p.address)", "true"), ("size(p.numbers) + size(p.labels)", "4"),
        ])
    func reading(source: String, expected: String) {
        let message = process(
            """
            Process{binary: '/bin/sh', pid: 7u, start: timestamp(5), labels: {'app': 'web'}, flags: ['a', 'b'],
              in_init_tree: true, state: State.RUNNING, digest: b'\\001\\002', numbers: [1, -2, 300], ratio: 0.5,
              parent: Process{binary: '/sbin/init'}, maybe: 0, detail: Process{binary: 'inner'},
              json: {'a': [1, 'x'], 'n': 2}, age: duration('1.5s'), address: '10.1.2.3'}
            """)
        #expect(value(source, ["p": .message(message)]) == expected)
    }

    @Test(
        "simple fields hold what fits",
        arguments: [
            ("Scalars{int32: -5}.int32", "-5"), ("Scalars{int64: -9223372036854775808}.int64", "-9223372036854775808"),
            ("Scalars{uint32: 4294967295u}.uint32", "4294967295u"),
            ("Scalars{uint64: 18446744073709551615u}.uint64", "18446744073709551615u"),
            ("Scalars{sint32: -2147483648}.sint32", "-2147483648"),
            ("Scalars{sint64: -9223372036854775808}.sint64", "-9223372036854775808"),
            ("Scalars{fixed32: 7u}.fixed32", "7u"), ("Scalars{fixed64: 7u}.fixed64", "7u"),
            ("Scalars{sfixed32: -7}.sfixed32", "-7"), ("Scalars{sfixed64: -7}.sfixed64", "-7"),
            ("Scalars{float: 1.5}.float", "1.5"), ("Scalars{double: -0.1}.double", "-0.1"),
            ("Scalars{bool: true}.bool", "true"),
            ("Scalars{int32: 2147483648}", "error: field int32: the result is out of range"),
            ("Scalars{uint32: 4294967296u}", "error: field uint32: the result is out of range"),
            ("Scalars{first: 1, second: 'x'}.second", "'x'"), ("has(Scalars{first: 1, second: 'x'}.first)", "false"),
            ("Process{pid: null}.pid", "null"),
            ("Scalars{int32: 0} == Scalars{}", "true"),
            ("Scalars{bool: dyn('a')}", "error: the field bool of test.v1.Scalars takes no value of type string"),
            ("google.protobuf.Int64Value{value: 5} + 1", "6"),
            ("Process{json: [1, null, {'a': b'x'}]}.json", "[1.0, null, {'a': 'eA=='}]"),
        ])
    func scalars(source: String, expected: String) { #expect(value(source) == expected) }

    private func read(_ source: String, _ bytes: [UInt8], type: String = "test.v1.Process") -> String {
        guard let message = plain.message(type, ByteString(bytes)) else { return "no such type" }
        return value(source, ["p": .message(message), "d": .message(message)])
    }

    @Test("the last of two counts, two parts of a message are one, and the last member of a oneof clears the others")
    func merging() throws {
        #expect(read("p.binary", [0x0A, 1, 0x61, 0x0A, 1, 0x62]) == "'b'")
        // parent { binary: "a" } parent { digest: "b" }
        #expect(
            read("p.parent.binary + string(p.parent.digest)", [0x5A, 3, 0x0A, 1, 0x61, 0x5A, 3, 0x42, 1, 0x62])
                == "'ab'")
        // first: 1, second: "x", and the other way round
        #expect(read("d.first", [0x70, 1, 0x7A, 1, 0x78], type: "test.v1.Scalars") == "0")
        #expect(read("d.second + string(d.first)", [0x7A, 1, 0x78, 0x70, 1], type: "test.v1.Scalars") == "'1'")
        // Of two entries with one key the last one counts; an entry may lack both parts.
        #expect(
            read("p.labels", [0x22, 6, 0x0A, 1, 0x61, 0x12, 1, 0x62, 0x22, 6, 0x0A, 1, 0x61, 0x12, 1, 0x63, 0x22, 0])
                == "{'a': 'c', '': ''}")
        // Packed and not, mixed.
        #expect(read("p.numbers", [0x48, 1, 0x4A, 2, 2, 3, 0x48, 4]) == "[1, 2, 3, 4]")
    }

    @Test("unknown fields of every kind are passed over, and tell messages apart")
    func unknownFields() {
        let unknown: [UInt8] = [
            0xC0, 0x3E, 1, 0xC1, 0x3E, 1, 2, 3, 4, 5, 6, 7, 8, 0xC2, 0x3E, 1, 0, 0xC3, 0x3E, 0x08, 1, 0xC4, 0x3E, 0xC5,
            0x3E, 1, 2, 3, 4,
        ]
        #expect(read("p.binary", unknown + [0x0A, 1, 0x61]) == "'a'")
        #expect(read("p == Process{}", unknown) == "false")
        #expect(read("p == p", unknown) == "true")
    }

    @Test(
        "a message that is cut off or wrong is an error, never a crash",
        arguments: [
            [0x0A], [0x0A, 5, 0x61], [0x80], [0x00], [0x07], [0x0F, 1], [0x0C], [0x0B], [0x0B, 0x0B, 0x0C],
            [0x0B, 0x14],
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            [0x09, 1, 2], [0x0D, 1], [0x08, 1], [0x0A, 1, 0xFF], [0x0A, 2, 0xC3, 0x28],
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) {
        #expect(read("p.binary", bytes) == "error: the encoded message of type test.v1.Process is malformed")
    }

    @Test("every prefix of a message is read or refused")
    func prefixes() {
        let whole = process(
            """
            Process{binary: 'x', pid: 7u, labels: {'a': 'b'}, numbers: [1, 2], parent: Process{age: duration('1s')},
              json: [1, {'a': 'b'}]}
            """
        )
        let bytes = Array(whole.bytes.bytes)
        for count in 0..<bytes.count {
            let result = read(
                """
                [p.binary, p.?pid.optMap(x, string(x)).orValue(''), string(p.numbers.size()), p.labels.?a.orValue(''),
                  string(p.parent.age), string(type(p.json) == type([]))].join('|')
                """,
                Array(bytes[..<count]))
            #expect(result.hasPrefix("'") || result.hasPrefix("error: "), "\(result)")
        }
        // The same with one byte changed.
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x81
            let result = read("p == p || p.parent.parent == p", changed)
            #expect(result == "true" || result == "false" || result.hasPrefix("error: "))
        }
    }

    @Test("messages in messages without end are refused")
    func nesting() {
        // ListValue in Value in ListValue …, and Process in Process.
        var json: [UInt8] = []
        var parents: [UInt8] = []
        for _ in 0..<2000 {
            json = [0x0A] + varint(json.count) + json
            json = [0x32] + varint(json.count) + json
            parents = [0x5A] + varint(parents.count) + parents
        }
        #expect(
            read("p.json == p.json", [0x72] + varint(json.count) + json).hasPrefix(
                "error: the encoded message of type google.protobuf."))
        #expect(read("p == p", parents) == "error: the encoded message of type test.v1.Process is malformed")
        // An Any in an Any in an Any …
        var any: [UInt8] = []
        let url = Array("x/google.protobuf.Any".utf8)
        for _ in 0..<300 { any = [0x0A] + varint(url.count) + url + [0x12] + varint(any.count) + any }
        #expect(
            read("p.detail", [0x6A] + varint(any.count) + any)
                == "error: the encoded message of type google.protobuf.Any is malformed")
        #expect(read("p.detail", [0x6A, 3, 0x0A, 1, 0x78]) == "error: nothing is known of the type 'x' of an Any")
    }

    @Test("what another encoder made is read the same")
    func foreignEncoder() throws {
        let time: Google_Protobuf_Timestamp = .with {
            $0.seconds = -1; $0.nanos = 500_000_000
        }
        let bytes: [UInt8] = try time.serializedBytes()
        #expect(read("p.start", [0x1A] + varint(bytes.count) + bytes) == "1969-12-31T23:59:59.5Z")
        let structure: Google_Protobuf_Value = .with {
            $0.structValue.fields["a"] = .with {
                $0.listValue.values = [1, "b", .with { $0.nullValue = .nullValue }, true]
            }
        }
        let json: [UInt8] = try structure.serializedBytes()
        #expect(read("p.json", [0x72] + varint(json.count) + json) == "{'a': [1.0, 'b', null, true]}")
        // Times that no timestamp holds.
        let late: [UInt8] = try Google_Protobuf_Timestamp.with { $0.seconds = .max }.serializedBytes()
        #expect(read("p.start", [0x1A] + varint(late.count) + late) == "error: timestamp: the result is out of range")
    }

    private func varint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + varint(value >> 7)
    }
}
