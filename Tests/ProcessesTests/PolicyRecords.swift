// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import Processes

/// A hit as the kernel would send it, made by hand.
struct HandmadeHit {
    var image: rec_image
    var row: UInt32 = 1
    var call: UInt64 = 77
    var tid: UInt32?
    var flags: UInt32 = 0
    var action = UInt8(POL_DO_POST.rawValue)
    var selector: UInt8 = 0
    var function: UInt32 = 0
    var cgroup: UInt64 = 1
    var values: [UInt8] = []
    var kernelStack: [UInt64] = []
    var userStack: [UInt64] = []
    var hash: (algorithm: UInt8, digest: [UInt8])?

    init(_ image: rec_image) { self.image = image }

    mutating func add(_ slot: UInt8, _ type: pol_type, _ bytes: [UInt8], _ flags: pol_value_flag...) {
        let head = pol_value(
            index: slot, type: UInt8(type.rawValue), flags: UInt16(flags.reduce(0) { $0 | $1.rawValue }),
            length: UInt32(bytes.count))
        values += HandmadeHit.bytes(of: head) + bytes
    }

    mutating func add(_ slot: UInt8, _ type: pol_type, _ number: Int64) {
        add(slot, type, HandmadeHit.bytes(of: number))
    }

    mutating func add(_ slot: UInt8, _ type: pol_type, _ text: String, _ flags: pol_value_flag...) {
        let head = pol_value(
            index: slot, type: UInt8(type.rawValue), flags: UInt16(flags.reduce(0) { $0 | $1.rawValue }),
            length: UInt32(text.utf8.count))
        values += HandmadeHit.bytes(of: head) + Array(text.utf8)
    }

    func record(_ head: rec_head) -> [UInt8] {
        var record = rec_policy()
        record.head = head
        record.image = image
        record.cgroup_id = cgroup
        record.call = call
        record.tid = tid ?? image.tgid
        record.row = row
        record.flags = flags | (hash == nil ? 0 : POL_HAS_HASH.rawValue)
        record.selector = selector
        record.action = action
        record.function = function
        record.values_len = UInt32(values.count)
        record.kernel_frames = UInt8(kernelStack.count)
        record.user_frames = UInt8(userStack.count)
        record.hash_algorithm = hash?.algorithm ?? 0
        record.hash_len = UInt8(hash?.digest.count ?? 0)
        return Self.bytes(of: record) + values + (kernelStack + userStack).flatMap { Self.bytes(of: $0) }
            + (hash?.digest ?? [])
    }

    static func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
}

extension HookDescription {
    static func sample(
        row: UInt32 = 1, policy: String = "watch", place: Place = .function(["do_sys_open"]),
        arguments: [Argument] = [], returns: Argument? = nil, actions: [[Action]] = []
    ) -> HookDescription {
        HookDescription(
            row: row, policy: policy, namespace: "", place: place, message: "somebody looks", tags: ["a", "b\"c"],
            arguments: arguments, returnArgument: returns, actions: actions, returnActions: [])
    }
}
