// SPDX-License-Identifier: Apache-2.0
internal import Models
internal import SwiftProtobuf
internal import TetragonAPI

/// What GetInfo says of the agent, beside its version: the kernel's features and the options in effect. How it was built
/// is not recorded in it, so that part of the answer stays empty.
package struct InfoReport: Sendable {
    package struct Feature: Sendable {
        package var name: String
        package var isPresent: Bool
        /// Why it is missing, or more about it.
        package var reason: String
        /// What the agent cannot do without it.
        package var without: String

        package init(name: String, isPresent: Bool, reason: String, without: String) {
            self.name = name
            self.isPresent = isPresent
            self.reason = reason
            self.without = without
        }
    }

    package struct Option: Sendable {
        /// The flag's name without dashes in front.
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var features: [Feature]
    package var options: [Option]

    package init(features: [Feature], options: [Option]) {
        self.features = features
        self.options = options
    }
}

extension InfoReport {
    func response() throws -> Tetragon_GetInfoResponse {
        try .with {
            $0.name = "apus"
            $0.version = Version.current
            $0.probes = features.map { feature in
                .with {
                    $0.name = feature.name
                    $0.enabled = Google_Protobuf_BoolValue(feature.isPresent)
                    $0.reason = feature.reason
                    $0.without = feature.without
                }
            }
            $0.conf = try options.map { option in
                try .with {
                    $0.key = option.name
                    $0.value = try Google_Protobuf_Any(message: Google_Protobuf_StringValue(option.value))
                }
            }
        }
    }
}
