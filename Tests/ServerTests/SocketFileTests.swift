// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import Server

@Suite final class SocketFileTests {
    private let directory: String
    private var path: String { directory + "/a.sock" }

    init() throws { directory = try RunningServer.temporaryDirectory() }
    deinit { try? FileManager.default.removeItem(atPath: directory) }

    @Test func deadSocketIsReplaced() throws {
        let dead = try SocketFile.listen(path: path, mode: 0o600)
        close(dead.descriptor)
        let live = try SocketFile.listen(path: path, mode: 0o600)
        // What the dead agent would still do when it wakes up: the file is no longer its own.
        dead.remove()
        #expect(FileManager.default.fileExists(atPath: path))
        close(live.descriptor)
        live.remove()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func liveSocketIsLeftAlone() throws {
        let live = try SocketFile.listen(path: path, mode: 0o600)
        defer { close(live.descriptor) }
        let error = #expect(throws: ListenError.self) { try SocketFile.listen(path: path, mode: 0o600) }
        #expect(error?.description.contains("another process listens there") == true)
        #expect(FileManager.default.fileExists(atPath: path))
    }

    /// One that has no room for another connection is alive.
    @Test func busySocketIsLeftAlone() throws {
        let busy = try SocketFile.listen(path: path, mode: 0o600)
        listen(busy.descriptor, 0)
        var clients: [Int32] = []
        defer { for descriptor in clients + [busy.descriptor] { close(descriptor) } }
        while clients.count < 64 {
            let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            clients.append(client)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let connected = withUnsafeBytes(of: address) {
                connect(client, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
            if connected != 0 { break }
        }
        try #require(errno == EAGAIN)
        #expect(throws: ListenError.self) { try SocketFile.listen(path: path, mode: 0o600) }
        #expect(FileManager.default.fileExists(atPath: path))
    }

    /// Two agents that start at once do not remove each other's.
    @Test func lookAndReplaceAreUnderALock() async throws {
        let directory = open(self.directory, O_RDONLY)
        defer { close(directory) }
        #expect(flock(directory, LOCK_EX) == 0)
        let path = path
        final class Flag: Sendable { let isSet = Mutex(false) }
        let begun = Flag()
        Thread.detachNewThread {
            begun.isSet.withLock { $0 = true }
            if let socket = try? SocketFile.listen(path: path, mode: 0o600) { close(socket.descriptor) }
        }
        #expect(try await eventually { begun.isSet.withLock { $0 } })
        try await Task.sleep(for: .milliseconds(200))
        #expect(!FileManager.default.fileExists(atPath: path))
        flock(directory, LOCK_UN)
        #expect(try await eventually { FileManager.default.fileExists(atPath: path) })
    }

    /// bind(2) gives the file the socket's own mode: it is never open for more, and not for a moment.
    @Test func socketHasItsModeBeforeItHasAName() throws {
        let live = try SocketFile.listen(path: path, mode: 0o600)
        defer { close(live.descriptor) }
        var status = stat()
        #expect(fstat(live.descriptor, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func fileInItsPlaceIsLeftAlone() throws {
        try "precious".write(toFile: path, atomically: false, encoding: .utf8)
        let error = #expect(throws: ListenError.self) { try SocketFile.listen(path: path, mode: 0o600) }
        #expect(error?.description.contains("something else than a socket") == true)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func linkInItsPlaceIsNotFollowed() throws {
        let target = directory + "/target.sock"
        let dead = try SocketFile.listen(path: target, mode: 0o600)
        close(dead.descriptor)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        #expect(throws: ListenError.self) { try SocketFile.listen(path: path, mode: 0o600) }
        #expect(FileManager.default.fileExists(atPath: target))
    }

    @Test func directoryThatEverybodyWritesToIsRefused() throws {
        let open = directory + "/open"
        mkdir(open, 0o777)
        chmod(open, 0o777)
        let error = #expect(throws: ListenError.self) { try SocketFile.listen(path: open + "/a.sock", mode: 0o600) }
        #expect(error?.description.contains("everybody may replace files") == true)
    }

    @Test func missingDirectoriesAreMade() throws {
        let deep = directory + "/b/c/a.sock"
        let socket = try SocketFile.listen(path: deep, mode: 0o666)
        defer { close(socket.descriptor) }
        let mode = try FileManager.default.attributesOfItem(atPath: deep)[.posixPermissions] as? Int
        #expect(mode == 0o666)
    }
}
