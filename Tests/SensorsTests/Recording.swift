// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors

/// What the sensors saw while something was done. The ring is large enough to be drained afterwards, so that a test
/// is: do, then look.
struct Recording {
    struct Exec {
        let fixed: rec_exec
        let filename: String
        let cwd: String
        let exe: String
        /// With what came in continuations.
        var arguments: [UInt8]

        func has(_ flag: rec_flag) -> Bool { fixed.flags & flag.rawValue != 0 }
    }

    var execs: [Exec] = []
    var forks: [rec_fork] = []
    var exits: [rec_exit] = []
    var cgroups: [(fixed: rec_cgroup, name: String)] = []
    /// Of how many execs it was said that no more arguments come.
    var cut = 0
    var malformed = 0
    /// Attempts of the programs that brought no record.
    var gaps = 0
    private var lastSequence: [UInt16: UInt64] = [:]

    init() {}

    /// Attaches, does, detaches, drains.
    init(on sensors: BaseSensors, _ action: () throws -> Void) throws {
        try sensors.attach()
        do { try action() } catch { sensors.detach(); throw error }
        sensors.detach()
        while sensors.drain(limit: 256, { bytes in add(bytes) }) > 0 {}
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        guard let record = try? Record(bytes) else { malformed += 1; return }
        let head = bytes.loadUnaligned(as: rec_head.self)
        if let last = lastSequence[head.cpu] { gaps += Int(head.seq - last) - 1 }
        lastSequence[head.cpu] = head.seq

        switch record {
        case .exec(let view): execs.append(Exec(view))
        case .arguments(let view):
            if view.fixed.args_len == 0 { cut += 1 }
            let exec = execs.lastIndex { Image($0.fixed.image) == Image(view.fixed.image) }
            if let exec, execs[exec].arguments.count == Int(view.fixed.offset) {
                execs[exec].arguments.append(contentsOf: view.bytes)
            } else {
                malformed += 1
            }
        case .fork(let fork): forks.append(fork)
        case .exit(let exit): exits.append(exit)
        case .cgroup(let view): cgroups.append((view.fixed, String(decoding: view.name, as: UTF8.self)))
        case .task, .policy, .policyData: malformed += 1
        }
    }

    func execs(of pid: pid_t) -> [Exec] { execs.filter { $0.fixed.image.tgid == UInt32(pid) } }
    func forks(of pid: pid_t) -> [rec_fork] { forks.filter { $0.child.tgid == UInt32(pid) } }
    func exits(of pid: pid_t) -> [rec_exit] { exits.filter { $0.image.tgid == UInt32(pid) } }
}

extension Recording.Exec {
    init(_ view: ExecView) {
        self.init(
            fixed: view.fixed, filename: String(decoding: view.filename, as: UTF8.self),
            cwd: String(decoding: view.cwd(), as: UTF8.self), exe: String(decoding: view.exe(), as: UTF8.self),
            arguments: Array(view.arguments))
    }
}

/// What names an image, comparable.
struct Image: Hashable {
    let start: UInt64
    let tgid: UInt32
    let execCount: UInt32

    init(_ image: rec_image) { (start, tgid, execCount) = (image.start, image.tgid, image.exec_count) }
}
