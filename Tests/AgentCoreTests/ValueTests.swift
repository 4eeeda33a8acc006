// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@testable import AgentCore

@Suite struct ValueTests {
    @Test(arguments: [
        ("0", 0), ("65536", 65536), ("64K", 65536), ("8M", 8 << 20), ("8m", 8 << 20), ("1G", 1 << 30),
    ])
    func sizesAreRead(_ text: String, _ bytes: Int) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test(arguments: ["", "K", "-1", "1T", "1 K", "1.5M", "9999999999999G"])
    func otherTextsAreNoSizes(_ text: String) { #expect(ByteSize(text) == nil) }

    @Test(arguments: [("8M", "8M"), ("1024", "1K"), ("1000", "1000"), ("0", "0")])
    func sizesAreWrittenAsPeopleDo(_ text: String, _ written: String) {
        #expect(ByteSize(text).map { "\($0)" } == written)
    }

    @Test(
        "a length of time is read and written as people do",
        arguments: [
            ("0", 0, "0"), ("0s", 0, "0"), ("90s", 90_000, "1m30s"), ("1h30m", 5_400_000, "1h30m"),
            ("500ms", 500, "500ms"),
            ("24h", 86_400_000, "24h"), ("1m1m", 120_000, "2m"),
        ])
    func intervals(_ text: String, _ milliseconds: UInt64, _ written: String) {
        #expect(Interval(text)?.milliseconds == milliseconds)
        #expect(Interval(text).map { "\($0)" } == written)
    }

    @Test(
        "other texts are no lengths of time",
        arguments: ["", "1", "s", "-1s", "1.5h", "1 s", "1d", "1h30", "99999999999999999999s", "9999999999999999h"])
    func noIntervals(_ text: String) { #expect(Interval(text) == nil) }

    @Test(arguments: [
        ("unix:///run/a.sock", ListenAddress.unix(path: "/run/a.sock")),
        ("unix:/run/a.sock", .unix(path: "/run/a.sock")),
        ("localhost:54321", .tcp(host: "localhost", port: 54321)),
        ("[::1]:1", .tcp(host: "::1", port: 1)),
    ])
    func addressesAreRead(_ text: String, _ address: ListenAddress) {
        #expect(ListenAddress(text) == address)
        #expect(ListenAddress("\(address)") == address)
    }

    @Test(arguments: [
        "", "unix:", "unix://", "unix:relative", "unix://host/path", "unix:///", "unix:///dir/", "/run/a.sock", "host",
        ":1", "host:", "host:65536", "host:x", "::1:80", "unix:///" + String(repeating: "x", count: 107),
    ])
    func otherTextsAreNoAddresses(_ text: String) { #expect(ListenAddress(text) == nil) }
}
