// SPDX-License-Identifier: Apache-2.0
internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Policies

/// A GET of which only the answer's coming counts. No redirect is followed: where it leads nobody has allowed.
struct WebRequest: Sendable {
    /// Addresses of a host that are tried.
    private static let mostAddresses = 4

    private let address: WebAddress
    private let bounds: OutreachBounds
    private let roots: NIOSSLTrustRoots

    /// - Parameter roots: whose certificates are believed; usually those that the machine has.
    init(_ address: WebAddress, _ bounds: OutreachBounds, trusting roots: NIOSSLTrustRoots = .default) {
        self.address = address
        self.bounds = bounds
        self.roots = roots
    }

    /// Sent once, to the first address that takes a connection.
    /// - Throws: ``OutreachRefusal`` where `hosts` allows none of the addresses that there are.
    func send(_ lookups: NameLookups, reaching hosts: OutreachHosts) async throws {
        let known = try await lookups.addresses(of: address.host)
        // The part behind the percent sign says on which interface.
        let targets = known.filter { hosts.allows(String($0.prefix { $0 != "%" }), of: address.host) }
        guard !targets.isEmpty || known.isEmpty else {
            throw OutreachRefusal(
                "its address \(known[0]) is the machine's own, or of its link alone: such a host has to be named in "
                    + OutreachHosts.flag)
        }
        var failure: any Error = OutreachError("the host has no address")
        for target in targets.prefix(Self.mostAddresses) {
            do {
                return try await send(to: target)
            } catch  where Self.isUnconnected(error) {
                failure = error
            }
        }
        throw failure
    }

    private func send(to target: String) async throws {
        var request = HTTPClientRequest(url: address.request)
        request.headers.add(name: "User-Agent", value: "apus-agent")
        try await HTTPClient.withHTTPClient(configuration: configuration(target)) { client in
            let response = try await client.execute(request, timeout: TimeAmount(bounds.time))
            var bytes = 0
            for try await chunk in response.body {
                bytes += chunk.readableBytes
                if bytes > bounds.bytes { break }
            }
        }
    }

    private func configuration(_ target: String) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: TimeAmount(bounds.time), read: TimeAmount(bounds.time))
        configuration.connectionPool.retryConnectionEstablishment = false
        // The client's own way to look names up has no bound.
        configuration.dnsOverride = [address.host: target]
        if address.isEncrypted {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = roots
            tls.shutdownTimeout = .milliseconds(500)
            configuration.tlsConfiguration = tls
        }
        return configuration
    }

    private static func isUnconnected(_ error: any Error) -> Bool {
        switch error {
        case is NIOConnectionError, ChannelError.connectTimeout: true
        default: (error as? HTTPClientError) == .connectTimeout
        }
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) { self = .milliseconds(Int64(duration / .milliseconds(1))) }
}
