// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Events
@testable import Processes

private typealias Sample = FilterSample

@Suite("Filters on capabilities")
struct CapabilityFilterTests {
    /// CAP_KILL is 5, CAP_SYS_ADMIN 21, CAP_BPF 39, CAP_CHECKPOINT_RESTORE 40.
    private let sets = CapabilitySets(
        permitted: 1 << 5 | 1 << 21 | 1 << 40, effective: 1 << 5 | 1 << 21, inheritable: 0)

    @Test(
        "any, all, exactly and none of a set",
        arguments: [
            ("any", ["CAP_KILL", "CAP_BPF"], true), ("any", ["CAP_BPF"], false),
            ("all", ["CAP_KILL", "CAP_SYS_ADMIN"], true), ("all", ["CAP_KILL"], true),
            ("all", ["CAP_KILL", "CAP_BPF"], false),
            ("exactly", ["CAP_SYS_ADMIN", "CAP_KILL"], true), ("exactly", ["CAP_KILL"], false),
            ("exactly", ["CAP_KILL", "CAP_SYS_ADMIN", "CAP_BPF"], false),
            ("none", ["CAP_BPF", "DAC_OVERRIDE"], true), ("none", ["CAP_BPF", "CAP_KILL"], false),
        ])
    func operators(name: String, capabilities: [String], expected: Bool) throws {
        let event = Sample.event(Sample.image(capabilities: sets))
        let list = capabilities.map { "\"\($0)\"" }.joined(separator: ",")
        #expect(try Sample.matches("{\"capabilities\": {\"effective\": {\"\(name)\": [\(list)]}}}", event) == expected)
    }

    @Test("every set that is named must match, each on its own")
    func severalSets() throws {
        let event = Sample.event(Sample.image(capabilities: sets))
        let both =
            #"{"capabilities": {"permitted": {"all": ["CAP_CHECKPOINT_RESTORE"]}, "effective": {"any": ["CAP_KILL"]}}}"#
        #expect(try Sample.matches(both, event))
        let one = #"{"capabilities": {"permitted": {"any": ["CAP_BPF"]}, "effective": {"any": ["CAP_KILL"]}}}"#
        #expect(try !Sample.matches(one, event))
        #expect(try !Sample.matches(#"{"capabilities": {"inheritable": {"any": ["CAP_KILL"]}}}"#, event))
        #expect(try Sample.matches(#"{"capabilities": {"inheritable": {"none": ["CAP_KILL"]}}}"#, event))
    }

    @Test("of a process whose capabilities are not known nothing is said")
    func unknown() throws {
        #expect(try !Sample.matches(#"{"capabilities": {"effective": {"none": ["CAP_KILL"]}}}"#, Sample.event()))
    }

    @Test("a set without a condition, with two, or of no capability is refused where it stands")
    func refusals() throws {
        func complaint(_ json: String) throws -> String { "\(try #require(try Sample.complaint(json)))" }
        #expect(
            try complaint(#"{"capabilities": {"permitted": {"any": ["CAP_BPF"], "none": ["CAP_KILL"]}}}"#)
                == "allow_list[0].capabilities.permitted: one of any, all, exactly and none must be used, "
                + "not any and none")
        #expect(
            try complaint(#"{"capabilities": {"effective": {}}}"#)
                == "allow_list[0].capabilities.effective: one of any, all, exactly and none must be used")
        #expect(try complaint(#"{"capabilities": {}}"#).hasPrefix("allow_list[0].capabilities: one of permitted"))
        for number in ["41", "64", "-1", "2147483647"] {
            let json = "{\"capabilities\": {\"effective\": {\"any\": [\"CAP_KILL\", \(number)]}}}"
            #expect(
                try complaint(json)
                    == "allow_list[0].capabilities.effective.any[1]: there is no capability \(number)")
        }
    }
}
