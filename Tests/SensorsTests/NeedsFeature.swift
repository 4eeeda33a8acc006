// SPDX-License-Identifier: Apache-2.0
import Sensors
import Testing

/// What the running kernel has, probed once for all tests.
let probedFeatures = KernelFeatures.probe()

extension Trait where Self == ConditionTrait {
    /// A test that cannot run where the kernel has none of these: skipped there, with the kernel's own reason.
    static func needs(anyOf names: KernelFeature.Name...) -> Self {
        let reasons = probedFeatures.missing.filter { names.contains($0.name) }.map {
            "\($0.name.rawValue) (\($0.reason))"
        }
        return .enabled(if: reasons.count < names.count, "the kernel misses \(reasons.joined(separator: " and "))")
    }
}
