// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

/// Probes that programs bring (USDT).
@Suite struct PlannedProbeTests {
    /// Of the probe that ``FakeSurvey`` has.
    private func spec(_ rest: String) -> String { "usdts: [{path: /bin/a, provider: p, name: probe, \(rest)}]" }

    @Test("a probe is a uprobe at its places, each with what it passes there")
    func probe() throws {
        let asked = "args: [{index: 2, type: string, label: l}, {index: 0, type: int}], message: why, tags: [aa]"
        let hook = try plan(spec(asked)).hooks[0]
        let probe = try #require(FakeSurvey.full.probes.first)
        #expect(hook.place == .probe(probe))
        #expect(probe.locations.map(\.offset) == [0x1139, 0x1200])
        #expect(probe.locations.map(\.semaphore) == [nil, 0x4010])
        #expect(hook.method == .uprobe && hook.isAttachedAtOnce && hook.shape.has_return == 0)
        // The programs that it shares are told apart by it: a file of the same path that is another one is another place.
        var other = probe
        other.file.inode += 1
        #expect(hook.place != .probe(other))
        let values = hook.shape.values
        #expect(values.prefix(2).map(\.offset) == [2, 0] && values.prefix(2).map(\.raw) == [0, 1])
        #expect(values.prefix(2).map { pol_type(UInt32($0.type)) } == [POL_STRING, POL_I32])
        #expect(values[0].flags == UInt8(POL_USER.rawValue) && values[1].flags == 0)
        let description = hook.description
        #expect(description.place == .probe(path: "/bin/a", provider: "p", name: "probe"))
        #expect(description.message == "why" && description.tags == ["aa"])
        #expect(description.arguments.map(\.label) == ["l", ""])
        #expect(hook.sensorName == "usdt//bin/a:p:probe")
        #expect(try !plan(spec(""), on: .bare).hooks[0].isAttachedAtOnce)
    }

    @Test("selectors look at the arguments that they name")
    func selectors() throws {
        let hook = try plan(
            spec(
                """
                args: [{index: 1, type: uint64}, {index: 2, type: string}], selectors: [{matchArgs: [\
                {index: 2, operator: Equal, values: [x]}, {index: 1, operator: GreaterThan, values: ["5"]}]}]
                """)
        ).hooks[0]
        #expect(hook.filters().map(\.index) == [0, 1] && hook.filters().map(\.what) == [POL_NUMBER, POL_BYTES])
        #expect(hook.filters()[1].set == .texts([Array("x".utf8)]))
    }

    @Test("bytes are as many as another argument says, which is among args or is read beside them")
    func sized() throws {
        let among = try plan(spec("args: [{index: 2, type: char_buf, sizeArgIndex: 2}, {index: 1, type: size_t}]"))
            .hooks[0]
        #expect(among.shape.values[0].size_raw == 2 && among.shape.values[1].offset == 1)
        let beside = try plan(spec("args: [{index: 2, type: char_buf, sizeArgIndex: 1}]")).hooks[0]
        #expect(beside.shape.values[0].size_raw == 2 && beside.shape.values[1].offset == 0)
        #expect(pol_type(UInt32(beside.shape.values[1].type)) == POL_U64 && beside.description.arguments.count == 1)
        let two = "args: [{index: 2, type: char_buf, sizeArgIndex: 1}, {index: 2, type: char_buf, sizeArgIndex: 2}]"
        #expect(
            try problems(spec(two)).contains { $0.hasPrefix("spec.usdts[0].args[1].sizeArgIndex: two arguments say") })
    }

    @Test("what the file has not is refused, with what it has")
    func refused() throws {
        #expect(
            try problems("usdts: [{path: /bin/b, provider: p, name: probe}]")
                == ["spec.usdts[0].name: /bin/b has no probe p:probe"])
        #expect(
            try problems(spec("args: [{index: 4, type: int}]")) == [
                "spec.usdts[0].args[0].index: p:probe passes 4 arguments at 0x1139, so there is no argument 4"
            ])
        #expect(
            try problems(spec("args: [{index: 3, type: uint64}]")) == [
                #"spec.usdts[0].args[0].index: argument 3 is "8f@%xmm0" at 0x1139, and cannot be read: "#
                    + "it is a floating-point number; leave it out"
            ])
        #expect(
            try problems(spec("args: [{index: 0, type: string}]")) == [
                #"spec.usdts[0].args[0].index: argument 0 is "-4@%edi" at 0x1139, "#
                    + "which has too few bytes to be an address; read it as a number"
            ])
        #expect(
            try problems(spec("args: [{index: 2, type: char_buf, sizeArgIndex: 5}]"))[0]
                .hasPrefix("spec.usdts[0].args[0].sizeArgIndex: "))
        #expect(try problems(spec("args: [{index: 0, type: int, resolve: a}]"))[0].contains("probes of programs"))
        #expect(try problems(spec("args: [{index: 2, type: string, returnCopy: true}]"))[0].contains("no return"))
        #expect(try problems(spec(""), on: .bare.without(.uprobe))[0].contains("no uprobes (no uprobe)"))

        var crowded = FakeSurvey.bare
        crowded.probes[0].locations = (0..<1025).map { .init(offset: $0) }
        #expect(
            try problems(spec(""), on: crowded)[0].hasPrefix("spec.usdts[0].name: p:probe is at 1025 places of /bin/a"))
        var full = FakeSurvey.full
        full.probes = crowded.probes
        #expect(try plan(spec(""), on: full).hooks.count == 1)
    }
}
