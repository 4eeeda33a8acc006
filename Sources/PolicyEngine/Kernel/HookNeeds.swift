// SPDX-License-Identifier: Apache-2.0
import CRecords
import Sensors

/// What hooks need of their program's maps.
extension PolicyCapacity {
    /// Different posts whose last time is remembered for a rate.
    private static let mostRates = 512
    /// Processes whose changes have been told, which are not told again.
    private static let mostChanges = 1024

    /// What one hook's row and sets take.
    init(of hook: HookPlan) throws(PolicyLoadError) {
        self.init()
        rows = 1
        for set in hook.sets {
            switch set {
            case .numbers(let numbers): self.numbers += numbers.count
            case .networks(let networks): addresses += networks.count
            case .texts(let texts): try count(texts)
            case .ranges(let given):
                ranges += given.reduce(0) { $0 + PolicyProgram.prefixes(of: $1).count }
            case .substrings, .substringsOfAnyCase:
                guard let automaton = try set.automaton() else { break }
                automata += 1
                transitions += automaton.rows
            case .prefixes(let texts), .postfixes(let texts):
                try count(texts)
                lengths += 1
            }
        }
    }

    private mutating func count(_ texts: [[UInt8]]) throws(PolicyLoadError) {
        for text in texts {
            guard let bucket = Self.bucket(of: text.count) else {
                throw PolicyLoadError(
                    "a value of \(text.count) bytes is longer than the \(Self.longestBytes) that can be compared")
            }
            bytes[bucket, default: 0] += 1
        }
    }

    /// For all of these, with room for as much again, so that each can be replaced beside itself.
    ///
    /// - Parameter rows: of each place. All have room for as many.
    static func room(for needs: PolicyCapacity, rows: [Int], shape: pol_shape, containers: Int) -> PolicyCapacity {
        var room = PolicyCapacity()
        room.rows = power(above: (rows.max() ?? 1) + 1) * max(rows.count, 1)
        let double = { (count: Int) in count == 0 ? 0 : power(above: 2 * count) }
        room.numbers = double(needs.numbers)
        room.bytes = needs.bytes.mapValues(double)
        room.lengths = double(needs.lengths)
        room.addresses = double(needs.addresses)
        room.ranges = double(needs.ranges)
        room.automata = double(needs.automata)
        room.transitions = double(needs.transitions)
        if shape.is_scoped != 0 { room.lists = max(256, power(above: 2 * containers)) }
        if shape.limitsRates { room.rates = mostRates }
        if shape.looksAtChanges { room.changes = mostChanges }
        return room
    }

    private static func power(above count: Int) -> Int {
        var power = 1
        while power < count { power *= 2 }
        return power
    }

    static func += (one: inout Self, other: Self) {
        one.rows += other.rows
        one.numbers += other.numbers
        one.lengths += other.lengths
        one.addresses += other.addresses
        one.ranges += other.ranges
        one.automata += other.automata
        one.transitions += other.transitions
        one.bytes.merge(other.bytes) { $0 + $1 }
    }

    static func -= (one: inout Self, other: Self) {
        one.rows -= other.rows
        one.numbers -= other.numbers
        one.lengths -= other.lengths
        one.addresses -= other.addresses
        one.ranges -= other.ranges
        one.automata -= other.automata
        one.transitions -= other.transitions
        one.bytes.merge(other.bytes) { $0 - $1 }
    }

    func fits(in room: Self) -> Bool {
        rows <= room.rows && numbers <= room.numbers && lengths <= room.lengths && addresses <= room.addresses
            && ranges <= room.ranges && automata <= room.automata && transitions <= room.transitions
            && bytes.allSatisfy { $0.value <= room.bytes[$0.key] ?? 0 }
    }

    /// Nothing at all.
    static var none: Self {
        var none = PolicyCapacity()
        none.rows = 0
        return none
    }
}

extension pol_shape {
    /// Lets its program be attached to several places, by their numbers.
    /// - Parameter rows: of all of them.
    mutating func share(among numbers: [UInt32], rows: Int) {
        place_rows = UInt32(clamping: rows / numbers.count)
        withUnsafeMutableBytes(of: &places) { bytes in
            let all = bytes.bindMemory(to: UInt32.self)
            for (index, number) in zip(all.indices, numbers) { all[index] = number }
        }
    }
}

extension SetContent {
    /// Of texts that are compared as a whole: bits of their lengths, modulo 64. 0 where nothing is known.
    package var lengths: UInt64 {
        guard case .texts(let texts) = self else { return 0 }
        return texts.reduce(0) { $0 | 1 << UInt64($1.count & 63) }
    }
}

extension pol_row {
    /// Says whose enforcer its actions notify, if they do.
    mutating func notify(_ enforcer: UInt32) {
        withUnsafeMutableBytes(of: &actions) { bytes in
            let all = bytes.bindMemory(to: pol_action_values.self)
            for index in all.indices { all[index].enforcer = enforcer }
        }
        return_actions.enforcer = enforcer
    }

    /// Lets an operand name a set.
    /// - Parameter lengths: see ``SetContent/lengths``.
    mutating func name(
        _ set: UInt32, lengths: UInt64 = 0, by reference: OperandReference
    ) throws(PolicyLoadError) {
        let filters = Int(POL_FILTERS_MAX.rawValue)
        guard (0..<filters).contains(reference.filter),
            reference.selector.map((0..<Int(POL_SELECTORS_MAX.rawValue)).contains) ?? true
        else { throw PolicyLoadError("a plan names an operand that there is not: \(reference)") }
        let operand = pol_operand(a: UInt64(set), b: lengths)
        if let selector = reference.selector {
            withUnsafeMutableBytes(of: &operands) {
                $0.bindMemory(to: pol_operand.self)[selector * filters + reference.filter] = operand
            }
        } else {
            withUnsafeMutableBytes(of: &return_operands) {
                $0.bindMemory(to: pol_operand.self)[reference.filter] = operand
            }
        }
    }
}
