// SPDX-License-Identifier: Apache-2.0
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What the running kernel tells of files that processes map.
    @Suite struct MappedFilesTests {
        /// A library of nothing but a build id.
        private static func library(_ buildID: [UInt8]) -> [UInt8] {
            func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
                withUnsafeBytes(of: number.littleEndian) { Array($0) }
            }
            let padding = [UInt8](repeating: 0, count: (4 - buildID.count % 4) % 4)
            let note =
                bytes(UInt32(4)) + bytes(UInt32(buildID.count)) + bytes(UInt32(3)) + Array("GNU\0".utf8) + buildID
                + padding
            #if arch(x86_64)
                let machine = UInt16(62)
            #else
                let machine = UInt16(183)
            #endif
            let head: [UInt8] =
                [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9) + bytes(UInt16(3))
                + bytes(machine) + bytes(UInt32(1)) + bytes(UInt64(0)) + bytes(UInt64(64)) + bytes(UInt64(0))
                + bytes(UInt32(0)) + bytes(UInt16(64)) + bytes(UInt16(56)) + bytes(UInt16(1)) + bytes(UInt16(64))
                + bytes(UInt16(0)) + bytes(UInt16(0))
            let segment =
                bytes(UInt32(4)) + bytes(UInt32(4)) + bytes(UInt64(120)) + bytes(UInt64(120)) + bytes(UInt64(120))
                + bytes(UInt64(note.count)) + bytes(UInt64(note.count)) + bytes(UInt64(4))
            let all = head + segment + note
            return all + [UInt8](repeating: 0, count: 4096 - all.count)
        }

        private func mapped(_ files: MappedFiles, by process: pid_t = getpid()) -> [MappedFile] {
            files.read().compactMap { record in
                if case .mapped(let file) = record, file.process == UInt32(process) { file } else { nil }
            }
        }

        /// The test's own, of one file, until nothing more comes.
        private func looking(at file: TemporaryFile, _ body: (Int32) throws -> Void) throws -> [MappedFile] {
            let files = try MappedFiles()
            let descriptor = open(file.path, O_RDWR | O_CLOEXEC)
            defer { close(descriptor) }
            try body(descriptor)
            var all = mapped(files)
            while files.hasMore { all += mapped(files) }
            #expect(files.lost == 0 && files.malformed == 0)
            return all.filter { $0.path.hasPrefix(file.path) }
        }

        private func map(_ descriptor: Int32, _ protection: Int32, flags: Int32 = MAP_PRIVATE) throws
            -> UnsafeMutableRawPointer
        {
            guard let address = mmap(nil, 4096, protection, flags, descriptor, 0), address != MAP_FAILED else {
                throw TestFailure("mmap: errno \(errno)")
            }
            return address
        }

        @Test("a file that is mapped to be run has its path, its build id, and the time")
        func run() throws {
            let id = [UInt8](0xe0..<0xf4)
            let file = try TemporaryFile("library.so", Self.library(id))
            defer { file.remove() }
            let before = nanoseconds
            let mapped = try looking(at: file) { munmap(try map($0, PROT_READ | PROT_EXEC), 4096) }
            #expect(mapped.map(\.path) == [file.path] && mapped.map(\.buildID) == [id])
            #expect(mapped.allSatisfy { (before...nanoseconds).contains($0.time) })
        }

        @Test("nothing is said of a file that is mapped to be read or written, until it may be run")
        func read() throws {
            let file = try TemporaryFile("library.so", Self.library([UInt8](1...20)))
            defer { file.remove() }
            let quiet = try looking(at: file) {
                munmap(try map($0, PROT_READ), 4096)
                munmap(try map($0, PROT_READ | PROT_WRITE, flags: MAP_SHARED), 4096)
                munmap(try map(-1, PROT_READ | PROT_EXEC, flags: MAP_PRIVATE | MAP_ANONYMOUS), 4096)
            }
            #expect(quiet.isEmpty)
            let later = try looking(at: file) {
                let address = try map($0, PROT_READ)
                mprotect(address, 4096, PROT_READ | PROT_EXEC)
                munmap(address, 4096)
            }
            #expect(later.map(\.path) == [file.path])
        }

        @Test("a file without a build id, or with one that is none, has none; one that was removed says so")
        func odd() throws {
            for content in [Self.library([UInt8](1...21)), Array("no program".utf8), Array(Self.library([1])[..<80])] {
                let file = try TemporaryFile("x", content)
                defer { file.remove() }
                let mapped = try looking(at: file) { descriptor in
                    unlink(file.path)
                    munmap(try map(descriptor, PROT_READ | PROT_EXEC), 4096)
                }
                #expect(mapped.map(\.path) == ["\(file.path) (deleted)"] && mapped.map(\.buildID) == [[]])
            }
        }

        @Test("a process that executes a program says so before it maps it")
        func exec() throws {
            let files = try MappedFiles()
            let child = try Child("/bin/sh", "-c", "true")
            child.end()
            var records = files.read()
            while files.hasMore { records += files.read() }
            let own = records.compactMap { record -> String? in
                switch record {
                case .executes(let process, _) where process == UInt32(child.pid): "exec"
                case .mapped(let file) where file.process == UInt32(child.pid): file.path
                default: nil
                }
            }
            let exec = try #require(own.firstIndex(of: "exec"))
            var real = [CChar](repeating: 0, count: Int(PATH_MAX))
            let program = try #require(realpath("/bin/sh", &real)).withMemoryRebound(to: CChar.self, capacity: 1) {
                String(cString: $0)
            }
            #expect(own.firstIndex(of: program).map { $0 > exec } == true, "told: \(own)")
        }

        @Test("who waits is woken, and what finds no room is counted")
        func waiting() throws {
            let file = try TemporaryFile("library.so", Self.library([UInt8](1...20)))
            defer { file.remove() }
            let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            let files = try MappedFiles()
            #expect(files.kernelMemory >= 128 << 10)
            while !files.read().isEmpty || files.hasMore {}
            munmap(try map(descriptor, PROT_READ | PROT_EXEC), 4096)
            var woken = pollfd(fd: files.descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&woken, 1, 5000) == 1)
            for _ in 0..<8192 { munmap(try map(descriptor, PROT_READ | PROT_EXEC), 4096) }
            var seen = mapped(files).count
            // Of what was lost the next record that finds room tells.
            munmap(try map(descriptor, PROT_READ | PROT_EXEC), 4096)
            usleep(2000)
            seen += mapped(files).count
            while files.hasMore { seen += mapped(files).count }
            #expect(files.lost > 0 && files.malformed == 0)
            #expect(seen + Int(files.lost) >= 8194, "\(seen) seen, \(files.lost) lost")
        }

        private var nanoseconds: UInt64 {
            var now = timespec()
            clock_gettime(CLOCK_BOOTTIME, &now)
            return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        }
    }
}
