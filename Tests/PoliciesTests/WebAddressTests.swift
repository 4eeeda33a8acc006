// SPDX-License-Identifier: Apache-2.0
import Policies
import Testing

@Suite struct WebAddressTests {
    @Test(
        "a URL has a host",
        arguments: [
            ("http://a", "a"), ("https://a.example/", "a.example"), ("http://a.example:8080/x?y=z#w", "a.example"),
            ("http://10.0.0.1:1", "10.0.0.1"), ("http://[fd00::1]:80/x", "fd00::1"), ("https://[::1]?q", "::1"),
            ("http://A_b.example?http://c", "A_b.example"), ("http://a/%41%2f", "a"),
        ])
    func hosts(_ text: String, _ host: String) throws {
        let address = try #require(WebAddress(text))
        #expect(address.host == host && address.description == text)
        #expect(address.isEncrypted == text.hasPrefix("https"))
    }

    @Test("a fragment is nobody else's")
    func fragment() throws {
        #expect(try #require(WebAddress("http://a/b?c#d")).request == "http://a/b?c")
        #expect(try #require(WebAddress("http://a/b")).request == "http://a/b")
    }

    @Test(
        "other texts are no URLs that could be asked for",
        arguments: [
            "", "http://", "https://", "http:///x", "ftp://a", "HTTP://a", "http:a", "http://a b", "http://a/ä",
            "http://user@a/", "http://user:word@a/", "http://a:0", "http://a:65536", "http://a:+1", "http://a:x",
            "http://a:", "http://a..b", "http://[::1", "http://[10.0.0.1]", "http://[fe80::1%25eth0]", "http://[x]",
            "http://a/%4", "http://a/%zz", "http://a/%", "http://a/<b>", "http://a\\b", "http://?q", "http://#f",
            "http://[::1]x", "http://-\u{7f}", "http://" + String(repeating: "a", count: 64),
        ])
    func noURLs(_ text: String) { #expect(WebAddress(text) == nil) }

    @Test("hosts are named whole, in letters of either case")
    func outreach() {
        let hosts = OutreachHosts(["A.example", "fd00::1"])
        #expect(hosts.contains("a.EXAMPLE") && hosts.contains("a.example.") && hosts.contains("FD00::1"))
        #expect(!hosts.contains("b.a.example") && !hosts.contains("example") && !hosts.contains(""))
        #expect(!OutreachHosts.none.contains("a.example") && OutreachHosts.none.isEmpty)
        #expect(OutreachHosts([OutreachHosts.any]).contains("b") && !OutreachHosts(["*.example"]).contains("a.example"))
    }

    @Test("where all hosts are allowed the machine's own addresses, and those of its link, are not")
    func near() {
        let (all, named) = (OutreachHosts([OutreachHosts.any]), OutreachHosts(["metadata.example"]))
        let near = [
            "127.0.0.1", "127.255.1.2", "0.0.0.0", "169.254.169.254", "::1", "::", "fe80::1", "::ffff:169.254.169.254",
            "fd00:ec2::254",
        ]
        for address in near {
            #expect(!all.contains(address) && !all.allows(address, of: "metadata.example"), "\(address)")
            #expect(named.allows(address, of: "metadata.example") && !named.contains(address), "\(address)")
        }
        for address in ["10.0.0.1", "128.0.0.1", "169.255.0.1", "1.2.3.4", "fec0::1", "2001:db8::1", "fd00:ec2::253"] {
            #expect(all.contains(address) && all.allows(address, of: "a.example"), "\(address)")
        }
        #expect(!OutreachHosts.none.allows("10.0.0.1", of: "a.example"))
    }
}
