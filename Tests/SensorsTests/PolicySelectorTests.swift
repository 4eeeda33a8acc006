// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Every operator on every kind of thing that a filter looks at: what matches, and what does not.
    @Suite struct PolicySelectorTests: KernelSuite {
        // MARK: Numbers

        struct NumberCase: Sendable, CustomTestStringConvertible {
            var op: UInt32
            var a: Int64 = 0
            var b: Int64 = 0
            var type = POL_I32
            var set: [Int64] = []
            var ranges: [ClosedRange<Int64>] = []
            var tried: [Int32]
            var matching: [Int32]
            var testDescription: String { "op \(op) of \(type.rawValue): \(a), \(b), \(set), \(ranges)" }
        }

        static let negated = POL_NEGATED.rawValue
        static let numbers: [NumberCase] = [
            .init(op: POL_EQUAL.rawValue, a: 7, tried: [6, 7, 8], matching: [7]),
            .init(op: POL_EQUAL.rawValue | negated, a: 7, tried: [6, 7, 8], matching: [6, 8]),
            .init(op: POL_EQUAL.rawValue, a: -7, tried: [7, -7], matching: [-7]),
            .init(op: POL_IN.rawValue, set: [1, -5, 9], tried: [1, 2, -5, 5, 9], matching: [1, -5, 9]),
            .init(op: POL_IN.rawValue | negated, set: [1, -5, 9], tried: [1, 2, -5, 5, 9], matching: [2, 5]),
            .init(op: POL_LESS.rawValue, a: 3, tried: [-1, 2, 3, 4], matching: [-1, 2]),
            .init(op: POL_LESS.rawValue, a: 3, type: POL_U32, tried: [-1, 2, 3, 4], matching: [2]),
            .init(op: POL_GREATER.rawValue, a: 3, tried: [-1, 3, 4], matching: [4]),
            .init(op: POL_GREATER.rawValue, a: 3, type: POL_U32, tried: [-1, 3, 4], matching: [-1, 4]),
            .init(op: POL_MASK.rawValue, a: 0b1010, tried: [0b0101, 0b0010, 0b1000, 0], matching: [0b0010, 0b1000]),
            .init(op: POL_RANGE.rawValue, a: -2, b: 2, tried: [-3, -2, 0, 2, 3], matching: [-2, 0, 2]),
            .init(op: POL_RANGE.rawValue, a: 2, b: 5, type: POL_U32, tried: [-3, 1, 2, 5, 6], matching: [2, 5]),
            .init(
                op: POL_IN_RANGES.rawValue, ranges: [-10...(-3), 5...5, 1000...70000],
                tried: [-11, -10, -3, -2, 0, 4, 5, 6, 999, 1000, 65536, 70000, 70001],
                matching: [-10, -3, 5, 1000, 65536, 70000]),
            .init(
                op: POL_IN_RANGES.rawValue | negated, ranges: [-10...3], tried: [-11, -10, 0, 3, 4],
                matching: [-11, 4]),
        ]

        @Test("numbers", arguments: numbers)
        func number(_ test: NumberCase) throws {
            // getpriority(which, who): `which` marks the call as ours.
            var trial = PolicyTrial(at: .tracepoint(subsystem: "syscalls", event: "sys_enter_getpriority"))
            trial.setArgument(0, POL_I32, raw: 0, offset: 16)
            trial.setArgument(1, test.type, raw: 1, offset: 24)
            trial.add(POL_NUMBER, 0, POL_EQUAL, 77)
            trial.add(
                POL_NUMBER, 1, pol_op(test.op & ~Self.negated), negated: test.op & Self.negated != 0,
                test.set.isEmpty && test.ranges.isEmpty ? UInt64(bitPattern: test.a) : 5, UInt64(bitPattern: test.b))
            trial.capacity.numbers = test.set.count
            let prefixes = test.ranges.flatMap { PolicyProgram.prefixes(of: $0) }
            trial.capacity.ranges = prefixes.count
            let hits = try trial.run(on: try sensors) {
                for number in test.set { try $0.program.insert(number: UInt64(bitPattern: number), into: 5) }
                try $0.program.insert(prefixes: prefixes, into: 5)
            } _: { _ in
                for number in test.tried { getpriority(__priority_which_t(77), id_t(bitPattern: number)) }
            }
            let seen = hits.map {
                Int32(truncatingIfNeeded: $0.values[1]!.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
            }
            #expect(seen == test.matching)
        }

        @Test("a range's prefixes are all of it and nothing else")
        func prefixes() {
            #expect(PolicyProgram.prefixes(of: UInt64.min...UInt64.max) == [.init(number: 0, bits: 0)])
            #expect(PolicyProgram.prefixes(of: UInt64(5)...5) == [.init(number: 5, bits: 64)])
            #expect(PolicyProgram.prefixes(of: UInt64(1)...(.max - 1)).count == 126)
            #expect(PolicyProgram.prefixes(of: Int64.min...Int64.max).reduce(0) { $0 + Int(65 - $1.bits) } == 128)
            #expect(PolicyProgram.prefixes(of: UInt64.max...UInt64.max) == [.init(number: .max, bits: 64)])
        }

        // MARK: Texts

        @Test(
            "a text of a length that a set has not is not looked up, and of those that it has each is",
            arguments: [false, true])
        func lengths(_ isNegated: Bool) throws {
            let long = { (letter: String) in String(repeating: letter, count: 64 + 2) }
            let (given, others) = (["bb", "ccc", long("d")], ["xx", "a", long("e")])
            let texts = given.map { Array((PolicyTrial.marker + $0).utf8) }
            var trial = PolicyTrial()
            trial.add(
                POL_BYTES, 0, POL_IN, negated: isNegated, 3, texts.reduce(0) { $0 | 1 << UInt64($1.count & 63) })
            trial.capacity.bytes[24] = 16
            trial.capacity.bytes[120] = 4
            let hits = try trial.run(on: try sensors) { parts in
                for text in texts { try parts.program.insert(bytes: text, into: 3) }
            } _: { _ in
                (given + others).forEach(PolicyTrial.open)
            }
            let seen = hits.map { String($0.text.dropFirst(PolicyTrial.marker.count)) }
            #expect(seen == (isNegated ? others : given))
        }

        // MARK: Texts inside of texts

        static let substrings: [(texts: [String], anyCase: Bool, negated: Bool, matching: [String])] = [
            (["passwd"], false, false, ["etc.passwd", "passwd-"]),
            (["passwd", "shad"], false, false, ["etc.passwd", "passwd-", "shadow"]),
            (["SHADOW", "PassWD"], false, false, []),
            (["SHADOW", "PassWD"], true, false, ["etc.passwd", "passwd-", "Shadow", "shadow"]),
            (["sswd", "asswx", "w"], false, true, ["x", "aaab"]),
            (["aab"], false, false, ["aaab"]),
        ]

        @Test("a text has one of others in it", arguments: substrings.indices)
        func contains(_ index: Int) throws {
            let test = Self.substrings[index]
            let names = ["etc.passwd", "passwd-", "Shadow", "shadow", "ssw", "x", "aaab"]
            let automaton = try #require(SubstringAutomaton(test.texts.map { Array($0.utf8) }, anyCase: test.anyCase))
            var trial = PolicyTrial()
            trial.add(POL_BYTES, 0, test.anyCase ? POL_CONTAINS_ANY_CASE : POL_CONTAINS, negated: test.negated, 9)
            trial.capacity.automata = 1
            trial.capacity.transitions = automaton.rows + 3
            let hits = try trial.run(on: try sensors) {
                try $0.program.insert(automaton, atRow: 3, into: 9)
            } _: { _ in
                names.forEach(PolicyTrial.open)
            }
            #expect(Set(hits.map { String($0.text.dropFirst(PolicyTrial.marker.count)) }) == Set(test.matching))
        }

        @Test("an automaton finds what a search of each text finds")
        func automaton() throws {
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<300 {
                let texts = (0..<Int.random(in: 1...4)).map { _ in
                    (0..<Int.random(in: 1...4)).map { _ in UInt8.random(in: 97...99, using: &generator) }
                }
                let bytes = (0..<12).map { _ in UInt8.random(in: 97...100, using: &generator) }
                let automaton = try #require(SubstringAutomaton(texts, anyCase: false))
                let expected = texts.contains { text in
                    bytes.indices.contains { bytes[$0...].starts(with: text) }
                }
                #expect(automaton.isFound(in: bytes) == expected, "\(texts) in \(bytes)")
            }
            let all = try #require(SubstringAutomaton([Array(UInt8.min...UInt8.max)], anyCase: false))
            #expect(all.isFound(in: [1, 2] + Array(UInt8.min...UInt8.max)) && !all.isFound(in: Array(1...UInt8.max)))
            #expect(SubstringAutomaton([], anyCase: false) == nil && SubstringAutomaton([[]], anyCase: false) == nil)
        }

        // MARK: Processes

        private func opens(
            _ configure: (inout PolicyTrial) -> Void, prepare: (PolicyTrial.Parts) throws -> Void = { _ in },
            _ action: (PolicyTrial.Parts) throws -> Void
        ) throws -> [String] {
            var trial = PolicyTrial()
            configure(&trial)
            let hits = try trial.run(on: try sensors, prepare: prepare, action)
            return hits.map { String($0.text.dropFirst(PolicyTrial.marker.count)) }
        }

        private func act(_ words: String...) throws { try Child(TestProgram.act, words.map { Array($0.utf8) }).end() }

        @Test("a pid is the host's, or its namespace's", arguments: [false, true])
        func pids(_ isSet: Bool) throws {
            let own = try opens {
                $0.add(POL_PROCESS, 0, isSet ? POL_IN : POL_EQUAL, isSet ? 5 : UInt64(getpid()))
                $0.capacity.numbers = 1
            } prepare: {
                try $0.program.insert(number: UInt64(getpid()), into: 5)
            } _: { _ in
                PolicyTrial.open("own")
                try act("open", PolicyTrial.marker + "other")
            }
            #expect(own == ["own"])
            let first = try opens {
                $0.add(POL_PROCESS, 1, isSet ? POL_IN : POL_EQUAL, isSet ? 5 : 1)
                $0.capacity.numbers = 1
            } prepare: {
                try $0.program.insert(number: 1, into: 5)
            } _: { _ in
                PolicyTrial.open("own")
                try Child("/usr/bin/unshare", "-p", "-f", TestProgram.act, "open", PolicyTrial.marker + "first").end()
            }
            #expect(first == ["first"])
            let others = try opens {
                $0.add(POL_PROCESS, 0, POL_EQUAL, negated: true, UInt64(getpid()))
            } _: { _ in
                PolicyTrial.open("own")
                try act("open", PolicyTrial.marker + "other")
            }
            #expect(others == ["other"])
        }

        static let namespaces = [
            "uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user",
        ]

        @Test("each namespace by its number", arguments: namespaces)
        func namespace(_ name: String) throws {
            let index = UInt32(Self.namespaces.firstIndex(of: name)!)
            for (number, negated, expected) in [
                (UInt64(OwnProcess.namespace(name)), false, ["x"]), (UInt64(OwnProcess.namespace(name)), true, []),
                (UInt64(OwnProcess.namespace(name)) + 1, false, []),
            ] {
                let seen = try opens {
                    $0.add(POL_NAMESPACE, index, POL_EQUAL, negated: negated, number)
                } _: { _ in
                    PolicyTrial.open("x")
                }
                #expect(seen == expected)
            }
        }

        @Test("another namespace than the host's is told apart")
        func otherNamespace() throws {
            let seen = try opens {
                $0.add(POL_NAMESPACE, POL_NS_UTS.rawValue, POL_IN, negated: true, 5)
                $0.capacity.numbers = 1
            } prepare: {
                try $0.program.insert(number: UInt64(OwnProcess.namespace("uts")), into: 5)
            } _: { _ in
                try act("open", PolicyTrial.marker + "before", "uts", "open", PolicyTrial.marker + "after")
            }
            #expect(seen == ["after"])
        }

        @Test("a change of namespaces is told once, and only of those that are asked for")
        func namespaceChanges() throws {
            for (mask, negated, expected) in [
                (UInt64(1) << UInt64(POL_NS_UTS.rawValue), false, ["after", "second"]),
                (1 << UInt64(POL_NS_NET.rawValue), false, []),
                (1 << UInt64(POL_NS_NET.rawValue), true, ["after", "second"]),
                (1 << UInt64(POL_NS_UTS.rawValue), true, []),
            ] {
                let seen = try opens {
                    $0.add(POL_NAMESPACE_CHANGE, 0, POL_EQUAL, negated: negated, mask)
                    $0.capacity.changes = 16
                } prepare: {
                    try $0.tasks.keepPrivileges()
                } _: { _ in
                    let marker = PolicyTrial.marker
                    try act(
                        "open", marker + "before", "uts", "open", marker + "after", "open", marker + "again", "uts",
                        "open",
                        marker + "second", "run", TestProgram.act, "open", marker + "executed")
                }
                #expect(seen == expected)
            }
        }

        static let netRaw: UInt64 = 13

        @Test("capabilities of each set", arguments: [POL_CAPS_EFFECTIVE, POL_CAPS_PERMITTED, POL_CAPS_INHERITABLE])
        func capabilities(_ set: pol_capabilities) throws {
            let words = [
                "open", PolicyTrial.marker + "before", "drop", "\(Self.netRaw)", "open", PolicyTrial.marker + "after",
            ]
            let key = ["CapEff", "CapPrm", "CapInh"][Int(set.rawValue)]
            let own = UInt64(OwnProcess.status(key).first ?? "", radix: 16) ?? 0
            let had = own & 1 << Self.netRaw != 0
            let kept = set != POL_CAPS_EFFECTIVE && had
            for negated in [false, true] {
                let seen = try opens {
                    $0.add(POL_CAPABILITY, set.rawValue, POL_MASK, negated: negated, 1 << Self.netRaw)
                } _: {
                    _ in
                    try Child(TestProgram.act, words.map { Array($0.utf8) }).end()
                }
                #expect(seen == (had != negated ? ["before"] : []) + (kept != negated ? ["after"] : []))
            }
        }

        @Test("capabilities in a user namespace of its own")
        func ownCapabilities() throws {
            let set = POL_CAPS_EFFECTIVE.rawValue | POL_CAPS_IN_OWN_NS.rawValue
            for negated in [false, true] {
                let seen = try opens {
                    $0.add(POL_CAPABILITY, set, POL_MASK, negated: negated, 1 << Self.netRaw)
                } _: { _ in
                    PolicyTrial.open("host")
                    try Child("/usr/bin/unshare", "-U", "-r", TestProgram.act, "open", PolicyTrial.marker + "inside")
                        .end()
                }
                #expect(seen == (negated ? [] : ["inside"]))
            }
        }

        @Test("a set of capabilities that is passed is compared, and not where it is", arguments: [false, true])
        func passedCapabilities(_ isMeant: Bool) throws {
            var trial = PolicyTrial(at: .tracepoint(subsystem: "syscalls", event: "sys_enter_capset"))
            trial.setArgument(0, POL_CAPABILITIES, raw: 0, offset: 24, isFiltered: true)
            trial.shape.arguments.0.flags |= UInt8(POL_USER.rawValue)
            let set: UInt64 = 1 << 19 | 1 << 40
            // Addresses have some of the other bits.
            trial.add(POL_NUMBER, 0, POL_MASK, isMeant ? 1 << 40 : ~set)
            let hits = try trial.run(on: try sensors) { _ in
                // Without a header the kernel does nothing else.
                withUnsafePointer(to: set) { _ = Acts.call(126, 0, Int(bitPattern: $0)) }
            }
            #expect(hits.count == (isMeant ? 1 : 0))
        }

        @Test("a change of capabilities is told once")
        func capabilityChanges() throws {
            for (mask, negated, expected) in [
                (UInt64(1) << Self.netRaw, false, ["after"]), (1 << 12, false, []), (1 << 12, true, ["after"]),
            ] {
                let seen = try opens {
                    $0.add(POL_CAPABILITY_CHANGE, POL_CAPS_EFFECTIVE.rawValue, POL_MASK, negated: negated, mask)
                    $0.capacity.changes = 16
                } prepare: {
                    try $0.tasks.keepPrivileges()
                } _: { _ in
                    let marker = PolicyTrial.marker
                    try act(
                        "open", marker + "before", "drop", "\(Self.netRaw)", "open", marker + "after", "open",
                        marker + "again")
                }
                #expect(seen == expected)
            }
        }
    }
}
