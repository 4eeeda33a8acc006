// SPDX-License-Identifier: Apache-2.0
import Containers
import PolicyEngine
import Processes
import Sensors
import Synchronization

/// What processes map to run it, and which policies want to be told.
struct LoadWatch: Sendable {
    let files: MappedFiles
    let rules: [LoadRule]

    func includes(_ container: Container?) -> Bool {
        rules.contains { $0.applies(to: container.map { ScopedContainer($0) }) }
    }
}

/// Has the kernel tell of mapped files while a policy asks for it, and nothing at all while none does. For the policies'
/// manager, which makes one change after the other.
final class LoadWatcher: Sendable {
    private let writer: Writer
    private let files = Mutex<MappedFiles?>(nil)

    init(_ writer: Writer) { self.writer = writer }

    var watching: LoadWatching {
        LoadWatching(
            prepare: { [self] in try prepare() }, watch: { [self] in await watch($0) },
            kernelMemory: { [self] in files.withLock { $0?.kernelMemory ?? 0 } })
    }

    private func prepare() throws {
        try files.withLock { files in if files == nil { files = try MappedFiles() } }
    }

    private func watch(_ rules: [LoadRule]) async {
        let files = files.withLock { files in
            defer { if rules.isEmpty { files = nil } }
            return files
        }
        guard let files else { return }
        await writer.watch(rules.isEmpty ? nil : LoadWatch(files: files, rules: rules))
    }
}

/// Mapped files that made no event.
struct LoadLosses: Sendable, Equatable {
    /// Their ring was full.
    var noRoom: UInt64 = 0
    var malformed: UInt64 = 0
    /// Too many waited for the ring's records.
    var crowded: UInt64 = 0
    /// Nobody knew the process.
    var unknownProcess: UInt64 = 0
}
