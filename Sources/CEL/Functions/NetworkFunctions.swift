// SPDX-License-Identifier: Apache-2.0

// ip, cidr and what is asked of them, as Kubernetes has it

extension Library {
    mutating func addNetwork() {
        unary("ip", [overload(.string, to: .ip), overload(.ip, to: .ip)]) { a, _ throws(EvaluationError) in
            if case .ip = a { return a }
            return .ip(try Network.address(a, "ip"))
        }
        unary("isIP", [overload(.string, to: .bool)]) { a, _ throws(EvaluationError) in
            guard case .string(let text) = a else { throw .noSuchOverload("isIP") }
            return .bool((try? IPAddress(text.bytes)) != nil)
        }
        unary("ip.isCanonical", [overload(.string, to: .bool)]) { a, _ throws(EvaluationError) in
            guard case .string(let text) = a else { throw .noSuchOverload("ip.isCanonical") }
            return .bool(ByteString(try Network.address(a, "ip.isCanonical").description) == text)
        }
        unary("cidr", [overload(.string, to: .cidr), overload(.cidr, to: .cidr)]) { a, _ throws(EvaluationError) in
            if case .cidr = a { return a }
            return .cidr(try Network.network(a, "cidr"))
        }
        unary("isCIDR", [overload(.string, to: .bool)]) { a, _ throws(EvaluationError) in
            guard case .string(let text) = a else { throw .noSuchOverload("isCIDR") }
            return .bool((try? CIDR(text.bytes)) != nil)
        }
        addAddressTest("isUnspecified") { $0.isUnspecified }
        addAddressTest("isLoopback") { $0.isLoopback }
        addAddressTest("isLinkLocalMulticast") { $0.isLinkLocalMulticast }
        addAddressTest("isLinkLocalUnicast") { $0.isLinkLocalUnicast }
        addAddressTest("isGlobalUnicast") { $0.isGlobalUnicast }
        unary("family", member: true, [overload(.ip, to: .int)]) { a, _ throws(EvaluationError) in
            guard case .ip(let address) = a else { throw .noSuchOverload("family") }
            return .int(address.family)
        }
        addNetworkPart("ip", .ip) { .ip($0.address) }
        addNetworkPart("masked", .cidr) { .cidr($0.masked) }
        addNetworkPart("prefixLength", .int) { .int(Int64($0.prefixLength)) }
        binary("containsIP", member: true, [overload(.cidr, .ip, to: .bool), overload(.cidr, .string, to: .bool)]) {
            a, b, _ throws(EvaluationError) in
            guard case .cidr(let network) = a else { throw .noSuchOverload("containsIP") }
            if case .ip(let address) = b { return .bool(network.contains(address)) }
            return .bool(network.contains(try Network.address(b, "containsIP")))
        }
        binary(
            "containsCIDR", member: true, [overload(.cidr, .cidr, to: .bool), overload(.cidr, .string, to: .bool)]
        ) { a, b, _ throws(EvaluationError) in
            guard case .cidr(let network) = a else { throw .noSuchOverload("containsCIDR") }
            if case .cidr(let other) = b { return .bool(network.contains(other)) }
            return .bool(network.contains(try Network.network(b, "containsCIDR")))
        }
    }

    private mutating func addAddressTest(_ name: String, _ isTrue: @escaping @Sendable (IPAddress) -> Bool) {
        unary(name, member: true, [overload(.ip, to: .bool)]) { a, _ throws(EvaluationError) in
            guard case .ip(let address) = a else { throw .noSuchOverload(name) }
            return .bool(isTrue(address))
        }
    }

    private mutating func addNetworkPart(
        _ name: String, _ type: ValueType, _ part: @escaping @Sendable (CIDR) -> Value
    ) {
        unary(name, member: true, [overload(.cidr, to: type)]) { a, _ throws(EvaluationError) in
            guard case .cidr(let network) = a else { throw .noSuchOverload(name) }
            return part(network)
        }
    }
}

private enum Network {
    static func address(_ value: Value, _ function: String) throws(EvaluationError) -> IPAddress {
        guard case .string(let text) = value else { throw .noSuchOverload(function) }
        do throws(IPAddress.ParseError) {
            return try IPAddress(text.bytes)
        } catch {
            throw complaint(text, error, "IP address")
        }
    }

    static func network(_ value: Value, _ function: String) throws(EvaluationError) -> CIDR {
        guard case .string(let text) = value else { throw .noSuchOverload(function) }
        do throws(IPAddress.ParseError) {
            return try CIDR(text.bytes)
        } catch {
            throw complaint(text, error, "CIDR")
        }
    }

    private static func complaint(_ text: ByteString, _ error: IPAddress.ParseError, _ what: String) -> EvaluationError
    {
        let shown = String(text.string.prefix(64))
        return switch error {
        case .malformed: .invalidArgument("'\(shown)' is no \(what)")
        case .zone: .invalidArgument("'\(shown)' has a zone, which an \(what) must not")
        case .mapped: .invalidArgument("'\(shown)' is an IPv4 address in an IPv6 one, which is not allowed")
        }
    }
}
