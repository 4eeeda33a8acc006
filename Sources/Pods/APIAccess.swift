// SPDX-License-Identifier: Apache-2.0
internal import Files

/// Where an API server is and how one is let in, as files say it at this moment.
struct APIAccess: Sendable, Equatable {
    enum Trust: Sendable, Equatable {
        case system
        /// Certificate authorities in PEM.
        case authorities([UInt8])
        case anybody
    }

    struct Certificate: Sendable, Equatable {
        /// PEM.
        var chain: [UInt8]
        var key: [UInt8]
    }

    /// `https://10.96.0.1:443`, without a slash at its end.
    var server: String
    var trust: Trust = .system
    var certificate: Certificate?
    var token: String?
}

/// Why there is no way to an API server.
package struct APIAccessError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Where the way to the API server is written. It is read again for every request, because tokens and certificates are
/// replaced while the agent runs.
package enum APIAccessSource: Sendable {
    /// The pod's own service account: `KUBERNETES_SERVICE_HOST` and `_PORT` of the environment, and the account's
    /// directory.
    case inCluster(environment: [String: String], account: String = "/var/run/secrets/kubernetes.io/serviceaccount")
    case kubeconfig(path: String)

    static let maximumFileSize = 1 << 20

    func load() throws(APIAccessError) -> APIAccess {
        switch self {
        case .inCluster(let environment, let account): try Self.inCluster(environment, account)
        case .kubeconfig(let path): try Kubeconfig.access(path)
        }
    }

    private static func inCluster(
        _ environment: [String: String], _ account: String
    ) throws(APIAccessError) -> APIAccess {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], let port = UInt16(port)
        else {
            throw APIAccessError(
                "this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; "
                    + "elsewhere --k8s-kubeconfig-path names the cluster")
        }
        let authorities = try file(account + "/ca.crt", "the cluster's certificate authority")
        return APIAccess(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", trust: .authorities(authorities),
            token: try token(account + "/token"))
    }

    static func file(_ path: String, _ what: String) throws(APIAccessError) -> [UInt8] {
        do throws(FileProblem) {
            return try SmallFile.read(path, limit: maximumFileSize)
        } catch {
            throw APIAccessError("cannot read \(what) from \(path): \(error)")
        }
    }

    static func token(_ path: String) throws(APIAccessError) -> String {
        guard let token = headerText(try file(path, "the token")) else {
            throw APIAccessError("the file \(path) holds no token")
        }
        return token
    }

    /// Without white space around it; nil where it cannot be part of a header.
    static func headerText(_ bytes: [UInt8]) -> String? {
        let isVisible = { (byte: UInt8) in (0x21...0x7e).contains(byte) }
        guard let first = bytes.firstIndex(where: isVisible), let last = bytes.lastIndex(where: isVisible),
            bytes[first...last].allSatisfy(isVisible)
        else { return nil }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
