// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Foundation

/// What the kernel's side counts, read from its own memory and past the agent: also when that has gone.
final class KernelCounters {
    struct CPU: Equatable {
        var attempted: UInt64
        var sent: UInt64
        /// The ring had no room for a record, for further arguments of one.
        var lostRecords: UInt64
        var lostArguments: UInt64

        var lost: UInt64 { lostRecords + lostArguments }
    }

    struct Counts: Equatable {
        /// By the CPU's number.
        var cpus: [CPU]
        /// Of all programs.
        var missed: UInt64

        var attempted: UInt64 { cpus.reduce(0) { $0 + $1.attempted } }
        var sent: UInt64 { cpus.reduce(0) { $0 + $1.sent } }
        var lost: UInt64 { cpus.reduce(0) { $0 + $1.lost } }
    }

    private var statistics: Int32 = -1
    private var programs: [Int32] = []

    /// Finds the counters among the descriptors of an agent, and keeps them.
    init(of agent: pid_t) throws {
        let directory = "/proc/\(agent)/fdinfo"
        var maps: Set<UInt32> = []
        var ids: Set<UInt32> = []
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            guard let text = try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8) else { continue }
            if let id = text.firstMatch(of: /map_id:\s+(\d+)/).flatMap({ UInt32($0.1) }) { maps.insert(id) }
            // Links name their programs as well.
            if text.contains("prog_tag"), let id = text.firstMatch(of: /prog_id:\s+(\d+)/).flatMap({ UInt32($0.1) }) {
                ids.insert(id)
            }
        }
        for id in maps {
            let descriptor = bpf_map_get_fd_by_id(id)
            guard descriptor >= 0 else { continue }
            if Self.name(ofMap: descriptor) == "stats" { statistics = descriptor } else { close(descriptor) }
        }
        programs = ids.map { bpf_prog_get_fd_by_id($0) }
        guard statistics >= 0, !programs.isEmpty, programs.allSatisfy({ $0 >= 0 }) else {
            throw Failure("agent \(agent) has no counters in the kernel: \(maps.count) maps, \(ids.count) programs")
        }
    }

    deinit { for descriptor in programs + [statistics] where descriptor >= 0 { close(descriptor) } }

    var now: Counts {
        get throws {
            var values = [rec_stats](repeating: rec_stats(), count: Int(libbpf_num_possible_cpus()))
            var zero: UInt32 = 0
            guard bpf_map_lookup_elem(statistics, &zero, &values) == 0 else {
                throw Failure("cannot read the kernel's counters: \(String(cString: strerror(errno)))")
            }
            return Counts(
                cpus: values.map {
                    CPU(
                        attempted: $0.seq, sent: $0.sent, lostRecords: $0.counters.0, lostArguments: $0.counters.1)
                },
                missed: try programs.reduce(0) { $0 + (try Self.misses(ofProgram: $1)) })
        }
    }

    private static func name(ofMap descriptor: Int32) -> String {
        var info = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        guard bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0 else { return "" }
        return withUnsafeBytes(of: info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func misses(ofProgram descriptor: Int32) throws -> UInt64 {
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        guard bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0 else {
            throw Failure("cannot ask for a BPF program: \(String(cString: strerror(errno)))")
        }
        return info.recursion_misses
    }
}
