// SPDX-License-Identifier: Apache-2.0
import Foundation
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
