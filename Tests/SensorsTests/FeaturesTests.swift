// SPDX-License-Identifier: Apache-2.0
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// The probe on the running kernel. What it finds is printed, for the cell's list of gaps to be held against.
    @Suite struct FeaturesTests {
        @Test func `every feature is looked for once, and what is missing says why`() {
            let features = KernelFeatures.probe()
            #expect(features.all.map(\.name) == KernelFeature.Name.allCases)
            #expect(features.missing.allSatisfy { !$0.reason.isEmpty })
            #expect(KernelFeature.Name.allCases.allSatisfy { !$0.without.isEmpty })
            for feature in features.all {
                print(
                    "@@ feature \(feature.name.rawValue) \(feature.isPresent ? "present" : "missing") \(feature.reason)"
                )
            }
        }

        @Test func `what the sensors stand on is there`() {
            let features = KernelFeatures.probe()
            for name: KernelFeature.Name in [.btf, .ringBuffer, .taskStorage, .tpBTF, .taskIterator, .bpfLoop] {
                #expect(features.has(name), "\(name.rawValue)")
            }
        }

        /// What the kernel says elsewhere about the same things.
        @Test func `the answers agree with sysfs`() {
            let features = KernelFeatures.probe()
            for (name, source) in [(KernelFeature.Name.kprobe, "kprobe"), (.uprobe, "uprobe")] {
                #expect(features.has(name) == (access("/sys/bus/event_source/devices/\(source)", F_OK) == 0))
            }
            if features.has(.kprobeMulti) { #expect(features.has(.kprobe)) }
            #expect(features.has(.tpBTF) == (access("/sys/kernel/btf/vmlinux", F_OK) == 0))
        }

        @Test func `nothing is left behind`() throws {
            let before = try openDescriptors()
            _ = KernelFeatures.probe()
            #expect(try openDescriptors() == before)
        }

        private func openDescriptors() throws -> Int {
            let directory = try #require(opendir("/proc/self/fd"))
            defer { closedir(directory) }
            var count = 0
            while readdir(directory) != nil { count += 1 }
            return count
        }
    }
}
