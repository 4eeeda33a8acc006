// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc

/// Runs an iterator program over all tasks of the machine, once.
struct TaskIterator {
    let program: OpaquePointer

    private static let bufferBytes = 256 << 10

    /// Hands every record that the program writes to `body`. The kernel's stream knows no records, so one can come in
    /// two reads.
    func run(_ body: (UnsafeRawBufferPointer) -> Void) throws(SensorError) {
        let name = String(cString: bpf_program__name(program))
        guard let link = bpf_program__attach_iter(program, nil) else {
            throw SensorError("attach", "the task iterator \(name)")
        }
        defer { bpf_link__destroy(link) }
        let descriptor = bpf_iter_create(bpf_link__fd(link))
        guard descriptor >= 0 else { throw SensorError("start", "the task iterator \(name)") }
        defer { close(descriptor) }

        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferBytes, alignment: 8)
        defer { buffer.deallocate() }
        var filled = 0
        while true {
            let count = read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw SensorError("read", "the task iterator \(name)")
            }
            if count == 0 { break }
            filled += count
            let used = Self.deliver(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), body)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[used..<filled]))
            filled -= used
        }
        guard filled == 0 else { throw SensorError("read whole records from", "the task iterator \(name)", errno: EIO) }
    }

    /// Returns how many bytes were whole records.
    private static func deliver(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
        var used = 0
        while bytes.count - used >= MemoryLayout<rec_head>.size {
            let size = Int(bytes.loadUnaligned(fromByteOffset: used, as: rec_head.self).size)
            guard size >= MemoryLayout<rec_head>.size, size <= bytes.count - used else { break }
            body(UnsafeRawBufferPointer(rebasing: bytes[used..<used + size]))
            used += size
        }
        return used
    }
}
