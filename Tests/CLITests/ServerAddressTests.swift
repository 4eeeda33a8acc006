// SPDX-License-Identifier: Apache-2.0

import CLICore
import Testing

@Suite struct ServerAddressTests {
    @Test(
        "addresses",
        arguments: [
            ("unix:///run/apus.sock", .unix(path: "/run/apus.sock")),
            ("unix:/run/apus.sock", .unix(path: "/run/apus.sock")),
            ("localhost:54321", .tcp(host: "localhost", port: 54321)),
            ("10.0.0.1:1", .tcp(host: "10.0.0.1", port: 1)),
            ("[::1]:65535", .tcp(host: "::1", port: 65535)),
        ] as [(String, ServerAddress)])
    func addresses(text: String, expected: ServerAddress) throws {
        #expect(try ServerAddress(parsing: text) == expected)
    }

    @Test(
        "what is no address",
        arguments: [
            ("localhost", "there is no port"),
            ("localhost:http", "the port is not a number from 1 to 65535"),
            ("localhost:65536", "the port is not a number from 1 to 65535"),
            (":80", "there is no host"),
            ("::1:80", "an IPv6 address stands in brackets"),
            ("unix://run/apus.sock", "the path is not absolute"),
            (
                "unix:///" + String(repeating: "x", count: 107),
                "the path is longer than the 107 bytes of a socket's name"
            ),
        ])
    func refusals(text: String, reason: String) {
        #expect {
            try ServerAddress(parsing: text)
        } throws: { error in
            "\(error)" == "\(text) is no server address: \(reason); expected unix:///path or host:port"
        }
    }

    @Test func anAddressIsWrittenAsItIsRead() throws {
        for text in ["unix:///run/a.sock", "localhost:1", "[::1]:2"] {
            #expect(try ServerAddress(parsing: text).description == text)
        }
    }
}
