// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The generated code is checked in; it must be what proto/ says today.
@Suite struct GeneratedCodeTests {
    @Test(arguments: ["TetragonAPI", "CRIAPI", "NRI"]) func generatingAgainChangesNothing(target: String) throws {
        try Repository.withTemporaryDirectory { fresh in
            try Repository.run(
                Repository.generateScript.path, [fresh.path],
                environment: ["PLUGINS": Repository.buildProducts.path])

            let (now, before) = (fresh.appending(path: target), Repository.sources.appending(path: target))
            let generated = try names(in: now)
            #expect(!generated.isEmpty)
            #expect(try names(in: before) == generated)
            for name in generated {
                let checkedIn = before.appending(path: name)
                let same = FileManager.default.contentsEqual(
                    atPath: now.appending(path: name).path, andPath: checkedIn.path)
                #expect(same, "\(checkedIn.path) is not what dev/generate-proto.sh writes: run it, commit the result")
            }
        }
    }

    private func names(in directory: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path)
            .filter { $0.hasSuffix(".pb.swift") || $0.hasSuffix(".grpc.swift") }.sorted()
    }
}
