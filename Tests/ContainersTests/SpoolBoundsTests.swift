// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Containers

/// The look for a spooled container's init has an end, however much there is to look at. Directories and files of our
/// own stand for the kernel's: nothing there is as large as this.
@Suite final class SpoolBoundsTests {
    private let root: String
    private let resolver: RegistrationResolver

    init() throws {
        var template = Array("/tmp/apus-bounds.XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        root = try #require(made)
        for directory in ["/cgroup", "/cgroup/web", "/proc"] { mkdir(root + directory, 0o755) }
        resolver = RegistrationResolver(
            procfs: Procfs(root: root + "/proc"),
            hierarchy: CgroupHierarchy(root: root + "/cgroup", controller: nil, number: 0))
    }

    deinit { Self.remove(root) }

    private static func remove(_ path: String) {
        for name in names(in: path) where rmdir("\(path)/\(name)") != 0 && unlink("\(path)/\(name)") != 0 {
            remove("\(path)/\(name)")
        }
        rmdir(path)
    }

    /// In the order in which the file system tells them.
    private static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private func write(_ text: String, to path: String) {
        guard let file = fopen(root + path, "w") else { return }
        fputs(text, file)
        fclose(file)
    }

    /// - Parameter start: when it began; nil for one of which /proc has nothing.
    private func run(_ processes: [(pid: Int, start: Int?)], in directory: String) {
        write(processes.map { "\($0.pid)\n" }.joined(), to: "/cgroup\(directory)/cgroup.procs")
        for (pid, start) in processes {
            guard let start else { continue }
            mkdir("\(root)/proc/\(pid)", 0o755)
            write(
                "\(pid) (x) S 1 \(pid) \(pid) 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 \(start)", to: "/proc/\(pid)/stat")
        }
    }

    private var oldest: UInt32? { resolver.oldestProcess(below: "/web")?.pid }

    @Test(arguments: [(RegistrationResolver.mostDirectories - 1, true), (RegistrationResolver.mostDirectories, false)])
    func `directories below one another are looked at up to the bound`(depth: Int, isFound: Bool) {
        let deepest = "/web" + String(repeating: "/d", count: depth)
        var path = "/web"
        for _ in 0..<depth {
            path += "/d"
            mkdir("\(root)/cgroup\(path)", 0o755)
        }
        run([(7, 100)], in: deepest)
        #expect(oldest == (isFound ? 7 : nil))
    }

    /// The last of the names that are kept is looked at first.
    @Test func `of the directories beside one another no more than the bound are kept`() {
        let most = RegistrationResolver.mostDirectories
        for number in 0..<most + 44 { mkdir("\(root)/cgroup/web/d\(number)", 0o755) }
        let names = Self.names(in: root + "/cgroup/web")
        run([(7, 100)], in: "/web/\(names[most])")
        #expect(oldest == nil)
        run([(8, 100)], in: "/web/\(names[most - 1])")
        #expect(oldest == 8)
    }

    @Test func `no more processes than the bound are looked at`() {
        let most = RegistrationResolver.mostProcesses
        mkdir("\(root)/cgroup/web/d", 0o755)
        let first = [(pid: 1, start: Optional(100))]
        let others = (2..<most).map { (pid: $0, start: Int?.none) }
        run(first + others + [(most, 50)], in: "/web")
        #expect(oldest == UInt32(most))
        run(first + others + [(most, nil), (most + 1, 40)], in: "/web")
        run([(most + 2, 30)], in: "/web/d")
        unlink("\(root)/proc/\(most)/stat")
        #expect(oldest == 1)
    }
}
