// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events

private typealias Sample = FilterSample

@Suite("What is refused of a filter")
struct FilterRefusalTests {
    @Test(
        "a wrong value is refused with its field and position",
        arguments: [
            (#"{"binary_regex": ["("]}"#, "binary_regex[0]"),
            (#"{"binary_regex": ["a", "b", "[z-a]"]}"#, "binary_regex[2]"),
            (#"{"arguments_regex": ["a**"]}"#, "arguments_regex[0]"), (#"{"pod_regex": ["\\"]}"#, "pod_regex[0]"),
            (#"{"parent_binary_regex": ["(?<=a)b"]}"#, "parent_binary_regex[0]"),
            (#"{"parent_arguments_regex": ["(a)\\1"]}"#, "parent_arguments_regex[0]"),
            (#"{"ancestor_binary_regex": ["x{2000}"]}"#, "ancestor_binary_regex[0]"),
            (#"{"container_name_regex": ["+"]}"#, "container_name_regex[0]"),
            (#"{"namespace_regex": ["ok", ")"]}"#, "namespace_regex[1]"),
            (#"{"container_id": ["(?P<"]}"#, "container_id[0]"),
            (#"{"labels": ["a=b", "a=="]}"#, nil), (#"{"labels": ["a=b", "a=b,"]}"#, "labels[1]"),
            (#"{"event_set": ["PROCESS_EXEC", "UNDEF"]}"#, "event_set[1]"), (#"{"event_set": [99]}"#, "event_set[0]"),
        ] as [(String, String?)])
    func wrongValues(json: String, field: String?) throws {
        let error = try Sample.complaint(json)
        #expect(error?.position == field.map { "allow_list[0].\($0)" })
        #expect(error == nil || error?.kind == .invalid)
    }

    @Test("the position names list and filter too")
    func listAndFilter() throws {
        let wrong = try Sample.filter(#"{"binary_regex": ["("]}"#)
        func complaint(_ make: () throws(FilterError) -> EventFilter) -> String? {
            do throws(FilterError) {
                _ = try make()
                return nil
            } catch {
                return error.position
            }
        }
        #expect(
            complaint { () throws(FilterError) in try EventFilter(allow: [.init(), wrong]) }
                == "allow_list[1].binary_regex[0]")
        #expect(
            complaint { () throws(FilterError) in try EventFilter(deny: [wrong]) } == "deny_list[0].binary_regex[0]")
        #expect(
            complaint { () throws(FilterError) in try EventFilter(allow: [wrong], allowList: "--export-allowlist") }
                == "--export-allowlist[0].binary_regex[0]")
    }

    @Test("what this version cannot obey is refused and not ignored")
    func unsupported() throws {
        // Field 200 of Filter, of its capabilities, of one of their sets, and of a BoolValue: from a newer client.
        let unknown: [UInt8] = [0xC2, 0x0C, 0x01, 0x61]
        func nested(_ fields: [UInt8]) -> [UInt8] {
            fields.reversed().reduce(unknown) { inner, field in [field << 3 | 2, UInt8(inner.count)] + inner }
        }
        for (fields, position) in [
            ([], ""), ([11], ".capabilities"), ([11, 1], ".capabilities.permitted"), ([3], ".health_check"),
        ] as [([UInt8], String)] {
            let filter = try Tetragon_Filter(serializedBytes: nested(fields))
            let error = #expect(throws: FilterError.self) { try EventFilter(allow: [filter]) }
            #expect(error?.kind == .unsupported && error?.position == "allow_list[0]\(position)")
        }
    }

    @Test("filters, values and expressions are bounded in number and length")
    func bounds() throws {
        func isRefused(_ filters: [Tetragon_Filter]) -> Bool {
            do throws(FilterError) {
                _ = try EventFilter(allow: filters)
                return false
            } catch {
                return error.kind == .invalid
            }
        }
        #expect(!isRefused(Array(repeating: .init(), count: 256)))
        #expect(isRefused(Array(repeating: .init(), count: 257)))
        #expect(!isRefused([.with { $0.pid = Array(0..<1024) }]))
        #expect(isRefused([.with { $0.pid = Array(0...1024) }]))
        #expect(isRefused([.with { $0.pidSet = Array(0...1024) }]))
        #expect(isRefused([.with { $0.labels = Array(repeating: "a", count: 1025) }]))
        #expect(isRefused([.with { $0.eventSet = Array(repeating: .processExec, count: 1025) }]))
        #expect(!isRefused([.with { $0.binaryRegex = [String(repeating: "a", count: 4096)] }]))
        #expect(isRefused([.with { $0.binaryRegex = [String(repeating: "a", count: 4097)] }]))
        let half = Tetragon_Filter.with { $0.binaryRegex = Array(repeating: "a", count: 64) }
        #expect(!isRefused([half, half]))
        #expect(isRefused([half, half, .with { $0.podRegex = ["a"] }]))
        #expect(throws: FilterError.self) { try EventFilter(allow: [half], deny: [half, half]) }
    }

    @Test("what all regular expressions of a request may cost together is bounded, and the message says where it ends")
    func costs() throws {
        func complaint(_ patterns: [String], deny: [String] = []) -> FilterError? {
            do throws(FilterError) {
                _ = try EventFilter(
                    allow: [.with { $0.binaryRegex = patterns }], deny: [.with { $0.podRegex = deny }])
                return nil
            } catch {
                return error
            }
        }
        // One instruction a letter, about.
        let long = String(repeating: "a", count: 4000)
        #expect(complaint([long]) == nil && complaint([long], deny: [long]) == nil)
        let third = complaint([long], deny: ["a", long, long])
        #expect(third?.kind == .invalid && third?.position == "deny_list[0].pod_regex[2]")
        #expect(third?.reason.contains("8192 are the most") == true, "\(third?.reason ?? "")")

        // Of many, each has less memory than one alone.
        let middling = String(repeating: "a", count: 3000)
        let few = Array(repeating: "a", count: 127)
        #expect(complaint([middling]) == nil)
        let alone = complaint(few + [middling])
        #expect(alone?.kind == .invalid && alone?.position == "allow_list[0].binary_regex[127]")
        #expect(alone?.reason.contains("too large") == true, "\(alone?.reason ?? "")")
        #expect(complaint(few + ["a{500}"]) == nil)
    }

    @Test("a pattern that would take a backtracker for ever takes no time")
    func hostilePatterns() throws {
        let text = String(repeating: "a", count: 256 << 10) + "!"
        let event = Sample.event(Sample.image(arguments: text))
        let start = ContinuousClock.now
        for pattern in ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "^(.*a){12}$"] {
            #expect(try !Sample.matches("{\"arguments_regex\": [\"\(pattern)\"]}", event))
        }
        #expect(start.duration(to: .now) < .seconds(5))
        #expect(try Sample.complaint(#"{"arguments_regex": ["((a{100}){100}){100}"]}"#)?.kind == .invalid)
    }
}
