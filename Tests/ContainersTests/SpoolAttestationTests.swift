// SPDX-License-Identifier: Apache-2.0
import Containers
import Glibc
import Models
import Testing

/// Real processes in real cgroups: what can still be seen of a container whose hook is long gone.
@Suite final class SpoolAttestationTests {
    private let resolver: RegistrationResolver
    private let path: String
    private var pids: [pid_t] = []
    private var directories: [String] = []

    init() throws {
        let hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
        resolver = RegistrationResolver(procfs: Procfs(), hierarchy: hierarchy)
        path = "/apus-spooled-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try make(path)
    }

    deinit {
        for pid in pids {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        // A cgroup is empty a moment after its last process is.
        for directory in directories.reversed() {
            for _ in 0..<100 where rmdir(resolver.hierarchy.root + directory) != 0 { usleep(10_000) }
        }
    }

    private func make(_ path: String) throws {
        try #require(mkdir(resolver.hierarchy.root + path, 0o755) == 0, "cannot make the cgroup \(path)")
        directories.append(path)
    }

    /// A process that does nothing there.
    @discardableResult private func run(in path: String) throws -> UInt32 {
        var pid = pid_t()
        let script = "echo $$ > \(resolver.hierarchy.root)\(path)/cgroup.procs && exec sleep 1000"
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
        defer { for argument in arguments { free(argument) } }
        try #require(posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, nil) == 0)
        pids.append(pid)
        for _ in 0..<500 where resolver.procfs.cgroupPath(of: UInt32(pid), in: resolver.hierarchy) != path {
            usleep(10_000)
        }
        try #require(resolver.procfs.cgroupPath(of: UInt32(pid), in: resolver.hierarchy) == path)
        return UInt32(pid)
    }

    private var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static let second: Int64 = 1_000_000_000

    private func attest(
        _ id: String = "web", cgroup: String? = nil, written: Int64? = nil
    ) throws -> Registration {
        try resolver.attest(try ContainerIdentity(id: id, cgroupsPath: cgroup ?? path), written: written ?? now)
    }

    private func refusal(_ id: String = "web", cgroup: String? = nil, written: Int64? = nil) -> String {
        do {
            _ = try attest(id, cgroup: cgroup, written: written)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func `the oldest process of the claimed directory is the init`() throws {
        let first = try run(in: path)
        usleep(30_000)
        try run(in: path)
        let registration = try attest()
        #expect(registration.initProcess == first)
        #expect(registration.cgroupPath == path && registration.initPath == path)
        #expect(registration.cgroup == resolver.hierarchy.id(ofPath: path))
        #expect(registration.namespaces == resolver.procfs.namespaces(of: first))
        #expect(registration.callerCgroups.isEmpty)
    }

    @Test func `an init that is deeper is found there`() throws {
        try make(path + "/container")
        let first = try run(in: path + "/container")
        let registration = try attest()
        #expect(registration.initProcess == first)
        #expect(registration.cgroupPath == path && registration.initPath == path + "/container")
        #expect(registration.cgroup != registration.initCgroup)
    }

    @Test func `a container that is gone is no container`() throws {
        #expect(refusal(cgroup: path + "-gone").contains("is gone"))
        #expect(refusal().contains("no process is left"))
        try run(in: path)
        #expect(refusal() == "")
        #expect(refusal(written: -1).contains("before this boot"))
        #expect(refusal(cgroup: "").contains("without a cgroup"))
        // All there is would be in it.
        #expect(refusal(cgroup: "/").contains("without a cgroup"))
    }

    @Test func `the init was there when the request was written, and not long before`() throws {
        try run(in: path)
        #expect(refusal(written: now - 5 * Self.second) == "")
        #expect(refusal(written: now - 30 * Self.second).contains("it is another's"))
        #expect(refusal(written: now + 500 * Self.second) == "")
        #expect(refusal(written: now + 700 * Self.second).contains("it is no init"))
    }

    @Test func `a directory that others are in, or that is another's, is not this container's`() throws {
        #expect(refusal(cgroup: "/system.slice").contains("holds others"))
        #expect(refusal(cgroup: "/system.slice/cron.service").contains("holds others"))
        let id = String(repeating: "ab", count: 32)
        try make("\(path)/\(id)")
        try run(in: "\(path)/\(id)")
        #expect(refusal(cgroup: "\(path)/\(id)").contains("which is \(id)'s"))
        #expect(refusal(id, cgroup: "\(path)/\(id)") == "")
    }
}
