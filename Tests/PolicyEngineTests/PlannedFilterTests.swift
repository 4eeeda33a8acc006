// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

@Suite struct PlannedFilterTests {
    private func filter(_ selector: String, on kernel: FakeSurvey = .full) throws -> SeenFilter {
        let filters = try hook(selector: selector, on: kernel).filters()
        #expect(filters.count == 1)
        return try #require(filters.first)
    }

    private func argument(_ index: Int, _ comparison: String, _ values: String) throws -> SeenFilter {
        try filter("matchArgs: [{index: \(index), operator: \(comparison), values: [\(values)]}]")
    }

    // MARK: Numbers

    @Test("one number is compared with itself, several are a set")
    func numbers() throws {
        #expect(
            try argument(0, "Equal", "\"-2\"")
                == SeenFilter(what: POL_NUMBER, op: POL_EQUAL.rawValue, a: UInt64.max - 1))
        #expect(
            try argument(0, "Equal", "\"7\", \"5\", \"7\"")
                == SeenFilter(what: POL_NUMBER, op: POL_IN.rawValue, set: .numbers([5, 7])))
        #expect(try argument(3, "NotEqual", "\"5\"") == SeenFilter(what: POL_NUMBER, index: 3, op: negated, a: 5))
        #expect(
            try argument(0, "NotEqual", "\"5\", \"9\"")
                == SeenFilter(what: POL_NUMBER, op: POL_IN.rawValue | negated, set: .numbers([5, 9])))
    }

    @Test("numbers that touch are a range, ranges apart a set of them")
    func ranges() throws {
        #expect(
            try argument(0, "InMap", "\"1:10\"") == SeenFilter(what: POL_NUMBER, op: POL_RANGE.rawValue, a: 1, b: 10))
        #expect(
            try argument(0, "Equal", "\"5\", \"6\", \"7\"")
                == SeenFilter(what: POL_NUMBER, op: POL_RANGE.rawValue, a: 5, b: 7))
        #expect(
            try argument(0, "NotInRange", "\"1:10\", \"5:20\"")
                == SeenFilter(what: POL_NUMBER, op: POL_RANGE.rawValue | negated, a: 1, b: 20))
        #expect(
            try argument(3, "InRange", "\"1:10\", \"100\", \"200:100000000000\"")
                == SeenFilter(
                    what: POL_NUMBER, index: 3, op: POL_IN_RANGES.rawValue,
                    set: .ranges([1...10, 100...100, 200...100_000_000_000])))
        // What is below 0 is above everything else, as unsigned numbers are.
        #expect(
            try argument(0, "InRange", "\"-5:5\", \"10:20\"")
                == SeenFilter(
                    what: POL_NUMBER, op: POL_IN_RANGES.rawValue,
                    set: .ranges([0...5, 10...20, (UInt64.max - 4)...UInt64.max])))
    }

    @Test("greater and less compare with one number, a mask with all bits of its values")
    func order() throws {
        #expect(try argument(0, "GreaterThan", "\"3\"") == SeenFilter(what: POL_NUMBER, op: POL_GREATER.rawValue, a: 3))
        #expect(
            try argument(0, "LT", "\"-3\"") == SeenFilter(what: POL_NUMBER, op: POL_LESS.rawValue, a: UInt64.max - 2))
        #expect(
            try argument(3, "Mask", "\"0x1\", \"6\"")
                == SeenFilter(what: POL_NUMBER, index: 3, op: POL_MASK.rawValue, a: 7))
    }

    // MARK: Texts

    @Test(
        "texts are sets, by how they are compared",
        arguments: [
            ("Equal", POL_IN.rawValue, SetContent.texts([Array("a".utf8), Array("b".utf8)])),
            ("NotEqual", POL_IN.rawValue | 0x80, .texts([Array("a".utf8), Array("b".utf8)])),
            ("Prefix", POL_PREFIX.rawValue, .prefixes([Array("a".utf8), Array("b".utf8)])),
            ("NotPrefix", POL_PREFIX.rawValue | 0x80, .prefixes([Array("a".utf8), Array("b".utf8)])),
            ("Postfix", POL_POSTFIX.rawValue, .postfixes([Array("a".utf8), Array("b".utf8)])),
            ("NotPostfix", POL_POSTFIX.rawValue | 0x80, .postfixes([Array("a".utf8), Array("b".utf8)])),
            ("SubString", POL_CONTAINS.rawValue, .substrings([Array("a".utf8), Array("b".utf8)])),
        ])
    func texts(name: String, operation: UInt32, set: SetContent) throws {
        #expect(try argument(1, name, "b, a, b") == SeenFilter(what: POL_BYTES, index: 1, op: operation, set: set))
    }

    @Test("texts of any case are in lower case")
    func anyCase() throws {
        #expect(
            try argument(1, "SubStringIgnCase", "Ab, aB, É").set
                == .substringsOfAnyCase([Array("ab".utf8), Array("É".utf8)]))
    }

    @Test("a bound of the kernel's is named")
    func bounds() throws {
        let long = String(repeating: "x", count: 4089)
        func problem(_ comparison: String, _ values: String) throws -> String {
            do {
                _ = try argument(1, comparison, values)
                return ""
            } catch let error as PlanError { return error.problems.map(\.description).joined(separator: "\n") }
        }
        #expect(
            try problem("Equal", "a, \(long)")
                == "spec.kprobes[0].selectors[0].matchArgs[0].values[1]: the kernel compares at most 4088 bytes, and this "
                + "has 4089; compare its beginning (Prefix)")
        #expect(try problem("Equal", String(long.dropLast())) == "")
        let lengths = (1...33).map { String(repeating: "x", count: $0) }
        #expect(
            try problem("Prefix", lengths.joined(separator: ", "))
                == "spec.kprobes[0].selectors[0].matchArgs[0].values: the values of one filter have at most 32 different "
                + "lengths, and these have 33; split them between two selectors")
        #expect(try problem("Prefix", lengths.dropLast().joined(separator: ", ")) == "")
    }

    // MARK: Sockets

    @Test("addresses are networks of IPv6, their bits beyond the prefix gone")
    func addresses() throws {
        let filter = try argument(2, "NotDAddr", "10.1.2.3/8, \"fd00::1/12\", 1.2.3.4")
        let head = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
        #expect(filter.what == POL_ADDRESS_TO && filter.index == 2 && filter.op == POL_IN.rawValue | negated)
        #expect(
            filter.set
                == .networks([
                    .init(address: head + [10, 0, 0, 0], bits: 104),
                    .init(address: [0xfd, 0] + [UInt8](repeating: 0, count: 14), bits: 12),
                    .init(address: head + [1, 2, 3, 4], bits: 128),
                ]))
        #expect(try argument(2, "SAddr", "1.2.3.4").what == POL_ADDRESS_FROM)
    }

    @Test("ports, protocols, families and states are numbers of the socket")
    func socketNumbers() throws {
        #expect(
            try argument(2, "SPort", "1024:65535")
                == SeenFilter(what: POL_PORT_FROM, index: 2, op: POL_RANGE.rawValue, a: 1024, b: 65535))
        #expect(
            try argument(2, "NotDPort", "\"80\", \"443\"")
                == SeenFilter(what: POL_PORT_TO, index: 2, op: POL_IN.rawValue | negated, set: .numbers([80, 443])))
        #expect(try argument(2, "Protocol", "IPPROTO_TCP") == SeenFilter(what: POL_PROTOCOL, index: 2, op: 0, a: 6))
        #expect(try argument(2, "Family", "AF_INET") == SeenFilter(what: POL_FAMILY, index: 2, op: 0, a: 2))
        #expect(try argument(2, "State", "TCP_LISTEN") == SeenFilter(what: POL_STATE, index: 2, op: 0, a: 10))
        #expect(
            try filter("matchArgs: [{index: 2, operator: SPortPriv}]")
                == SeenFilter(what: POL_PORT_FROM, index: 2, op: POL_RANGE.rawValue, a: 0, b: 1023))
        #expect(
            try filter("matchArgs: [{index: 2, operator: NotDPortPriv}]")
                == SeenFilter(what: POL_PORT_TO, index: 2, op: POL_RANGE.rawValue | negated, a: 0, b: 1023))
    }

    @Test("the one address of a sockaddr is meant by whichever is asked for")
    func socketAddress() throws {
        let hook = try plan(
            """
            kprobes:
            - call: sys_connect
              args: [{index: 1, type: sockaddr}]
              selectors: [{matchArgs: [{index: 1, operator: SAddr, values: [1.2.3.4]}, {index: 1, operator: SPort, values: ["80"]}]}]
            """
        ).hooks[0]
        #expect(hook.filters().map(\.what) == [POL_ADDRESS_TO, POL_PORT_TO])
        #expect(hook.shape.values[0].flags == UInt8(POL_FILTERED.rawValue | POL_USER.rawValue))
    }

    // MARK: Processes

    @Test("pids are numbers, and those with descendants a set of binaries")
    func pids() throws {
        #expect(
            try filter("matchPIDs: [{operator: NotIn, values: [1]}]")
                == SeenFilter(what: POL_PROCESS, op: negated, a: 1))
        #expect(
            try filter("matchPIDs: [{operator: In, values: [1, 9], isNamespacePID: true}]")
                == SeenFilter(what: POL_PROCESS, index: 1, op: POL_IN.rawValue, set: .numbers([1, 9])))
        #expect(
            try filter("matchPIDs: [{operator: NotIn, values: [9, 1], followForks: true, isNamespacePID: true}]")
                == SeenFilter(
                    what: POL_BINARY, index: UInt8(POL_OWN_OR_ANCESTORS_BINARY.rawValue), op: negated,
                    binaries: .pids([1, 9], inNamespace: true)))
    }

    @Test("binaries are sets, whoever's they are")
    func binaries() throws {
        #expect(
            try filter("matchBinaries: [{operator: In, values: [/b, /a]}]")
                == SeenFilter(what: POL_BINARY, op: 0, binaries: .paths(["/a", "/b"])))
        #expect(
            try filter("matchBinaries: [{operator: In, values: [/a], followChildren: true}]").index
                == UInt8(POL_OWN_OR_ANCESTORS_BINARY.rawValue))
        #expect(
            try filter("matchBinaries: [{operator: NotPrefix, values: [/a]}]")
                == SeenFilter(what: POL_BINARY, op: negated, binaries: .prefixes(["/a"])))
        #expect(
            try filter("matchParentBinaries: [{operator: Postfix, values: [sh]}]")
                == SeenFilter(
                    what: POL_BINARY, index: UInt8(POL_PARENTS_BINARY.rawValue), op: 0, binaries: .postfixes(["sh"])))
    }

    @Test("a hook that only asks for binaries says so: who is in no set need not be looked at")
    func needsBinary() throws {
        #expect(try hook(selector: "matchBinaries: [{operator: In, values: [/a]}]").shape.needs_binary == 1)
        #expect(try hook(selector: "matchBinaries: [{operator: NotIn, values: [/a]}]").shape.needs_binary == 0)
        #expect(try hook(selector: "matchPIDs: [{operator: In, values: [1]}]").shape.needs_binary == 0)
    }

    @Test("namespaces by number, the host's by the kernel's word, and their changes as a mask")
    func namespaces() throws {
        #expect(
            try filter("matchNamespaces: [{namespace: Net, operator: NotIn, values: [host_ns]}]")
                == SeenFilter(what: POL_NAMESPACE, index: UInt8(POL_NS_NET.rawValue), op: negated, a: 4_026_531_840))
        #expect(
            try filter("matchNamespaces: [{namespace: Mnt, operator: In, values: [host_ns, \"5\"]}]").set
                == .numbers([5, 4_026_531_841]))
        #expect(
            try filter("matchNamespaceChanges: [{operator: In, values: [Uts, Mnt]}]")
                == SeenFilter(
                    what: POL_NAMESPACE_CHANGE, op: POL_MASK.rawValue,
                    a: 1 << POL_NS_UTS.rawValue | 1 << POL_NS_MNT.rawValue))
    }

    @Test("a namespace of the host's that nobody knows is a problem")
    func unknownNamespace() throws {
        #expect(throws: PlanError.self) {
            try hook(selector: "matchNamespaces: [{namespace: Time, operator: In, values: [host_ns]}]")
        }
    }

    @Test("capabilities are masks")
    func capabilities() throws {
        #expect(
            try filter("matchCapabilities: [{type: Permitted, operator: NotIn, values: [CAP_CHOWN, CAP_KILL]}]")
                == SeenFilter(
                    what: POL_CAPABILITY, index: UInt8(POL_CAPS_PERMITTED.rawValue), op: POL_MASK.rawValue | negated,
                    a: 1 | 1 << 5))
        #expect(
            try filter("matchCapabilities: [{operator: In, isNamespaceCapability: true, values: [CAP_BPF]}]").index
                == UInt8(POL_CAPS_EFFECTIVE.rawValue | POL_CAPS_IN_OWN_NS.rawValue))
        #expect(
            try filter("matchCapabilityChanges: [{type: Inheritable, operator: In, values: [CAP_CHOWN]}]")
                == SeenFilter(
                    what: POL_CAPABILITY_CHANGE, index: UInt8(POL_CAPS_INHERITABLE.rawValue), op: POL_MASK.rawValue,
                    a: 1))
    }

    // MARK: All of them

    @Test("what is cheap to ask comes first, as declared among its own")
    func cheapFirst() throws {
        let filters = try hook(
            selector: """
                matchArgs: [{index: 1, operator: Equal, values: [a]}, {index: 2, operator: DPort, values: ["80"]}, {index: 3, operator: Equal, values: ["2"]}, {index: 0, operator: Equal, values: ["1"]}]
                matchCapabilityChanges: [{operator: In, values: [CAP_CHOWN]}]
                matchCapabilities: [{operator: In, values: [CAP_CHOWN]}]
                matchNamespaces: [{namespace: Net, operator: In, values: [host_ns]}]
                matchBinaries: [{operator: In, values: [/a]}]
                matchPIDs: [{operator: In, values: [1]}]
                """
        ).filters()
        #expect(
            filters.map(\.what) == [
                POL_PROCESS, POL_BINARY, POL_NAMESPACE, POL_CAPABILITY, POL_CAPABILITY_CHANGE, POL_NUMBER, POL_NUMBER,
                POL_PORT_TO, POL_BYTES,
            ])
        #expect(filters[5].index == 3 && filters[6].index == 0)
    }

    @Test("sets that are the same are one")
    func sharing() throws {
        let hook = try hook(
            selector: """
                matchArgs: [{index: 1, operator: Equal, values: [a, b]}, {index: 4, operator: Equal, values: [b, a]}, {index: 4, operator: NotPrefix, values: [a]}]
                """)
        #expect(hook.sets.count == 2)
        #expect(hook.references.map(\.set) == [0, 0, 1])
    }

    @Test("more filters than a selector holds are a problem that names the bound")
    func tooMany() throws {
        let namespaces = KernelNamespace.allCases.map { "{namespace: \($0.rawValue), operator: In, values: [\"1\"]}" }
        do {
            _ = try hook(
                selector: """
                    matchNamespaces: [\(namespaces.joined(separator: ", "))]
                    matchPIDs: [{operator: In, values: [1]}, {operator: In, values: [2]}]
                    matchArgs: [{index: 0, operator: Equal, values: ["1"]}]
                    """)
            Issue.record("there is a plan")
        } catch let error as PlanError {
            #expect(
                error.description
                    == "spec.kprobes[0].selectors[0]: a selector has at most 12 filters of all kinds, and this has 13; put "
                    + "values of one kind into one filter, or make it two selectors")
        }
    }
}
