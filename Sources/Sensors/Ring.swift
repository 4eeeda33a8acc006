// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc

/// The reading end of the kernel's ring buffer, and the sleep protocol that it has with the programs.
///
/// The kernel gives two positions that only grow (the consumer's, which is ours to write, and the producer's) and the
/// data, mapped twice in a row so that no record is ever split. libbpf has a reader too, but shows neither position,
/// and without them one cannot go to sleep without either losing a wake-up or asking for one at every record.
struct Ring: ~Copyable {
    /// Sleeps that no program ended, though an old record was waiting.
    private(set) var lateRecords: UInt64 = 0

    private let descriptor: Int32
    private let consumer: UnsafeMutablePointer<UInt64>
    private let producer: UnsafeMutablePointer<UInt64>
    private let data: UnsafeMutableRawPointer
    /// The flag that the programs look at: their .bss, of which it is the only variable.
    private let asleep: UnsafeMutablePointer<UInt32>
    private let size: Int

    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30
    private static let headerBytes = 8
    private static let longestSleepMilliseconds: Int32 = 1000
    /// A record of this age was there long enough to have woken us.
    private static let lateNanoseconds: UInt64 = 100_000_000

    /// Maps the ring's memory and that of the programs' variables. Both descriptors stay the caller's to close.
    init(descriptor: Int32, size: Int, variables: Int32) throws(SensorError) {
        let page = sysconf(Int32(_SC_PAGESIZE))
        // libbpf's own mapping of the variables is a private one; it would show our flag to nobody.
        let writable = PROT_READ | PROT_WRITE
        guard let shared = mmap(nil, page, writable, MAP_SHARED, variables, 0), shared != MAP_FAILED else {
            throw SensorError("map", "the BPF programs' variables")
        }
        guard let own = mmap(nil, page, writable, MAP_SHARED, descriptor, 0), own != MAP_FAILED else {
            let error = SensorError("map", "the consumer's page of the ring")
            munmap(shared, page)
            throw error
        }
        let length = page + 2 * size
        guard let kernels = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, page), kernels != MAP_FAILED else {
            let error = SensorError("map", "the ring's \(size) bytes")
            munmap(own, page)
            munmap(shared, page)
            throw error
        }
        self.descriptor = descriptor
        self.size = size
        asleep = shared.assumingMemoryBound(to: UInt32.self)
        consumer = own.assumingMemoryBound(to: UInt64.self)
        producer = kernels.assumingMemoryBound(to: UInt64.self)
        data = kernels + page
    }

    deinit {
        let page = sysconf(Int32(_SC_PAGESIZE))
        munmap(asleep, page)
        munmap(consumer, page)
        munmap(UnsafeMutableRawPointer(producer), page + 2 * size)
    }

    /// True if somebody has taken room, whether or not the record in it is complete.
    var hasReservations: Bool { apus_load_acquire_64(producer) != consumer.pointee }

    /// Up to where room has been taken, and up to where it has been read: bytes since the ring was made.
    var written: UInt64 { apus_load_acquire_64(producer) }
    var read: UInt64 { consumer.pointee }

    /// Hands up to `limit` records to `body`, in place: the bytes are the kernel's again when `body` returns.
    /// Stops early at a record that is still being written, and at the position `end`.
    func drain(limit: Int, upTo end: UInt64 = .max, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
        var delivered = 0
        var position = consumer.pointee
        while delivered < limit, position < min(apus_load_acquire_64(producer), end) {
            let header = data + Int(position & UInt64(size - 1))
            let word = apus_load_acquire_32(header.assumingMemoryBound(to: UInt32.self))
            if word & Self.busy != 0 { break }
            let length = Int(word & ~Self.discarded)
            if word & Self.discarded == 0 {
                body(UnsafeRawBufferPointer(start: header + Self.headerBytes, count: length))
                delivered += 1
            }
            position += UInt64((length + Self.headerBytes + 7) & ~7)
            apus_store_64(consumer, position)
        }
        return delivered
    }

    /// Sleeps until there is a record, one of the caller's descriptors is readable, or a second has gone.
    ///
    /// Flag, full barrier, look: a program does the same in the opposite order (record, full barrier, flag), so either
    /// we see its record here or it sees our flag there. poll(2), not epoll: poll looks at the ring once more.
    mutating func sleep(wakeDescriptor: Int32, otherDescriptor: Int32) {
        apus_store_32(asleep, 1)
        apus_fence()
        guard !hasReservations else {
            apus_store_32(asleep, 0)
            return
        }
        var descriptors = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: otherDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        poll(&descriptors, 3, Self.longestSleepMilliseconds)
        let nobodyWokeUs = apus_exchange_32(asleep, 0) == 1
        if nobodyWokeUs { countLateRecords() }
    }

    private mutating func countLateRecords() {
        let position = consumer.pointee
        guard position < apus_load_acquire_64(producer) else { return }
        let header = data + Int(position & UInt64(size - 1))
        let word = apus_load_acquire_32(header.assumingMemoryBound(to: UInt32.self))
        guard word & (Self.busy | Self.discarded) == 0, Int(word) >= MemoryLayout<rec_head>.size else { return }
        let head = (header + Self.headerBytes).load(as: rec_head.self)
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        let nanoseconds = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        if nanoseconds > head.time + Self.lateNanoseconds { lateRecords += 1 }
    }
}
