// SPDX-License-Identifier: Apache-2.0
import CLibbpf
package import CRecords
import Models

/// The way from what a hook passes to a field of it, as the kernel's types have it.
package struct FieldPath: Sendable, Equatable {
    /// At an offset of where the step before led to, so many bytes are read: an address to go on from, or what is asked
    /// for. 0: none, the field begins there.
    package struct Step: Sendable, Equatable {
        package var offset: UInt32
        package var bytes: UInt8
        /// Of a field of bits: where in those bytes it begins, and how many they are; 0: it is all of them.
        package var bit: UInt8 = 0
        package var bits: UInt8 = 0
    }

    /// What is at its end.
    package enum End: Sendable, Equatable {
        case number(bytes: Int, isSigned: Bool)
        /// char[], so long.
        case text(bytes: Int)
        /// The address of one; the name is `char` for text, empty where the kernel does not say.
        case pointer(to: String)
        /// The structure itself: a value of its type is read there.
        case structure(String)
        /// Elements of another type than char.
        case array(bytes: Int)
    }

    package let steps: [Step]
    package let end: End

    /// What a program's shape says of it.
    package var resolution: pol_resolution {
        var resolution = pol_resolution()
        resolution.count = UInt32(steps.count)
        withUnsafeMutableBytes(of: &resolution.steps) { bytes in
            let room = bytes.bindMemory(to: pol_step.self)
            for (index, step) in steps.enumerated() {
                room[index] = pol_step(
                    offset: step.offset, bytes: step.bytes, bit: step.bit, bits: step.bits, pad: 0)
            }
        }
        return resolution
    }
}

/// Why there is no such way.
package struct FieldPathError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    /// What may have been meant.
    package let nearest: String?

    package var description: String { reason + (nearest.map { "; is \($0) meant?" } ?? "") }

    package init(_ reason: String, nearest: String? = nil) {
        self.reason = reason
        self.nearest = nearest
    }
}

extension KernelTypes {
    /// Who passes the argument from which a path leads.
    package enum Passer: Sendable, Equatable {
        case function(String)
        case securityHook(String)
        case rawTracepoint(String)
    }

    /// - Parameters:
    ///   - names: fields in order, each perhaps with an element's number: `comm`, `ns[2]`.
    ///   - index: of the argument that they begin at; nil: what is returned.
    package func path(
        _ names: [String], from index: Int?, of passer: Passer
    ) throws(FieldPathError) -> FieldPath {
        guard let index else { return try path(names, fromReturnOf: passer) }
        return try path(names, fromArgument: index, of: passer)
    }

    private func path(_ names: [String], fromReturnOf passer: Passer) throws(FieldPathError) -> FieldPath {
        let type = apus_btf_referred(try prototype(passer).0)
        guard type != 0 else { throw FieldPathError("\(passer) returns nothing") }
        return try path(names, at: type)
    }

    private func path(_ names: [String], at type: UInt32) throws(FieldPathError) -> FieldPath {
        var walk = FieldWalk(btf, at: type)
        for name in names { try walk.enter(name) }
        return try walk.finish()
    }

    /// - Parameter names: fields in order, each perhaps with an element's number: `comm`, `ns[2]`.
    package func path(
        _ names: [String], fromArgument index: Int, of passer: Passer
    ) throws(FieldPathError) -> FieldPath {
        let (prototype, first) = try prototype(passer)
        let count = Int(apus_btf_members(prototype)) - first
        guard let parameters = apus_btf_parameters(prototype), index >= 0, index < count else {
            throw FieldPathError("\(passer) passes \(max(count, 0)) arguments, so there is none of index \(index)")
        }
        return try path(names, at: parameters[first + index].type)
    }

    /// With the number of parameters that are no arguments.
    private func prototype(_ passer: Passer) throws(FieldPathError) -> (UnsafePointer<btf_type>, Int) {
        let found: (UnsafePointer<btf_type>, Int)? =
            switch passer {
            case .function(let name): function(name).map { ($0, 0) }
            case .securityHook(let name): function("bpf_lsm_" + name).map { ($0, 0) }
            case .rawTracepoint(let name):
                id("btf_trace_" + name, apus_btf_kind_typedef)
                    .flatMap { referred($0) }.flatMap { referred($0) }.flatMap { btf__type_by_id(btf, $0) }
                    .map { ($0, 1) }
            }
        guard let found, Int(apus_btf_kind(found.0)) == BTF_KIND_FUNC_PROTO else {
            throw FieldPathError("the kernel's types say nothing of \(passer)")
        }
        return found
    }

    private func function(_ name: String) -> UnsafePointer<btf_type>? {
        id(name, apus_btf_kind_func).flatMap { referred($0) }.flatMap { btf__type_by_id(btf, $0) }
    }

    private func referred(_ id: UInt32) -> UInt32? { btf__type_by_id(btf, id).map { apus_btf_referred($0) } }
}

extension KernelTypes.Passer: CustomStringConvertible {
    package var description: String {
        switch self {
        case .function(let name): "the function \(name)"
        case .securityHook(let name): "the security hook \(name)"
        case .rawTracepoint(let name): "the raw tracepoint \(name)"
        }
    }
}

/// Where a path has got to.
private struct FieldWalk {
    private let btf: OpaquePointer
    private var type: UInt32
    /// From where the last step led to; nil: what the hook passes, which is in no memory yet.
    private var bitOffset: UInt64?
    private var bits: UInt32 = 0
    private var steps: [FieldPath.Step] = []

    /// Types in types: more than any kernel has.
    private static let depth = 32

    init(_ btf: OpaquePointer, at type: UInt32) {
        self.btf = btf
        self.type = type
    }

    mutating func enter(_ component: String) throws(FieldPathError) {
        let parts = component.split(separator: "[", maxSplits: 1)
        guard let name = parts.first.map(String.init) else { throw FieldPathError("a field without a name") }
        try follow(to: name)
        guard let structure = structure(type) else {
            throw FieldPathError("\(self.name(of: type)) has no fields, so no \(name)")
        }
        guard let field = find(name, in: structure, Self.depth) else {
            var names: [String] = []
            collectNames(of: structure, Self.depth, &names)
            throw FieldPathError(
                "\(self.name(of: type)) has no field \(name)", nearest: nearestName(to: name, among: names))
        }
        bitOffset = (bitOffset ?? 0) + UInt64(field.bitOffset)
        (type, bits) = (field.type, field.bits)
        guard parts.count == 2 else { return }
        guard let index = UInt32(parts[1].dropLast()), parts[1].hasSuffix("]") else {
            throw FieldPathError("\(component) names no element")
        }
        try enter(element: index, of: name)
    }

    func finish() throws(FieldPathError) -> FieldPath {
        guard let bitOffset else { throw FieldPathError("a path without a field") }
        let essential = peel(type)
        guard let kind = kind(essential), let size = size(essential) else { throw unknown() }
        let end: FieldPath.End
        var last: FieldPath.Step?
        switch kind {
        case BTF_KIND_INT, BTF_KIND_ENUM, BTF_KIND_ENUM64:
            let number = try number(at: bitOffset, size: size)
            last = number
            let isSigned = kind == BTF_KIND_INT && btf__type_by_id(btf, essential).map(isSigned) == true
            end = .number(bytes: size, isSigned: isSigned && bits == 0)
        case BTF_KIND_PTR:
            last = FieldPath.Step(offset: try offset(bitOffset), bytes: 8)
            end = .pointer(to: pointee(essential))
        case BTF_KIND_STRUCT, BTF_KIND_UNION:
            last = FieldPath.Step(offset: try offset(bitOffset), bytes: 0)
            end = .structure(plainName(essential))
        case BTF_KIND_ARRAY:
            last = FieldPath.Step(offset: try offset(bitOffset), bytes: 0)
            end = isText(essential) ? .text(bytes: size) : .array(bytes: size)
        default: throw FieldPathError("a value of \(name(of: type)) cannot be read")
        }
        let all = steps + (last.map { [$0] } ?? [])
        guard all.count <= Int(POL_STEPS_MAX.rawValue) else {
            throw FieldPathError("\(all.count) pointers are followed, and \(POL_STEPS_MAX.rawValue) is the limit")
        }
        return FieldPath(steps: all, end: end)
    }

    // MARK: -

    /// Follows the pointer that the field is, if it is one.
    private mutating func follow(to name: String) throws(FieldPathError) {
        let essential = peel(type)
        guard kind(essential) == BTF_KIND_PTR, let pointer = btf__type_by_id(btf, essential) else {
            if bitOffset == nil {
                throw FieldPathError(
                    "the argument is \(self.name(of: type)) and no address of a structure with \(name)")
            }
            return
        }
        if let bitOffset { steps.append(FieldPath.Step(offset: try offset(bitOffset), bytes: 8)) }
        bitOffset = 0
        type = apus_btf_referred(pointer)
        if kind(peel(type)) == BTF_KIND_FWD { throw unknown() }
    }

    private mutating func enter(element index: UInt32, of name: String) throws(FieldPathError) {
        var essential = peel(type)
        if kind(essential) == BTF_KIND_PTR {
            try follow(to: name)
            essential = peel(type)
            guard let size = size(essential) else { throw unknown() }
            bitOffset = (bitOffset ?? 0) + UInt64(index) * UInt64(size) * 8
            return
        }
        guard kind(essential) == BTF_KIND_ARRAY, let type = btf__type_by_id(btf, essential),
            let array = apus_btf_array(type)
        else { throw FieldPathError("\(name) is \(self.name(of: self.type)) and has no elements") }
        // Of an array without a length the type says nothing.
        guard index < array.pointee.nelems || array.pointee.nelems == 0 else {
            throw FieldPathError("\(name) has \(array.pointee.nelems) elements, so there is no [\(index)]")
        }
        guard let size = size(peel(array.pointee.type)) else { throw unknown() }
        bitOffset = (bitOffset ?? 0) + UInt64(index) * UInt64(size) * 8
        self.type = array.pointee.type
    }

    private func number(at bitOffset: UInt64, size: Int) throws(FieldPathError) -> FieldPath.Step {
        guard [1, 2, 4, 8].contains(size) else { throw FieldPathError("a number of \(size) bytes cannot be read") }
        guard bits > 0 else { return FieldPath.Step(offset: try offset(bitOffset), bytes: UInt8(size)) }
        let unit = UInt64(size) * 8
        let start = bitOffset / unit * unit
        let bit = bitOffset - start
        guard bit + UInt64(bits) <= unit, bits < 64 else {
            throw FieldPathError("a field of bits across two numbers cannot be read")
        }
        return FieldPath.Step(
            offset: try offset(start), bytes: UInt8(size), bit: UInt8(bit), bits: UInt8(bits))
    }

    private func offset(_ bitOffset: UInt64) throws(FieldPathError) -> UInt32 {
        guard bitOffset % 8 == 0, bitOffset / 8 <= UInt64(UInt32.max) else {
            throw FieldPathError("the field begins at no byte that can be read")
        }
        return UInt32(bitOffset / 8)
    }

    private func unknown() -> FieldPathError {
        FieldPathError("the kernel's types do not say what \(name(of: type)) has")
    }

    // MARK: Types

    private struct Field {
        var type: UInt32
        var bitOffset: UInt32
        var bits: UInt32
    }

    /// By name, in structures without one, too.
    private func find(_ name: String, in structure: UnsafePointer<btf_type>, _ depth: Int) -> Field? {
        guard depth > 0, let members = apus_btf_member(structure) else { return nil }
        for index in 0..<apus_btf_members(structure) {
            let member = members[Int(index)]
            let offset = apus_btf_bit_offset(structure, index)
            let own = text(member.name_off)
            if own == name {
                return Field(type: member.type, bitOffset: offset, bits: apus_btf_bits(structure, index))
            }
            guard own.isEmpty, let inner = self.structure(member.type), var field = find(name, in: inner, depth - 1)
            else { continue }
            field.bitOffset += offset
            return field
        }
        return nil
    }

    private func collectNames(of structure: UnsafePointer<btf_type>, _ depth: Int, _ names: inout [String]) {
        guard depth > 0, let members = apus_btf_member(structure) else { return }
        for index in 0..<Int(apus_btf_members(structure)) {
            let own = text(members[index].name_off)
            if !own.isEmpty {
                names.append(own)
            } else if let inner = self.structure(members[index].type) {
                collectNames(of: inner, depth - 1, &names)
            }
        }
    }

    private func structure(_ id: UInt32) -> UnsafePointer<btf_type>? {
        let essential = peel(id)
        guard let kind = kind(essential), kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION else { return nil }
        return btf__type_by_id(btf, essential)
    }

    /// Without names for other types, const and the like.
    private func peel(_ id: UInt32) -> UInt32 {
        var id = id
        for _ in 0..<Self.depth {
            switch kind(id) {
            case BTF_KIND_TYPEDEF, BTF_KIND_CONST, BTF_KIND_VOLATILE, BTF_KIND_RESTRICT, BTF_KIND_TYPE_TAG:
                guard let type = btf__type_by_id(btf, id) else { return id }
                id = apus_btf_referred(type)
            default: return id
            }
        }
        return id
    }

    private func kind(_ id: UInt32) -> Int? {
        // 0 is void.
        id == 0 ? nil : btf__type_by_id(btf, id).map { Int(apus_btf_kind($0)) }
    }

    private func size(_ id: UInt32) -> Int? {
        let size = btf__resolve_size(btf, id)
        return size >= 0 ? Int(size) : nil
    }

    private func isSigned(_ type: UnsafePointer<btf_type>) -> Bool {
        apus_btf_int_encoding(type) & UInt8(BTF_INT_SIGNED) != 0
    }

    private func isText(_ array: UInt32) -> Bool {
        guard let type = btf__type_by_id(btf, array), let of = apus_btf_array(type) else { return false }
        return plainName(peel(of.pointee.type)) == "char"
    }

    private func pointee(_ pointer: UInt32) -> String {
        guard let type = btf__type_by_id(btf, pointer) else { return "" }
        return plainName(peel(apus_btf_referred(type)))
    }

    private func plainName(_ id: UInt32) -> String {
        id == 0 ? "" : btf__type_by_id(btf, id).map { text($0.pointee.name_off) } ?? ""
    }

    private func name(of id: UInt32) -> String {
        let essential = peel(id)
        let name = plainName(essential)
        switch kind(essential) {
        case nil: return "void"
        case BTF_KIND_STRUCT: return "struct \(name.isEmpty ? "without a name" : name)"
        case BTF_KIND_UNION: return "union \(name.isEmpty ? "without a name" : name)"
        case BTF_KIND_FWD: return "struct \(name)"
        case BTF_KIND_ENUM, BTF_KIND_ENUM64: return "enum \(name)"
        case BTF_KIND_PTR: return "an address"
        case BTF_KIND_ARRAY: return "an array"
        default: return name.isEmpty ? "a type without a name" : name
        }
    }

    private func text(_ offset: UInt32) -> String { btf__name_by_offset(btf, offset).map { String(cString: $0) } ?? "" }
}
