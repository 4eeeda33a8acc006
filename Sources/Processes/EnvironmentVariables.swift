// SPDX-License-Identifier: Apache-2.0

/// The environment variables that a process's exec was given, in their order; secrets are masked already.
package struct EnvironmentVariables: Sendable, Equatable {
    /// As in the process's memory: `KEY=VALUE`, each ended by NUL.
    let memory: [UInt8]
    /// There were more than are here.
    let isCut: Bool

    /// So many are kept, however short: each is looked at by every expression that masks.
    package static let most = 4096

    /// - Parameters:
    ///   - memory: variables each ended by NUL. One at the end that is not was cut, and is left out: what masks its
    ///     secret may need the part that is missing.
    ///   - mask: applied to each as one text, `KEY=VALUE`.
    init(_ memory: UnsafeRawBufferPointer, mask: ((String) -> String)?) {
        var kept: [UInt8] = []
        var (start, count) = (0, 0)
        while count < Self.most, let end = memory[start...].firstIndex(of: 0) {
            defer { start = end + 1 }
            // What is empty says nothing; programs that move their title leave many behind.
            guard end > start else { continue }
            count += 1
            if let mask {
                kept += Array(mask(String(decoding: memory[start..<end], as: UTF8.self)).utf8)
                kept.append(0)
            } else {
                kept += memory[start...end]
            }
        }
        self.memory = kept
        isCut = start < memory.count
    }

    /// What stands before the first `=`, and what behind it. Invalid UTF-8 is repaired.
    func forEach(_ body: (_ key: String, _ value: String) -> Void) {
        for variable in memory.split(separator: 0) {
            let end = variable.firstIndex(of: UInt8(ascii: "=")) ?? variable.endIndex
            body(
                String(decoding: variable[..<end], as: UTF8.self),
                String(decoding: variable[end...].dropFirst(), as: UTF8.self))
        }
    }
}
