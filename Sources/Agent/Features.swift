// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Logging
import Sensors
import Server

extension KernelFeatures {
    /// One line: what is there, and what is not.
    func write(to log: Logger) {
        log.info(
            "kernel features",
            metadata: [
                "present": "\(present.map(\.name.rawValue).joined(separator: ","))",
                "missing": "\(missing.map(\.name.rawValue).joined(separator: ","))",
            ])
    }
}

extension InfoReport {
    init(_ features: KernelFeatures, _ options: AgentOptions) {
        self.init(
            features: features.all.map {
                Feature(
                    name: $0.name.rawValue, isPresent: $0.isPresent, reason: $0.reason, without: $0.name.without)
            },
            options: options.list.map { Option(name: $0.flag, value: $0.value) })
    }
}
