// SPDX-License-Identifier: Apache-2.0

import CLICore
import Testing

@Suite struct ColorChoiceTests {
    @Test(
        "colours are for terminals whose owners want them",
        arguments: [
            (.auto, true, [:], true),
            (.auto, false, [:], false),
            (.auto, true, ["NO_COLOR": "1"], false),
            (.auto, true, ["NO_COLOR": ""], true),
            (.auto, true, ["TERM": "dumb"], false),
            (.always, false, ["NO_COLOR": "1"], true),
            (.never, true, [:], false),
        ] as [(ColorChoice, Bool, [String: String], Bool)])
    func choices(choice: ColorChoice, isTerminal: Bool, environment: [String: String], expected: Bool) {
        #expect(choice.isColored(isTerminal: isTerminal, environment: environment) == expected)
    }
}
