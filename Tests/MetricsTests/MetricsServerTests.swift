// SPDX-License-Identifier: Apache-2.0
import Glibc
import Metrics
import Models
import Testing

@Suite struct MetricsServerTests {
    private static let family = MetricFamily("apus_things", .gauge, "Things.")

    private func withServer(_ body: (_ port: Int) async throws -> Void) async throws {
        let server = try await MetricsServer(address: .tcp(host: "127.0.0.1", port: 0)) {
            var exposition = Exposition()
            exposition.add(Self.family, 3)
            return exposition
        }
        let port = try #require(server.port)
        let running = Task { try await server.run() }
        defer { running.cancel() }
        try await body(port)
    }

    private func answer(_ port: Int, _ request: String) -> String {
        let descriptor = connected(to: port)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        _ = request.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        var answer: [UInt8] = []
        while true {
            var part = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &part, part.count, 0)
            if count <= 0 { return String(decoding: answer, as: UTF8.self) }
            answer += part[..<count]
        }
    }

    private func connected(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout.size(ofValue: address))
        var wait = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout.size(ofValue: wait)))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        return result == 0 ? descriptor : -1
    }

    @Test func `a scrape is answered in Prometheus's text`() async throws {
        try await withServer { port in
            let answer = answer(port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(
                answer.contains("Connection: close\r\n")
                    && answer.hasSuffix(
                        "\r\n\r\n# HELP apus_things Things.\n"
                            + "# TYPE apus_things gauge\napus_things 3\n")
            )
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1", "404"), ("GET /metrics/x HTTP/1.1", "404"), ("POST /metrics HTTP/1.1", "405"),
        ("GET /metrics?x=y HTTP/1.1", "200"), ("HEAD /metrics HTTP/1.1", "200"), ("nonsense", "400"),
    ])
    func `what is no scrape has its status`(line: String, status: String) async throws {
        try await withServer { port in
            let answer = answer(port, "\(line)\r\nHost: x\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            if line.hasPrefix("HEAD") { #expect(answer.hasSuffix("\r\n\r\n")) }
        }
    }

    @Test func `connections that say nothing keep no scrape out, and end`() async throws {
        try await withServer { port in
            let idle = (0..<40).map { _ in connected(to: port) }
            defer { for descriptor in idle { close(descriptor) } }
            for _ in 0..<3 {
                #expect(answer(port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            }
            // The oldest have given way, and the youngest do after ten seconds.
            #expect(idle.prefix(8).allSatisfy { isEnded($0, within: .zero) })
            #expect(!isEnded(idle[39], within: .zero))
            #expect(isEnded(idle[39], within: .seconds(20)))
        }
    }

    /// Whether the server has closed a connection on which it has said nothing.
    private func isEnded(_ descriptor: Int32, within limit: Duration) -> Bool {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&event, 1, Int32(limit.components.seconds * 1000)) == 1 else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) <= 0
    }

    @Test func `an address that is taken is told`() async throws {
        try await withServer { port in
            let error = await #expect(throws: MetricsServerError.self) {
                _ = try await MetricsServer(address: .tcp(host: "127.0.0.1", port: UInt16(port))) { Exposition() }
            }
            #expect(error?.description.contains("cannot serve metrics on 127.0.0.1:\(port)") == true)
        }
    }
}
