// SPDX-License-Identifier: Apache-2.0
internal import AsyncHTTPClient
internal import Models
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Requests to the API server: a connection for each, because there is one in some minutes and files that they rest on
/// may have changed.
struct APIClient {
    /// Of a list's page, and of an error's body.
    static let maximumPage = 16 << 20
    static let maximumError = 64 << 10

    let access: APIAccess
    /// Of the objects: `/api/v1/pods`.
    let path: String
    let timing: APITiming

    /// One page of a list; all of it must be there in time.
    func page<Object: Decodable>(of _: Object.Type, _ query: [(String, String)]) async throws -> ListPage<Object> {
        let clock = ContinuousClock()
        let deadline = clock.now + timing.list
        let bytes = try await get(query, idle: timing.list) { response in
            var bytes: [UInt8] = []
            for try await chunk in response.body {
                guard chunk.readableBytes <= Self.maximumPage - bytes.count else {
                    throw APIError.tooLarge(limit: Self.maximumPage)
                }
                bytes += chunk.readableBytesView
                if clock.now > deadline { throw APIError.failed("the list took longer than \(timing.list)") }
            }
            try Task.checkCancellation()
            return bytes
        }
        return try Decoding.json(ListPage<Object>.self, bytes)
    }

    /// Calls with the bytes of a watch as they come, until the server ends it, its time is over, or nothing came for
    /// as long as a sound server sends a bookmark at least.
    func watch(_ query: [(String, String)], _ take: (ByteBufferView) async throws -> Void) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + timing.watch * 3
        do {
            try await get(query, idle: timing.idle) { response in
                for try await chunk in response.body {
                    try await take(chunk.readableBytesView)
                    if clock.now > deadline { break }
                }
            }
        } catch let error as HTTPClientError where error == .readTimeout {
            // Nothing happened, or the connection is dead and nobody said so: a new one tells.
        }
        try Task.checkCancellation()
    }

    private func get<Result>(
        _ query: [(String, String)], idle: Duration, _ body: (HTTPClientResponse) async throws -> Result
    ) async throws -> Result {
        var request = HTTPClientRequest(url: access.server + path + "?" + Self.encoded(query))
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "apus-agent")
        if let token = access.token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return try await HTTPClient.withHTTPClient(configuration: configuration(idle)) { client in
            let response = try await client.execute(request, timeout: TimeAmount(timing.list))
            guard response.status == .ok else { throw await Self.error(response) }
            return try await body(response)
        }
    }

    private func configuration(_ idle: Duration) throws -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: TimeAmount(timing.connect), read: TimeAmount(idle))
        // Who redirects would get the token.
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // How long to wait before the next try is decided by the caller.
        configuration.connectionPool.retryConnectionEstablishment = false
        if access.server.hasPrefix("https://") { configuration.tlsConfiguration = try tlsConfiguration() }
        return configuration
    }

    private func tlsConfiguration() throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        // A server that does not say goodbye shall not hold up who wants to end.
        tls.shutdownTimeout = .milliseconds(500)
        switch access.trust {
        case .system: break
        case .anybody: tls.certificateVerification = .none
        case .authorities(let pem):
            guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), !certificates.isEmpty else {
                throw APIError.failed("the certificate authority holds no PEM certificate")
            }
            tls.trustRoots = .certificates(certificates)
        }
        if let certificate = access.certificate {
            guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificate.chain), !chain.isEmpty else {
                throw APIError.failed("client-certificate holds no PEM certificate")
            }
            guard let key = try? NIOSSLPrivateKey(bytes: certificate.key, format: .pem) else {
                throw APIError.failed("client-key holds no unencrypted PEM key")
            }
            tls.certificateChain = chain.map { .certificate($0) }
            tls.privateKey = .privateKey(key)
        }
        return tls
    }

    private static func error(_ response: HTTPClientResponse) async -> APIError {
        let code = Int(response.status.code)
        let unexplained = APIStatus(message: response.status.reasonPhrase)
        guard let body = try? await response.body.collect(upTo: maximumError),
            var status = try? Decoding.json(APIStatus.self, Array(body.readableBytesView))
        else { return APIError(unexplained, code: code) }
        // What HTTP says counts.
        status.code = code
        return APIError(status, code: code)
    }

    /// Everything that is not a plain letter or digit is escaped.
    private static func encoded(_ query: [(String, String)]) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        let escape = { (byte: UInt8) -> String in
            let hex = String(byte, radix: 16, uppercase: true)
            return plain.contains(byte) ? String(Unicode.Scalar(byte)) : "%" + (byte < 16 ? "0" : "") + hex
        }
        return query.map { $0 + "=" + $1.utf8.map(escape).joined() }.joined(separator: "&")
    }
}

/// How long things may take.
package struct APITiming: Sendable {
    package var connect = Duration.seconds(10)
    /// A page, and an answer's head.
    package var list = Duration.seconds(30)
    /// A server sends a bookmark about every minute.
    package var idle = Duration.seconds(150)
    /// The server is asked to end a watch after this time, or up to twice as much.
    package var watch = Duration.seconds(300)
    package var firstBackoff = Duration.seconds(1)
    package var longestBackoff = Duration.seconds(60)

    package init() {}
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) {
        self = .milliseconds(Int64(duration / .milliseconds(1)))
    }
}
