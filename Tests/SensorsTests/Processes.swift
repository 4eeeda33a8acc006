// SPDX-License-Identifier: Apache-2.0
import CLinux
import Foundation
import Glibc

/// A child of the test, started with exactly these arguments, its standard input and output ours if we want them.
struct Child {
    let pid: pid_t
    private let input: Int32
    private let output: Int32

    init(_ path: String, _ arguments: [[UInt8]]) throws {
        var toChild: [Int32] = [-1, -1], fromChild: [Int32] = [-1, -1]
        guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { throw TestFailure("pipe: errno \(errno)") }
        for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)

        var pointers = ([Array(path.utf8)] + arguments).map { bytes in
            strndup(bytes.map { CChar(bitPattern: $0) } + [0], bytes.count)
        }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, path, &actions, nil, pointers, environ)
        close(toChild[0])
        close(fromChild[1])
        guard result == 0 else { throw TestFailure("cannot run \(path): errno \(result)") }
        self.pid = pid
        input = toChild[1]
        output = fromChild[0]
    }

    init(_ path: String, _ arguments: String...) throws { try self.init(path, arguments.map { Array($0.utf8) }) }

    /// Waits until the child waits for ``tell()``. That it was spawned says no more than that its exec is under way: its
    /// record may be still to come.
    func settle() throws {
        for _ in 0..<2000 {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            if stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].hasPrefix(") S") { return }
            usleep(5000)
        }
        throw TestFailure("child \(pid) does not come to wait")
    }

    func tell() { write(input, "x", 1) }

    /// Waits until the child has ended. Returns its status, as wait() reports it, and what it said.
    @discardableResult func end() -> (status: Int32, output: String) {
        close(input)
        var said: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(output, &buffer, buffer.count), count > 0 { said += buffer[..<count] }
        close(output)
        return (Child.wait(pid), String(decoding: said, as: UTF8.self))
    }

    @discardableResult static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status
    }
}

/// A count that the environment may change: less for a look, more for a soak.
func count(_ variable: String, default usual: Int) -> Int {
    getenv(variable).flatMap { Int(String(cString: $0)) } ?? usual
}

/// The programs of Tests/Programs, which `make test` builds.
enum TestProgram {
    static let directory = getenv("APUS_TEST_PROGRAMS").map { String(cString: $0) } ?? "dist/tests"
    static var leave: String { path("leave") }
    static var run: String { path("run") }
    static var calls: String { path("calls") }
    static var probes: String { path("probes") }

    /// Absolute, so that a test does not depend on where it is run.
    private static func path(_ name: String) -> String {
        guard let absolute = realpath(directory + "/" + name, nil) else {
            fatalError("no \(directory)/\(name): `make test` builds it, APUS_TEST_PROGRAMS says where it is")
        }
        defer { free(absolute) }
        return String(cString: absolute)
    }
}

/// What /proc says of the test itself, as the second opinion on what the programs read in the kernel.
enum OwnProcess {
    static func lines(of path: String) -> [Substring] { contents(of: path).split(separator: "\n") }

    static func file(_ name: String) -> String { contents(of: "/proc/self/" + name) }

    /// All of a file of any length.
    static func bytes(of path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { text += buffer[..<count] }
        return text
    }

    private static func contents(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var text = [UInt8](repeating: 0, count: 65536)
        return String(decoding: text[..<fread(&text, 1, text.count, file)], as: UTF8.self)
    }

    /// The calling thread's pid, by the name that its directory has.
    static var thread: UInt32 {
        guard let path = realpath("/proc/thread-self", nil) else { return 0 }
        defer { free(path) }
        return UInt32(String(cString: path).split(separator: "/").last!) ?? 0
    }

    static func namespace(_ name: String) -> UInt32 {
        var target = [CChar](repeating: 0, count: 64)
        let length = readlink("/proc/self/ns/" + name, &target, target.count)
        let text = target[..<max(0, length)].map { UInt8(bitPattern: $0) }
        return UInt32(String(decoding: text, as: UTF8.self).filter(\.isNumber)) ?? 0
    }

    static func status(_ key: String) -> [Substring] {
        let line = file("status").split(separator: "\n").first { $0.hasPrefix(key + ":") } ?? ""
        return line.split(whereSeparator: \.isWhitespace).dropFirst().map { $0 }
    }

    /// From the field after the name in brackets on, so that index 0 is the state.
    static var stat: [Substring] {
        let text = file("stat")
        return text[text.lastIndex(of: ")")!...].dropFirst(2).split(separator: " ")
    }

    static var workingDirectory: String {
        let path = getcwd(nil, 0)
        defer { free(path) }
        return path.map { String(cString: $0) } ?? ""
    }

    static var cgroupID: UInt64 { apus_cgroup_id(AT_FDCWD, Hierarchy.ownDirectory) }
}

/// A cgroup directory, of the machine's main hierarchy unless said otherwise, there for one test.
struct Cgroup: ~Copyable {
    let path: String
    var id: UInt64 { apus_cgroup_id(AT_FDCWD, path) }
    var name: String { String(path[path.index(after: path.lastIndex(of: "/")!)...]) }

    init(_ name: String, in root: String = Hierarchy.root) throws {
        path = "\(root)/apus-\(getpid())-\(name)"
        guard mkdir(path, 0o755) == 0 else { throw TestFailure("cannot make \(path): errno \(errno)") }
    }

    func take(_ pid: pid_t) throws { try Cgroup.take(pid, into: path) }

    static func take(_ pid: pid_t, into path: String) throws {
        let descriptor = open(path + "/cgroup.procs", O_WRONLY)
        defer { close(descriptor) }
        let text = String(pid)
        guard write(descriptor, text, text.utf8.count) > 0 else {
            throw TestFailure("cannot move \(pid) into \(path): errno \(errno)")
        }
    }

    func remove() {
        // The last process may still be on its way out.
        var attempts = 100
        while rmdir(path) != 0, attempts > 0 { attempts -= 1; usleep(10_000) }
    }
}
