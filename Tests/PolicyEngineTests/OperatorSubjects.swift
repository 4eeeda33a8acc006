// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Something that can be done so that a value is seen.
protocol OperatorAct: Sendable {
    /// Another filter, so that others who do the like are not taken for us.
    var mark: String { get }
    /// What PORT stands for in values.
    var port: UInt16 { get }
    func perform(_ value: String) throws
}

extension OperatorAct {
    var port: UInt16 { 0 }
}

/// What a policy looks at.
enum OperatorSubject: Sendable {
    /// A path that is opened: the value is its end.
    case path
    /// The second argument of getpriority(2), as this type.
    case number(String)
    /// The number of a system call: the value says which, get or set a priority.
    case call
    /// A TCP socket that is being connected: the value is the port and the address that it comes from.
    case socket

    var hook: String {
        switch self {
        case .path:
            """
            tracepoints:
            - subsystem: syscalls
              event: sys_enter_openat
              args: [{index: 6, type: string}]
            """
        case .number(let type):
            """
            tracepoints:
            - subsystem: syscalls
              event: sys_enter_getpriority
              args: [{index: 5, type: int}, {index: 6, type: \(type)}]
            """
        case .call:
            """
            tracepoints:
            - subsystem: raw_syscalls
              event: sys_enter
              raw: true
              args: [{index: 1, type: syscall64}]
            """
        case .socket:
            """
            tracepoints:
            - subsystem: sock
              event: inet_sock_set_state
              raw: true
              args: [{index: 0, type: sock}]
            """
        }
    }

    var index: Int {
        switch self {
        case .path, .number: 6
        case .call: 1
        case .socket: 0
        }
    }

    func prepare() throws -> any OperatorAct {
        switch self {
        case .path: Opening()
        case .number: AskingForPriority()
        case .call: Calling()
        case .socket: try Connecting()
        }
    }
}

private struct Opening: OperatorAct {
    let mark = "index: 6, operator: Prefix, values: [/tmp/apus-op-]"

    func perform(_ value: String) throws {
        let file = open("/tmp/apus-op-\(value)", O_RDONLY | O_CLOEXEC)
        if file >= 0 { close(file) }
    }
}

private struct AskingForPriority: OperatorAct {
    // No such kind of owner: nothing is looked up.
    let mark = "index: 5, operator: Equal, values: ['77']"

    func perform(_ value: String) throws {
        getpriority(__priority_which_t(77), id_t(bitPattern: try #require(Int32(value))))
    }
}

private struct Calling: OperatorAct {
    // No other call of ours has a number like theirs.
    let mark = "index: 1, operator: InRange, values: ['140:141']"

    func perform(_ value: String) throws {
        if value == "get" { getpriority(__priority_which_t(77), 0) } else { setpriority(__priority_which_t(77), 0, 0) }
    }
}

/// Connects to a listener of both families on this machine.
private final class Connecting: OperatorAct {
    private let listener: Int32
    let port: UInt16
    // Once for each connection.
    let mark = "index: 0, operator: State, values: [TCP_CLOSE]"

    init() throws {
        let place = try Place("::", 0)
        listener = try place.socket()
        try #require(bind(listener, place.address, place.length) == 0 && listen(listener, 64) == 0)
        var bound = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let listener = listener
        let result = withUnsafeMutablePointer(to: &bound) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        try #require(result == 0)
        port = UInt16(bigEndian: bound.sin6_port)
    }

    deinit { close(listener) }

    /// - Parameter value: port and address to come from. Where to is the same machine, by the same family.
    func perform(_ value: String) throws {
        let words = value.split(separator: " ").map(String.init)
        let source = try Place(words[1], try #require(UInt16(words[0])))
        let destination = try Place(words[1].contains(":") ? "::1" : "127.0.0.1", port)
        let client = try source.socket()
        defer { close(client) }
        var one: Int32 = 1
        setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        // Nothing is left that waits, so that the port can be used again.
        var end = linger(l_onoff: 1, l_linger: 0)
        setsockopt(client, SOL_SOCKET, SO_LINGER, &end, socklen_t(MemoryLayout<linger>.size))
        try #require(bind(client, source.address, source.length) == 0, "\(value): errno \(errno)")
        try #require(connect(client, destination.address, destination.length) == 0, "\(value): errno \(errno)")
    }
}

/// An address of either family, and a port.
private final class Place {
    private let found: UnsafeMutablePointer<addrinfo>
    var address: UnsafeMutablePointer<sockaddr> { found.pointee.ai_addr }
    var length: socklen_t { found.pointee.ai_addrlen }

    init(_ host: String, _ port: UInt16) throws {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var result: UnsafeMutablePointer<addrinfo>?
        try #require(getaddrinfo(host, "\(port)", &hints, &result) == 0)
        found = try #require(result)
    }

    deinit { freeaddrinfo(found) }

    func socket() throws -> Int32 {
        let descriptor = Glibc.socket(
            found.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(descriptor >= 0)
        return descriptor
    }
}
