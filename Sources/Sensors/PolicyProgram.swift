// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
package import CRecords
import Glibc
import Models

/// The programs of one hook and one shape in the kernel, and the rows of all policies that have them.
///
/// Owned by one thread at a time; nothing here is locked.
package final class PolicyProgram {
    /// A program of bpf/policy.bpf.c, by its name there.
    private enum Kind: String {
        case rawTracepoint = "raw_tracepoint_hit"
        case tracepoint = "tracepoint_hit"
        case securityHook = "security_hit"
        case securityHash = "security_hash_hit"
        case override = "override_hit"
        case functionEntry = "entry_hit"
        case functionReturn = "entry_return"
        case probe = "probe_hit"
        case probeOverride = "probe_override"
        case probeReturn = "probe_return"
        case location = "location_hit"
        case systemCall = "syscall_hit"
        case systemCallReturn = "syscall_return"

        var isReturn: Bool { [.functionReturn, .probeReturn, .systemCallReturn].contains(self) }
    }

    /// What a place comes to on this kernel.
    enum Target {
        case tracepoints([Tracepoint])
        case rawTracepoint(String)
        case securityHook(String)
        case probes([String], override: Bool, atOnce: Bool)
        case entry(String)
        case override(String)
        case userProbes(String, [UInt64], atOnce: Bool)
        case locations(UserProbe, atOnce: Bool)
        case systemCalls([SystemCall])
    }

    private(set) var object: OpaquePointer
    private let place: Place
    let target: Target
    private(set) var shape: pol_shape
    let shared: PolicyMaps
    private var links: [OpaquePointer] = []
    /// Links that libbpf has no value for.
    private var descriptors: [Int32] = []
    private var systemCalls: SyscallDispatcher.Attachment?
    private var isRetired = false
    private var pins: ProgramPins?

    /// Opens, fits and loads. Nothing is called before ``attach()``.
    /// - Parameter oneByOne: several functions are not attached at once, even where the kernel can.
    package init(
        at place: Place, shape: pol_shape, capacity: PolicyCapacity, oneByOne: Bool = false,
        sharing shared: PolicyMaps
    ) throws(SensorError) {
        self.place = place
        self.shared = shared
        target = try Self.target(place, shape, oneByOne, shared)
        self.shape = Self.fitted(shape, to: target, capacity)
        object = try shared.open(for: self.shape)
        // From here on what fails is closed by deinit.
        var result = try load(capacity)
        if result != 0, self.shape.has_kernel_paths != 0 {
            // Not every hook may ask the kernel for paths: then they are walked.
            self.shape.has_kernel_paths = 0
            let another = try shared.open(for: self.shape)
            bpf_object__close(object)
            object = another
            result = try load(capacity)
        }
        guard result == 0 else {
            throw SensorError("load", "the program for \(place)", errno: result, log: LibbpfLog.tail())
        }
        pins = try shared.pins?.program(rows: Int(self.shape.rows))
    }

    /// Whether the kernel says the paths of files itself, where a hook passes them.
    package var asksForPaths: Bool { shape.has_kernel_paths != 0 }

    private func load(_ capacity: PolicyCapacity) throws(SensorError) -> Int32 {
        try choosePrograms()
        try fit(capacity)
        try shared.lend(to: object)
        try shared.freeze(shape, in: object)
        LibbpfLog.forget()
        return bpf_object__load(object)
    }

    deinit {
        if pins?.isPinned == true { letGo() } else { detach() }
        bpf_object__close(object)
    }

    private static func target(
        _ place: Place, _ shape: pol_shape, _ oneByOne: Bool, _ shared: PolicyMaps
    ) throws(SensorError) -> Target {
        let hasReturn = shape.has_return != 0
        switch place {
        case .tracepoint(let subsystem, let event): return .tracepoints([Tracepoint(subsystem, event)])
        case .tracepoints(let all):
            guard !all.isEmpty else { throw SensorError("use", "no tracepoint at all", errno: EINVAL) }
            return .tracepoints(all)
        case .rawTracepoint(let name): return .rawTracepoint(name)
        case .securityHook(let name): return .securityHook(name)
        case .userFunctions(let path, let offsets):
            guard !offsets.isEmpty else { throw SensorError("use", "no function at all", errno: EINVAL) }
            return .userProbes(path, offsets, atOnce: offsets.count > 1 && !oneByOne && shared.hasUprobeMulti)
        case .userProbe(let probe):
            guard !probe.locations.isEmpty else { throw SensorError("use", "a probe that is nowhere", errno: EINVAL) }
            return .locations(probe, atOnce: probe.locations.count > 1 && !oneByOne && shared.hasUprobeMulti)
        case .systemCalls(let calls, .rawSyscall):
            guard !calls.isEmpty else { throw SensorError("use", "no system call at all", errno: EINVAL) }
            return .systemCalls(calls)
        case .systemCalls(let calls, let method):
            let names = calls.map { call in
                call.functions.first { shared.kernelTypes.id($0, apus_btf_kind_func) != nil }
                    ?? call.functions.last ?? call.name
            }
            return try target(.functions(names, by: method), shape, oneByOne, shared)
        case .functions(let names, let method):
            guard let name = names.first else { throw SensorError("use", "no function at all", errno: EINVAL) }
            switch method {
            case .kprobe:
                // The stack by which entries find their returns is not known to programs that many functions share.
                let atOnce = names.count > 1 && !oneByOne && !hasReturn && shared.hasKprobeMulti
                return .probes(names, override: false, atOnce: atOnce)
            case .kprobeOverride: return .probes(names, override: true, atOnce: false)
            case .fentry, .fmodRet:
                guard names.count == 1 else {
                    throw SensorError("use", "\(place)", errno: EINVAL, log: "such a program is of one function")
                }
                return method == .fentry ? .entry(name) : .override(name)
            case .rawSyscall:
                throw SensorError("use", "\(place)", errno: EINVAL, log: "a function is no system call")
            }
        }
    }

    /// The shape with what follows from where it is, and from what is in it.
    private static func fitted(_ shape: pol_shape, to target: Target, _ capacity: PolicyCapacity) -> pol_shape {
        var shape = shape
        shape.rows = UInt32(clamping: capacity.rows)
        shape.buckets = capacity.bucketMask
        shape.needs_binary = shape.everySelectorNamesABinary ? 1 : 0
        shape.looks_at_changes = shape.looksAtChanges ? 1 : 0
        shape.sortValues()
        switch target {
        case .tracepoints(let all): shape.has_functions = all.count > 1 ? 1 : 0
        case .probes(let names, _, _): shape.has_functions = names.count > 1 ? 1 : 0
        case .userProbes(_, let offsets, _): shape.has_functions = offsets.count > 1 ? 1 : 0
        case .locations: shape.has_sources = 1
        case .systemCalls: shape.is_syscall = 1
        case .securityHook: shape.has_kernel_paths = 1
        default: break
        }
        return shape
    }

    private var kinds: [Kind] {
        let (entry, exit): (Kind, Kind?) =
            switch target {
            case .tracepoints: (.tracepoint, nil)
            case .rawTracepoint: (.rawTracepoint, nil)
            // A hash may take reading a file, which only a program that may sleep can do.
            case .securityHook: (shape.hash_raw != 0 ? .securityHash : .securityHook, nil)
            case .probes(_, let override, _): (override ? .probeOverride : .probe, .probeReturn)
            case .userProbes: (.probe, .probeReturn)
            case .locations: (.location, nil)
            case .entry: (.functionEntry, .functionReturn)
            // What it has the function return is seen there, too.
            case .override: (.override, .functionReturn)
            case .systemCalls: (.systemCall, .systemCallReturn)
            }
        guard let exit, shape.has_return != 0 else { return [entry] }
        return [entry, exit]
    }

    private func choosePrograms() throws(SensorError) {
        let wanted = Set(kinds.map(\.rawValue))
        var next = bpf_object__next_program(object, nil)
        while let program = next {
            bpf_program__set_autoload(program, wanted.contains(String(cString: bpf_program__name(program))))
            next = bpf_object__next_program(object, program)
        }
        for kind in kinds {
            let program = try program(kind)
            let result =
                switch target {
                case .securityHook(let name), .entry(let name), .override(let name):
                    bpf_program__set_attach_target(program, 0, name)
                case .probes(_, _, atOnce: true):
                    bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_MULTI)
                case .userProbes(_, _, atOnce: true), .locations(_, atOnce: true):
                    bpf_program__set_expected_attach_type(
                        program, bpf_attach_type(rawValue: UInt32(apus_trace_uprobe_multi)))
                default: Int32(0)
                }
            guard result == 0 else {
                throw SensorError(
                    "attach to", "\(place)", errno: result, log: "the kernel has no type information for it")
            }
        }
    }

    /// What the shape has no use for is not made; the verifier sees that nothing leads there.
    private func fit(_ capacity: PolicyCapacity) throws(SensorError) {
        for (name, entries) in capacity.entries {
            let map = try map(name)
            guard entries > 0 else {
                bpf_map__set_autocreate(map, false)
                continue
            }
            let result = bpf_map__set_max_entries(map, UInt32(clamping: entries))
            guard result == 0 else { throw SensorError("set the size of", "the map \(name)", errno: result) }
        }
        bpf_map__set_autocreate(try map("pol_sockets"), shape.tracks_sockets != 0)
        bpf_map__set_autocreate(try map("pol_calls"), shape.has_return != 0)
        try fitLocations()
        guard shape.is_scoped != 0 else { return }
        let result = bpf_map__set_value_size(try map("pol_lists"), 4 + 4 * shape.rows)
        guard result == 0 else { throw SensorError("set the size of", "the map pol_lists", errno: result) }
    }

    func map(_ name: String) throws(SensorError) -> OpaquePointer {
        guard let map = bpf_object__find_map_by_name(object, name) else { throw SensorError("find", "the map \(name)") }
        return map
    }

    private func program(_ kind: Kind) throws(SensorError) -> OpaquePointer {
        guard let program = bpf_object__find_program_by_name(object, kind.rawValue) else {
            throw SensorError("find", "the program \(kind.rawValue)")
        }
        return program
    }

    // MARK: Attaching

    /// Attaches to all of the place, or to nothing of it. With pins it stays so when the agent goes.
    package func attach() throws(SensorError) {
        guard links.isEmpty, descriptors.isEmpty, systemCalls == nil else { return }
        LibbpfLog.forget()
        do throws(SensorError) {
            try setLocations()
            do throws(SensorError) {
                try attachAll()
            } catch {
                // Those that are about to go may be what there is no room beside.
                guard error.errno == E2BIG, shared.links.finish() else { throw error }
                detach()
                try attachAll()
            }
            // What the dispatcher of system calls calls has no link of its own.
            let links = systemCalls == nil ? linkDescriptors : loaded.map { bpf_program__fd($0) }
            try pins?.pin(rows: bpf_map__fd(try map("pol_rows")), links: links)
        } catch {
            detach()
            throw error
        }
    }

    private func attachAll() throws(SensorError) {
        if case .systemCalls(let calls) = target {
            let exit = kinds.count > 1 ? bpf_program__fd(try program(.systemCallReturn)) : nil
            systemCalls = try shared.systemCalls.attach(
                enter: bpf_program__fd(try program(.systemCall)), exit: exit, at: calls)
            return
        }
        // The end of a call before its beginning: no beginning is without its end.
        for kind in kinds.reversed() { try attach(kind) }
    }

    private func attach(_ kind: Kind) throws(SensorError) {
        let program = try program(kind)
        switch target {
        case .tracepoints(let all):
            for (tracepoint, index) in zip(all, UInt64(0)...) { try attach(program, tracepoint, index) }
        case .rawTracepoint(let name): try keep(bpf_program__attach_raw_tracepoint(program, name))
        case .securityHook: try keep(bpf_program__attach_lsm(program))
        case .entry, .override: try keep(bpf_program__attach_trace(program))
        case .probes(let names, _, atOnce: true): try attach(program, toAllOf: names)
        case .probes(let names, _, _):
            for (name, index) in zip(names, UInt64(0)...) {
                var options = bpf_kprobe_opts()
                options.sz = optionsSize(through: \bpf_kprobe_opts.retprobe)
                options.bpf_cookie = index
                options.retprobe = kind.isReturn
                try keep(bpf_program__attach_kprobe_opts(program, name, &options), "function \(name)")
            }
        case .userProbes(let path, let offsets, let atOnce):
            try attach(program, to: offsets.map { .init(offset: $0) }, of: path, atOnce, isReturn: kind.isReturn)
        case .locations(let probe, let atOnce):
            try attach(program, to: probe.locations, of: probe.path, atOnce, isReturn: false)
        case .systemCalls: break
        }
    }

    private func attach(
        _ program: OpaquePointer, to locations: [UserProbe.Location], of path: String, _ atOnce: Bool, isReturn: Bool
    ) throws(SensorError) {
        if atOnce {
            let link = apus_link_uprobe_multi(
                bpf_program__fd(program), path, locations.map(\.offset), locations.map { $0.semaphore ?? 0 },
                Array(0..<UInt64(locations.count)), UInt32(clamping: locations.count), isReturn ? 1 : 0)
            guard link >= 0 else { throw SensorError("attach to", "\(place)") }
            descriptors.append(link)
            return
        }
        for (location, index) in zip(locations, UInt64(0)...) {
            var options = bpf_uprobe_opts()
            options.sz = optionsSize(through: \bpf_uprobe_opts.func_name)
            options.ref_ctr_offset = Int(clamping: location.semaphore ?? 0)
            options.bpf_cookie = index
            options.retprobe = isReturn
            try keep(
                bpf_program__attach_uprobe_opts(program, -1, path, Int(clamping: location.offset), &options),
                "offset 0x\(String(location.offset, radix: 16)) of \(path)")
        }
    }

    private func keep(_ link: OpaquePointer?, _ what: String? = nil) throws(SensorError) {
        guard let link else {
            throw SensorError("attach to", what ?? "\(place)", log: LibbpfLog.tail())
        }
        links.append(link)
    }

    private func attach(_ program: OpaquePointer, toAllOf names: [String]) throws(SensorError) {
        var pointers = names.map { UnsafePointer<CChar>(strdup($0)) }
        defer { for pointer in pointers { free(UnsafeMutablePointer(mutating: pointer)) } }
        let cookies = Array(0..<UInt64(names.count))
        let link = pointers.withUnsafeMutableBufferPointer { pointers in
            cookies.withUnsafeBufferPointer { cookies in
                var options = bpf_kprobe_multi_opts()
                options.sz = optionsSize(through: \bpf_kprobe_multi_opts.retprobe)
                options.syms = pointers.baseAddress
                options.cookies = cookies.baseAddress
                options.cnt = pointers.count
                return bpf_program__attach_kprobe_multi_opts(program, nil, &options)
            }
        }
        try keep(link)
    }

    /// By a mount of tracefs that may be ours alone, where libbpf would not look.
    private func attach(
        _ program: OpaquePointer, _ tracepoint: Tracepoint, _ index: UInt64
    ) throws(SensorError) {
        let opened: Int32
        do throws(Absence) {
            opened = try PerfEvent.openTracepoint(tracepoint.subsystem, tracepoint.event)
        } catch {
            throw SensorError("attach to", "\(place)", log: error.reason)
        }
        var options = bpf_perf_event_opts()
        options.sz = optionsSize(through: \bpf_perf_event_opts.bpf_cookie)
        options.bpf_cookie = index
        try keep(bpf_program__attach_perf_event_opts(program, opened, &options))
    }

    /// The programs that are in the kernel.
    var loaded: [OpaquePointer] { kinds.compactMap { try? program($0) } }

    var linkDescriptors: [Int32] { links.map { bpf_link__fd($0) } + descriptors }

    /// Who a row is of, for those who come after the agent. Before the row may hold.
    package func setOwner(_ row: UInt32, _ owner: PinnedOwner) throws(SensorError) {
        try pins?.setOwner(row, owner)
    }

    package func detach() {
        retire()
        if systemCalls != nil { RunningPrograms.awaitEnds() }
        for link in links { bpf_link__destroy(link) }
        for descriptor in descriptors { close(descriptor) }
        forgetAttachment()
    }

    /// The first half of detaching many at once: nothing pins it, and no system call that begins is brought to it.
    package func retire() {
        pins?.unpin()
        if let systemCalls, !isRetired { shared.systemCalls.unlink(systemCalls) }
        isRetired = true
    }

    /// The other half, once no call is on its way to it (``PolicyMaps/awaitCalls()``). Links close when their turn comes:
    /// whoever calls this must not mind that it is still called.
    package func detachSoon() {
        retire()
        shared.links.close(links, descriptors)
        forgetAttachment()
    }

    private func forgetAttachment() {
        if let systemCalls { shared.systemCalls.free(systemCalls) }
        (links, descriptors, systemCalls, isRetired) = ([], [], nil, false)
    }

    /// Forgets the links, which their pins keep.
    private func letGo() {
        for link in links { PolicyPins.forget(link) }
        for descriptor in descriptors { close(descriptor) }
    }
}

extension pol_shape {
    /// Says which of the hook's values are asked for, and when which argument is read.
    fileprivate mutating func sortValues() {
        (raws, read_first, read_late, read_last) = (0, 0, 0, 0)
        let values = withUnsafeBytes(of: arguments) { Array($0.bindMemory(to: pol_argument.self)) }
        for (index, value) in values.enumerated() where UInt32(value.type) != POL_NONE.rawValue {
            // Shifting further than a byte has bits gives none: what is returned is at hand anyway.
            raws |= 1 << value.raw | (value.size_raw == 0 ? 0 : 1 << (value.size_raw - 1))
            let (bit, flags) = (UInt8(1) << UInt8(index), UInt32(value.flags))
            if flags & POL_FILTERED.rawValue != 0 {
                read_first |= bit
            } else if flags & POL_AT_RETURN.rawValue == 0 {
                read_late |= bit
            }
            if flags & POL_AT_RETURN.rawValue != 0 { read_last |= bit }
        }
    }

    /// Whether its values are but numbers, texts and paths as they are passed.
    var isPlain: Bool {
        let types = withUnsafeBytes(of: arguments) { $0.bindMemory(to: pol_argument.self).map { UInt32($0.type) } }
        let ways = withUnsafeBytes(of: resolutions) { $0.bindMemory(to: pol_resolution.self).map(\.count) }
        return has_more == 0 && ways.allSatisfy { $0 == 0 }
            && types.allSatisfy {
                $0 < POL_SOCK.rawValue && $0 != POL_IOVEC.rawValue && $0 != POL_ITERATOR.rawValue
            }
    }

    /// Whether a filter asks what a process has and had not before.
    package var looksAtChanges: Bool {
        let selectors = withUnsafeBytes(of: at_entry) { Array($0.bindMemory(to: pol_selector.self)) } + [at_return]
        return selectors.contains { selector in
            withUnsafeBytes(of: selector.filters) { bytes in
                bytes.bindMemory(to: pol_filter.self).contains {
                    UInt32($0.what) == POL_NAMESPACE_CHANGE.rawValue
                        || UInt32($0.what) == POL_CAPABILITY_CHANGE.rawValue
                }
            }
        }
    }

    /// Then a task that is in no binary set is of no interest. (A parent's image says nothing about the task's own.)
    fileprivate var everySelectorNamesABinary: Bool {
        guard selectors > 0 else { return false }
        return withUnsafeBytes(of: at_entry) { bytes in
            bytes.bindMemory(to: pol_selector.self).prefix(Int(selectors)).allSatisfy { selector in
                withUnsafeBytes(of: selector.filters) { filters in
                    filters.bindMemory(to: pol_filter.self).contains {
                        $0.what == UInt8(POL_BINARY.rawValue) && $0.index <= 1
                            && $0.op & UInt8(POL_NEGATED.rawValue) == 0
                    }
                }
            }
        }
    }
}
