// SPDX-License-Identifier: Apache-2.0
import Testing
import TetragonAPI

@testable import Events

private typealias Sample = FilterSample

@Suite("Filters as an operator writes them")
struct FilterListTests {
    private func filter(_ allow: String = "", deny: String = "") throws(FilterError) -> EventFilter {
        try EventFilter(allow: allow, of: "--allow", deny: deny, of: "--deny")
    }

    private func complaint(_ allow: String = "", deny: String = "") -> String {
        do throws(FilterError) {
            _ = try filter(allow, deny: deny)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("an empty list asks for nothing", arguments: ["", " ", "\n\n", ",", " , \t\r\n"])
    func empty(text: String) throws {
        #expect(try filter(text, deny: text).predicate == nil)
    }

    @Test(
        "objects stand one after the other, in lines, with commas or with nothing between",
        arguments: ["\n", "", " ", ",", ",\n", "\n\n"])
    func separators(separator: String) throws {
        let text = #"{"pid": [10]}"# + separator + #"{"event_set":["PROCESS_EXIT"],"in_init_tree":false}"#
        let predicate = try #require(try filter(text).predicate)
        #expect(predicate(Sample.event()))
        #expect(predicate(Sample.event(Sample.image(pid: 11), kind: .processExit)))
        #expect(!predicate(Sample.event(Sample.image(pid: 11))))
        let denied = try #require(try filter(deny: text).predicate)
        #expect(!denied(Sample.event()) && denied(Sample.event(Sample.image(pid: 11))))
    }

    @Test("braces and quotes in strings are text, and both spellings of names are read")
    func strings() throws {
        let text = #"{"argumentsRegex": ["\\{\"}{"]}{"arguments_regex": ["\\\\$"]}"#
        let predicate = try #require(try filter(text).predicate)
        #expect(predicate(Sample.event(Sample.image(arguments: #"a{"}{"#))))
        #expect(predicate(Sample.event(Sample.image(arguments: #"C:\"#))))
        #expect(!predicate(Sample.event(Sample.image(arguments: "{}"))))
    }

    @Test(
        "what is no filter is refused with its place",
        arguments: [
            ("{", "--allow[0]: expected a filter"), ("{} {} {\"a", "--allow[2]: expected a filter"),
            ("[{}]", "--allow[0]: expected a filter"), ("binary_regex", "--allow[0]: expected a filter"),
            ("{}}", "--allow[1]: expected a filter"), (#"{"binary_regexp": ["a"]}"#, "--allow[0]: no filter in JSON"),
            (#"{} {"pid": "a"}"#, "--allow[1]: no filter in JSON"),
            (#"{"event_set": ["PROCESS_EXE"]}"#, "--allow[0]: no filter in JSON"),
            (#"{"binary_regex": ["a", "("]}"#, "--allow[0].binary_regex[1]: invalid regular expression: missing )"),
        ])
    func refusals(text: String, message: String) {
        #expect(complaint(text).hasPrefix(message), "\(complaint(text))")
        let denied = complaint("{}", deny: text)
        #expect(denied.hasPrefix(message.replacing("--allow", with: "--deny")), "\(denied)")
    }

    @Test("deep and long lists come to an end")
    func bounds() {
        let deep = String(repeating: "{", count: 100_000)
        #expect(complaint(deep).hasPrefix("--allow[0]: expected"))
        let closed = String(repeating: "{\"capabilities\":", count: 5000) + String(repeating: "}", count: 5000)
        #expect(complaint(closed).hasPrefix("--allow[0]: no filter"))
        #expect(complaint(String(repeating: "{}", count: 256)) == "")
        #expect(complaint(String(repeating: "{}", count: 257)) == "--allow: more than 256 filters")
    }
}
