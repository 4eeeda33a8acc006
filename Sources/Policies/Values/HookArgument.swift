// SPDX-License-Identifier: Apache-2.0

/// An argument of a hook that events show and filters compare.
package struct HookArgument: Sendable, Equatable {
    /// From 0; in a tracepoint the field's, as its format counts them.
    package var index = 0
    package var type = ArgumentType.auto
    /// Which argument says how many bytes there are, from 1.
    package var sizeArgument: Int?
    package var isReadAtReturn = false
    package var isReadWhole = false
    package var label: String?
    /// The fields to follow from the argument, by BTF.
    package var fields: [String] = []

    package init() {}
}

extension HookArgument {
    static let positions: ClosedRange<Int> = 0...4

    /// Functions have five arguments that can be read.
    static let schema = schema("Argument", doc: "An argument of a function.", positions)
    static let returnSchema = schema("ReturnValue", doc: "What a function returns.", positions, isIndexRequired: false)
    static let tracepointSchema = schema("TracepointField", doc: "A field of a tracepoint's record.", 0...63)

    /// As many as <sys/sdt.h> can say.
    static let probeSchema = schema("ProbeArgument", doc: "An argument of a probe.", 0...11, sizes: 0...12)

    private static func schema(
        _ name: String, doc: String, _ indexes: ClosedRange<Int>, isIndexRequired: Bool = true,
        sizes: ClosedRange<Int> = 0...5
    ) -> ObjectSchema<HookArgument> {
        ObjectSchema(
            name, HookArgument(), doc: doc,
            [
                .field(
                    "index", \.index, .integer(indexes), isRequired: isIndexRequired,
                    "Which argument, from 0; of a tracepoint, which field of its format; of what is returned, 0."),
                .field("type", \.type, .choice, "What it is."),
                .field(
                    "sizeArgIndex", \.sizeArgument,
                    Codec<Int>.integer(sizes).converted { position, _ -> Int?? in .some(position == 0 ? nil : position)
                    },
                    "For char_buf and char_iovec: which argument says how many bytes there are, from 1; 0 is none."),
                .field(
                    "returnCopy", \.isReadAtReturn, .boolean,
                    "Read it when the function returns, for what the function itself fills, as read(2) does."),
                .field(
                    "maxData", \.isReadWhole, .boolean,
                    "For char_buf: read as much as there is, 327,360 bytes at most, instead of 4,096."),
                .optional("label", \.label, .text("a label", 1...256), "What events call it."),
                .field(
                    "resolve", \.fields,
                    .parsed(
                        "a path of fields such as mm.owner.comm", 1...512,
                        pattern: #"[A-Za-z_][A-Za-z0-9_]*(\[[0-9]+\])?(\.[A-Za-z_][A-Za-z0-9_]*(\[[0-9]+\])?)*"#,
                        fieldPath),
                    since: .later, "The field to read instead, from the argument on, as the kernel's BTF knows it."),
            ]
        ) { argument, reading in
            let isSized = argument.type == .charBuffer || argument.type == .charIOVector
            if argument.sizeArgument != nil, !isSized {
                reading.warn([.field("sizeArgIndex")], "it has no effect: \(argument.type.name) has no size of its own")
            }
            if argument.isReadWhole, !isSized {
                reading.warn([.field("maxData")], "it has no effect: \(argument.type.name) is always read whole")
            }
        }
    }

    private static func fieldPath(_ text: String) -> [String]? {
        let names = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        return names.count <= 16 && names.allSatisfy(isField) ? names : nil
    }

    /// A name, or one with an element's number: `comm`, `ns[2]`.
    private static func isField(_ text: String) -> Bool {
        guard let bracket = text.firstIndex(of: "[") else { return text.isIdentifier }
        let digits = text[text.index(after: bracket)...].dropLast()
        return text.hasSuffix("]") && String(text[..<bracket]).isIdentifier && (1...6).contains(digits.utf8.count)
            && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}

extension String {
    /// As C has them.
    var isIdentifier: Bool {
        let letters = utf8
        guard let first = letters.first, !(0x30...0x39).contains(first) else { return false }
        return letters.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x5f
        }
    }
}
