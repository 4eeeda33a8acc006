// SPDX-License-Identifier: Apache-2.0
import Events
import Processes
import Testing

@Suite struct RedactionFilterTests {
    @Test func `filters are JSON objects one after the other`() throws {
        let redaction = try #require(
            try Redaction(
                #"{"redact": ["--token[= ](\\S+)"]} {"binaryRegex": ["/mysql$"], "redact": ["-p(\\S+)"]}"#,
                of: "--redaction-filters"))
        #expect(redaction.redacted("--token x -py", of: "/bin/a") == "--token ***** -py")
        #expect(redaction.redacted("--token x -py", of: "/bin/mysql") == "--token ***** -p*****")
        #expect(try Redaction(" ", of: "--redaction-filters") == nil)
    }

    @Test(arguments: [
        (#"{"redact": ["("]}"#, "[0].redact[0]", "missing"), (#"{"redact": ["secret"]}"#, "[0].redact[0]", "no group"),
        (#"{}"#, "[0].redact", "no expression"),
        (#"{"redact": ["(a)"]}, {"redact": ["(a)"], "match": [{}]}"#, "[1].match", "deprecated"),
        (#"{"redact": ["(a)"], "binary_regex": ["ok", "*"]}"#, "[0].binary_regex[1]", "repetition"),
        (#"["(a)"]"#, "[0]", "JSON object"), (#"{"redakt": []}"#, "[0]", "no filter in JSON"),
    ])
    func `one that cannot be obeyed is refused with its place`(text: String, position: String, reason: String) {
        let error = #expect(throws: FilterError.self) { try Redaction(text, of: "--redaction-filters") }
        #expect(error?.position == "--redaction-filters" + position)
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }
}
