// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// The reading end: sleep and waking, and what happens when it is too slow.
    @Suite struct ReaderTests {
        /// A pipe whose reading end stands for the agent's eventfd.
        private struct Wake {
            let reading: Int32
            let writing: Int32

            init() throws {
                var ends: [Int32] = [-1, -1]
                guard pipe(&ends) == 0 else { throw TestFailure("pipe: errno \(errno)") }
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                (reading, writing) = (ends[0], ends[1])
            }

            func close() {
                Glibc.close(reading)
                Glibc.close(writing)
            }
        }

        private func nanoseconds(_ clock: clockid_t = CLOCK_BOOTTIME) -> UInt64 {
            var now = timespec()
            clock_gettime(clock, &now)
            return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        }

        /// Reads as the agent does until the shell has ended. Returns the age of the oldest record on delivery.
        private func follow(_ script: String, on sensors: BaseSensors) throws -> (Recording, worstDelay: UInt64) {
            let wake = try Wake()
            defer { wake.close() }
            try sensors.attach()
            defer { sensors.detach() }
            var recording = Recording()
            var worst: UInt64 = 0
            let shell = try Child("/bin/sh", "-c", script)
            while recording.exits(of: shell.pid).isEmpty {
                let count = sensors.drain(limit: 256) { bytes in
                    recording.add(bytes)
                    worst = max(worst, nanoseconds() - bytes.load(as: rec_head.self).time)
                }
                sensors.pause(afterDelivering: count, wakeDescriptor: wake.reading)
            }
            shell.end()
            return (recording, worst)
        }

        @Test func `a sleeping reader is woken in time`() throws {
            let sensors = try BaseSensors(SensorConfiguration())
            let (recording, worst) = try follow("for i in 1 2 3 4 5 6 7 8; do sleep 0.1; /bin/true; done", on: sensors)
            #expect(recording.execs.count { $0.filename == "/bin/true" } >= 8)
            #expect(recording.gaps == 0 && sensors.lateRecords == 0)
            #expect(worst < 500_000_000, "the oldest record was \(worst / 1_000_000) ms old")
        }

        @Test func `a busy reader loses nothing of a storm`() throws {
            let sensors = try BaseSensors(SensorConfiguration(ringBytes: 1 << 20))
            let execs = count("APUS_STORM", default: 1000)
            let (recording, _) = try follow(
                "i=0; while [ $i -lt \(execs) ]; do /bin/true; i=$((i+1)); done", on: sensors)
            #expect(recording.execs.count { $0.filename == "/bin/true" } >= execs)
            #expect(recording.gaps == 0 && recording.malformed == 0 && sensors.lateRecords == 0)
            #expect(sensors.missed() == 0)
        }

        @Test func `a message ends the sleep`() throws {
            let sensors = try BaseSensors(SensorConfiguration())
            let wake = try Wake()
            defer { wake.close() }
            write(wake.writing, "x", 1)
            let before = nanoseconds()
            sensors.wait(wakeDescriptor: wake.reading)
            #expect(nanoseconds() - before < 500_000_000)
        }

        @Test func `the sleep is bounded`() throws {
            let sensors = try BaseSensors(SensorConfiguration())
            let wake = try Wake()
            defer { wake.close() }
            let before = nanoseconds()
            sensors.wait(wakeDescriptor: wake.reading)
            #expect((900_000_000..<3_000_000_000).contains(nanoseconds() - before))
            #expect(sensors.lateRecords == 0)
        }

        @Test func `a full ring loses records, and every one is accounted for`() throws {
            let sensors = try BaseSensors(SensorConfiguration(ringBytes: 64 << 10))
            var delivered = 0
            try sensors.attach()
            for _ in 0..<200 { try Child(TestProgram.leave, "exit", "0").end() }
            sensors.detach()
            while case let count = sensors.drain(limit: 64, { _ in }), count > 0 { delivered += count }

            let statistics = sensors.statistics()
            let lost = statistics.reduce(0) { $0 + $1.counters.0 }
            #expect(lost > 0 && delivered > 0)
            #expect(statistics.reduce(0) { $0 + $1.sent } == delivered)
            #expect(statistics.reduce(0) { $0 + $1.seq } == UInt64(delivered) + lost)
        }

        @Test func `a small ring loses arguments before it loses the exec`() throws {
            let sensors = try BaseSensors(SensorConfiguration(ringBytes: 64 << 10))
            var pid: pid_t = 0
            let recording = try Recording(on: sensors) {
                let argument = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
                let child = try Child("/bin/true", [argument, argument])
                pid = child.pid
                child.end()
            }
            let exec = try #require(recording.execs(of: pid).only)
            #expect(exec.arguments.count == 8192 + 32768 && recording.cut == 1 && recording.gaps == 1)
            #expect(exec.fixed.args_total > 200_000)
            #expect(sensors.statistics().reduce(0) { $0 + $1.counters.1 } == 1)
            #expect(recording.exits(of: pid).count == 1)
        }

        @Test func `what cannot be had is said`() {
            #expect {
                _ = try BaseSensors(SensorConfiguration(ringBytes: 12345))
            } throws: { error in
                guard let error = error as? SensorError else { return false }
                return error.errno == EINVAL
                    && error.description.hasPrefix("cannot use a ring of 12345 bytes: Invalid argument")
            }
        }
    }
}
