// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors

/// The records of one process's life, as the kernel sent them, to be lived again under other names.
struct RecordedLife {
    private var fork: [UInt8] = []
    private var exec: [UInt8] = []
    private var exit: [UInt8] = []
    private let parent: rec_image

    /// Runs /bin/true with an argument of this length, and keeps what the sensors say of it.
    init(argumentBytes: Int) throws {
        let sensors = try BaseSensors(SensorConfiguration())
        try sensors.attach()
        let pid = try UInt32(Self.run(["/bin/true", String(repeating: "x", count: argumentBytes)]))
        sensors.detach()
        var (fork, exec, exit) = ([UInt8](), [UInt8](), [UInt8]())
        while sensors.drain(
            limit: 256,
            { bytes in
                switch try? Record(bytes) {
                case .fork(let record)? where record.child.tgid == pid: fork = Array(bytes)
                case .exec(let view)? where view.fixed.image.tgid == pid: exec = Array(bytes)
                case .exit(let record)? where record.image.tgid == pid: exit = Array(bytes)
                default: break
                }
            }) > 0
        {}
        guard !fork.isEmpty, !exec.isEmpty, !exit.isEmpty else {
            throw ReplayError("the kernel did not send the records of process \(pid)")
        }
        parent = fork.withUnsafeBytes { $0.loadUnaligned(as: rec_fork.self) }.parent
        (self.fork, self.exec, self.exit) = (fork, exec, exit)
    }

    /// The exec of the process that all others are children of.
    mutating func beginning(_ body: (UnsafeRawBufferPointer) -> Void) {
        var record = exec
        record.withUnsafeMutableBytes {
            $0.storeBytes(of: 1, toByteOffset: Self.sequence, as: UInt64.self)
            $0.storeBytes(of: parent, toByteOffset: MemoryLayout<rec_exec>.offset(of: \.image)!, as: rec_image.self)
            body(UnsafeRawBufferPointer($0))
        }
    }

    /// The life of process number `number`, in three records.
    mutating func live(_ number: UInt64, _ body: (UnsafeRawBufferPointer) -> Void) {
        // Pids come again, as they do; their start tells them apart.
        let tgid = UInt32(1_000_000 + number % 30_000)
        let start = parent.start + 1_000_000_000 + 1000 * number
        Self.send(&fork, 3 * number + 2, tgid, start, MemoryLayout<rec_fork>.offset(of: \.child)!, body)
        Self.send(&exec, 3 * number + 3, tgid, start, MemoryLayout<rec_exec>.offset(of: \.image)!, body)
        Self.send(&exit, 3 * number + 4, tgid, start, MemoryLayout<rec_exit>.offset(of: \.image)!, body)
    }

    private static let sequence = MemoryLayout<rec_head>.offset(of: \.seq)!

    private static func send(
        _ record: inout [UInt8], _ number: UInt64, _ tgid: UInt32, _ start: UInt64, _ image: Int,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        record.withUnsafeMutableBytes {
            $0.storeBytes(of: 0, toByteOffset: MemoryLayout<rec_head>.offset(of: \.cpu)!, as: UInt16.self)
            $0.storeBytes(of: number, toByteOffset: sequence, as: UInt64.self)
            $0.storeBytes(of: tgid, toByteOffset: image + MemoryLayout<rec_image>.offset(of: \.tgid)!, as: UInt32.self)
            $0.storeBytes(
                of: start, toByteOffset: image + MemoryLayout<rec_image>.offset(of: \.start)!, as: UInt64.self)
            body(UnsafeRawBufferPointer($0))
        }
    }

    private static func run(_ words: [String]) throws -> pid_t {
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, words[0], nil, nil, &arguments, environ)
        guard failure == 0 else { throw ReplayError("\(words[0]): \(String(cString: strerror(failure)))") }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return pid
    }
}

struct ReplayError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
