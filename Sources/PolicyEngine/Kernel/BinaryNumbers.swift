// SPDX-License-Identifier: Apache-2.0
import CRecords

/// The numbers of binary sets, which all policies share: a process has a bit for each.
struct BinaryNumbers {
    private struct Use {
        var number: UInt32
        var count: Int
    }

    static let limit = UInt32(POL_BINARY_SETS_MAX.rawValue)

    /// Sets that say the same are one, unless they are of processes that were there at the time.
    private var shared: [BinarySetContent: Use] = [:]
    private var contents: [UInt32: BinarySetContent] = [:]

    /// How many are in use.
    var count: Int { contents.count }

    /// Numbers for some sets, filled; none if one of them cannot be.
    mutating func take(_ sets: [BinarySetContent], _ kernel: any PolicyKernel) throws -> [UInt32] {
        var numbers: [UInt32] = []
        do {
            for content in sets { numbers.append(try take(content, kernel)) }
        } catch {
            release(numbers, kernel)
            throw error
        }
        return numbers
    }

    private mutating func take(_ content: BinarySetContent, _ kernel: any PolicyKernel) throws -> UInt32 {
        if let use = shared[content] {
            shared[content]?.count += 1
            return use.number
        }
        guard let number = (0..<Self.limit).first(where: { contents[$0] == nil }) else {
            throw PolicyLoadError("all policies together have more than \(Self.limit) different sets of binaries")
        }
        do {
            try kernel.fill(binarySet: number, with: content)
        } catch {
            // A part of it may have been there.
            kernel.empty(binarySet: number, of: content)
            throw error
        }
        contents[number] = content
        if !content.isOfTheMoment { shared[content] = Use(number: number, count: 1) }
        return number
    }

    mutating func release(_ numbers: [UInt32], _ kernel: any PolicyKernel) {
        for number in numbers {
            guard let content = contents[number] else { continue }
            if let use = shared[content], use.number == number {
                shared[content]?.count -= 1
                if use.count > 1 { continue }
                shared[content] = nil
            }
            contents[number] = nil
            kernel.empty(binarySet: number, of: content)
        }
    }
}

extension BinarySetContent {
    fileprivate var isOfTheMoment: Bool { if case .pids = self { true } else { false } }
}
