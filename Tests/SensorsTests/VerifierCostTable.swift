// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The checked-in figures: a line a program and kernel, under a head of remarks that also names the kernels that must
/// have lines.
struct VerifierCostTable {
    /// The kernels that we claim, as the head has them.
    private(set) var kernels: [String] = []
    /// By kernel (major and minor number) and program.
    var rows: [String: [String: Int]] = [:]
    private var head: [String] = []

    /// Beside this file, or where a machine without the sources has been told that it is.
    private static let path =
        getenv("APUS_VERIFIER_TABLE").map { String(cString: $0) }
        ?? String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/")!)) + "/verifier-cost.tsv"
    private static let columns = "program\tkernel\tinstructions"
    private static let kernelsMark = "# kernels: "

    init() throws {
        guard let file = fopen(Self.path, "r") else {
            throw TestFailure("cannot read \(Self.path), errno \(errno); APUS_VERIFIER_TABLE says where the table is")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        try self.init(text: String(decoding: bytes[..<count], as: UTF8.self))
    }

    init(text: String) throws {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty { continue }
            if line.hasPrefix("#") || line == Self.columns {
                head.append(String(line))
                if line.hasPrefix(Self.kernelsMark) {
                    kernels = line.dropFirst(Self.kernelsMark.count).split(separator: " ").map(String.init)
                }
                continue
            }
            let cells = line.split(separator: "\t").map(String.init)
            guard cells.count == 3, let instructions = Int(cells[2]) else {
                throw TestFailure("line \(index + 1) of the table is not “program, kernel, number”: \(line)")
            }
            rows[cells[1], default: [:]][cells[0]] = instructions
        }
    }

    var text: String {
        let kernels = rows.keys.sorted { Self.number($0) < Self.number($1) }
        let programs = Set(rows.values.flatMap(\.keys)).sorted()
        let lines = programs.flatMap { program in
            kernels.compactMap { kernel in rows[kernel]?[program].map { "\(program)\t\(kernel)\t\($0)" } }
        }
        return (head + lines).joined(separator: "\n") + "\n"
    }

    /// Replaces a kernel's rows in the file. They are printed too: a guest's files go when it is switched off.
    mutating func update(kernel: String, with costs: [String: Int]) throws {
        rows[kernel] = costs
        for (program, cost) in costs.sorted(by: { $0.key < $1.key }) { print("\(program)\t\(kernel)\t\(cost)") }
        guard let file = fopen(Self.path, "w") else { throw TestFailure("cannot write \(Self.path), errno \(errno)") }
        fputs(text, file)
        guard fclose(file) == 0 else { throw TestFailure("cannot write \(Self.path), errno \(errno)") }
    }

    /// 6.2 comes before 6.12.
    private static func number(_ kernel: String) -> Int {
        kernel.split(separator: ".").reduce(0) { $0 * 1000 + (Int($1) ?? 0) }
    }
}
