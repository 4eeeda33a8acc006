// SPDX-License-Identifier: Apache-2.0

/// The wire's formats once more, from the protocol's text and apart from the plugin's own code, so that a mistake there
/// has no twin here.
enum Wire {
    static let plugin: UInt32 = 1
    static let runtime: UInt32 = 2

    static func number(_ value: Int) -> [UInt8] {
        [UInt8(value >> 24 & 255), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func varint(_ value: Int) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7)
    }

    /// A protobuf field of bytes, or of another message.
    static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(bytes.count) + bytes
    }

    static func field(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

    static func field(_ number: Int, integer: Int) -> [UInt8] { varint(number << 3) + varint(integer) }

    static func frame(_ type: UInt8, stream: Int, flags: UInt8 = 0, _ payload: [UInt8]) -> [UInt8] {
        number(payload.count) + number(stream) + [type, flags] + payload
    }

    static func piece(_ channel: UInt32, _ bytes: [UInt8]) -> [UInt8] {
        number(Int(channel)) + number(bytes.count) + bytes
    }

    static func request(_ method: String, _ payload: [UInt8] = [], service: String = "Plugin") -> [UInt8] {
        field(1, "nri.pkg.api.v1alpha1." + service) + field(2, method) + (payload.isEmpty ? [] : field(3, payload))
    }

    /// A response without a status.
    static func response(_ payload: [UInt8]) -> [UInt8] { payload.isEmpty ? [] : field(2, payload) }

    /// CreateContainerRequest.
    static func container(
        id: String = "3f9c", name: String = "app", pod: String = "shop-1", namespace: String = "shop",
        hooks: [UInt8] = []
    ) -> [UInt8] {
        field(1, field(1, "pod-id") + field(2, pod) + field(4, namespace))
            + field(2, field(1, id) + field(3, name) + (hooks.isEmpty ? [] : field(10, hooks)))
    }

    /// CreateContainerResponse with one hook. List 2 of Hooks is createRuntime, list 3 createContainer.
    static func adjustment(list: Int = 2, path: String, arguments: [String], timeout: Int) -> [UInt8] {
        let hook = field(1, path) + arguments.flatMap { field(2, $0) } + field(4, field(1, integer: timeout))
        return field(1, field(5, field(list, hook)))
    }

    /// What a plugin without flags asks for.
    static let usualAdjustment = adjustment(
        path: "/usr/local/bin/apus-oci-hook", arguments: ["apus-oci-hook", "createRuntime"] + spool, timeout: 5)
}

/// What every call of the hook is told.
let spool = ["--spool-dir", "/var/lib/apus/spool"]
