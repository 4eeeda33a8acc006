// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

@Suite struct PlannedValueTests {
    private func values(_ arguments: String, _ more: String = "", call: String = "f, syscall: false") throws -> HookPlan
    {
        try plan("kprobes: [{call: \(call), args: [\(arguments)]\(more)}]").hooks[0]
    }

    private func flags(_ all: pol_argument_flag...) -> UInt8 { UInt8(all.reduce(0) { $0 | $1.rawValue }) }

    @Test("values are in the order of the policy, those that are left out apart")
    func order() throws {
        let hook = try values("{index: 2, type: int, label: a}, {index: 1, type: nop}, {index: 0, type: string}")
        #expect(hook.shape.values.map(\.type) == [UInt8(POL_I32.rawValue), UInt8(POL_STRING.rawValue), 0, 0, 0, 0])
        #expect(hook.shape.values.prefix(2).map(\.raw) == [2, 0] && hook.shape.raw_count == 3)
        #expect(
            hook.description.arguments == [
                .init(slot: 0, type: .int, label: "a"), .init(slot: 1, type: .string, label: ""),
            ])
        #expect(hook.shape.values[1].max == 4096)
    }

    @Test("every type is read somehow", arguments: ArgumentType.allCases)
    func types(type: ArgumentType) throws {
        guard type != .auto, type != .syscall64, type != .nop else { return }
        #expect(try values("{index: 0, type: \(type.rawValue)}").shape.values[0].type != 0)
    }

    @Test("a buffer's size is another value, which may be an int")
    func sizes() throws {
        let counted = try values("{index: 1, type: char_buf, sizeArgIndex: 3}, {index: 2, type: size_t}").shape
        #expect(counted.values[0].size_raw == 3 && counted.values[0].flags == 0 && counted.raw_count == 3)
        let int = try values("{index: 1, type: char_buf, sizeArgIndex: 3}, {index: 2, type: int}").shape
        #expect(int.values[0].flags == flags(POL_COUNT_32))
        let uncounted = try values("{index: 1, type: char_buf}")
        #expect(uncounted.remarks[0].hasPrefix("spec.kprobes[0].args[0]: nothing says how many bytes there are"))
    }

    @Test("what a call fills is read when it returns, and what it returns too")
    func atReturn() throws {
        let hook = try values(
            "{index: 1, type: char_buf, returnCopy: true}", ", return: true, returnArg: {index: 0, type: size_t}",
            call: "sys_read")
        #expect(hook.shape.has_return == 1 && hook.remarks.isEmpty)
        #expect(hook.shape.values[0].flags == flags(POL_AT_RETURN, POL_USER))
        #expect(
            hook.shape.values[5].raw == UInt8(POL_RAW_RETURN.rawValue)
                && hook.shape.values[5].flags == flags(POL_AT_RETURN))
        #expect(hook.description.returnArgument == .init(slot: 5, type: .size, label: ""))
        #expect(
            try problems("lsmhooks: [{hook: h, args: [{index: 0, type: file, returnCopy: true}]}]") == [
                "spec.lsmhooks[0].args[0].returnCopy: the hook has no return at which it could be read"
            ])
    }

    @Test("a value that goes on is marked")
    func whole() throws {
        let shape = try values("{index: 1, type: char_buf, sizeArgIndex: 3, maxData: true}").shape
        #expect(shape.has_more == 1 && shape.values[0].flags == flags(POL_MORE))
    }

    @Test("only what selectors look into is read before them; numbers are compared as they are passed")
    func filtered() throws {
        let hook = try values(
            "{index: 0, type: string}, {index: 1, type: int}, {index: 2, type: kernel_cap_t}, {index: 3, type: string}",
            ", selectors: [{matchArgs: [{index: 0, operator: Equal, values: [a]}, {index: 1, operator: Equal, values: ['1']}, "
                + "{index: 2, operator: Mask, values: ['1']}]}]")
        #expect(hook.shape.values.prefix(4).map(\.flags) == [flags(POL_FILTERED), 0, flags(POL_FILTERED), 0])
    }

    @Test("what is asked at return is one for all selectors")
    func returns() throws {
        let matches =
            "matchReturnArgs: [{index: 0, operator: LT, values: ['0']}], matchReturnActions: [{action: NoPost}]"
        func hook(_ first: String, _ second: String) throws -> HookPlan {
            try values("", ", return: true, returnArg: {type: int}, selectors: [{\(first)}, {\(second)}]")
        }
        let same = try hook("\(matches), matchPIDs: [{operator: In, values: [1]}]", matches)
        #expect(same.filters(nil) == [SeenFilter(what: POL_NUMBER, index: 5, op: POL_LESS.rawValue, a: 0)])
        #expect(same.shape.at_return.allActions == [UInt8(POL_DO_NO_POST.rawValue), 0, 0])
        #expect(throws: PlanError.self) { try hook(matches, "matchPIDs: [{operator: In, values: [1]}]") }
    }

    // MARK: Actions

    @Test("actions are numbers, and what they say is the row's")
    func actions() throws {
        let hook = try values(
            "{index: 0, type: sock}",
            """
            , selectors: [{matchActions: [{action: Signal, argSig: 10}, {action: Post, rateLimit: 2m, rateLimitScope: process, \
            kernelStackTrace: true}, {action: TrackSock, argSock: 0}]}, {}]
            """)
        #expect(hook.shape.entrySelectors[0].allActions.map(UInt32.init) == [10, 1, 11])
        #expect(hook.shape.entrySelectors[0].post == UInt8(POL_KERNEL_STACK.rawValue | POL_RATE_LIMITED.rawValue))
        #expect(hook.shape.entrySelectors[1].allActions.map(UInt32.init) == [1, 0, 0])
        let values = try #require(hook.row.values(of: 0))
        #expect(values.signal == 10 && values.limit_ns == 120_000_000_000 && values.argument == 0)
        #expect(values.limit_scope == POL_PER_PROCESS.rawValue && hook.shape.tracks_sockets == 1)
    }

    @Test("the returned socket can be tracked")
    func trackedReturn() throws {
        let hook = try values(
            "", ", return: true, returnArg: {index: 0, type: sock}, returnArgAction: TrackSock",
            call: "sk_alloc, syscall: false")
        #expect(hook.shape.at_return.allActions.map(UInt32.init) == [11, 0, 0])
        #expect(hook.row.return_actions.argument == POL_RETURN.rawValue)
    }

    @Test("a selector has one signal and one error")
    func oneEach() throws {
        #expect(
            try problems(
                "kprobes: [{call: sys_read, selectors: [{matchActions: [{action: Signal, argSig: 9}, {action: Signal, argSig: 10}]}]}]"
            ) == [
                "spec.kprobes[0].selectors[0].matchActions[1]: one selector has one signal, and an action before this has 9, "
                    + "not 10"
            ])
    }

    @Test("without a way to signal there is no Sigkill")
    func noSignals() throws {
        let spec = "kprobes: [{call: sys_read, selectors: [{matchActions: [{action: Sigkill}]}]}]"
        #expect(try problems(spec, on: .full.without(.sendSignal)).count == 1)
    }

    // MARK: Tracepoints

    private var kernel: FakeSurvey {
        var kernel = FakeSurvey.bare
        kernel.formats["s/e"] = [
            .init(name: "common_type", offset: 0, size: 2, isSigned: false, kind: .number),
            .init(name: "comm", offset: 8, size: 16, isSigned: false, kind: .array(ofText: true)),
            .init(name: "filename", offset: 24, size: 4, isSigned: false, kind: .dataLocation),
            .init(name: "count", offset: 28, size: 4, isSigned: true, kind: .number),
            .init(name: "text", offset: 32, size: 8, isSigned: false, kind: .pointer(toText: true)),
            .init(name: "bytes", offset: 40, size: 32, isSigned: false, kind: .array(ofText: false)),
            .init(name: "odd", offset: 72, size: 3, isSigned: false, kind: .number),
        ]
        return kernel
    }

    private func tracepoint(_ arguments: String) throws -> HookPlan {
        try plan("tracepoints: [{subsystem: s, event: e, args: [\(arguments)]}]", on: kernel).hooks[0]
    }

    @Test("fields are of the types that the format says")
    func fields() throws {
        let hook = try tracepoint((0...4).map { "{index: \($0 + 1), type: auto}" }.joined(separator: ", "))
        #expect(hook.description.arguments.map(\.type) == [.string, .dataLocation, .int32, .string, .charBuffer])
        let values = hook.shape.values
        #expect(
            values.prefix(5).map(\.offset) == [8, 24, 28, 32, 40] && values.prefix(5).map(\.raw) == [0, 1, 2, 3, 4])
        #expect(values[0].flags == flags(POL_IN_PLACE) && values[0].max == 16)
        #expect(values[4].flags == flags(POL_IN_PLACE) && values[4].max == 32 && hook.remarks.count == 1)
    }

    @Test("a number is no wider than its field")
    func narrow() throws {
        let hook = try tracepoint("{index: 3, type: uint64}, {index: 0, type: int64}")
        #expect(hook.shape.values.prefix(2).map(\.type) == [UInt8(POL_I32.rawValue), UInt8(POL_U16.rawValue)])
    }

    @Test("a field that counts is read, among the arguments or behind them")
    func counting() throws {
        let among = try tracepoint("{index: 4, type: char_buf, sizeArgIndex: 4}, {index: 3, type: int}").shape
        #expect(among.values[0].size_raw == 2 && among.values[2].type == 0)
        let behind = try tracepoint("{index: 4, type: char_buf, sizeArgIndex: 4}").shape
        #expect(behind.values[0].size_raw == 2 && behind.values[1].type == UInt8(POL_I32.rawValue))
        #expect(behind.values[1].offset == 28)
        #expect(throws: PlanError.self) { try tracepoint("{index: 4, type: char_buf, sizeArgIndex: 2}") }
    }

    @Test("a field that is not there, or of no type, is a problem")
    func noField() throws {
        #expect(
            try problems("tracepoints: [{subsystem: s, event: e, args: [{index: 7, type: int}]}]", on: kernel) == [
                "spec.tracepoints[0].args[0].index: the tracepoint has no field 7: it has 0 to 6; 0 is common_type, 1 is comm, "
                    + "2 is filename, 3 is count, 4 is text, 5 is bytes, 6 is odd"
            ])
        #expect(
            try problems("tracepoints: [{subsystem: s, event: e, args: [{index: 6, type: auto}]}]", on: kernel).count
                == 1)
    }

    @Test("selectors call a field by its number, or by its place among the arguments")
    func places() throws {
        let hook = try plan(
            """
            tracepoints:
            - subsystem: s
              event: e
              args: [{index: 3, type: auto}]
              selectors: [{matchArgs: [{index: 3, operator: Equal, values: ['1']}]}, {matchArgs: [{index: 0, operator: Equal, values: ['-1']}]}]
            """, on: kernel
        ).hooks[0]
        #expect(hook.filters(0)[0].a == 1 && hook.filters(1)[0].a == UInt64.max)
    }

    @Test("values of an automatic type are judged when the type is known")
    func lateJudgement() throws {
        #expect(
            try problems(
                """
                tracepoints:
                - subsystem: s
                  event: e
                  args: [{index: 3, type: auto}]
                  selectors: [{matchArgs: [{index: 3, operator: Prefix, values: [a]}]}]
                """, on: kernel
            ) == [
                "spec.tracepoints[0].selectors[0].matchArgs[0].operator: Prefix compares text, and the argument is of type int32"
            ])
    }

    @Test("a raw tracepoint passes so many values")
    func raw() throws {
        var kernel = kernel
        kernel.rawTracepoints = ["t": 2]
        func spec(_ index: Int, _ event: String = "t") -> String {
            "tracepoints: [{subsystem: s, event: \(event), raw: true, args: [{index: \(index), type: int}]}]"
        }
        let hook = try plan(spec(1), on: kernel).hooks[0]
        #expect(hook.place == .rawTracepoint("t") && hook.shape.raw_count == 2)
        #expect(hook.description.place == .tracepoint(subsystem: "s", event: "t"))
        #expect(try problems(spec(2), on: kernel).count == 1)
        #expect(try problems(spec(0, "u"), on: kernel).count == 1)
    }
}
