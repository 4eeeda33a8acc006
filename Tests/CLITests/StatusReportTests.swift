// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct StatusReportTests {
    private func report(_ status: Tetragon_HealthStatusResult?, details: String = "") -> StatusReport {
        StatusReport(
            server: .unix(path: "/run/apus.sock"), version: "1.2.3",
            health: .with { health in
                guard let status else { return }
                health.healthStatus = [
                    .with {
                        $0.event = .status
                        $0.status = status
                        $0.details = details
                    }
                ]
            })
    }

    @Test func running() {
        let report = report(.healthStatusRunning, details: "running")
        #expect(report.isRunning)
        #expect(report.text(isColored: false) == "server   unix:///run/apus.sock\nversion  1.2.3\nagent    running\n")
    }

    @Test func aStateIsNotSaidTwice() {
        let text = report(.healthStatusRunning, details: "running: 7 processes").text(isColored: false)
        #expect(text.hasSuffix("agent    running: 7 processes\n"))
    }

    @Test func notReady() {
        let report = report(.healthStatusUndef, details: "reading /proc")
        #expect(!report.isRunning)
        #expect(report.text(isColored: false).hasSuffix("agent    unknown: reading /proc\n"))
    }

    @Test func silentAgentIsNotRunning() {
        let report = report(nil)
        #expect(!report.isRunning)
        #expect(report.text(isColored: false).hasSuffix("agent    did not say how it is\n"))
    }

    @Test func colors() {
        #expect(report(.healthStatusError).text(isColored: true).hasSuffix("agent    \u{1b}[31merror\u{1b}[0m\n"))
    }
}
