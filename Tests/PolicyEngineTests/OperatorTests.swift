// SPDX-License-Identifier: Apache-2.0
import CRecords
import Foundation
import Policies
import PolicyEngine
import Sensors
import Testing

extension PolicyKernelTests {
    /// Each operator from a policy's text to the kernel: acts that it is for, and others that it is not for.
    @Suite struct OperatorTests {
        private static let types = try? KernelTypes()
        private static let survey = RealKernelSurvey(KernelFeatures.probe(types), types: types)

        @Test("an operator holds for what it says, and for nothing else", arguments: OperatorRow.all)
        func holds(_ row: OperatorRow) async throws {
            let act = try row.subject.prepare()
            let told = try await records(of: row.spec(act), row.cases.map { value, _ in { try act.perform(value) } })
            for ((value, isMeant), records) in zip(row.cases, told) {
                #expect(records.count == (isMeant ? 1 : 0), "\(value)")
            }
        }

        @Test("what a call has returned is compared, and one of another outcome is taken back")
        func returned() async throws {
            let act = try OperatorSubject.number("int").prepare()
            // getpriority(2) of no such kind of owner: EINVAL.
            for (value, isMeant) in [("-22", true), ("0", false)] {
                let spec = """
                    kprobes:
                    - call: sys_getpriority
                      args: [{index: 0, type: int}]
                      return: true
                      returnArg: {index: 0, type: int}
                      selectors:
                      - matchArgs: [{index: 0, operator: Equal, values: ['77']}]
                        matchReturnArgs: [{index: 0, operator: Equal, values: ['\(value)']}]
                    """
                let records = try await records(of: spec, [{ try act.perform("0") }])[0]
                #expect(records.count == 2, "a beginning and an end")
                let end = try #require(records.last)
                #expect(end & POL_IS_RETURN.rawValue != 0)
                #expect((end & POL_DROPPED_AT_RETURN.rawValue == 0) == isMeant)
            }
        }

        /// Flags of what the policy tells of this thread while each of these is done.
        private func records(of spec: String, _ acts: [() throws -> Void]) async throws -> [[UInt32]] {
            let sensors = try PolicyKernelTests.loaded.get()
            let manager = PolicyManager(
                LoadedKernel(sensors, PolicyKernelTests.configuration(), types: nil), scopes: PolicyScopes(),
                .init(plan: { try Planner.plan($0, on: Self.survey) }, learn: { _ in }, forget: { _ in }))
            try await manager.add(try policy(spec))
            let told = try acts.map { act in
                while sensors.drain(limit: 256, { _ in }) > 0 {}
                try act()
                let thread = OwnThread.id
                var flags: [UInt32] = []
                while sensors.drain(
                    limit: 256,
                    { bytes in
                        if case .policy(let view)? = try? Record(bytes), view.fixed.tid == thread {
                            flags.append(UInt32(view.fixed.flags))
                        }
                    }) > 0
                {}
                return flags
            }
            await manager.stop()
            return told
        }

        @Test("each operator is in a row")
        func completeness() {
            #expect(Set(OperatorRow.all.map(\.comparison)) == Set(ArgumentOperator.allCases))
        }
    }
}

private enum OwnThread {
    static var id: UInt32? {
        var buffer = [CChar](repeating: 0, count: 64)
        // PID/task/TID
        guard readlink("/proc/thread-self", &buffer, 63) > 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: "/").last.flatMap { UInt32($0) }
    }
}

/// What is compared, by which operator with which values, and what is done.
struct OperatorRow: CustomTestStringConvertible, Sendable {
    var subject: OperatorSubject
    var comparison: ArgumentOperator
    var values: [String] = []
    /// What is done, and whether it is meant.
    var cases: [(String, Bool)]

    var testDescription: String { "\(comparison.rawValue) \(values.joined(separator: ", ")) of \(subject)" }

    func spec(_ act: any OperatorAct) -> String {
        let values = values.map { $0 == "PORT" ? "'\(act.port)'" : "'\($0)'" }.joined(separator: ", ")
        let list = values.isEmpty ? "" : ", values: [\(values)]"
        // What is asked of the state says which of its changes is meant.
        let mark = comparison == .state ? "" : "- {\(act.mark)}"
        return """
            \(subject.hook)
              selectors:
              - matchArgs:
                - {index: \(subject.index), operator: \(comparison.rawValue)\(list)}
                \(mark)
            lists:
            - {name: priorities, type: syscalls, values: [sys_getpriority]}
            """
    }

    static let all: [OperatorRow] = texts + numbers + sockets

    private static let texts: [OperatorRow] = [
        .init(
            subject: .path, comparison: .equal, values: ["/tmp/apus-op-a", "/tmp/apus-op-b"],
            cases: [("a", true), ("b", true), ("c", false), ("ab", false), ("", false)]),
        .init(subject: .path, comparison: .notEqual, values: ["/tmp/apus-op-a"], cases: [("a", false), ("ab", true)]),
        .init(
            subject: .path, comparison: .prefix, values: ["/tmp/apus-op-x", "/tmp/apus-op-yy"],
            cases: [("x", true), ("xyz", true), ("yy", true), ("y", false), ("z", false)]),
        .init(subject: .path, comparison: .notPrefix, values: ["/tmp/apus-op-x"], cases: [("xy", false), ("y", true)]),
        .init(
            subject: .path, comparison: .postfix, values: [".so", "passwd"],
            cases: [("a.so", true), ("passwd", true), ("a.so.1", false), ("so", false)]),
        .init(subject: .path, comparison: .notPostfix, values: [".so"], cases: [("a.so", false), ("a", true)]),
        .init(
            subject: .path, comparison: .subString, values: ["needle", "pin"],
            cases: [("hayneedlehay", true), ("spine", true), ("Needle", false), ("needl", false)]),
        .init(
            subject: .path, comparison: .subStringIgnoringCase, values: ["NeeDle"],
            cases: [("hayneedlehay", true), ("NEEDLE", true), ("needl", false)]),
    ]

    private static let numbers: [OperatorRow] = [
        .init(
            subject: .number("int"), comparison: .equal, values: ["7", "-1", "0x10"],
            cases: [("7", true), ("-1", true), ("16", true), ("8", false), ("10", false)]),
        .init(
            subject: .number("int"), comparison: .notEqual, values: ["7", "8"],
            cases: [("7", false), ("8", false), ("9", true)]),
        .init(
            subject: .number("int"), comparison: .greaterThan, values: ["-2"],
            cases: [("-1", true), ("3", true), ("-2", false), ("-3", false)]),
        .init(
            subject: .number("uint32"), comparison: .greaterThan, values: ["5"],
            cases: [("6", true), ("-1", true), ("5", false)]),
        .init(
            subject: .number("int"), comparison: .lessThan, values: ["0"],
            cases: [("-1", true), ("0", false), ("1", false)]),
        .init(
            subject: .number("uint32"), comparison: .mask, values: ["0x8", "0x2"],
            cases: [("8", true), ("2", true), ("10", true), ("5", false), ("0", false)]),
        .init(
            subject: .number("int"), comparison: .inMap, values: ["1", "5:7", "1000"],
            cases: [("1", true), ("6", true), ("1000", true), ("4", false), ("8", false)]),
        .init(
            subject: .number("int"), comparison: .notInMap, values: ["1", "5:7"],
            cases: [("6", false), ("1", false), ("2", true)]),
        .init(
            subject: .number("int"), comparison: .inRange, values: ["-3:4"],
            cases: [("-3", true), ("4", true), ("-4", false), ("5", false)]),
        .init(
            subject: .number("int"), comparison: .notInRange, values: ["-3:4"],
            cases: [("0", false), ("-4", true), ("5", true)]),
        .init(subject: .call, comparison: .inMap, values: ["list:priorities"], cases: [("get", true), ("set", false)]),
    ]

    // What is done: the port and the address that a connection comes from.
    private static let sockets: [OperatorRow] = [
        .init(
            subject: .socket, comparison: .sourcePort, values: ["43210", "43300:43310"],
            cases: [("43210 127.0.0.1", true), ("43305 127.0.0.1", true), ("43305 ::1", true), ("43311 ::1", false)]),
        .init(
            subject: .socket, comparison: .notSourcePort, values: ["43210"],
            cases: [("43210 127.0.0.1", false), ("43211 127.0.0.1", true)]),
        .init(
            subject: .socket, comparison: .privilegedSourcePort,
            cases: [("1001 127.0.0.1", true), ("1023 ::1", true), ("1024 127.0.0.1", false)]),
        .init(
            subject: .socket, comparison: .notPrivilegedSourcePort,
            cases: [("1002 127.0.0.1", false), ("1025 127.0.0.1", true)]),
        .init(
            subject: .socket, comparison: .destinationPort, values: ["PORT"],
            cases: [("43212 127.0.0.1", true), ("43212 ::1", true)]),
        .init(subject: .socket, comparison: .destinationPort, values: ["1:1023"], cases: [("43213 ::1", false)]),
        .init(subject: .socket, comparison: .notDestinationPort, values: ["PORT"], cases: [("43214 ::1", false)]),
        .init(subject: .socket, comparison: .notDestinationPort, values: ["443"], cases: [("43215 ::1", true)]),
        .init(subject: .socket, comparison: .privilegedDestinationPort, cases: [("43216 127.0.0.1", false)]),
        .init(subject: .socket, comparison: .notPrivilegedDestinationPort, cases: [("43217 127.0.0.1", true)]),
        .init(
            subject: .socket, comparison: .sourceAddress, values: ["127.0.0.8/30", "fd00::/8"],
            cases: [("43218 127.0.0.9", true), ("43218 127.0.0.12", false), ("43218 ::1", false)]),
        .init(
            subject: .socket, comparison: .notSourceAddress, values: ["127.0.0.9", "::1"],
            cases: [("43219 127.0.0.9", false), ("43219 127.0.0.10", true), ("43219 ::1", false)]),
        .init(
            subject: .socket, comparison: .destinationAddress, values: ["10.0.0.0/8", "::/96"],
            cases: [("43220 ::1", true), ("43220 127.0.0.1", false)]),
        .init(
            subject: .socket, comparison: .destinationAddress, values: ["127.0.0.0/8"],
            cases: [("43221 ::1", false), ("43221 127.0.0.1", true)]),
        .init(
            subject: .socket, comparison: .notDestinationAddress, values: ["127.0.0.0/8"],
            cases: [("43222 ::1", true), ("43222 127.0.0.1", false)]),
        .init(
            subject: .socket, comparison: .protocol, values: ["IPPROTO_TCP"],
            cases: [("43223 ::1", true), ("43223 127.0.0.1", true)]),
        .init(subject: .socket, comparison: .protocol, values: ["IPPROTO_UDP", "1"], cases: [("43224 ::1", false)]),
        .init(
            subject: .socket, comparison: .family, values: ["AF_INET6"],
            cases: [("43225 ::1", true), ("43225 127.0.0.1", false)]),
        // It is asked before the socket's state changes.
        .init(subject: .socket, comparison: .state, values: ["TCP_CLOSE"], cases: [("43226 ::1", true)]),
        .init(subject: .socket, comparison: .state, values: ["TCP_CLOSING"], cases: [("43227 ::1", false)]),
    ]
}
