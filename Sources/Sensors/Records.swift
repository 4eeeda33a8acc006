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

    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedRecord) {
        let head: rec_head = try fixedPart(bytes)
        switch rec_type(UInt32(head.type)) {
        case REC_EXEC: self = .exec(try ExecView(bytes))
        case REC_ARGS: self = .arguments(try ArgumentsView(bytes))
        case REC_FORK: self = .fork(try fixedPart(bytes))
        case REC_EXIT: self = .exit(try fixedPart(bytes))
        case REC_CGROUP: self = .cgroup(try CgroupView(bytes))
        case REC_TASK: self = .task(try ExecView(bytes))
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
        guard fixed.head.type == REC_EXEC.rawValue, fixed.args_len > 0 else { return 0 }
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
