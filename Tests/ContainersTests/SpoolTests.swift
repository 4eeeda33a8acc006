// SPDX-License-Identifier: Apache-2.0
import Containers
import Glibc
import Testing

/// What hooks left is believed only where root alone can have left it, and no more of it than fits.
@Suite final class SpoolTests {
    private let parent: String
    private let spool: Spool

    init() throws {
        var template = Array("/tmp/apus-spool.XXXXXX".utf8CString)
        parent = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
        spool = Spool(directory: parent + "/spool")
        try #require(spool.prepare() == nil)
    }

    deinit {
        for name in left { unlink("\(spool.directory)/\(name)") }
        for name in ["elsewhere", "link"] { unlink("\(parent)/\(name)") }
        rmdir(spool.directory)
        rmdir(parent)
    }

    private var left: [String] {
        guard let directory = opendir(spool.directory) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    private func write(_ name: String, bytes: Int = 3, mode: mode_t = 0o600) {
        let descriptor = open("\(spool.directory)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode)
        let content = [UInt8](repeating: 7, count: bytes)
        _ = Glibc.write(descriptor, content, content.count)
        fchmod(descriptor, mode)
        close(descriptor)
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        lstat(path, &status)
        return status.st_mode & 0o7777
    }

    @Test func `the directory is root's alone`() {
        #expect(mode(spool.directory) == 0o700)
        #expect(spool.prepare() == nil)
        #expect(spool.take().requests.isEmpty && spool.take().refused.isEmpty)
    }

    @Test func `a request is read whole, with its time, and stays until it has been handled`() throws {
        write("web", bytes: Spool.largestFile)
        let request = try #require(spool.take().requests.first)
        #expect(request.name == "web" && request.bytes.count == Spool.largestFile)
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        #expect(abs(request.written - Int64(now.tv_sec) * 1_000_000_000) < 60_000_000_000)
        #expect(left == ["web"])
        spool.remove(request)
        #expect(left.isEmpty)
    }

    @Test func `a file from before this boot has a time before it`() throws {
        write("web")
        let old = timeval(tv_sec: 1000, tv_usec: 0)
        utimes("\(spool.directory)/web", [old, old])
        #expect(try #require(spool.take().requests.first).written < 0)
    }

    @Test func `what root alone need not have written is removed unread`() {
        write("good")
        write("large", bytes: Spool.largestFile + 1)
        write("empty", bytes: 0)
        write("open", mode: 0o644)
        write("setuid", mode: 0o4600)
        write(".12-34")
        write("foreign")
        chown("\(spool.directory)/foreign", 65534, 65534)
        mkfifo("\(spool.directory)/fifo", 0o600)
        symlink("good", "\(spool.directory)/link")
        let contents = spool.take()
        #expect(contents.requests.map(\.name) == ["good"])
        #expect(
            contents.refused.map(\.name).sorted()
                == [".12-34", "empty", "fifo", "foreign", "large", "link", "open", "setuid"])
        #expect(contents.refused.allSatisfy { !$0.why.isEmpty })
        #expect(left == ["good"])
    }

    @Test func `a file with another name outside is not believed`() {
        write("web")
        link("\(spool.directory)/web", "\(parent)/elsewhere")
        let contents = spool.take()
        #expect(contents.requests.isEmpty && contents.refused.map(\.name) == ["web"])
    }

    @Test(arguments: [0o770, 0o702] as [mode_t])
    func `a directory that others may write to is not read`(mode: mode_t) {
        write("web")
        chmod(spool.directory, mode)
        let contents = spool.take()
        #expect(contents.requests.isEmpty && contents.refused.map(\.name) == [spool.directory])
        #expect(spool.prepare()?.contains("writable by nobody else") == true)
        #expect(left == ["web"])
    }

    @Test func `a link to a directory and somebody else's are not read`() {
        write("web")
        symlink("spool", parent + "/link")
        #expect(Spool(directory: parent + "/link").take().requests.isEmpty)
        #expect(Spool(directory: parent + "/none").take().refused.count == 1)
        chown(spool.directory, 65534, 65534)
        #expect(spool.take().requests.isEmpty)
        chown(spool.directory, 0, 0)
        #expect(spool.take().requests.count == 1)
    }

    @Test func `no more files are looked at than a spool may have`() {
        for number in 0..<(Spool.mostFiles + 20) { write("c\(number)", bytes: 1) }
        #expect(spool.take().requests.count == Spool.mostFiles)
    }
}
