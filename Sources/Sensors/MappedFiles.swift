// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
import Glibc

/// What processes of the whole machine map to run it: programs, their loaders, libraries.
///
/// The kernel tells of it by perf events, on every kernel since 5.12 and without any program of ours; it reads the build
/// id itself, from the file that is mapped, and the path as the process sees it. While there is one of these each mapping
/// costs the process some microseconds. Processors that come online later are not looked at.
///
/// Owned by one thread at a time, as ``BaseSensors`` are.
package final class MappedFiles: @unchecked Sendable {
    private var rings: [MappingRing] = []
    private let waiting: Int32
    private var early: [(time: UInt64, record: MappingRecord)] = []
    /// Readable when a ring has something new.
    package var descriptor: Int32 { waiting }
    /// Records that found no room, and those that make no sense.
    package private(set) var lost: UInt64 = 0
    package private(set) var malformed: UInt64 = 0

    /// From here on the kernel writes.
    package init() throws(SensorError) {
        waiting = apus_wait_set()
        guard waiting >= 0 else { throw SensorError("create", "an epoll descriptor") }
        for cpu in OnlineCPUs.all {
            let ring: MappingRing
            do throws(SensorError) {
                ring = try MappingRing(cpu: cpu)
            } catch {
                // It has gone offline meanwhile.
                if error.errno == ENODEV { continue }
                throw error
            }
            guard apus_wait_set_add(waiting, ring.descriptor) == 0 else {
                throw SensorError("wait for", "mapped files on processor \(cpu)")
            }
            rings.append(ring)
        }
        guard !rings.isEmpty else { throw SensorError("watch", "mapped files on any processor", errno: ENODEV) }
    }

    deinit { if waiting >= 0 { close(waiting) } }

    /// The kernel's memory for it, bytes.
    package var kernelMemory: UInt64 { UInt64(rings.count) * UInt64(MappingRing.bytes) }

    /// Something has been read too early: there is more without the descriptor saying so.
    package var hasMore: Bool { !early.isEmpty }

    /// All that there is, oldest first, and of no process anything without what it did before.
    package func read() -> [MappingRecord] {
        // A process may move to another processor while one after the other is looked at: what is younger than the look
        // waits for the next.
        let now = bootNanoseconds
        var records = early
        for ring in rings {
            ring.read { bytes in
                do throws(MalformedRecord) {
                    guard let bytes else { return malformed += 1 }
                    let record = try MappingRecord(bytes)
                    switch record {
                    case .mapped(let file): records.append((file.time, record))
                    case .executes(_, let time): records.append((time, record))
                    case .lost(let count): lost &+= count
                    case .other: break
                    }
                } catch {
                    malformed += 1
                }
            }
        }
        records.sort { $0.time < $1.time }
        let count = records.firstIndex { $0.time > now } ?? records.count
        early = Array(records[count...])
        return records[..<count].map(\.record)
    }
}

private var bootNanoseconds: UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// The ring of one processor, which the kernel fills and we empty.
private final class MappingRing {
    let descriptor: Int32
    private let page: Int
    private let memory: UnsafeMutableRawPointer

    /// A storm of 10,000 execs a second writes a fifth of this between two looks.
    static let bytes = 128 << 10
    /// In struct perf_event_mmap_page, the ring's first page.
    private static let headOffset = 1024
    private static let tailOffset = 1032

    init(cpu: Int32) throws(SensorError) {
        page = sysconf(Int32(_SC_PAGESIZE))
        descriptor = apus_mapping_event(cpu)
        guard descriptor >= 0 else { throw SensorError("watch", "mapped files on processor \(cpu)") }
        let length = page + Self.bytes
        guard let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED
        else {
            let error = SensorError("map", "the ring of mapped files on processor \(cpu)")
            close(descriptor)
            throw error
        }
        memory = mapped
    }

    deinit {
        munmap(memory, page + Self.bytes)
        close(descriptor)
    }

    /// Hands all records to `body`, in order; nil for what is none, behind which nothing is read.
    func read(_ body: (UnsafeRawBufferPointer?) -> Void) {
        let data = UnsafeRawPointer(memory + page)
        let tail = (memory + Self.tailOffset).assumingMemoryBound(to: UInt64.self)
        let end = apus_load_acquire_64((memory + Self.headOffset).assumingMemoryBound(to: UInt64.self))
        var position = tail.pointee
        while position < end {
            let start = Int(position & UInt64(Self.bytes - 1))
            // Records begin at multiples of eight, so that a head is never split.
            let size = Int(data.load(fromByteOffset: start + 6, as: UInt16.self))
            guard size >= MappingRecord.headBytes, size % 8 == 0, UInt64(size) <= end - position else {
                body(nil)
                position = end
                break
            }
            let first = min(size, Self.bytes - start)
            if first == size {
                body(UnsafeRawBufferPointer(start: data + start, count: size))
            } else {
                let whole =
                    Array(UnsafeRawBufferPointer(start: data + start, count: first))
                    + UnsafeRawBufferPointer(start: data, count: size - first)
                whole.withUnsafeBytes { body($0) }
            }
            position += UInt64(size)
        }
        apus_store_64(tail, position)
    }
}

/// Processors that run.
enum OnlineCPUs {
    static var all: [Int32] { smallFile("/sys/devices/system/cpu/online").map(numbers) ?? [] }

    /// - Parameter list: `0-3,7`
    static func numbers(_ list: String) -> [Int32] {
        list.split(separator: ",").flatMap { part -> [Int32] in
            let ends = part.split(separator: "-").compactMap { Int32($0) }
            guard let first = ends.first, let last = ends.last, (0...last).contains(first), last < 1 << 16 else {
                return []
            }
            return Array(first...last)
        }
    }
}
