// SPDX-License-Identifier: Apache-2.0

import CLICore
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct JSONFormatterTests {
    @Test func fieldNamesAreThoseOfTheProtoFiles() throws {
        let event = Samples.exit(Samples.podProcess("/bin/sh", "-c \"a b\"", inInitTree: false), status: 3)
        let expected =
            #"{"process_exit":{"process":{"pid":4711,"binary":"/bin/sh","arguments":"-c \"a b\"","#
            + #""pod":{"namespace":"shop","name":"web-1","container":{"name":"nginx"}},"docker":"0123456789abcde","#
            + #""in_init_tree":false,"container":{"id":"0123456789abcdef0123456789abcdef"}},"status":3},"#
            + #""node_name":"node-7","time":"2024-02-29T12:34:56.000000789Z"}"# + "\n"
        #expect(try JSONFormatter().format(event) == expected)
    }

    @Test func nothingInItDrivesATerminal() throws {
        let nasty = "\u{1b}[2J\n\u{9b}31m\u{202e}\u{e0041}ü\u{7f}"
        let line = try JSONFormatter().format(Samples.exec(Samples.process(nasty)))
        #expect(line.contains(#""\u001B[2J\n\u009B31m\u202E\uDB40\uDC41ü\u007F""#))

        let object = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
        #expect(object.exec.process.binary == nasty)
    }

    /// The event as another JSON implementation sees it.
    private struct Event: Decodable {
        struct Exec: Decodable { var process: Process }
        struct Process: Decodable { var binary: String }
        var exec: Exec
        enum CodingKeys: String, CodingKey { case exec = "process_exec" }
    }
}
