// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// A process of the table, for those who ask for the whole table.
package struct TrackedProcess: Sendable {
    package let pid: UInt32
    package let execID: String
    /// tetragon.Process as protobuf, without refcnt.
    package let message: [UInt8]
    package let references: UInt32
    /// How many images have ever had it as parent, those that are over among them.
    package let children: Int32
    /// It has exited or exec'd, and is kept because others came from it.
    package let isOver: Bool

    package init(
        pid: UInt32, execID: String, message: [UInt8], references: UInt32, children: Int32 = 0, isOver: Bool
    ) {
        self.pid = pid
        self.execID = execID
        self.message = message
        self.references = references
        self.children = children
        self.isOver = isOver
    }
}

extension TrackedProcess {
    /// What took references and what gave them back, by the API's names for it, without what never happened.
    package var referenceOperations: [(name: String, count: Int32)] {
        let held = Int32(clamping: references) - (isOver ? 0 : 1)
        return [
            ("process++", 1), ("process--", isOver ? 1 : 0), ("parent++", children),
            ("parent--", max(0, children - max(0, held))),
        ].filter { $0.count > 0 }
    }
}

/// A part of the table.
package struct TrackedPage: Sendable {
    package var processes: [TrackedProcess] = []
    /// How many of the wanted pids it covers, at least one of them.
    package var covered = 0

    package init(processes: [TrackedProcess] = [], covered: Int = 0) {
        self.processes = processes
        self.covered = covered
    }
}

extension ProcessTracker {
    /// Where a page ends: the writer thread is with the ring again after a fraction of a millisecond.
    private static let pageProcesses = 256
    private static let pageBytes = 256 << 10

    /// The host pids of the table, for ``page(of:)``.
    package var pids: [UInt32] { Array(table.keys) }

    /// The processes with the first of these pids, each with the image that it came from if that is over.
    package mutating func page(of pids: ArraySlice<UInt32>) -> TrackedPage {
        var page = TrackedPage()
        var bytes = 0
        var over: Set<ObjectIdentifier> = []
        for pid in pids.prefix(Self.pageProcesses) {
            page.covered += 1
            guard let entry = table[pid] else { continue }
            page.processes.append(tracked(entry, isOver: false))
            bytes += page.processes.last?.message.count ?? 0
            if let parent = entry.parent, table[parent.key.tgid] !== parent,
                over.insert(ObjectIdentifier(parent)).inserted
            {
                page.processes.append(tracked(parent, isOver: true))
                bytes += page.processes.last?.message.count ?? 0
            }
            if bytes >= Self.pageBytes { break }
        }
        return page
    }

    /// Encoded anew: what an image keeps of its encodings is for the events that are about it.
    private mutating func tracked(_ entry: ProcessEntry, isOver: Bool) -> TrackedProcess {
        // Looking settles nothing: a fork's image is made when its container can be told, and not before.
        let parent = entry.parent.map { image(of: $0) }
        let shown =
            switch entry.content {
            case .image(let known): known
            case .fork(let record): forkedImage(record, parent: parent)
            }
        return TrackedProcess(
            pid: shown.pid, execID: shown.execID, message: ProcessEncoder.protobuf(shown),
            references: entry.references, children: entry.children, isOver: isOver)
    }
}
