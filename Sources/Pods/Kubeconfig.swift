// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// The file that kubectl and kubelets find their cluster by. What cannot be done is refused by name: taken for granted
/// it would end in a "forbidden" that nobody understands.
struct Kubeconfig: Decodable {
    private var currentContext: String?
    private var contexts: [Named<Context>]?
    private var clusters: [Named<Cluster>]?
    private var users: [Named<User>]?

    private enum CodingKeys: String, CodingKey {
        case contexts, clusters, users
        case currentContext = "current-context"
    }

    /// What stands in a list under a name and, beside it, under the name of its kind.
    private protocol Kind: Decodable {
        static var kind: String { get }
    }

    private struct Named<Value: Kind>: Decodable {
        let name: String
        let value: Value?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            name = try container.decode(String.self, forKey: AnyKey("name"))
            value = try container.decodeIfPresent(Value.self, forKey: AnyKey(Value.kind))
        }
    }

    private struct Context: Kind {
        static let kind = "context"
        var cluster: String
        var user: String?
    }

    private struct Cluster: Kind {
        static let kind = "cluster"
        var server: String
        var authority: String?
        var authorityData: String?
        var skipsVerification: Bool?
        let fields: Set<String>

        private enum CodingKeys: String, CodingKey {
            case server
            case authority = "certificate-authority"
            case authorityData = "certificate-authority-data"
            case skipsVerification = "insecure-skip-tls-verify"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            server = try container.decode(String.self, forKey: .server)
            authority = try container.decodeIfPresent(String.self, forKey: .authority)
            authorityData = try container.decodeIfPresent(String.self, forKey: .authorityData)
            skipsVerification = try container.decodeIfPresent(Flag.self, forKey: .skipsVerification)?.value
            fields = Set(try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue))
        }
    }

    private struct User: Kind {
        static let kind = "user"
        let values: [String: String]
        let fields: Set<String>

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            fields = Set(container.allKeys.map(\.stringValue))
            var values: [String: String] = [:]
            for name in [
                "token", "tokenFile", "client-certificate", "client-certificate-data", "client-key", "client-key-data",
            ] {
                values[name] = try container.decodeIfPresent(String.self, forKey: AnyKey(name))
            }
            self.values = values.filter { !$0.value.isEmpty }
        }
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    static func access(_ path: String) throws(APIAccessError) -> APIAccess {
        let bytes = try APIAccessSource.file(path, "the kubeconfig")
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw APIAccessError("the kubeconfig \(path) is not UTF-8")
        }
        do {
            let documents = try Decoding.yaml(Kubeconfig.self, text)
            guard documents.count == 1 else { throw Malformed("it is not one YAML document") }
            return try documents[0].access(File(path: path))
        } catch let error as APIAccessError {
            throw error
        } catch {
            throw APIAccessError("cannot use the kubeconfig \(path): \(error)")
        }
    }

    private struct File {
        let path: String

        /// Paths in it start from where it lies.
        func resolve(_ other: String) -> String {
            guard !other.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return other }
            return String(path[...slash]) + other
        }

        /// A field whose content is a file's, or stands there in base64 under the name with `-data`, which wins.
        func content(_ field: String, _ name: String?, _ data: String?) throws -> [UInt8]? {
            if let data, !data.isEmpty {
                guard let bytes = Data(base64Encoded: data, options: .ignoreUnknownCharacters), !bytes.isEmpty else {
                    throw Malformed("\(field)-data is not base64")
                }
                return [UInt8](bytes)
            }
            guard let name, !name.isEmpty else { return nil }
            return try APIAccessSource.file(resolve(name), "\(field) of the kubeconfig")
        }
    }

    private func access(_ file: File) throws -> APIAccess {
        guard let name = currentContext, !name.isEmpty else { throw Malformed("current-context is not set") }
        guard let context = contexts?.first(where: { $0.name == name })?.value else {
            throw Malformed("contexts has none named \"\(name)\", which current-context names")
        }
        guard let cluster = clusters?.first(where: { $0.name == context.cluster })?.value else {
            throw Malformed("clusters has none named \"\(context.cluster)\", which the context \"\(name)\" names")
        }
        try Self.refuse(["tls-server-name", "proxy-url"], in: cluster.fields, of: "cluster \"\(context.cluster)\"")
        var access = APIAccess(server: cluster.server)
        while access.server.hasSuffix("/") { access.server.removeLast() }
        guard access.server.hasPrefix("https://") || access.server.hasPrefix("http://") else {
            throw Malformed("server of cluster \"\(context.cluster)\" is no https:// address")
        }
        if cluster.skipsVerification == true {
            access.trust = .anybody
        } else if let authority = try file.content(
            "certificate-authority", cluster.authority, cluster.authorityData)
        {
            access.trust = .authorities(authority)
        }
        try addUser(of: context, to: &access, file)
        return access
    }

    private func addUser(of context: Context, to access: inout APIAccess, _ file: File) throws {
        guard let name = context.user, !name.isEmpty else { return }
        guard let user = users?.first(where: { $0.name == name })?.value else {
            throw Malformed("users has none named \"\(name)\", which the context names")
        }
        try Self.refuse(
            ["exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"],
            in: user.fields, of: "user \"\(name)\"")
        let values = user.values
        if let path = values["tokenFile"] {
            access.token = try APIAccessSource.token(file.resolve(path))
        } else if let token = values["token"] {
            access.token = APIAccessSource.headerText(Array(token.utf8))
            if access.token == nil { throw Malformed("token of user \"\(name)\" has characters that no token has") }
        }
        let chain = try file.content(
            "client-certificate", values["client-certificate"], values["client-certificate-data"])
        let key = try file.content("client-key", values["client-key"], values["client-key-data"])
        switch (chain, key) {
        case (let chain?, let key?): access.certificate = APIAccess.Certificate(chain: chain, key: key)
        case (nil, nil): break
        default: throw Malformed("user \"\(name)\" has one of client-certificate and client-key without the other")
        }
        if access.token != nil, access.server.hasPrefix("http://"), !Self.isLoopback(access.server) {
            throw Malformed("the token of user \"\(name)\" would be sent in the clear to \(access.server)")
        }
    }

    private static func refuse(_ names: [String], in fields: Set<String>, of what: String) throws(Malformed) {
        for name in names where fields.contains(name) {
            throw Malformed(
                "\(what) uses \"\(name)\", which is not supported: use token, tokenFile or client-certificate and "
                    + "client-key with a server that can be reached directly")
        }
    }

    private static func isLoopback(_ server: String) -> Bool {
        let address = server.dropFirst("http://".count)
        return ["127.0.0.1", "localhost", "[::1]"].contains { host in
            address == host || address.hasPrefix(host + ":") || address.hasPrefix(host + "/")
        }
    }
}
