// SPDX-License-Identifier: Apache-2.0

/// Where a probe's argument is at one of its locations, as the compiler has left it in the file's notes: `-4@%edi`,
/// `8@-24(%rbp)`, `4@$17`. <sys/sdt.h> has the notes' form, the assembler of each machine that of the operands.
package struct ProbeArgument: Sendable, Hashable {
    /// As the note has it; what cannot be printed is a `?`.
    package var text: String
    /// In bytes: 1, 2, 4 or 8.
    package var size: Int
    package var isSigned: Bool
    package var source: Source

    package enum Source: Sendable, Hashable {
        case constant(Int64)
        case register(Register)
        /// At base + index << shift + displacement.
        case memory(base: Register?, index: Register? = nil, shift: UInt8 = 0, displacement: Int64)
        /// In the file's own data, by its symbol.
        case symbol(String, displacement: Int64)
        /// Why it cannot be read.
        case unreadable(String)
    }

    /// By its offset in what the kernel hands a probe's program: struct pt_regs, on arm64 struct user_pt_regs.
    package struct Register: Sendable, Hashable {
        package var offset: UInt16

        package init(offset: UInt16) { self.offset = offset }
    }

    /// Of those whose notes are understood.
    package enum Machine: Sendable {
        case x86_64, aarch64

        /// The one that this program runs on.
        package static var own: Machine {
            #if arch(arm64)
                .aarch64
            #else
                .x86_64
            #endif
        }

        /// Where the next instruction's address is.
        var instructionPointer: Register { Register(offset: self == .x86_64 ? 128 : 256) }
    }

    package init(text: String, size: Int, isSigned: Bool, source: Source) {
        self.text = text
        self.size = size
        self.isSigned = isSigned
        self.source = source
    }
}

extension ProbeArgument {
    /// What <sys/sdt.h> can say at most.
    static let mostArguments = 12
    private static let longest = 256

    /// All of a note's, in their order.
    package static func arguments(of note: some Sequence<UInt8>, on machine: Machine) -> [ProbeArgument] {
        let text = String(decoding: note.map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
        return words(of: text).prefix(mostArguments).map { ProbeArgument($0, on: machine) }
    }

    /// Apart by blanks, but for those between brackets: `-4@[sp, 60] 8@x1`.
    private static func words(of text: String) -> [Substring.UTF8View.SubSequence] {
        var depth = 0
        return text.utf8.split { byte in
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "("): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: ")"): depth = max(0, depth - 1)
            default: break
            }
            return byte == UInt8(ascii: " ") && depth == 0
        }
    }

    private init(_ word: Substring.UTF8View.SubSequence, on machine: Machine) {
        let text = String(decoding: word.prefix(Self.longest), as: UTF8.self)
        self.init(text: text, size: 8, isSigned: false, source: .unreadable("it is in no form that is known"))
        guard word.count <= Self.longest, let at = text.firstIndex(of: "@") else { return }
        var size = text[..<at]
        let operand = text[text.index(after: at)...]
        if size.hasPrefix("-") {
            isSigned = true
            size = size.dropFirst()
        }
        if size.hasSuffix("f") {
            source = .unreadable("it is a floating-point number")
            return
        }
        guard let bytes = Int(size), [1, 2, 4, 8].contains(bytes) else {
            source = .unreadable("it has \(size.isEmpty ? "no" : String(size)) bytes, not 1, 2, 4 or 8")
            return
        }
        self.size = bytes
        let found =
            switch machine {
            case .x86_64: X86Operand.source(operand)
            case .aarch64: ARMOperand.source(operand)
            }
        if let found { source = found }
    }
}

/// A number as assemblers write it.
private func number(_ text: Substring) -> Int64? {
    var digits = text
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    guard let first = digits.utf8.first, (0x30...0x39).contains(first) else { return nil }
    let magnitude = digits.hasPrefix("0x") ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
    // What has no sign of its own may use all of its bits.
    return magnitude.map { Int64(bitPattern: isNegative ? 0 &- $0 : $0) }
}

/// AT&T's syntax: `%rdi`, `$-5`, `-24(%rbp)`, `8(%rax,%rcx,4)`, `counter+4(%rip)`.
private enum X86Operand {
    static func source(_ operand: Substring) -> ProbeArgument.Source? {
        if operand.hasPrefix("$") {
            return number(operand.dropFirst()).map { .constant($0) }
                ?? .unreadable("it is an address that is known only where the program runs")
        }
        if operand.hasPrefix("%") { return register(operand.dropFirst()) }
        return memory(operand)
    }

    private static func register(_ name: Substring) -> ProbeArgument.Source? {
        if name.contains(":") {
            return .unreadable("it is in a segment of its own, as what a thread has for itself is")
        }
        if let offset = offsets[String(name)] { return .register(.init(offset: offset)) }
        return ["xmm", "ymm", "zmm", "mm", "st"].contains(where: { name.hasPrefix($0) })
            ? .unreadable("it is in a register of another kind, which a probe is not given") : nil
    }

    private static func memory(_ operand: Substring) -> ProbeArgument.Source? {
        guard operand.hasSuffix(")"), let open = operand.firstIndex(of: "(") else { return nil }
        let before = operand[..<open]
        let parts = operand[operand.index(after: open)...].dropLast()
            .split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false)
        if parts == ["%rip"] { return symbol(before) }
        guard let displacement = before.isEmpty ? 0 : number(before), (1...3).contains(parts.count) else { return nil }
        let registers = parts.prefix(2).map { wide($0) }
        // What is not there is an empty text; what is no register of 64 bits is nothing to go by.
        for (part, register) in zip(parts, registers) where !part.isEmpty && register == nil { return nil }
        var shift: UInt8 = 0
        if parts.count == 3 {
            guard let found = ["1", "2", "4", "8"].firstIndex(of: String(parts[2])) else { return nil }
            shift = UInt8(found)
        }
        guard registers.contains(where: { $0 != nil }) else { return nil }
        return .memory(
            base: registers[0], index: registers.count > 1 ? registers[1] : nil, shift: shift,
            displacement: displacement)
    }

    /// `name`, `name+4`, `4+name`, `name-4`
    private static func symbol(_ text: Substring) -> ProbeArgument.Source? {
        var name: Substring?
        var displacement: Int64 = 0
        var rest = text
        while !rest.isEmpty {
            let end = rest.dropFirst().firstIndex { $0 == "+" || $0 == "-" } ?? rest.endIndex
            let part = rest[..<end]
            rest = rest[end...]
            if let number = number(part) {
                displacement &+= number
            } else {
                guard name == nil, !part.hasPrefix("-") else { return nil }
                name = part.hasPrefix("+") ? part.dropFirst() : part
            }
        }
        // Behind an @ stands a table of addresses in which it is looked up.
        guard let name, !name.isEmpty, !name.contains("@") else { return nil }
        return .symbol(String(name), displacement: displacement)
    }

    private static func wide(_ name: Substring) -> ProbeArgument.Register? {
        guard name.hasPrefix("%"), let offset = wideOffsets[String(name.dropFirst())] else { return nil }
        return .init(offset: offset)
    }

    /// As struct pt_regs has them.
    private static let order = [
        "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "",
        "rip", "", "", "rsp",
    ]

    private static let wideOffsets = [String: UInt16](
        uniqueKeysWithValues: order.enumerated().filter { !$0.element.isEmpty && $0.element != "rip" }
            .map { ($0.element, UInt16(8 * $0.offset)) })

    /// By all the names that their parts have.
    private static let offsets: [String: UInt16] = {
        var offsets = wideOffsets
        for (name, offset) in wideOffsets {
            let rest = name.dropFirst()
            if rest.first?.isNumber == true {
                for suffix in ["d", "w", "b"] { offsets[name + suffix] = offset }
            } else {
                offsets["e" + rest] = offset
                offsets[String(rest)] = offset
                offsets[(rest.hasSuffix("x") ? String(rest.dropLast()) : String(rest)) + "l"] = offset
                // The second byte.
                if rest.hasSuffix("x") { offsets[rest.dropLast() + "h"] = offset + 1 }
            }
        }
        return offsets
    }()
}

/// `x0`, `w0`, `5`, `#5`, `[sp, 60]`, `[x1]`
private enum ARMOperand {
    static func source(_ operand: Substring) -> ProbeArgument.Source? {
        if let number = constant(operand) { return .constant(number) }
        if operand.hasPrefix("[") {
            guard operand.hasSuffix("]") else { return nil }
            let parts = operand.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.drop { $0 == " " } }
            guard (1...2).contains(parts.count), let base = register(parts[0], isWide: true) else { return nil }
            if parts.count == 1 { return .memory(base: base, displacement: 0) }
            if let displacement = constant(parts[1]) { return .memory(base: base, displacement: displacement) }
            return register(parts[1], isWide: true).map { .memory(base: base, index: $0, displacement: 0) }
        }
        if let register = register(operand, isWide: false) { return .register(register) }
        return operand.first.map { "vqdshb".contains($0) } == true
            ? .unreadable("it is in a register of another kind, which a probe is not given") : nil
    }

    private static func constant(_ text: Substring) -> Int64? { number(text.hasPrefix("#") ? text.dropFirst() : text) }

    private static func register(_ name: Substring, isWide: Bool) -> ProbeArgument.Register? {
        if name == "sp" || (name == "wsp" && !isWide) { return .init(offset: 31 * 8) }
        guard name.hasPrefix("x") || (name.hasPrefix("w") && !isWide), let number = UInt16(name.dropFirst()),
            number <= 30
        else { return nil }
        return .init(offset: 8 * number)
    }
}
