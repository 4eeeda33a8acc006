// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Which binary sets a process is in, by programs that are really executed.
    @Suite struct PolicyBinaryTests: KernelSuite {
        static let path = "/tmp/apus-binary-one"
        static let long = "/tmp/apus-" + String(repeating: "l", count: 200)

        private func opens(
            of whose: pol_whose_binary = POL_OWN_BINARY, set: Int = 300, negated: Bool = false,
            prepare: (PolicyTrial.Parts) throws -> Void, _ action: (PolicyTrial.Parts) throws -> Void
        ) throws -> [String] {
            var trial = PolicyTrial()
            trial.add(POL_BINARY, whose.rawValue, POL_EQUAL, negated: negated, UInt64(set))
            let hits = try trial.run(on: try sensors, prepare: prepare, action)
            return hits.map { String($0.text.dropFirst(PolicyTrial.marker.count)) }
        }

        private func open(_ name: String, by program: String) throws {
            try Child(program, "open", PolicyTrial.marker + name).end()
        }

        @Test(
            "by path, prefix and postfix",
            arguments: [
                (BinarySets.Kind.paths, ["/nowhere", path]), (.paths, [long]),
                (.prefixes, ["/tmp/apus-binary-", "/nowhere"]),
                (.prefixes, ["/tmp/apus-b"]), (.postfixes, ["-one", "nowhere"]), (.postfixes, ["e"]),
            ])
        func kinds(_ kind: BinarySets.Kind, _ texts: [String]) throws {
            let copy = try ProgramCopy(TestProgram.act, kind == .paths && texts == [Self.long] ? Self.long : Self.path)
            defer { copy.remove() }
            for negated in [false, true] {
                let seen = try opens(negated: negated) {
                    try $0.binaries.add(300, kind, texts.map { Array($0.utf8) })
                    // Others share paths, and begin or end as it does.
                    try $0.binaries.add(7, kind, [Array(texts[0].utf8)])
                    try $0.binaries.add(8, kind, [Array(texts[0].utf8.prefix(1))])
                } _: { _ in
                    try open("in", by: copy.path)
                    try open("not", by: TestProgram.act)
                }
                #expect(seen == [negated ? "not" : "in"])
            }
        }

        @Test("a shorter prefix's set is not lost behind a longer one's, and a removed set is nobody's")
        func nested() throws {
            let copy = try ProgramCopy(TestProgram.act, Self.path)
            defer { copy.remove() }
            let seen = try opens {
                try $0.binaries.add(300, .prefixes, [Array("/tmp/".utf8)])
                try $0.binaries.add(5, .prefixes, [Array("/tmp/apus-binary".utf8)])
            } _: {
                try open("both", by: copy.path)
                try $0.binaries.remove(5)
                try open("shorter", by: copy.path)
                let child = try Child(copy.path, "wait", "open", PolicyTrial.marker + "late")
                try child.settle()
                try $0.binaries.remove(300)
                child.tell()
                child.end()
                try open("none", by: copy.path)
            }
            #expect(seen == ["both", "shorter"])
        }

        @Test("a link is in the sets of its name and of its file; a relative name is its file's only")
        func links() throws {
            let copy = try ProgramCopy(TestProgram.act, Self.path)
            defer { copy.remove() }
            symlink(copy.path, "/tmp/apus-binary-link")
            defer { unlink("/tmp/apus-binary-link") }
            for set in ["/tmp/apus-binary-link", copy.path] {
                let seen = try opens {
                    try $0.binaries.add(300, .paths, [Array(set.utf8)])
                } _: { _ in
                    try open("link", by: "/tmp/apus-binary-link")
                    try Child(
                        TestProgram.act, "run", "/tmp/../tmp/apus-binary-one", "open", PolicyTrial.marker + "dots"
                    ).end()
                }
                #expect(seen == (set == copy.path ? ["link", "dots"] : ["link"]))
            }
        }

        @Test(
            "own, ancestors' and parent's image",
            arguments: [
                (POL_OWN_BINARY, ["own", "forked"]),
                (POL_OWN_OR_ANCESTORS_BINARY, ["own", "forked", "executed", "grandchild"]),
                // The child that executes another image still has the parent.
                (POL_PARENTS_BINARY, ["forked", "executed"]),
            ])
        func ancestors(_ whose: pol_whose_binary, _ expected: [String]) throws {
            let copy = try ProgramCopy(TestProgram.act, Self.path)
            defer { copy.remove() }
            let marker = PolicyTrial.marker
            let seen = try opens(of: whose) {
                try $0.binaries.add(300, .paths, [Array(copy.path.utf8)])
            } _: { _ in
                try Child(
                    copy.path, "open", marker + "own", "child", "open", marker + "forked", "run", TestProgram.act,
                    "open",
                    marker + "executed", "child", "open", marker + "grandchild"
                ).end()
            }
            #expect(seen == expected)
        }

        @Test("an exec by another thread, and one without a fork, keep what is inherited")
        func threads() throws {
            let copy = try ProgramCopy(TestProgram.act, Self.path)
            defer { copy.remove() }
            let marker = PolicyTrial.marker
            for (whose, expected) in [
                (POL_OWN_OR_ANCESTORS_BINARY, ["own", "executed"]), (POL_OWN_BINARY, ["own"]),
            ] {
                let seen = try opens(of: whose) {
                    try $0.binaries.add(300, .paths, [Array(copy.path.utf8)])
                } _: { _ in
                    try Child(
                        copy.path, "thread", "open", marker + "own", "run", TestProgram.act, "open", marker + "executed"
                    ).end()
                }
                #expect(seen == expected)
            }
        }

        @Test("who runs already is marked: by its file, by its ancestors, by its pid")
        func existing() throws {
            let copy = try ProgramCopy(TestProgram.act, Self.path)
            defer { copy.remove() }
            let marker = PolicyTrial.marker
            let own = try Child(copy.path, "wait", "open", marker + "own")
            let below = try Child(
                copy.path, "child", "run", TestProgram.act, "wait", "open", marker + "below", "thread", "open",
                marker + "thread")
            let chosen = try Child(
                TestProgram.act, "wait", "open", marker + "chosen", "child", "open", marker + "its child")
            let other = try Child(TestProgram.act, "wait", "open", marker + "other")
            for child in [own, chosen, other] { try child.settle() }
            usleep(200_000)
            let seen = try opens(of: POL_OWN_OR_ANCESTORS_BINARY) {
                try $0.binaries.add(300, .paths, [Array(copy.path.utf8)])
                try $0.binaries.markProcesses()
                try $0.binaries.mark(tgids: [UInt32(chosen.pid)], in: 300)
            } _: { _ in
                for child in [own, below, chosen, other] { child.tell(); child.end() }
            }
            #expect(seen == ["own", "below", "thread", "chosen", "its child"])
        }

        @Test("what cannot be a set is refused")
        func refusals() throws {
            _ = try PolicyTrial().run(on: try sensors) { parts in
                #expect(throws: SensorError.self) { try parts.binaries.add(512, .paths, [[47]]) }
                #expect(throws: SensorError.self) { try parts.binaries.add(0, .paths, [[]]) }
                #expect(throws: SensorError.self) {
                    try parts.binaries.add(0, .prefixes, [[UInt8](repeating: 47, count: 257)])
                }
            }
        }
    }
}
