// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// Probes that programs and libraries bring (USDT): uprobes at the places that their files name, and arguments where
/// these say that they are.
extension Planning {
    mutating func planProbe(_ hook: USDTProbe, at path: String) {
        guard kernel.has(.uprobe) else {
            return report(path, "probes of programs cannot be watched: \(lack(.uprobe, "uprobes"))")
        }
        let probe: UserProbe
        do throws(UserProbeError) {
            probe = try kernel.userProbe(hook.name, of: hook.provider, in: hook.path)
        } catch {
            let field =
                switch error.part {
                case .path: "path"
                case .provider: "provider"
                case .name: "name"
                }
            return report("\(path).\(field)", error.description)
        }
        let count = probe.locations.count
        let isAtOnce = count > 1 && kernel.has(.uprobeMulti) && !spec.options.disablesUprobeMulti
        let most = isAtOnce ? Self.mostFunctionsAtOnce : Self.mostFunctions
        guard count <= most else {
            return report(
                "\(path).name",
                "\(hook.provider):\(hook.name) is at \(count) places of \(hook.path), and one program is attached to "
                    + "\(most) at most", isAtOnce ? "" : "kernels from 6.6 take 16384 of them at once")
        }
        let request = HookRequest(
            path: path, kind: .userProbe(probe), arguments: hook.arguments, selectors: hook.selectors,
            message: hook.message, tags: hook.tags)
        var planned = draft(request).hook(
            .probe(probe), .probe(path: hook.path, provider: hook.provider, name: hook.name), .uprobe,
            "the kernel has uprobes"
                + (count == 1 ? "" : isAtOnce ? "; one link for all (uprobe.multi)" : "; one after another"),
            request, policy)
        planned.isAttachedAtOnce = isAtOnce
        plan.hooks.append(planned)
    }

    mutating func probeValue(
        _ argument: HookArgument, _ slot: UInt8, of probe: UserProbe, _ request: HookRequest, _ path: String,
        _ draft: inout HookDraft
    ) -> (pol_argument, ArgumentType)? {
        guard let type = argument.type.kernelType,
            isReadable(argument.index, isAddress: !type.isNumber && type != POL_FD, of: probe, "\(path).index")
        else { return nil }
        var value = pol_argument()
        value.type = UInt8(truncatingIfNeeded: type.rawValue)
        value.raw = slot
        value.offset = UInt16(truncatingIfNeeded: argument.index)
        if type.isBytes { value.max = UInt16(POL_STRING_MAX.rawValue) }
        if argument.type.isInCallersMemory { value.flags |= UInt8(POL_USER.rawValue) }
        if let size = argument.sizeArgument, type == POL_BUFFER || type == POL_IOVEC {
            guard let counting = countingSlot(size - 1, of: probe, request, path, &draft) else { return nil }
            value.size_raw = counting + 1
        }
        remarkOnSize(argument, type, path, &value, &draft)
        return (value, argument.type)
    }

    /// Whether each location passes such an argument in a way in which it can be had.
    private mutating func isReadable(_ index: Int, isAddress: Bool, of probe: UserProbe, _ path: String) -> Bool {
        for location in probe.locations {
            let place = "0x" + String(location.offset, radix: 16)
            guard location.arguments.indices.contains(index) else {
                report(
                    path,
                    "\(probe.provider):\(probe.name) passes \(location.arguments.count.of("argument")) at \(place), "
                        + "so there is no argument \(index)")
                return false
            }
            let argument = location.arguments[index]
            if case .unreadable(let reason) = argument.source {
                report(
                    path,
                    "argument \(index) is \(argument.text.debugDescription) at \(place), and cannot be read: \(reason)",
                    "leave it out")
                return false
            }
            if isAddress, argument.size < 8, !argument.isConstant {
                report(
                    path,
                    "argument \(index) is \(argument.text.debugDescription) at \(place), which has too few bytes to be an address",
                    "read it as a number")
                return false
            }
        }
        return true
    }

    /// The slot of the argument that says how many bytes there are: that of one of `args`, or one of its own behind them.
    private mutating func countingSlot(
        _ index: Int, of probe: UserProbe, _ request: HookRequest, _ path: String, _ draft: inout HookDraft
    ) -> UInt8? {
        let read = request.arguments.filter { $0.type != .nop }
        if let slot = read.firstIndex(where: { $0.index == index }) { return UInt8(slot) }
        guard isReadable(index, isAddress: false, of: probe, "\(path).sizeArgIndex") else { return nil }
        // The last slot is that of a returned value, which probes have not.
        var value = pol_argument()
        let slot = UInt8(read.count)
        value.type = UInt8(truncatingIfNeeded: POL_U64.rawValue)
        value.raw = slot
        value.offset = UInt16(truncatingIfNeeded: index)
        let taken = draft.shape.values[Int(slot)]
        guard taken.type == 0 || taken.offset == value.offset else {
            report("\(path).sizeArgIndex", "two arguments say how many bytes there are, and neither is among args")
            return nil
        }
        draft.shape.setValue(value, at: Int(slot))
        return slot
    }
}

extension ProbeArgument {
    fileprivate var isConstant: Bool { if case .constant = source { true } else { false } }
}
