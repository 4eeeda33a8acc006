// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What this kernel has, by trying: tiny programs are loaded and tiny maps created, and something is attached only
/// where nothing less proves it. Nothing is left behind.
package struct KernelFeatures: Sendable {
    /// In the order of ``KernelFeature/Name``.
    package let all: [KernelFeature]

    package func has(_ name: KernelFeature.Name) -> Bool { all.contains { $0.name == name && $0.isPresent } }

    package var present: [KernelFeature] { all.filter(\.isPresent) }
    package var missing: [KernelFeature] { all.filter { !$0.isPresent } }

    /// Tries everything once; it takes some tens of milliseconds, most of them for reading the kernel's types where the
    /// caller has not.
    package static func probe(_ types: KernelTypes? = nil) -> KernelFeatures {
        LibbpfLog.install()
        let trial = FeatureTrial(types)
        return KernelFeatures(
            all: KernelFeature.Name.allCases.map { name in
                do throws(Absence) {
                    return KernelFeature(name: name, isPresent: true, reason: try trial.find(name))
                } catch {
                    return KernelFeature(name: name, isPresent: false, reason: error.reason)
                }
            })
    }
}

/// Why something is not there.
struct Absence: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    /// What was attempted, and the kernel's answer to it.
    init(_ attempt: String, errno: Int32) {
        reason = "cannot \(attempt): \(String(cString: strerror(abs(errno))))"
    }
}
