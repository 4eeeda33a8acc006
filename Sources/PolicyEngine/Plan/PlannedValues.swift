// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// Arguments and returned values.
extension Planning {
    mutating func addValues(of request: HookRequest, to draft: inout HookDraft) {
        var slot: UInt8 = 0
        for (index, argument) in request.arguments.enumerated() {
            let path = "\(request.path).args[\(index)]"
            guard argument.type != .nop else { continue }
            guard case (var value, let type)? = value(argument, slot, of: request, path, &draft) else { continue }
            if argument.isReadAtReturn {
                if request.kind.returns {
                    value.flags |= UInt8(POL_AT_RETURN.rawValue)
                    draft.shape.has_return = 1
                } else {
                    report("\(path).returnCopy", "the hook has no return at which it could be read")
                }
            }
            draft.shape.setValue(value, at: Int(slot))
            draft.arguments.append(.init(slot: slot, type: type, label: argument.label ?? ""))
            draft.slots.append(
                .init(
                    index: argument.index, slot: slot, type: type, isReadAtReturn: argument.isReadAtReturn,
                    isResolved: !argument.fields.isEmpty))
            slot += 1
        }
        if let argument = request.returnArgument { addReturn(argument, of: request, to: &draft) }
    }

    private mutating func addReturn(_ argument: HookArgument, of request: HookRequest, to draft: inout HookDraft) {
        let path = "\(request.path).returnArg"
        draft.shape.has_return = 1
        let slot = UInt8(POL_RETURN.rawValue)
        var argument = argument
        var value = pol_argument()
        if argument.type != .nop, !argument.fields.isEmpty {
            guard let type = follow(argument, from: nil, to: slot, of: request, path, &value, &draft) else { return }
            argument.type = type
        }
        guard argument.type != .nop, let type = argument.type.kernelType else { return }
        value.type = UInt8(truncatingIfNeeded: type.rawValue)
        value.raw = UInt8(POL_RAW_RETURN.rawValue)
        value.flags |= UInt8(POL_AT_RETURN.rawValue)
        if type.isBytes, value.max == 0 { value.max = UInt16(POL_STRING_MAX.rawValue) }
        draft.shape.setValue(value, at: Int(slot))
        draft.returnArgument = .init(slot: slot, type: argument.type, label: argument.label ?? "")
    }

    /// Has a slot's value read at the end of a way.
    /// - Returns: what it is there; nil where there is no such way.
    private mutating func follow(
        _ argument: HookArgument, from index: Int?, to slot: UInt8, of request: HookRequest, _ path: String,
        _ value: inout pol_argument, _ draft: inout HookDraft
    ) -> ArgumentType? {
        guard let (way, type) = way(argument, from: index, of: request, path) else { return nil }
        draft.shape.setResolution(way.resolution, at: Int(slot))
        draft.ways[slot] = argument.fieldPath
        if let count = way.end.byteCount {
            value.max = UInt16(clamping: min(count, Int(POL_STRING_MAX.rawValue)))
            if type == .charBuffer, argument.sizeArgument == nil { value.flags |= UInt8(POL_IN_PLACE.rawValue) }
        }
        return type
    }

    /// How a value is read, and what it is; nil where that cannot be known.
    private mutating func value(
        _ argument: HookArgument, _ slot: UInt8, of request: HookRequest, _ path: String, _ draft: inout HookDraft
    ) -> (pol_argument, ArgumentType)? {
        if case .tracepoint(let fields, _) = request.kind, argument.fields.isEmpty {
            return field(argument, slot, among: fields, request, path, &draft)
        }
        if case .userProbe(let probe) = request.kind, argument.fields.isEmpty {
            return probeValue(argument, slot, of: probe, request, path, &draft)
        }
        var argument = argument
        var value = pol_argument()
        if !argument.fields.isEmpty {
            let found = follow(argument, from: argument.index, to: slot, of: request, path, &value, &draft)
            guard let found else { return nil }
            argument.type = found
        }
        guard let type = argument.type.kernelType else {
            report(
                "\(path).type", "nothing tells what type it is: a raw tracepoint has no format", "say which type it is")
            return nil
        }
        value.type = UInt8(truncatingIfNeeded: type.rawValue)
        value.raw = UInt8(truncatingIfNeeded: argument.index)
        draft.shape.raw_count = max(draft.shape.raw_count, value.raw + 1)
        if type.isBytes, value.max == 0 { value.max = UInt16(POL_STRING_MAX.rawValue) }
        if request.kind.isCallers, argument.type.isInCallersMemory { value.flags |= UInt8(POL_USER.rawValue) }
        if let size = argument.sizeArgument, type == POL_BUFFER || type == POL_IOVEC {
            value.size_raw = UInt8(truncatingIfNeeded: size)
            draft.shape.raw_count = max(draft.shape.raw_count, value.size_raw)
            if request.arguments.contains(where: { $0.index == size - 1 && $0.type.has32Bits }) {
                value.flags |= UInt8(POL_COUNT_32.rawValue)
            }
        }
        remarkOnSize(argument, type, path, &value, &draft)
        return (value, argument.type)
    }

    func remarkOnSize(
        _ argument: HookArgument, _ type: pol_type, _ path: String, _ value: inout pol_argument,
        _ draft: inout HookDraft
    ) {
        if argument.isReadWhole, type.mayContinue {
            value.flags |= UInt8(POL_MORE.rawValue)
            draft.shape.has_more = 1
        }
        let isCounted = type == POL_BUFFER || type == POL_IOVEC
        if isCounted, value.size_raw == 0, !argument.isReadAtReturn, value.flags & UInt8(POL_IN_PLACE.rawValue) == 0 {
            draft.remarks.append("\(path): nothing says how many bytes there are (sizeArgIndex), so none are read")
        }
    }

    // MARK: Tracepoints

    private mutating func field(
        _ argument: HookArgument, _ slot: UInt8, among fields: [TracepointField], _ request: HookRequest,
        _ path: String, _ draft: inout HookDraft
    ) -> (pol_argument, ArgumentType)? {
        guard fields.indices.contains(argument.index) else {
            report(
                "\(path).index", "the tracepoint has no field \(argument.index): it has 0 to \(fields.count - 1)",
                fields.enumerated().map { "\($0.offset) is \($0.element.name)" }.joined(separator: ", "))
            return nil
        }
        let field = fields[argument.index]
        guard let type = argument.type == .auto ? field.type : argument.type.fitting(field),
            var kernelType = type.kernelType
        else {
            report(
                "\(path).type", "the field \(field.name) of \(field.size) bytes is of no type that can be read",
                "leave it out")
            return nil
        }
        var value = pol_argument()
        value.raw = slot
        value.offset = UInt16(clamping: field.offset)
        if kernelType.isBytes { value.max = UInt16(POL_STRING_MAX.rawValue) }
        switch field.kind {
        case .array where kernelType == POL_STRING || kernelType == POL_BUFFER:
            value.flags |= UInt8(POL_IN_PLACE.rawValue)
            value.max = UInt16(clamping: min(field.size, Int(POL_STRING_MAX.rawValue)))
        case .dataLocation where kernelType == POL_STRING || kernelType == POL_BUFFER: kernelType = POL_DATA_LOC
        default: break
        }
        value.type = UInt8(truncatingIfNeeded: kernelType.rawValue)
        if request.kind.isCallers, type.isInCallersMemory { value.flags |= UInt8(POL_USER.rawValue) }
        if let size = argument.sizeArgument, kernelType == POL_BUFFER || kernelType == POL_IOVEC {
            guard let counting = countingSlot(size - 1, among: fields, request, path, &draft) else { return nil }
            value.size_raw = counting + 1
        }
        remarkOnSize(argument, kernelType, path, &value, &draft)
        return (value, type)
    }

    /// The slot of the field that says how many bytes there are: that of an argument, or one of its own behind them.
    private mutating func countingSlot(
        _ index: Int, among fields: [TracepointField], _ request: HookRequest, _ path: String,
        _ draft: inout HookDraft
    ) -> UInt8? {
        let read = request.arguments.filter { $0.type != .nop && $0.fields.isEmpty }
        if let slot = read.firstIndex(where: { $0.index == index }) { return UInt8(slot) }
        guard fields.indices.contains(index), fields[index].kind == .number,
            let type = ArgumentType.integer(fields[index].size, isSigned: fields[index].isSigned)?.kernelType
        else {
            report("\(path).sizeArgIndex", "the tracepoint's field \(index) is no number that could say how many bytes")
            return nil
        }
        // The last slot is that of a returned value, which tracepoints have not.
        var value = pol_argument()
        let slot = UInt8(read.count)
        value.type = UInt8(truncatingIfNeeded: type.rawValue)
        value.raw = slot
        value.offset = UInt16(clamping: fields[index].offset)
        let taken = draft.shape.values[Int(slot)]
        guard taken.type == 0 || taken.offset == value.offset else {
            report("\(path).sizeArgIndex", "two fields say how many bytes there are, and neither is among args")
            return nil
        }
        draft.shape.setValue(value, at: Int(slot))
        return slot
    }
}

extension ArgumentType {
    static func integer(_ size: Int, isSigned: Bool) -> ArgumentType? {
        switch size {
        case 1: isSigned ? .int8 : .uint8
        case 2: isSigned ? .int16 : .uint16
        case 4: isSigned ? .int32 : .uint32
        case 8: isSigned ? .int64 : .uint64
        default: nil
        }
    }

    /// In bytes, of what is a plain number.
    private var width: Int? {
        switch self {
        case .int8, .uint8: 1
        case .int16, .uint16: 2
        case .int, .int32, .uint32, .bpfCommand, .capability: 4
        case .int64, .uint64, .size: 8
        default: nil
        }
    }

    /// The same, no wider than what is there.
    func fitting(_ field: TracepointField) -> ArgumentType? {
        field.kind == .number ? fitting(bytes: field.size, isSigned: field.isSigned) : self
    }

    func fitting(bytes: Int, isSigned: Bool) -> ArgumentType? {
        guard let width, width > bytes else { return self }
        return .integer(bytes, isSigned: isSigned)
    }
}

extension TracepointField {
    /// What it is, as far as its format tells.
    var type: ArgumentType? {
        switch kind {
        case .number: .integer(size, isSigned: isSigned)
        case .pointer(toText: true): .string
        case .pointer(toText: false): .uint64
        case .array(ofText: true): .string
        case .array(ofText: false): .charBuffer
        case .dataLocation: .dataLocation
        case .other: nil
        }
    }
}
