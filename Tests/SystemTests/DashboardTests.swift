// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension SystemTests {
    /// The dashboard's queries, asked of a real Prometheus that reads a real agent.
    @Suite struct DashboardTests {
        private static let dashboard = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "deploy/grafana/apus.json")

        private struct Dashboard: Decodable {
            struct Target: Decodable { let expr: String }
            struct Panel: Decodable {
                let title: String
                let targets: [Target]
            }
            let panels: [Panel]
        }

        private struct Series: Decodable {
            let metric: [String: String]
            /// Seconds and, as a string, the number.
            let value: [Value]

            struct Value: Decodable {
                let number: Double
                init(from decoder: any Decoder) throws {
                    let container = try decoder.singleValueContainer()
                    let text = try? container.decode(String.self)
                    number = try text.map { Double($0) ?? .nan } ?? container.decode(Double.self)
                }
            }

            var amount: Double { value.last?.number ?? .nan }
        }

        @Test func everyQueryOfTheDashboardIsAnsweredWithWhatHappened() async throws {
            let (scraped, asked) = (try freePort(), try freePort())
            try await AgentProcess.with(["--metrics-server", "127.0.0.1:\(scraped)"]) { agent in
                let directory = try TemporaryDirectory()
                try """
                global: {scrape_interval: 1s, scrape_timeout: 1s}
                scrape_configs: [{job_name: apus, static_configs: [{targets: ["127.0.0.1:\(scraped)"]}]}]
                """.write(toFile: directory("prometheus.yml"), atomically: true, encoding: .utf8)
                let prometheus = try Command([
                    "prometheus", "--config.file", directory("prometheus.yml"), "--storage.tsdb.path",
                    directory("data"), "--web.listen-address", "127.0.0.1:\(asked)",
                ])
                defer { prometheus.signal(SIGKILL) }
                let ask = { (expression: String) in try await Self.ask(expression, port: asked) }
                try await eventually("Prometheus to have read the agent", within: .seconds(60)) {
                    (try? await ask("apus_ready"))?.first?.amount == 1
                }

                let before = try await ask(#"sum(apus_execs_total{origin="runtime_exec"})"#).first?.amount ?? .nan
                try await RuncContainer.with(agent) { container in
                    for _ in 0..<3 { try await container.exec("/bin/true") }
                    try await eventually("what happened to be counted", within: .seconds(60)) {
                        let now = try await ask(#"sum(apus_execs_total{origin="runtime_exec"})"#).first?.amount
                        return now.map { $0 >= before + 3 } ?? false
                    }
                    #expect(try await ask("apus_containers").first.map { $0.amount >= 1 } == true)
                }

                let panels = try JSONDecoder().decode(Dashboard.self, from: Data(contentsOf: Self.dashboard)).panels
                #expect(panels.count > 10)
                for panel in panels {
                    for target in panel.targets {
                        let answer = try await ask(target.expr.replacing("$instance", with: ".*"))
                        #expect(!answer.isEmpty, "\(panel.title): \(target.expr)")
                        #expect(answer.allSatisfy { $0.amount >= 0 }, "\(panel.title): \(answer)")
                    }
                }
            }
        }

        /// An instant query.
        private static func ask(_ expression: String, port: UInt16) async throws -> [Series] {
            let answer = try await Command.succeed([
                "promtool", "query", "instant", "-o", "json", "http://127.0.0.1:\(port)", expression,
            ])
            return try JSONDecoder().decode([Series].self, from: Data(answer.output.utf8))
        }
    }
}
