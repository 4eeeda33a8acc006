// SPDX-License-Identifier: Apache-2.0

/// A note of an ELF file that tells of one location of one probe, as <sys/sdt.h> has programs bring it.
package struct ProbeNote: Sendable, Equatable {
    /// Addresses as the file's segments have them, before it is moved to where it is loaded.
    package var address: UInt64
    /// Where `.stapsdt.base` was when the note was written: what has moved since has moved as that section has.
    package var base: UInt64
    /// 0: the probe has none.
    package var semaphore: UInt64
    package var provider: String
    package var name: String
    package var arguments: [UInt8]

    package init(
        address: UInt64, base: UInt64, semaphore: UInt64, provider: String, name: String, arguments: [UInt8]
    ) {
        self.address = address
        self.base = base
        self.semaphore = semaphore
        self.provider = provider
        self.name = name
        self.arguments = arguments
    }

    /// What a file may have of them at most: the largest known has some thousands.
    static let mostNotes = 65_536
    static let mostBytes = 16 << 20
    private static let longestText = 4096

    /// The notes of one section, of a little-endian file of 64 bits. Others' notes are passed over, and so is one that
    /// does not hold together; where sizes lead out of the section nothing behind is read.
    ///
    /// - Parameter limit: more are not read.
    package static func notes(in section: [UInt8], atMost limit: Int = mostNotes) -> [ProbeNote] {
        var notes: [ProbeNote] = []
        var rest = section.prefix(mostBytes)
        while notes.count < limit, let note = ELFNote(&rest) {
            guard note.type == 3, note.owner.elementsEqual("stapsdt\0".utf8) else { continue }
            if let probe = ProbeNote(note.content) { notes.append(probe) }
        }
        return notes
    }

    private init?(_ content: ArraySlice<UInt8>) {
        guard content.count > 24 else { return nil }
        address = content.number(0, 8)
        base = content.number(8, 8)
        semaphore = content.number(16, 8)
        let texts = content.dropFirst(24).split(separator: 0, maxSplits: 3, omittingEmptySubsequences: false)
        // The third ends with a NUL too: there is a fourth, of whatever is behind that.
        guard texts.count == 4, !texts[0].isEmpty, !texts[1].isEmpty,
            texts.prefix(3).allSatisfy({ $0.count <= Self.longestText })
        else { return nil }
        provider = String(decoding: texts[0], as: UTF8.self)
        name = String(decoding: texts[1], as: UTF8.self)
        arguments = Array(texts[2])
    }
}

/// Anybody's note.
private struct ELFNote {
    let owner: ArraySlice<UInt8>
    let type: UInt64
    let content: ArraySlice<UInt8>

    /// The one at the beginning of `rest`, which is then what is behind it. Nil at the end, wherever that is.
    init?(_ rest: inout ArraySlice<UInt8>) {
        guard rest.count >= 12 else { return nil }
        let (nameSize, size) = (Int(rest.number(0, 4)), Int(rest.number(4, 4)))
        type = rest.number(8, 4)
        // Both are padded to four bytes.
        let start = 12 + (nameSize + 3) / 4 * 4
        guard start + size <= rest.count else { return nil }
        owner = rest.dropFirst(12).prefix(nameSize)
        content = rest.dropFirst(start).prefix(size)
        rest = rest.dropFirst(start + (size + 3) / 4 * 4)
    }
}

extension ArraySlice<UInt8> {
    /// Little-endian; the caller has looked that it is there.
    fileprivate func number(_ offset: Int, _ size: Int) -> UInt64 {
        dropFirst(offset).prefix(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
