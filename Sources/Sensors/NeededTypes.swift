// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
import Glibc

/// The kernel's type information cut down to what our programs read.
///
/// libbpf looks through all of the types that it is given, for each structure that a program names: a hundred and thirty
/// thousand, forty times. Given these few, it is done in a twentieth of the time.
final class NeededTypes {
    private let kernel: OpaquePointer
    private let small: OpaquePointer
    private var structures: Set<String> = []
    private var members: Set<String> = []
    /// By the kernel's number.
    private var copies: [UInt32: UInt32] = [:]

    /// - Parameter programs: the types that the programs were compiled with.
    init?(of programs: OpaquePointer, in types: KernelTypes) {
        guard let small = btf__new_empty() else { return nil }
        self.small = small
        kernel = types.btf
        collectNames(programs)
        for id in 1..<btf__type_cnt(kernel) {
            guard let type = btf__type_by_id(kernel, id), Self.hasParts(type),
                let name = btf__name_by_offset(kernel, type.pointee.name_off), name.pointee != 0,
                structures.contains(String(cString: name))
            else { continue }
            guard copy(id) != nil else { return nil }
        }
    }

    deinit { btf__free(small) }

    /// A file in memory that holds them, the caller's to close; -1 and errno if there is none to be had.
    func makeFile() -> Int32 {
        var size: UInt32 = 0
        guard let bytes = btf__raw_data(small, &size) else { return -1 }
        let file = apus_memory_file("apus-types")
        guard file >= 0 else { return -1 }
        if write(file, bytes, Int(size)) == Int(size) { return file }
        close(file)
        return -1
    }

    // MARK: -

    /// Structures, and enumerations, whose numbers programs may ask for.
    private static func hasParts(_ type: UnsafePointer<btf_type>) -> Bool {
        let kind = Int(apus_btf_kind(type))
        return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64
    }

    private func collectNames(_ programs: OpaquePointer) {
        for id in 1..<btf__type_cnt(programs) {
            guard let type = btf__type_by_id(programs, id), Self.hasParts(type) else { continue }
            // What follows three underscores tells variants of one structure apart; the kernel has no such names.
            structures.insert(name(type.pointee.name_off, programs).essentialName)
            let kind = Int(apus_btf_kind(type))
            guard kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION, let own = apus_btf_member(type) else { continue }
            for index in 0..<Int(apus_btf_members(type)) { members.insert(name(own[index].name_off, programs)) }
        }
    }

    private func name(_ offset: UInt32, _ btf: OpaquePointer) -> String {
        btf__name_by_offset(btf, offset).map { String(cString: $0) } ?? ""
    }

    /// Copies a type with what it consists of; a pointer points to nothing there, and members that nobody reads have no
    /// type. Nil if memory is short.
    private func copy(_ id: UInt32) -> UInt32? {
        if id == 0 { return 0 }
        if let known = copies[id] { return known }
        guard let type = btf__type_by_id(kernel, id) else { return nil }
        let number = btf__add_type(small, kernel, type)
        guard number > 0 else { return nil }
        let new = UInt32(number)
        copies[id] = new

        // What is added may move what is there: the new type is looked up each time that it is written.
        switch Int(apus_btf_kind(type)) {
        case BTF_KIND_STRUCT, BTF_KIND_UNION:
            guard let parts = apus_btf_member(type) else { return nil }
            for index in 0..<Int(apus_btf_members(type)) {
                let part = name(parts[index].name_off, kernel)
                guard let referred = part.isEmpty || members.contains(part) ? copy(parts[index].type) : 0 else {
                    return nil
                }
                apus_btf_member(btf__type_by_id(small, new))[index].type = referred
            }
        case BTF_KIND_ARRAY:
            guard let array = apus_btf_array(type), let element = copy(array.pointee.type),
                let position = copy(array.pointee.index_type)
            else { return nil }
            apus_btf_array(btf__type_by_id(small, new)).pointee.type = element
            apus_btf_array(btf__type_by_id(small, new)).pointee.index_type = position
        case BTF_KIND_PTR:
            apus_btf_refer(btf__type_by_id(small, new), 0)
        case BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE, BTF_KIND_CONST, BTF_KIND_RESTRICT, BTF_KIND_TYPE_TAG:
            guard let referred = copy(apus_btf_referred(type)) else { return nil }
            apus_btf_refer(btf__type_by_id(small, new), referred)
        default: break
        }
        return new
    }
}

extension String {
    /// What stands before the first `___`.
    fileprivate var essentialName: String {
        let bytes = Array(utf8)
        let end = bytes.indices.dropLast(2).first {
            bytes[$0] == 0x5f && bytes[$0 + 1] == 0x5f && bytes[$0 + 2] == 0x5f
        }
        return end.map { String(decoding: bytes[..<$0], as: UTF8.self) } ?? self
    }
}
