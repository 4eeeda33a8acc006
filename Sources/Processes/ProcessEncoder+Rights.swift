// SPDX-License-Identifier: Apache-2.0
internal import Models
internal import Synchronization

/// What a process may do, and which namespaces it sees: tetragon.Capabilities, Namespaces and ProcessCredentials.
extension ProcessEncoder {
    static func capabilities(_ sets: CapabilitySets, _ w: inout ProtobufWriter) {
        w.packed(1, bitsOf: sets.permitted)
        w.packed(2, bitsOf: sets.effective)
        w.packed(3, bitsOf: sets.inheritable)
    }

    static func capabilities(_ sets: CapabilitySets, _ w: inout JSONWriter) {
        names("permitted", sets.permitted, &w)
        names("effective", sets.effective, &w)
        names("inheritable", sets.inheritable, &w)
    }

    private static func names(_ name: StaticString, _ set: UInt64, _ w: inout JSONWriter) {
        guard set != 0 else { return }
        let json = lastNames.withLock { last in
            if last.set != set {
                let names = CapabilitySets.names.enumerated().filter { set >> UInt64($0.offset) & 1 == 1 }
                last = (set, Array(("[" + names.map { "\"\($0.element)\"" }.joined(separator: ",") + "]").utf8))
            }
            return last.json
        }
        w.value(name, json)
    }

    /// The set that was written last: most processes have what the one before had, forty names of it twice.
    private static let lastNames = Mutex<(set: UInt64, json: [UInt8])>((0, []))

    /// Bytes that the JSON of these sets takes, roughly.
    static func jsonSize(_ sets: CapabilitySets?) -> Int {
        guard let sets else { return 0 }
        return 40 + [sets.permitted, sets.effective, sets.inheritable].reduce(0) { $0 + 20 * $1.nonzeroBitCount }
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
            guard number != 0 else { return }
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
            guard number != 0 else { return }
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

    static func namespace(_ number: UInt32, isHost: Bool, _ w: inout ProtobufWriter) {
        w.uint32(1, number)
        w.uint32(2, isHost ? 1 : 0)
    }

    static func namespace(_ number: UInt32, isHost: Bool, _ w: inout JSONWriter) {
        w.number("inum", number)
        if isHost { w.bool("is_host", true) }
    }
}
