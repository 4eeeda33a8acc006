// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct FeatureReportTests {
    private let report = FeatureReport(Samples.info)

    @Test func whatIsMissingSaysWhyAndWhatThatTakesAway() {
        #expect(
            report.text(isColored: false) == """
                FEATURE  PRESENT  WHY
                btf      yes
                kprobe   no       cannot read \\u{1b}type: No such file or directory
                                  without it: no policies on kernel functions

                """)
    }

    @Test func colors() {
        let text = report.text(isColored: true)
        #expect(text.contains("btf      \u{1b}[32myes\u{1b}[0m\n"))
        #expect(text.contains("kprobe   \u{1b}[31mno\u{1b}[0m       cannot"))
    }

    @Test func namesOfWhatIsMissing() {
        #expect(report.missing == "kprobe")
        #expect(FeatureReport(.init()).missing == nil)
    }

    /// Other agents say a name and a yes or no.
    @Test func withoutWords() {
        let plain = FeatureReport(.with { $0.probes = [.with { $0.name = "lsm" }] })
        #expect(plain.text(isColored: false) == "FEATURE  PRESENT  WHY\nlsm      no\n")
    }
}
