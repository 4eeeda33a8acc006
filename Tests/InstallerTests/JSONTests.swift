// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Installer

@Suite struct JSONTests {
    @Test func orderNumbersAndTextSurvive() throws {
        let text = #"{"z":18446744073709551615,"a":[1.50,-0e+7,true,false,null,{}],"é\n\"\\":"\ud83d\ude80\u0001\/"}"#
        let value = try JSONParser.parse(Array(text.utf8), name: "it")
        #expect(value.line == #"{"z":18446744073709551615,"a":[1.50,-0e+7,true,false,null,{}],"é\n\"\\":"🚀\u0001/"}"#)
        #expect(try JSONParser.parse(Array(value.text.utf8), name: "it") == value)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "01", "1.", "+1", "nul", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\\ud800\"",
        "\"\n\"",
        "[1] 2", "{\"a\":1,\"a\":2}", "{a:1}", "\"", "\"\\", "-", "1e", "{\"a\"}", "\u{feff}1",
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect { try JSONParser.parse(Array(text.utf8), name: "spec.json") } throws: {
            "\($0)".hasPrefix("spec.json is no JSON that can be edited: ")
        }
    }

    @Test func depthAndEncodingAreBounded() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: InstallerError.self) { try JSONParser.parse(Array(deep.utf8), name: "it") }
        #expect(throws: InstallerError.self) { try JSONParser.parse([0x22, 0xff, 0x22], name: "it") }
    }
}
