// SPDX-License-Identifier: Apache-2.0
import CLibbpf
package import CRecords
import Glibc

/// The binary sets of all policies, by their numbers: which images are in which. Looked up once at each exec, and only
/// while there is a set at all.
///
/// An image goes by the path of its file, from its own root, and by the name given to execve where that is absolute.
/// Owned by one thread at a time; nothing here is locked.
package final class BinarySets {
    package enum Kind: Sendable, Hashable {
        /// Whole paths, of at most 4,092 bytes.
        case paths
        /// What a path begins with, or ends with; of at most 256 bytes.
        case prefixes, postfixes
    }

    /// A process that is there already, and what user space knows of it.
    package struct Mark: Sendable {
        package var tgid: UInt32
        /// The process's `start_boottime`; 0: whoever has the pid.
        package var start: UInt64
        /// `own` is only taken if the image is still this one.
        package var execCount: UInt32
        /// Sets of its image, beside those that its file's path is in.
        package var own: [Int]
        /// Sets of its ancestors, or that it is to be in with all its descendants.
        package var inherited: [Int]

        package init(tgid: UInt32, start: UInt64 = 0, execCount: UInt32 = 0, own: [Int] = [], inherited: [Int] = []) {
            self.tgid = tgid
            self.start = start
            self.execCount = execCount
            self.own = own
            self.inherited = inherited
        }
    }

    package static let numbersMax = Int(POL_BINARY_SETS_MAX.rawValue)

    private let tasks: PolicyTasks
    private var sets: [Int: (kind: Kind, texts: [[UInt8]])] = [:]
    /// Sets of processes alone, which have no paths.
    private var processSets: Set<Int> = []
    private var written: [Kind: [[UInt8]: pol_bits]] = [:]

    package init(_ tasks: PolicyTasks) { self.tasks = tasks }

    /// Images executed from now on are in the set. Those that run already are after ``markProcesses(_:)``.
    package func add(_ number: Int, _ kind: Kind, _ paths: [[UInt8]]) throws(SensorError) {
        try check(number)
        let longest = Int((kind == .paths ? POL_BINARY_PATH_MAX : POL_BINARY_AFFIX_MAX).rawValue)
        if let path = paths.first(where: { $0.isEmpty || $0.count > longest }) {
            throw SensorError(
                "put a text of \(path.count) bytes into", "a binary set", errno: E2BIG, log: "it takes 1 to \(longest)")
        }
        sets[number] = (kind, paths)
        do throws(SensorError) {
            try write(kind)
            try tasks.attach("binaries")
        } catch {
            sets[number] = nil
            try? write(kind)
            throw error
        }
    }

    /// The number may be given to another set afterwards: no process is in this one any more.
    package func remove(_ number: Int) throws(SensorError) {
        guard sets[number] != nil || processSets.contains(number) else { return }
        processSets.remove(number)
        if let kind = sets.removeValue(forKey: number)?.kind { try write(kind) }
        var (zero, gone) = (UInt32(0), Self.bits([number]))
        guard bpf_map_update_elem(bpf_map__fd(try tasks.map("pol_gone")), &zero, &gone, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("write to", "the map pol_gone")
        }
        // A second time for what was being executed or forked meanwhile.
        for _ in 0..<2 { try tasks.run("unmark_binaries") }
        if sets.isEmpty, processSets.isEmpty { tasks.detach("binaries") }
    }

    /// Processes and their descendants, from now on, in a set without paths: what followForks asks for.
    package func mark(tgids: [UInt32], in number: Int) throws(SensorError) {
        try check(number)
        processSets.insert(number)
        try tasks.attach("binaries")
        try markProcesses(tgids.map { Mark(tgid: $0, inherited: [number]) })
    }

    /// Puts all processes that there are into the sets that their files and their living ancestors are in. To be called
    /// once sets have been added, before a policy that names them holds.
    /// - Parameter marks: what the kernel cannot find: names given to execve, ancestors that have ended.
    package func markProcesses(_ marks: [Mark] = []) throws(SensorError) {
        let map = bpf_map__fd(try tasks.map("pol_marks"))
        defer { for mark in marks { var tgid = mark.tgid; bpf_map_delete_elem(map, &tgid) } }
        for mark in marks {
            for number in mark.own + mark.inherited { try check(number) }
            var (tgid, value) = (mark.tgid, pol_mark())
            value.image = rec_image(start: mark.start, tgid: mark.tgid, exec_count: mark.execCount)
            value.binaries = pol_binaries(own: Self.bits(mark.own), inherited: Self.bits(mark.inherited))
            guard bpf_map_update_elem(map, &tgid, &value, UInt64(BPF_ANY)) == 0 else {
                throw SensorError("put process \(tgid) into", "the map pol_marks")
            }
        }
        try tasks.run("mark_binaries")
    }

    private func check(_ number: Int) throws(SensorError) {
        guard (0..<Self.numbersMax).contains(number) else {
            throw SensorError(
                "use", "the binary set \(number)", errno: E2BIG, log: "there are \(Self.numbersMax), from 0 on")
        }
    }

    // MARK: Maps

    /// Brings the maps of a kind to what the sets say.
    private func write(_ kind: Kind) throws(SensorError) {
        let wanted = wanted(kind)
        for (text, bits) in wanted where !Self.isEqual(written[kind]?[text], bits) {
            try withKey(kind, text) { map, key in
                var bits = bits
                return bpf_map_update_elem(map, key, &bits, UInt64(BPF_ANY))
            }
            written[kind, default: [:]][text] = bits
        }
        for text in (written[kind] ?? [:]).keys where wanted[text] == nil {
            try withKey(kind, text) { map, key in bpf_map_delete_elem(map, key) }
            written[kind]?[text] = nil
        }
    }

    /// The sets that each text is in. A trie finds the longest one alone, so that has those of the shorter ones too.
    private func wanted(_ kind: Kind) -> [[UInt8]: pol_bits] {
        var numbers: [[UInt8]: Set<Int>] = [:]
        for (number, set) in sets where set.kind == kind {
            for text in set.texts {
                numbers[kind == .postfixes ? text.reversed() : text, default: []].insert(number)
            }
        }
        guard kind != .paths else { return numbers.mapValues { Self.bits(Array($0)) } }
        let lengths = Set(numbers.keys.map(\.count))
        return numbers.keys.reduce(into: [:]) { result, text in
            let shorter = lengths.filter { $0 <= text.count }.compactMap { numbers[Array(text.prefix($0))] }
            result[text] = Self.bits(shorter.flatMap { $0 })
        }
    }

    private func withKey(
        _ kind: Kind, _ text: [UInt8], _ body: (Int32, UnsafeRawPointer) -> Int32
    ) throws(SensorError) {
        let (name, room, first): (String, Int, UInt32) =
            switch kind {
            case .paths where text.count <= Int(POL_BINARY_SHORT_MAX.rawValue):
                ("pol_binary_paths", Int(POL_BINARY_SHORT_MAX.rawValue), UInt32(text.count))
            case .paths: ("pol_long_binary_paths", Int(POL_BINARY_PATH_MAX.rawValue), UInt32(text.count))
            case .prefixes: ("pol_binary_prefixes", Int(POL_BINARY_AFFIX_MAX.rawValue), UInt32(8 * text.count))
            case .postfixes: ("pol_binary_postfixes", Int(POL_BINARY_AFFIX_MAX.rawValue), UInt32(8 * text.count))
            }
        var key = [UInt8](repeating: 0, count: 4 + room)
        key.withUnsafeMutableBytes { $0.storeBytes(of: first, as: UInt32.self) }
        key.replaceSubrange(4..<4 + text.count, with: text)
        let map = bpf_map__fd(try tasks.map(name))
        guard key.withUnsafeBytes({ body(map, $0.baseAddress!) }) == 0 else {
            throw SensorError("put a binary's path into", "the map \(name)")
        }
    }

    private static func bits(_ numbers: [Int]) -> pol_bits {
        var bits = pol_bits()
        withUnsafeMutableBytes(of: &bits) { bytes in
            let words = bytes.bindMemory(to: UInt64.self)
            for number in numbers where (0..<numbersMax).contains(number) {
                words[number / 64] |= 1 << UInt64(number % 64)
            }
        }
        return bits
    }

    private static func isEqual(_ one: pol_bits?, _ other: pol_bits) -> Bool {
        guard let one else { return false }
        return withUnsafeBytes(of: one) { one in
            withUnsafeBytes(of: other) { one.elementsEqual($0) }
        }
    }
}
