// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Installer

@Suite struct FileDigestTests {
    /// Around the length of a block, where the padding changes its shape.
    @Test(arguments: [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000, 100_000])
    func digestIsWhatSha256sumPrints(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let sandbox = try Sandbox()
        try sandbox.write("/var/lib/text", bytes)
        let program = try #require(Program("sha256sum", in: ["/usr/bin", "/bin"]))
        let outcome = try program.run([sandbox.root + "/var/lib/text"])
        #expect(String(decoding: outcome.output, as: UTF8.self).hasPrefix(FileDigest.hex(bytes) + " "))
    }
}
