// SPDX-License-Identifier: Apache-2.0

/// The kernel's functions by their addresses, from /proc/kallsyms: a table of some megabytes, made once it is asked for.
struct KernelSymbols {
    private var addresses: [UInt64] = []
    /// Where each one's name and module begin in `text`, and how long they are.
    private var names: [(start: UInt32, length: UInt16, module: UInt16)] = []
    private var text: [UInt8] = []
    private var modules = [""]

    /// No function is longer: what is further from a name is somewhere else.
    private static let longest: UInt64 = 1 << 20
    /// Half a million names.
    static let mostBytes = 64 << 20

    /// - Parameter kallsyms: lines of address, type, name and perhaps `[module]`. Addresses are 0 for those who may not
    ///   know them; such lines are left out.
    init(kallsyms: [UInt8]) {
        var found: [(address: UInt64, start: UInt32, length: UInt16, module: UInt16)] = []
        var moduleNumbers: [[UInt8]: UInt16] = [:]
        for line in kallsyms.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(maxSplits: 4, omittingEmptySubsequences: true) {
                $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t")
            }
            guard words.count >= 3, let address = Self.hexadecimal(words[0]), address != 0, words[1].count == 1,
                let type = words[1].first, "tTwW".utf8.contains(type), words[2].count < 1 << 16
            else { continue }
            var module: UInt16 = 0
            if words.count > 3 {
                let name = words[3].filter { $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
                if let known = moduleNumbers[Array(name)] {
                    module = known
                } else if modules.count < Int(UInt16.max) {
                    module = UInt16(modules.count)
                    modules.append(String(decoding: name, as: UTF8.self))
                    moduleNumbers[Array(name)] = module
                }
            }
            found.append((address, UInt32(text.count), UInt16(words[2].count), module))
            text += words[2]
        }
        found.sort { $0.address < $1.address }
        addresses = found.map(\.address)
        names = found.map { ($0.start, $0.length, $0.module) }
    }

    var isEmpty: Bool { addresses.isEmpty }

    /// Nil for a place in no function that is known.
    func frame(at address: UInt64) -> StackFrame? {
        guard let index = addresses.lastIndex(notAbove: address), address - addresses[index] < Self.longest else {
            return nil
        }
        let name = names[index]
        return StackFrame(
            address: address,
            symbol: String(decoding: text[Int(name.start)..<Int(name.start) + Int(name.length)], as: UTF8.self),
            offset: address - addresses[index], module: modules[Int(name.module)])
    }

    static func hexadecimal(_ digits: some Collection<UInt8>) -> UInt64? {
        guard !digits.isEmpty, digits.count <= 16 else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}

extension [UInt64] {
    /// Of a sorted array: where the last number stands that is at most this one.
    func lastIndex(notAbove number: UInt64) -> Int? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] <= number { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
}
