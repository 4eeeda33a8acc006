// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors
internal import Symbols

extension PolicyHit {
    /// What a record tells: of the whole, or of its beginning.
    convenience init(
        _ hook: HookDescription, _ record: PolicyView, _ rests: [UInt8: ValueRest], host: NamespaceNumbers
    ) {
        let fixed = record.fixed
        self.init(
            hook: hook, tid: fixed.tid, function: hook.name(at: fixed.function),
            arguments: hook.shown.map { argument in
                HitArgument(
                    argument, record.value(argument.slot), rests[argument.slot], is32Bit: record.has(POL_ABI_32),
                    host: host)
            }, returned: nil, action: fixed.action, returnAction: 0, isMonitored: record.has(POL_IS_MONITORED),
            kernelStack: Self.frames(record.kernelStack), userStack: Self.frames(record.userStack),
            imaHash: record.imaHash, host: host)
    }

    /// The end of a call without its beginning, which was lost or has been told.
    convenience init(
        returnOf hook: HookDescription, _ record: PolicyView, _ rests: [UInt8: ValueRest], host: NamespaceNumbers
    ) {
        let begun = PolicyHit(
            hook: hook, tid: record.fixed.tid, function: hook.name(at: record.fixed.function),
            arguments: hook.shown.map { HitArgument(.none, label: $0.label, .missing) }, returned: nil,
            action: 0, returnAction: 0, host: host)
        self.init(begun, endedBy: record, rests)
    }

    /// A call and its end.
    convenience init(_ begun: PolicyHit, endedBy record: PolicyView, _ rests: [UInt8: ValueRest]) {
        let hook = begun.hook
        func read(_ argument: HookDescription.Argument) -> HitArgument? {
            record.value(argument.slot).map {
                HitArgument(argument, $0, rests[argument.slot], is32Bit: record.has(POL_ABI_32), host: begun.host)
            }
        }
        self.init(
            hook: hook, tid: begun.tid, function: begun.function,
            // Some are read when the function returns.
            arguments: zip(hook.shown, begun.arguments).map { read($0) ?? $1 },
            returned: hook.returnArgument.flatMap(read), action: begun.action, returnAction: record.fixed.action,
            isMonitored: begun.isMonitored || record.has(POL_IS_MONITORED),
            kernelStack: begun.kernelStack.isEmpty ? Self.frames(record.kernelStack) : begun.kernelStack,
            userStack: begun.userStack.isEmpty ? Self.frames(record.userStack) : begun.userStack,
            imaHash: begun.imaHash, host: begun.host)
    }

    private static func frames(_ stack: UnsafeRawBufferPointer) -> [StackFrame] {
        stride(from: 0, to: stack.count - stack.count % 8, by: 8).map {
            StackFrame(address: stack.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
        }
    }

}

extension HookDescription {
    /// The arguments that events have.
    fileprivate var shown: [Argument] { arguments.filter { $0.type != .nop } }

    fileprivate func name(at index: UInt32) -> String {
        let names =
            switch place {
            case .function(let names): names
            case .symbols(_, let names): names
            case .securityHook(let name): [name]
            case .tracepoint(_, let event): [event]
            case .probe(_, _, let name): [name]
            }
        return Int(index) < names.count ? names[Int(index)] : names.first ?? ""
    }
}

extension PolicyView {
    fileprivate func value(_ slot: UInt8) -> Value? { values.first { $0.head.index == slot } }

    /// `algorithm:digest`
    fileprivate var imaHash: String {
        guard !hash.isEmpty, let name = KernelNames.hashAlgorithm(UInt32(fixed.hash_algorithm)) else { return "" }
        return name + ":" + hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
