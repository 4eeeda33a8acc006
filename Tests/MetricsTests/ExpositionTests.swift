// SPDX-License-Identifier: Apache-2.0
import Metrics
import Testing

@Suite struct ExpositionTests {
    private let plain = MetricFamily("apus_things", .gauge, "Things.")
    private let byCause = MetricFamily("apus_lost_total", .counter, "Lost.", by: .init("cause", ["a", "b"]))
    private let free = MetricFamily("apus_build_info", .gauge, "1.", by: .init("version"))

    private func text(_ body: (inout Exposition) -> Void) -> String {
        var exposition = Exposition()
        body(&exposition)
        return exposition.text
    }

    @Test func `a family is its help, its type and its series`() {
        #expect(
            text { $0.add(plain, 3) }
                == "# HELP apus_things Things.\n# TYPE apus_things gauge\napus_things 3\n")
    }

    @Test(arguments: [
        (0.0, "0"), (1, "1"), (0.25, "0.25"), (-7, "-7"), (1e15, "1000000000000000"), (.nan, "NaN"),
        (.infinity, "+Inf"), (-.infinity, "-Inf"),
    ])
    func `whole numbers are written whole`(value: Double, written: String) {
        #expect(text { $0.add(plain, value) }.hasSuffix("apus_things \(written)\n"))
    }

    @Test func `a value that is known beforehand counts 0 from the start`() {
        let lines = text { $0.add(byCause, ["b": 2]) }.split(separator: "\n").dropFirst(2)
        #expect(Array(lines) == [#"apus_lost_total{cause="b"} 2"#, #"apus_lost_total{cause="a"} 0"#])
    }

    @Test func `a label's value cannot end its line`() {
        #expect(
            text { $0.add(free, [("a\"b\\c\nd", 1)]) }.hasSuffix(#"apus_build_info{version="a\"b\\c\nd"} 1"# + "\n"))
    }

    @Test func `policies are named up to a number, and those beyond are one series`() {
        func lines(_ count: Int, more: Double = 0) -> [Substring] {
            text { $0.add(free, ofPolicies: (0..<count).map { ("p\($0)", 2) }, more: more) }.split(separator: "\n")
        }
        #expect(lines(0).count == 2)
        #expect(lines(500).count == 502 && lines(500).last == #"apus_build_info{version="p499"} 2"#)
        #expect(lines(10_000).count == 503 && lines(10_000).last == #"apus_build_info{version="(others)"} 19000"#)
        #expect(lines(1, more: 3).last == #"apus_build_info{version="(others)"} 3"#)
        #expect(lines(501, more: 3).last == #"apus_build_info{version="(others)"} 5"#)
    }

    @Test func `a selector's series have all labels, and what is of none that is named has the same`() {
        let family = MetricFamily("apus_acts_total", .counter, "Acts.", by: .init("policy"), .init("action"))
        let lines = text {
            $0.add(family, ofSelectors: [(["n/p", "a\"b"], 3)], others: [("post", 4)])
        }.split(separator: "\n")
        #expect(
            lines.dropFirst(2) == [
                #"apus_acts_total{policy="n/p",action="a\"b"} 3"#,
                #"apus_acts_total{policy="(others)",action="post"} 4"#,
            ])
    }
}
