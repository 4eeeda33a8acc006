// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import Sensors
import Testing

/// A type of a policy's arguments, a hook that passes such a value, what is done, and what is to be told of it.
struct ArgumentRow: Sendable {
    let type: ArgumentType
    let what: String
    let place: PolicyProgram.Place
    let passed: UInt8
    let isCall: Bool
    let hasReturn: Bool
    /// The first is what is looked at.
    let values: [pol_argument]
    /// Told just so, and this not at all.
    let wanted: String
    let unwanted: String
    /// Something else does it, for us.
    let isOfAnybody: Bool
    let act: @Sendable () throws -> Void

    init(
        _ type: ArgumentType, _ what: String, _ place: PolicyProgram.Place, passed: UInt8 = 5, isCall: Bool = false,
        hasReturn: Bool = false, _ values: pol_argument..., wanted: String, not unwanted: String,
        isOfAnybody: Bool = false, _ act: @escaping @Sendable () throws -> Void
    ) {
        self.type = type
        self.what = what
        self.place = place
        self.passed = passed
        self.isCall = isCall
        self.hasReturn = hasReturn
        self.values = values
        self.wanted = wanted
        self.unwanted = unwanted
        self.isOfAnybody = isOfAnybody
        self.act = act
    }
}

extension ArgumentRow: CustomTestStringConvertible {
    var testDescription: String { "\(type.rawValue): \(what)" }
}

extension PolicyProgram.Place {
    static func enter(_ call: String) -> Self { .tracepoint(subsystem: "syscalls", event: "sys_enter_" + call) }
}
