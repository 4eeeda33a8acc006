// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What becomes of a cgroup that has more forks, execs and exits than it may.
    @Suite struct RateTests: KernelSuite {
        private static let limit: UInt64 = 6
        private static let loaded = Result {
            var configuration = try Hierarchy.configuration(ringBytes: 64 << 20)
            // Longer than the test: the window does not slide away.
            configuration.cgroupRate = .init(limit: limit, interval: 600_000_000_000)
            return try BaseSensors(configuration)
        }

        private struct Told: Hashable {
            let cgroup: UInt64
            let cpu: UInt16
        }

        @Test func `above its rate a cgroup's records are all there, flagged and short`() throws {
            let long = [UInt8](repeating: UInt8(ascii: "a"), count: 20_000)
            var pids: [pid_t] = []
            let recording = try Recording(on: Self.loaded.get()) {
                for _ in 0..<40 {
                    let child = try Child("/bin/true", [long])
                    pids.append(child.pid)
                    child.end()
                }
            }
            #expect(recording.malformed == 0 && recording.gaps == 0)
            var records: [(Told, isThrottled: Bool)] = []
            func add(_ head: rec_head, _ cgroup: UInt64, _ flags: UInt32) {
                records.append((Told(cgroup: cgroup, cpu: head.cpu), flags & REC_FLAG_THROTTLED.rawValue != 0))
            }
            for pid in pids {
                let exec = try #require(recording.execs(of: pid).only)
                add(exec.fixed.head, exec.fixed.cgroup_id, exec.fixed.flags)
                // What is flagged has no continuation.
                let whole = exec.arguments.count == long.count + "/bin/true\0\0".utf8.count
                #expect(whole != exec.has(REC_FLAG_THROTTLED))
                #expect(Int(exec.fixed.args_total) == long.count + "/bin/true\0\0".utf8.count)
                let fork = try #require(recording.forks(of: pid).only)
                add(fork.head, fork.cgroup_id, fork.flags)
                let exit = try #require(recording.exits(of: pid).first)
                add(exit.head, exit.cgroup_id, exit.flags)
            }
            // Others of the same cgroup may have taken some of it.
            for told in Set(records.map(\.0)) {
                #expect(records.count { $0.0 == told && !$0.isThrottled } <= Self.limit)
            }
            #expect(records.count(where: \.isThrottled) >= 60)
        }

        @Test func `without a rate nothing is flagged`() throws {
            let recording = try record {
                for _ in 0..<40 { try Child("/bin/true").end() }
            }
            #expect(!recording.execs.contains { $0.has(REC_FLAG_THROTTLED) })
        }
    }
}
