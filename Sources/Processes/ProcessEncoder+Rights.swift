// SPDX-License-Identifier: Apache-2.0
internal import Models

/// What a process may do, and which namespaces it sees: tetragon.Capabilities, Namespaces and ProcessCredentials.
extension ProcessEncoder {
    static func capabilities(_ sets: CapabilitySets, _ w: inout ProtobufWriter) {
        w.packed(1, bitsOf: sets.permitted)
        w.packed(2, bitsOf: sets.effective)
        w.packed(3, bitsOf: sets.inheritable)
    }

    static func capabilities(_ sets: CapabilitySets, _ w: inout JSONWriter) {
        w.names("permitted", CapabilitySets.names, bitsOf: sets.permitted)
        w.names("effective", CapabilitySets.names, bitsOf: sets.effective)
        w.names("inheritable", CapabilitySets.names, bitsOf: sets.inheritable)
    }

    static func namespaces(_ own: NamespaceNumbers, host: NamespaceNumbers, _ w: inout ProtobufWriter) {
        for (index, (number, hosts)) in zip(own.numbers, host.numbers).enumerated() where number != 0 {
            w.message(UInt32(index) + 1) { namespace(number, isHost: number == hosts, &$0) }
        }
    }

    static func namespaces(_ own: NamespaceNumbers, host: NamespaceNumbers, _ w: inout JSONWriter) {
        for (name, (number, hosts)) in zip(NamespaceNumbers.names, zip(own.numbers, host.numbers)) where number != 0 {
            w.object(name) { namespace(number, isHost: number == hosts, &$0) }
        }
    }

    static func credentials(
        _ credentials: Credentials, _ capabilities: CapabilitySets?, host: NamespaceNumbers, _ w: inout ProtobufWriter
    ) {
        for (field, id) in ids(credentials).enumerated() { w.wrapped(UInt32(field) + 1, id.value) }
        var securebits = ProtobufWriter()
        for bit in Credentials.securebitNames.indices where credentials.securebits >> UInt32(bit) & 1 == 1 {
            securebits.varint(1 << UInt64(bit))
        }
        if !securebits.bytes.isEmpty {
            w.lengthDelimited(9, count: securebits.bytes.count)
            w.bytes.append(contentsOf: securebits.bytes)
        }
        if let capabilities { w.message(10) { self.capabilities(capabilities, &$0) } }
        w.message(11) {
            $0.wrapped(1, credentials.namespaceLevel)
            $0.wrapped(2, credentials.namespaceOwner.user)
            $0.wrapped(3, credentials.namespaceOwner.group)
            let number = credentials.namespace
            $0.message(4) { namespace(number, isHost: host.hasUserNamespace(number), &$0) }
        }
    }

    static func credentials(
        _ credentials: Credentials, _ capabilities: CapabilitySets?, host: NamespaceNumbers, _ w: inout JSONWriter
    ) {
        for id in ids(credentials) { w.wrapped(id.name, id.value) }
        w.names("securebits", Credentials.securebitNames, bitsOf: UInt64(credentials.securebits))
        if let capabilities { w.object("caps") { self.capabilities(capabilities, &$0) } }
        w.object("user_ns") {
            $0.wrapped("level", credentials.namespaceLevel)
            $0.wrapped("uid", credentials.namespaceOwner.user)
            $0.wrapped("gid", credentials.namespaceOwner.group)
            let number = credentials.namespace
            $0.object("ns") { namespace(number, isHost: host.hasUserNamespace(number), &$0) }
        }
    }

    /// In the order of the API's fields.
    private static func ids(_ credentials: Credentials) -> [(name: StaticString, value: UInt32)] {
        let (user, group) = (credentials.user, credentials.group)
        return [
            ("uid", user.real), ("gid", group.real), ("euid", user.effective), ("egid", group.effective),
            ("suid", user.saved), ("sgid", group.saved), ("fsuid", user.fileSystem), ("fsgid", group.fileSystem),
        ]
    }

    private static func namespace(_ number: UInt32, isHost: Bool, _ w: inout ProtobufWriter) {
        w.uint32(1, number)
        w.uint32(2, isHost ? 1 : 0)
    }

    private static func namespace(_ number: UInt32, isHost: Bool, _ w: inout JSONWriter) {
        w.number("inum", number)
        if isHost { w.bool("is_host", true) }
    }
}
