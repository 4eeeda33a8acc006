// SPDX-License-Identifier: Apache-2.0

/// `$(NAME)` in the command of a probe, as the kubelet expands it there: from the container's own `env` and only from
/// what stands in it. A variable with `valueFrom` counts as empty, one of `envFrom` as unknown, values are not
/// expanded themselves. (Commands of `lifecycle` are run as they stand.)
struct CommandExpansion {
    /// Linux executes no longer argument, so a longer one need not be known.
    static let maximumArgument = 128 << 10
    /// Nor more of them together, by default.
    static let maximumCommand = 2 << 20

    private let variables: [String: String]?

    /// Without variables commands stay as they stand, `$$` too.
    init(_ variables: [PodObject.Variable]?) {
        self.variables = variables.map { Dictionary($0.map { ($0.name, $0.value ?? "") }) { $1 } }
    }

    /// Nil where the result could not be executed anyway, or is longer than `limit` bytes.
    func expand(_ command: [String], limit: Int) -> [String]? {
        var left = min(limit, Self.maximumCommand)
        var result: [String] = []
        for argument in command {
            guard let text = expand(argument), text.utf8.count <= left else { return nil }
            left -= text.utf8.count
            result.append(text)
        }
        return result
    }

    private func expand(_ text: String) -> String? {
        let dollar = UInt8(ascii: "$")
        guard let variables, text.utf8.contains(dollar) else {
            return text.utf8.count < Self.maximumArgument ? text : nil
        }
        let input = Array(text.utf8)
        // Where the next `)` is looked for once, however many `$(` have none.
        let lastCloser = input.lastIndex(of: UInt8(ascii: ")")) ?? -1
        var output: [UInt8] = []
        var at = 0
        while at < input.count {
            guard output.count < Self.maximumArgument else { return nil }
            guard input[at] == dollar, at + 1 < input.count else {
                output.append(input[at])
                at += 1
                continue
            }
            switch input[at + 1] {
            case dollar:
                output.append(dollar)
                at += 2
            case UInt8(ascii: "(") where at + 1 < lastCloser:
                let closer = input[(at + 2)...].firstIndex(of: UInt8(ascii: ")")) ?? lastCloser
                let name = String(decoding: input[(at + 2)..<closer], as: UTF8.self)
                if let value = variables[name] {
                    output += value.utf8
                } else {
                    output += input[at...closer]
                }
                at = closer + 1
            default:
                output += input[at...at + 1]
                at += 2
            }
        }
        return output.count < Self.maximumArgument ? String(decoding: output, as: UTF8.self) : nil
    }
}
