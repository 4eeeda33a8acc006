// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
import CRecords
import Glibc

/// What a program did not see, and what it takes.
extension PolicyProgram {
    /// Hits that were not looked at, since the program was loaded (the kernel's own: since it was attached).
    package struct Misses: Sendable, Equatable {
        /// It was running already on that CPU when it was to be called.
        package var recursion: UInt64 = 0
        /// The kernel's probe was busy with another call. Kernels before 6.7 do not say.
        package var probe: UInt64 = 0
        /// The CPU had as many hits in hand as it has memory for.
        package var busy: UInt64 = 0
        /// Calls whose beginning was told and whose end will not be.
        package var returns: UInt64 = 0

        package init() {}
    }

    package var misses: Misses {
        var misses = Misses()
        for program in loaded { misses.recursion += Self.information(program)?.recursion_misses ?? 0 }
        for link in linkDescriptors { misses.probe += apus_link_missed(link) }
        var (zero, counted): (UInt32, pol_misses) = (0, pol_misses())
        if let map = bpf_object__find_map_by_name(object, "pol_missed"),
            bpf_map_lookup_elem(bpf_map__fd(map), &zero, &counted) == 0
        {
            (misses.busy, misses.returns) = (counted.busy, counted.returns)
        }
        return misses
    }

    /// Instructions that the verifier processed.
    package var verifiedInstructions: Int {
        loaded.reduce(0) { $0 + (Self.information($1).map { Int($0.verified_insns) } ?? 0) }
    }

    /// Bytes that the kernel keeps for this program and for maps that are its own; what all share is not among them.
    package var kernelMemory: Int {
        var descriptors = loaded.map { bpf_program__fd($0) }
        var map = bpf_object__next_map(object, nil)
        while let current = map {
            if !shared.isLent(String(cString: bpf_map__name(current))), bpf_map__fd(current) >= 0 {
                descriptors.append(bpf_map__fd(current))
            }
            map = bpf_object__next_map(object, current)
        }
        return descriptors.reduce(0) { $0 + Self.lockedBytes($1) }
    }

    private static func lockedBytes(_ descriptor: Int32) -> Int {
        let lines = (smallText("/proc/self/fdinfo/\(descriptor)") ?? "").split(separator: "\n")
        let line = lines.first { $0.hasPrefix("memlock:") }
        return line.flatMap { Int($0.dropFirst("memlock:".count).drop { $0 == "\t" || $0 == " " }) } ?? 0
    }

    private static func information(_ program: OpaquePointer) -> bpf_prog_info? {
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0 ? info : nil
    }
}
