// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Installer

extension Sandbox {
    /// Expects one error that says all of this, and that nothing has changed.
    func expectRefusal(
        _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) throws {
        let before = try snapshot()
        let error = #expect(throws: InstallerError.self, sourceLocation: sourceLocation) { try body() }
        for part in parts {
            #expect(
                error?.description.contains(part) == true, "\(error?.description ?? "")", sourceLocation: sourceLocation
            )
        }
        #expect(try snapshot() == before, sourceLocation: sourceLocation)
    }
}
