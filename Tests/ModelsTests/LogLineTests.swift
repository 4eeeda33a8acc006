// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct LogLineTests {
    @Test(
        "What is not plain is quoted and escaped",
        arguments: [
            ("plain", "plain"),
            ("unix:///var/run/x.sock", "unix:///var/run/x.sock"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("say \"hi\"", #""say \"hi\"""#),
            (#"back\slash"#, #""back\\slash""#),
            ("line\nlevel=error", #""line\nlevel=error""#),
            ("\u{1b}[2J", #""\x1b[2J""#),
            ("é", #""\xc3\xa9""#),
        ])
    func quotes(value: String, written: String) {
        var line = LogLine()
        line.add("key", value)
        #expect(line.text == "key=" + written)
    }

    @Test("Long values are cut")
    func cuts() {
        var line = LogLine()
        line.add("a", String(repeating: "x", count: 600))
        line.add("b", "y")
        #expect(line.text == "a=\"" + String(repeating: "x", count: 512) + "...\" b=y")
    }
}
