// SPDX-License-Identifier: Apache-2.0
import Foundation
import Models
import Testing

/// What users copy into their runtime's directory.
struct HooksDirectoryTests {
    private struct Description: Decodable {
        struct Hook: Decodable {
            var path: String
            var args: [String]
            var timeout: Int
        }
        var version: String
        var hook: Hook
        var when: [String: Bool]
        var stages: [String]
    }

    @Test("hooks.d/apus-oci-hook.json calls the hook for every container, with the stage that it is called in")
    func description() throws {
        let json = Scratch.contents(Program.root + "/hooks.d/apus-oci-hook.json")
        let description = try JSONDecoder().decode(Description.self, from: Data(json.utf8))
        #expect(description.version == "1.0.0")
        #expect(description.hook.path.hasPrefix("/"))
        #expect(description.hook.args.first == description.hook.path)
        #expect(description.when == ["always": true])
        #expect(description.stages == Array(description.hook.args[1...1]))
        #expect(description.stages.allSatisfy { HookStage($0) != nil })
        #expect(description.hook.timeout > 1, "the runtime must not be the first to lose patience")
    }
}
