// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Probes that a program brings (USDT): Tests/Programs/probes.c has some.
    @Suite struct UserProbeTests: KernelSuite {
        private func probe(_ name: String) throws -> UserProbe {
            try UserSymbols.probe(name, of: "apus", in: TestProgram.probes)
        }

        private static let number = pol_argument(POL_I32, raw: 0)
        private static let text = pol_argument(POL_STRING, raw: 1, at: 1, max: 64, POL_USER)
        private static let constant = pol_argument(POL_I64, raw: 2, at: 2)

        private func passed(
            _ arguments: [pol_argument], at name: String, _ number: String = "-5", _ text: String = "seven77"
        ) throws -> [PolicyHit] {
            let program = try PolicyTrial(arguments).program(at: .userProbe(try probe(name)), policyMaps())
            try program.attach()
            defer { program.detach() }
            try Child(TestProgram.probes, "pass", number, text).end()
            #expect(program.misses == .init())
            return try takeHits()
        }

        @Test("a probe at each of its places, with what it passes from wherever it is there", arguments: [false, true])
        func places(oneByOne: Bool) throws {
            let probe = try probe("pass")
            try #require(probe.locations.count == 3)
            let program = try PolicyTrial([Self.number, Self.text, Self.constant])
                .program(at: .userProbe(probe), policyMaps(), oneByOne: oneByOne)
            try program.attach()
            let child = try Child(TestProgram.probes, "pass", "-5", "seven77")
            child.end()
            let hits = try takeHits()
            #expect(hits.map { $0.number(0) } == [-5, -5, -5])
            #expect(hits.map { $0.text(1) } == ["seven77", "seven77", "seven77"])
            #expect(hits.map { $0.number(2) } == [17, 17, 17])
            #expect(hits.allSatisfy { $0.row == PolicyTrial.row && $0.function == 0 && $0.tid == UInt32(child.pid) })
            #expect(hits.allSatisfy { $0.action == UInt8(POL_DO_POST.rawValue) && !$0.has(POL_AWAITS_RETURN) })
            #expect(program.misses == .init())

            program.detach()
            try Child(TestProgram.probes, "pass", "-5", "seven77").end()
            #expect(try takeHits().isEmpty)
        }

        @Test("what selectors do not want is not seen")
        func filtered() throws {
            var trial = PolicyTrial([Self.number, pol_argument(POL_STRING, raw: 1, at: 1, max: 64, POL_FILTERED)])
            trial.filter(1)
            trial.add(POL_NUMBER, 0, POL_GREATER, 6)
            let program = try trial.program(at: .userProbe(try probe("pass")), policyMaps())
            try program.insert(bytes: Array("yes".utf8), into: 3)
            try program.attach()
            defer { program.detach() }
            for (number, text) in [("7", "no"), ("6", "yes"), ("7", "yes")] {
                try Child(TestProgram.probes, "pass", number, text).end()
            }
            let hits = try takeHits()
            #expect(hits.map { $0.number(0) } == [7, 7, 7] && hits.allSatisfy { $0.text(1) == "yes" })
        }

        @Test("of a register as many bytes as the note says, with their sign")
        func sizes() throws {
            let number = UInt64(0xfedc_ba98_7654_3210) + 286_353_580
            for first in [0, 3] {
                let hits = try passed(
                    (0..<5).map { pol_argument(POL_I64, raw: UInt8($0), at: UInt16(first + $0)) }, at: "sizes",
                    "286353580")
                let hit = try #require(hits.first)
                let expected: [Int64] = [
                    Int64(Int8(truncatingIfNeeded: number)), Int64(UInt8(truncatingIfNeeded: number)),
                    Int64(Int16(truncatingIfNeeded: number)), Int64(UInt16(truncatingIfNeeded: number)),
                    Int64(Int32(truncatingIfNeeded: number)), Int64(UInt32(truncatingIfNeeded: number)),
                    Int64(bitPattern: number), Int64(bitPattern: number),
                ]
                #expect((0..<5).map { hit.number($0) } == Array(expected[first..<first + 5]) && hits.count == 1)
            }
        }

        @Test("an element of an array, and data of the file by its name")
        func data() throws {
            let numbers = [pol_argument(POL_I32, raw: 0), pol_argument(POL_I32, raw: 1, at: 1)]
            let hits = try passed(numbers, at: "data", "40")
            #expect(hits.map { $0.number(0) } == [40] && hits.map { $0.number(1) } == [42])
        }

        @Test("bytes, as many as another argument says")
        func bytes() throws {
            let buffer = pol_argument(POL_BUFFER, raw: 0, count: 1, max: 64, POL_USER)
            let hits = try passed([buffer, pol_argument(POL_U64, raw: 1, at: 1)], at: "bytes", "1", "four")
            #expect(hits.map(\.text) == ["four"] && hits.map { $0.number(1) } == [4])
        }

        @Test("what is nowhere is no value, and meets no filter")
        func nothing() throws {
            let arguments = [pol_argument(POL_I32, raw: 0), pol_argument(POL_I32, raw: 1, at: 1)]
            let hits = try passed(arguments, at: "nothing", "3")
            #expect(hits.map { $0.values[0] } == [[]] && hits.map { $0.number(1) } == [3])

            for (index, negated, count) in [(UInt32(0), false, 0), (0, true, 0), (1, false, 1), (1, true, 0)] {
                var trial = PolicyTrial(arguments)
                trial.shape.selectors = 1
                trial.add(POL_NUMBER, index, POL_EQUAL, negated: negated, index == 0 ? 0 : 3)
                let program = try trial.program(at: .userProbe(try probe("nothing")), policyMaps())
                try program.attach()
                defer { program.detach() }
                try Child(TestProgram.probes, "pass", "3", "x").end()
                #expect(try takeHits().count == count)
            }
        }

        @Test("whoever asks whether somebody watches is told, for as long as that is so", arguments: [false, true])
        func semaphore(runsAlready: Bool) throws {
            let probe = try probe("guarded")
            #expect(probe.locations.map { $0.semaphore != nil } == [true])
            let program = try PolicyTrial([Self.number]).program(at: .userProbe(probe), policyMaps())
            func ends(watched: Bool) throws -> Int32 {
                if !runsAlready { try program.attach() }
                let child = try Child(TestProgram.probes, runsAlready ? "wait" : "pass", "9", "x")
                guard runsAlready else { return child.end().status }
                try child.settle()
                try program.attach()
                if !watched { program.detach() }
                child.tell()
                return child.end().status
            }
            #expect(try ends(watched: true) == 0)
            #expect(try takeHits().map { $0.number(0) } == [9])
            program.detach()
            #expect(try Child(TestProgram.probes, "pass", "9", "x").end().status == 1 << 8)
            if runsAlready { #expect(try ends(watched: false) == 1 << 8) }
            #expect(try takeHits().isEmpty)
        }

        @Test("signals reach the process at the probe, before it does more")
        func killed() throws {
            var trial = PolicyTrial([Self.number])
            trial.shape.selectors = 1
            trial.add(POL_NUMBER, 0, POL_EQUAL, 13)
            trial.act(POL_DO_SIGKILL)
            let program = try trial.program(at: .userProbe(try probe("guarded")), policyMaps())
            try program.attach()
            defer { program.detach() }
            #expect(try Child(TestProgram.probes, "pass", "12", "x").end().status == 0)
            #expect(try Child(TestProgram.probes, "pass", "13", "x").end().status & 0x7f == SIGKILL)
            #expect(try takeHits().map(\.action) == [UInt8(POL_DO_SIGKILL.rawValue)])
        }

        // MARK: Files

        @Test("what is not there is said, and what there is instead")
        func absent() throws {
            func reason(_ name: String, _ provider: String = "apus", in path: String = TestProgram.probes) -> String {
                do throws(UserProbeError) {
                    _ = try UserSymbols.probe(name, of: provider, in: path)
                    return ""
                } catch { return "\(error.part): \(error)" }
            }
            let path = TestProgram.probes
            #expect(
                reason("gaurded") == """
                    name: the provider apus of \(path) has no probe "gaurded": it has "bytes", "data", "fraction", \
                    "guarded", "nothing", "pass", "sizes"; did you mean "guarded"?
                    """)
            #expect(
                reason("pass", "apis")
                    == #"provider: \#(path) has no provider "apis" of probes: it has "apus"; did you mean "apus"?"#)
            #expect(reason("pass", in: TestProgram.calls).hasSuffix("it was built without, or is stripped of them"))
            #expect(reason("pass", in: "/proc/self/status").hasSuffix("it is no ELF file"))
            #expect(reason("pass", in: "/tmp").hasSuffix("it is not a regular file"))
            #expect(
                reason("pass", in: "/nonexistent")
                    == "path: cannot read the probes of /nonexistent: No such file or directory")
        }

        @Test("what cannot be had of a note is said beside it")
        func unreadable() throws {
            let argument = try #require(try probe("fraction").locations.first?.arguments.first)
            #expect(argument.source == .unreadable("it is a floating-point number"))
        }
    }
}
