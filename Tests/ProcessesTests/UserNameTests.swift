// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import Foundation
import Synchronization
import Testing

@testable import Processes

/// Accounts' names: from the host's file alone, for the host's processes alone.
@Suite final class UserNameTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "apus-passwd-\(UUID().uuidString)").path
    private let told = Told()
    private static let second: UInt64 = 1_000_000_000

    deinit { try? FileManager.default.removeItem(atPath: file) }

    private func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file), options: .atomic) }

    private static var hostNamespaces: rec_namespaces {
        var namespaces = rec_namespaces()
        namespaces.mnt = Script.hostNamespaces.mount
        namespaces.user = 77
        return namespaces
    }

    private var names: UserNames {
        UserNames(file: file, host: NamespaceNumbers(Self.hostNamespaces)) { [told] text in
            told.texts.withLock { $0.append(text) }
        }
    }

    private var complaints: [String] { told.texts.withLock { $0 } }

    private final class Told: Sendable {
        let texts = Mutex<[String]>([])
    }

    @Test func `processes of the host have names, others have none`() throws {
        try write("root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n")
        var script = Script(userNames: names)
        func exec(_ pid: UInt32, uid: UInt32, user: UInt32 = 77, mount: UInt32 = Script.hostNamespaces.mount) {
            script.exec(image(pid), filename: "/bin/a") {
                $0.creds.uid = 5
                $0.creds.euid = uid
                $0.ns.user = user
                $0.ns.mnt = mount
            }
        }
        exec(5, uid: 0)
        exec(6, uid: 1000)
        exec(7, uid: 1001)
        exec(8, uid: 1000, user: 78)
        exec(9, uid: 1000, mount: 99)
        script.fork(image(10), from: image(6))
        script.exit(image(10))
        #expect(script.events.map(\.process.user) == ["root", "alice", "", "", "", "alice"])
        #expect(complaints.isEmpty)

        var without = Script()
        without.exec(image(5), filename: "/bin/a") { $0.ns = Self.hostNamespaces }
        #expect(without.events.map(\.process.user) == [""])
    }

    @Test func `nobody is of the host where its namespaces are not known`() throws {
        try write("root:x:0:0::/:/bin/sh\n")
        var names = UserNames(file: file, host: .init()) { _ in }
        #expect(names.name(of: rec_exec()) == nil)
    }

    @Test func `the file is read anew when it changes`() throws {
        try write("alice:x:1000:0:::\n")
        var names = names
        #expect(names.name(of: 1000, at: 1) == "alice")
        try write("carol:x:1000:0:::\nbob:x:1001:0:::\n")
        // Who is known is looked for once a second, who is not at once.
        #expect(names.name(of: 1000, at: 2) == "alice")
        #expect(names.name(of: 1001, at: 3) == "bob")
        #expect(names.name(of: 1000, at: 4) == "carol")
        try write("dave:x:1000:0:::\n")
        #expect(names.name(of: 1000, at: 4 + Self.second) == "dave")
        // In place, without a change of size.
        let handle = try FileHandle(forWritingTo: URL(filePath: file))
        usleep(20_000)
        try handle.write(contentsOf: Data("erin".utf8))
        try handle.close()
        #expect(names.name(of: 1000, at: 5 + 3 * Self.second) == "erin")
        #expect(complaints.isEmpty)
    }

    @Test func `what cannot be read is said once for each reason, and names nobody`() throws {
        var names = names
        for time in 1...3 { #expect(names.name(of: 0, at: UInt64(time)) == nil) }
        #expect(complaints == ["No such file or directory"])
        try write("root:x:0:0:::\n")
        #expect(names.name(of: 0, at: 4) == "root")
        try FileManager.default.removeItem(atPath: file)
        #expect(names.name(of: 0, at: 5 + Self.second) == nil)
        #expect(complaints.count == 2)
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "/etc/passwd")
        #expect(names.name(of: 0, at: 6) == nil)
        #expect(complaints.last == "it is a symbolic link")
        try FileManager.default.removeItem(atPath: file)
        #expect(mkfifo(file, 0o600) == 0)
        #expect(names.name(of: 0, at: 7) == nil)
        #expect(complaints.last == "it is no regular file")
        unlink(file)
        try write(String(repeating: "#", count: UserNames.largestFile + 1))
        #expect(names.name(of: 0, at: 8) == nil)
        #expect(complaints.last == "it is larger than 4 MB" && complaints.count == 5)
    }

    @Test(
        arguments: [
            ("root:x:0:0::/:/bin/sh", [0: "root"]), ("a:x:1:1", [1: "a"]), ("a:x:1", [:]), ("", [:]), (":::", [:]),
            (":x:1:1", [:]), ("a:x::1", [:]), ("a:x:-1:1", [:]), ("a:x:+1:1", [:]), ("a:x: 1:1", [:]),
            ("a:x:1x:1", [:]),
            ("a:x:4294967295:1", [4_294_967_295: "a"]), ("a:x:4294967296:1", [:]), ("a:x:00000000001:1", [:]),
            ("+:x:1:1", [:]), ("-a:x:1:1", [:]), ("#a:x:1:1", [:]), ("a\0b:x:1:1", [:]),
            ("first:x:1:1\nsecond:x:1:1\nthird:x:2:1", [1: "first", 2: "third"]),
            ("\n\n:\na:x:1:1\r\n", [1: "a"]), (String(repeating: "n", count: 256) + ":x:1:1", [:]),
            (String(repeating: ":", count: 100_000), [:]),
        ] as [(String, [UInt32: String])])
    func `lines that are none are passed over`(text: String, expected: [UInt32: String]) {
        #expect(UserNames.names(in: Array(text.utf8)) == expected)
    }

    @Test func `bytes that are no text are repaired`() {
        #expect(UserNames.names(in: [0xFF, 0x61] + Array(":x:7:7:\n".utf8)) == [7: "\u{FFFD}a"])
    }
}
