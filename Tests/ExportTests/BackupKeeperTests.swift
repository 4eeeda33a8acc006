// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Export

@Suite struct BackupKeeperTests {
    private let directory: Directory
    private let log = Log()

    init() throws { directory = try Directory() }

    private func keeper(maxBackups: Int = 0, compresses: Bool = true) throws -> BackupKeeper {
        let place = try ExportPlace(path: directory("events.json"), permissions: 0o640)
        return BackupKeeper(place, maxBackups: maxBackups, compresses: compresses, logger: log.logger)
    }

    private func name(_ day: Int, _ ending: String = "") -> String {
        "events-2026-01-0\(day)T00-00-00.000.json\(ending)"
    }

    @Test("what an agent that died has left is compressed, and nothing else is touched")
    func leftovers() async throws {
        let content = (0..<50_000).map { "{\"n\":\($0)}\n" }.joined()
        try directory.write(name(1), content)
        try directory.write("events.json", "current")
        try directory.write("others-2026-01-01T00-00-00.000.json", "not ours")
        // It died between the new name and the removal of the source; and in the middle of compressing.
        try directory.write(name(2), "twice")
        try directory.write(name(2, ".gz"), "complete")
        try directory.write(name(3), "")
        try directory.write(name(3, ".gz.tmp"), "half")
        try await keeper().sweep()
        #expect(
            directory.names == [
                name(1, ".gz"), name(2, ".gz"), name(3, ".gz"), "events.json", "others-2026-01-01T00-00-00.000.json",
            ])
        #expect(try directory.read(name(1, ".gz")) == content)
        #expect(try directory.read(name(3, ".gz")) == "")
        #expect(try directory.permissions(name(1, ".gz")) == 0o640)
    }

    @Test("the oldest go, compressed or not")
    func oldest() async throws {
        for day in 1...3 { try directory.write(name(day), "x") }
        for day in 4...6 { try directory.write(name(day, ".gz"), "x") }
        try await keeper(maxBackups: 4, compresses: false).sweep()
        #expect(directory.names == [name(3), name(4, ".gz"), name(5, ".gz"), name(6, ".gz")])
        try await keeper(maxBackups: 1).sweep()
        #expect(directory.names == [name(6, ".gz")])
    }

    @Test("a backup that is another's file by a link is not read, and the target stays")
    func links() async throws {
        try directory.write("secret", "secret")
        link(directory("secret"), directory(name(1)))
        await #expect(throws: ExportError.self) { try await keeper().sweep() }
        #expect(directory.names == [name(1), "secret"])
        unlink(directory(name(1)))
        symlink(directory("secret"), directory(name(1)))
        let error = await #expect(throws: ExportError.self) { try await keeper().sweep() }
        #expect(error?.description == "\(name(1)) stays as it is: it is a symbolic link")
        #expect(directory.names == [name(1), "secret"])
        #expect(try directory.read("secret") == "secret")
    }

    @Test("a file that is still written to stays, whatever its name")
    func inUse() async throws {
        let place = try ExportPlace(path: directory("events.json"), permissions: 0o600)
        let file = try place.open()
        #expect(file.append(Array("line\n".utf8)).error == nil)
        try place.moveAside(file.identity)
        try directory.write(name(1), "old")
        let keeper = BackupKeeper(place, maxBackups: 1, compresses: true, logger: log.logger)
        try await keeper.sweep()
        #expect(directory.names.count == 1 && directory.names[0].hasSuffix(".json"))
        let next = try place.open()
        try await keeper.sweep()
        #expect(directory.names.count == 2 && directory.names.contains { $0.hasSuffix(".json.gz") })
        withExtendedLifetime(next) {}
    }

    @Test("a disk without room for the compressed form keeps the plain one")
    func fullDisk() async throws {
        let disk = try Directory(disk: "256k")
        var generator = SystemRandomNumberGenerator()
        let noise = Data((0..<200_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
        try noise.write(to: URL(filePath: disk(name(1))))
        let place = try ExportPlace(path: disk("events.json"), permissions: 0o600)
        let keeper = BackupKeeper(place, maxBackups: 0, compresses: true, logger: log.logger)
        let error = await #expect(throws: ExportError.self) { try await keeper.sweep() }
        #expect(error?.description == "\(name(1)) stays as it is: No space left on device")
        #expect(disk.names == [name(1)])
        #expect(FileManager.default.contents(atPath: disk(name(1))) == noise)
    }

    @Test("two rotations in one millisecond have two names")
    func collisions() throws {
        let place = try ExportPlace(path: directory("events.json"), permissions: 0o600)
        for _ in 0..<20 { try place.moveAside(try place.open().identity) }
        #expect(directory.names.count == 20)
    }
}
