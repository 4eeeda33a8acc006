// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies

/// Hooks of policies: between them each kind of place, and each type of argument at entry and at return.
enum Hooks {
    /// So many rows are spoken of; the last of them nobody knows.
    static let rows: UInt32 = 32

    static let all: [HookDescription] = (UInt32(0)..<24).map { row in
        let types = ArgumentType.allCases
        func type(_ index: Int) -> ArgumentType { types[(Int(row) * 5 + index) % types.count] }
        let places: [HookDescription.Place] = [
            .function(["__x64_sys_openat", "__x64_sys_openat2"]), .tracepoint(subsystem: "sched", event: "exec"),
            .symbols(path: "/lib/libc.so.6", ["getenv", "0x10"]), .securityHook("file_open"),
            .probe(path: "/usr/bin/python3", provider: "python", name: "import__find__load__start"),
        ]
        var post = Action.Post()
        (post.hasKernelStack, post.hasUserStack, post.hasIMAHash) = (true, true, true)
        return HookDescription(
            row: row, policy: "p\(row / 2)", namespace: row % 3 == 0 ? "ns" : "",
            place: places[Int(row) % places.count], message: "said", tags: ["a", "b\"c"],
            arguments: (0..<5).map { .init(slot: UInt8($0), type: type($0), label: $0 == 0 ? "first" : "") },
            returnArgument: row % 2 == 0
                ? .init(slot: UInt8(POL_RETURN.rawValue), type: type(Int(row)), label: "") : nil,
            actions: [[.post(post)], [asking, .noPost], [.dnsLookup("a.b")]], returnActions: [[asking]])
    }
    private static let asking = WebAddress("http://a").map { Action.getURL($0) } ?? .noPost

    /// Of a record that has its fixed part.
    static func limitRow(_ record: inout [UInt8]) {
        guard let at = MemoryLayout<rec_policy>.offset(of: \.row) else { return }
        (record[at], record[at + 1], record[at + 2], record[at + 3]) = (record[at] % UInt8(rows), 0, 0, 0)
    }

    /// A record that holds together: a byte for each of its numbers, then its values, each with four bytes in front.
    static func hit(_ content: UnsafeRawBufferPointer) -> [UInt8] {
        var rest = Bytes(content[...])
        var record = rec_policy()
        record.row = UInt32(rest.next) % rows
        record.flags = UInt32(rest.next) | UInt32(rest.next) << 8
        record.function = UInt32(rest.next)
        record.selector = rest.next
        record.action = rest.next
        record.image = rec_image(start: 1_000_000, tgid: UInt32(rest.next), exec_count: 1)
        record.tid = UInt32(rest.next)
        record.call = UInt64(rest.next)
        record.kernel_frames = rest.next % 33
        record.user_frames = rest.next % 33
        record.hash_algorithm = rest.next
        record.hash_len = rest.next % 65
        record.cgroup_id = UInt64(rest.next)
        var values: [UInt8] = []
        while !rest.isEmpty {
            var value = pol_value(index: rest.next, type: rest.next, flags: UInt16(rest.next), length: 0)
            let bytes = rest.take(Int(rest.next))
            value.length = UInt32(bytes.count)
            values += Self.bytes(of: value) + bytes
        }
        record.values_len = UInt32(values.count)
        let hash = record.flags & POL_HAS_HASH.rawValue != 0 ? Int(record.hash_len) : 0
        let tail = values + [UInt8](repeating: 7, count: 8 * Int(record.kernel_frames + record.user_frames) + hash)
        record.head = head(REC_POLICY, MemoryLayout<rec_policy>.size + tail.count, record.call)
        return bytes(of: record) + tail
    }

    /// More of a value of such a hit.
    static func more(_ content: UnsafeRawBufferPointer) -> [UInt8] {
        var rest = Bytes(content[...])
        var record = rec_policy_data()
        record.tid = UInt32(rest.next)
        record.call = UInt64(rest.next)
        record.number = UInt32(rest.next)
        record.index = rest.next
        record.flags = rest.next
        record.value_flags = UInt16(rest.next)
        let bytes = rest.take(content.count)
        record.length = UInt32(bytes.count)
        record.head = head(REC_POLICY_DATA, MemoryLayout<rec_policy_data>.size + bytes.count, record.call)
        return Self.bytes(of: record) + bytes
    }

    private static func head(_ type: rec_type, _ size: Int, _ time: UInt64) -> rec_head {
        rec_head(size: UInt32(size), type: UInt16(type.rawValue), cpu: 0, seq: 0, time: time)
    }

    private static func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
        withUnsafeBytes(of: value) { Array($0) }
    }
}

/// Bytes one after the other; behind the last one there is 0.
private struct Bytes {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ bytes: Slice<UnsafeRawBufferPointer>) { rest = bytes }

    var isEmpty: Bool { rest.isEmpty }

    var next: UInt8 { mutating get { rest.popFirst() ?? 0 } }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
