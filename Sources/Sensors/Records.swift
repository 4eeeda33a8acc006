// SPDX-License-Identifier: Apache-2.0
package import CRecords

/// A record that does not hold together: shorter than its type, or with parts that reach beyond its end. Never to be
/// expected, and to be counted, not trusted: whatever else goes wrong, the agent does not read past a record.
package struct MalformedRecord: Error, Equatable {
    package let type: UInt16
    package let size: Int
}

/// A record of the ring or of the task iterator, looked at in place: valid as long as its bytes are.
package enum Record {
    case exec(ExecView)
    case arguments(ArgumentsView)
    case fork(rec_fork)
    case exit(rec_exit)
    case cgroup(CgroupView)
    /// A process that was there before the agent.
    case task(ExecView)
    /// A hook of a policy was hit.
    case policy(PolicyView)
    /// More of one of its values.
    case policyData(PolicyDataView)

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        let head: rec_head = try fixedPart(bytes)
        switch rec_type(UInt32(head.type)) {
        case REC_EXEC: self = .exec(try ExecView(bytes))
        case REC_ARGS: self = .arguments(try ArgumentsView(bytes))
        case REC_FORK: self = .fork(try fixedPart(bytes))
        case REC_EXIT: self = .exit(try fixedPart(bytes))
        case REC_CGROUP: self = .cgroup(try CgroupView(bytes))
        case REC_TASK: self = .task(try ExecView(bytes))
        case REC_POLICY: self = .policy(try PolicyView(bytes))
        case REC_POLICY_DATA: self = .policyData(try PolicyDataView(bytes))
        default: throw MalformedRecord(type: head.type, size: bytes.count)
        }
    }
}

/// An exec, or a process found by the iterator.
package struct ExecView {
    package let fixed: rec_exec
    /// As given to execve(2), without NUL.
    package let filename: UnsafeRawBufferPointer
    /// The first arguments, each ended by NUL; behind them the environment, where it is read.
    package let arguments: UnsafeRawBufferPointer
    private let cwdComponents: UnsafeRawBufferPointer
    private let exeComponents: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        fixed = try fixedPart(bytes)
        var tail = Tail(bytes, after: MemoryLayout<rec_exec>.size)
        filename = try tail.take(Int(fixed.filename_len))
        cwdComponents = try tail.take(Int(fixed.cwd_len))
        exeComponents = try tail.take(Int(fixed.exe_len))
        arguments = try tail.take(Int(fixed.args_len))
    }

    package func has(_ flag: rec_flag) -> Bool { fixed.flags & flag.rawValue != 0 }

    /// The working directory as the process sees it. Empty if it could not be had (REC_FLAG_CWD_ERROR).
    package func cwd() -> [UInt8] {
        if cwdComponents.isEmpty { return has(REC_FLAG_CWD_ERROR) ? [] : [UInt8(ascii: "/")] }
        return path(fromLeaf: cwdComponents)
    }

    /// The executable's path where the record has it; else empty.
    package func exe() -> [UInt8] { path(fromLeaf: exeComponents) }

    /// Arguments and environment apart.
    /// - Parameter strings: ``arguments``, with what more has come.
    package func parts(
        of strings: UnsafeRawBufferPointer
    ) -> (arguments: UnsafeRawBufferPointer, environment: UnsafeRawBufferPointer) {
        let end = min(Int(fixed.args_total), strings.count)
        return (
            UnsafeRawBufferPointer(rebasing: strings[..<end]), UnsafeRawBufferPointer(rebasing: strings[end...])
        )
    }

    /// How many bytes of arguments and environment the following ``ArgumentsView`` records are to bring.
    package var argumentsToCome: Int {
        guard fixed.head.type == REC_EXEC.rawValue, fixed.args_len > 0, !has(REC_FLAG_THROTTLED) else { return 0 }
        let total = Int(fixed.args_total) + Int(fixed.env_total)
        return max(0, min(total, Int(REC_ARGS_MAX.rawValue)) - Int(fixed.args_len))
    }
}

/// More arguments and environment of the exec that came before it from the same CPU. Without bytes: the rest could not
/// be had.
package struct ArgumentsView {
    package let fixed: rec_args
    package let bytes: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        fixed = try fixedPart(bytes)
        var tail = Tail(bytes, after: MemoryLayout<rec_args>.size)
        self.bytes = try tail.take(Int(fixed.args_len))
    }
}

/// A directory of the hierarchy that names containers.
package struct CgroupView {
    package let fixed: rec_cgroup
    /// The directory's own name.
    package let name: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        fixed = try fixedPart(bytes)
        var tail = Tail(bytes, after: MemoryLayout<rec_cgroup>.size)
        name = try tail.take(Int(fixed.name_len))
    }
}

/// A hit of a policy's hook.
package struct PolicyView {
    /// What the hook passed, or returned, as its type has it.
    package struct Value {
        package let head: pol_value
        package let bytes: UnsafeRawBufferPointer

        package func has(_ flag: pol_value_flag) -> Bool { UInt32(head.flags) & flag.rawValue != 0 }

        /// Of a number: with the sign that its type has.
        package var number: UInt64? { bytes.count == 8 ? bytes.loadUnaligned(as: UInt64.self) : nil }

        /// What its bytes begin with, and those behind; nil where they are too few, as they are if nothing could be read.
        package func structure<Fixed: BitwiseCopyable>(
            as type: Fixed.Type
        ) -> (fixed: Fixed, rest: UnsafeRawBufferPointer)? {
            guard bytes.count >= MemoryLayout<Fixed>.size else { return nil }
            return (
                bytes.loadUnaligned(as: type), UnsafeRawBufferPointer(rebasing: bytes[MemoryLayout<Fixed>.size...])
            )
        }

        /// A file's path, from the root of whoever asked; of one that is in no directory, its name.
        package var path: (head: pol_path, name: UnsafeRawBufferPointer)? {
            structure(as: pol_path.self).map { ($0.fixed, $0.rest) }
        }
    }

    package let fixed: rec_policy
    /// In the order in which they were read, which need not be the arguments'.
    package let values: [Value]
    package let kernelStack: UnsafeRawBufferPointer
    package let userStack: UnsafeRawBufferPointer
    /// Of the file, by the kernel's integrity measurement; empty where there is none.
    package let hash: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        fixed = try fixedPart(bytes)
        var tail = Tail(bytes, after: MemoryLayout<rec_policy>.size)
        let all = try tail.take(Int(fixed.values_len))
        kernelStack = try tail.take(8 * Int(fixed.kernel_frames))
        userStack = try tail.take(8 * Int(fixed.user_frames))
        hash = try tail.take(fixed.flags & POL_HAS_HASH.rawValue != 0 ? Int(fixed.hash_len) : 0)
        var values: [Value] = []
        var at = 0
        while at < all.count {
            guard all.count - at >= MemoryLayout<pol_value>.size else { throw MalformedRecord(bytes) }
            let head = all.loadUnaligned(fromByteOffset: at, as: pol_value.self)
            at += MemoryLayout<pol_value>.size
            guard all.count - at >= Int(head.length) else { throw MalformedRecord(bytes) }
            values.append(Value(head: head, bytes: UnsafeRawBufferPointer(rebasing: all[at..<at + Int(head.length)])))
            at += Int(head.length)
        }
        self.values = values
    }

    package func has(_ flag: pol_record_flag) -> Bool { fixed.flags & flag.rawValue != 0 }
}

/// A part of a value that was too long for the record of its hit.
package struct PolicyDataView {
    package let fixed: rec_policy_data
    package let bytes: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        fixed = try fixedPart(bytes)
        var tail = Tail(bytes, after: MemoryLayout<rec_policy_data>.size)
        self.bytes = try tail.take(Int(fixed.length))
    }

    package var isLast: Bool { UInt32(fixed.flags) & POL_LAST.rawValue != 0 }
}

// MARK: -

private func fixedPart<Fixed: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) -> Fixed {
    guard bytes.count >= MemoryLayout<Fixed>.size else { throw MalformedRecord(bytes) }
    return bytes.loadUnaligned(as: Fixed.self)
}

extension MalformedRecord {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        let hasHead = bytes.count >= MemoryLayout<rec_head>.size
        self.init(type: hasHead ? bytes.loadUnaligned(as: rec_head.self).type : 0, size: bytes.count)
    }
}

/// The parts behind a record's fixed part, one after the other.
private struct Tail {
    private let record: UnsafeRawBufferPointer
    private var offset: Int

    init(_ record: UnsafeRawBufferPointer, after offset: Int) {
        self.record = record
        self.offset = offset
    }

    mutating func take(_ length: Int) throws(MalformedRecord) -> UnsafeRawBufferPointer {
        guard length <= record.count - offset else { throw MalformedRecord(record) }
        defer { offset += length }
        return UnsafeRawBufferPointer(rebasing: record[offset..<offset + length])
    }
}

/// "c\0b\0a\0", as the kernel's walk finds it, is "/a/b/c".
private func path(fromLeaf components: UnsafeRawBufferPointer) -> [UInt8] {
    var path: [UInt8] = []
    path.reserveCapacity(components.count)
    for component in components.split(separator: 0, omittingEmptySubsequences: true).reversed() {
        path.append(UInt8(ascii: "/"))
        path.append(contentsOf: component)
    }
    return path
}
