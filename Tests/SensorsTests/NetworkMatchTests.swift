// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What filters ask of sockets, packets and addresses, of IPv4 and of IPv6, at places that every kernel has.
    @Suite(.enabled(if: IPv6.isThere, "there is no IPv6 on the loopback")) struct NetworkMatchTests: KernelSuite {
        /// What is looked at, and where one of each family is to be had: over TCP, UDP, and in a system call.
        enum Kind: Sendable, CaseIterable {
            case sock, skb, sockaddr
        }

        struct Case: Sendable, CustomTestStringConvertible {
            var kinds: [Kind] = Kind.allCases
            var what: pol_what
            var op = POL_EQUAL
            var negated = false
            var a: UInt64 = 5
            var b: UInt64 = 0
            /// An address of 16 bytes, and how many of its bits count.
            var network: ([UInt8], UInt32)?
            var numbers: [UInt64] = []
            /// Of those that are tried.
            var families: Set<Int32>
            var testDescription: String { "\(what.rawValue) \(op.rawValue) \(negated) \(a) \(families)" }
        }

        private static let v4: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1]
        private static let v6 = [UInt8](repeating: 0, count: 15) + [1]
        private static let linkLocal = [0xfe, 0x80] + [UInt8](repeating: 0, count: 14)
        /// To where, from where; in IPv6 one more.
        private static let (to, from) = (UInt16(40_121), UInt16(40_131))
        private static let both: Set<Int32> = [AF_INET, AF_INET6]

        static let cases: [Case] = [
            .init(what: POL_ADDRESS_TO, op: POL_IN, network: (v6, 128), families: [AF_INET6]),
            .init(what: POL_ADDRESS_TO, op: POL_IN, network: (v6, 127), families: [AF_INET6]),
            .init(what: POL_ADDRESS_TO, op: POL_IN, negated: true, network: (v6, 128), families: [AF_INET]),
            .init(what: POL_ADDRESS_TO, op: POL_IN, network: (linkLocal, 10), families: []),
            .init(what: POL_ADDRESS_TO, op: POL_IN, negated: true, network: (linkLocal, 10), families: both),
            .init(what: POL_ADDRESS_TO, op: POL_IN, network: (v4, 96 + 8), families: [AF_INET]),
            .init(what: POL_ADDRESS_TO, op: POL_IN, negated: true, network: (v4, 96 + 32), families: [AF_INET6]),
            .init(what: POL_ADDRESS_TO, op: POL_IN, network: (v6, 0), families: both),
            .init(kinds: [.sock, .skb], what: POL_ADDRESS_FROM, op: POL_IN, network: (v6, 128), families: [AF_INET6]),
            .init(
                kinds: [.sock, .skb], what: POL_ADDRESS_FROM, op: POL_IN, negated: true, network: (v6, 64 + 32),
                families: [AF_INET]),
            .init(
                kinds: [.sock, .skb], what: POL_ADDRESS_FROM, op: POL_IN, network: (v4, 96 + 16), families: [AF_INET]),
            .init(what: POL_PORT_TO, a: UInt64(to), families: [AF_INET]),
            .init(what: POL_PORT_TO, negated: true, a: UInt64(to), families: [AF_INET6]),
            .init(what: POL_PORT_TO, op: POL_RANGE, a: UInt64(to + 1), b: 50_000, families: [AF_INET6]),
            .init(what: POL_PORT_TO, op: POL_IN, numbers: [1, UInt64(to), UInt64(to + 1)], families: both),
            .init(kinds: [.sock, .skb], what: POL_PORT_FROM, a: UInt64(from + 1), families: [AF_INET6]),
            .init(kinds: [.sock, .skb], what: POL_PORT_FROM, negated: true, a: UInt64(from + 1), families: [AF_INET]),
            .init(kinds: [.sock, .skb], what: POL_PORT_FROM, op: POL_RANGE, a: 0, b: 1023, families: []),
            .init(what: POL_FAMILY, a: UInt64(AF_INET6), families: [AF_INET6]),
            .init(what: POL_FAMILY, a: UInt64(AF_INET), families: [AF_INET]),
            .init(what: POL_FAMILY, op: POL_IN, numbers: [2, 10], families: both),
            .init(what: POL_FAMILY, op: POL_IN, negated: true, numbers: [1, 10], families: [AF_INET]),
            .init(kinds: [.sock], what: POL_PROTOCOL, a: 6, families: both),
            .init(kinds: [.sock], what: POL_PROTOCOL, a: 17, families: []),
            .init(kinds: [.skb], what: POL_PROTOCOL, a: 17, families: both),
            .init(kinds: [.skb], what: POL_PROTOCOL, a: 6, families: []),
            // Before the connect, and after it has failed; in between it has been sent.
            .init(kinds: [.sock], what: POL_STATE, a: 7, families: both),
            .init(kinds: [.sock], what: POL_STATE, a: 2, families: both),
            .init(kinds: [.sock], what: POL_STATE, a: 10, families: []),
            .init(kinds: [.sock], what: POL_STATE, op: POL_IN, negated: true, numbers: [2, 7], families: []),
        ]

        @Test("addresses, ports, families, protocols and states, of both families", arguments: cases)
        func matches(_ test: Case) throws {
            for kind in test.kinds {
                let hits = try trial(kind, test) { try Self.act(kind) }
                let seen = Set(hits.map { Int32($0.family) })
                #expect(seen == test.families, "\(kind)")
                if test.what == POL_STATE { #expect(hits.allSatisfy { UInt64($0.state) == test.a }) }
            }
        }

        /// What it says of those that are this test's.
        private func trial(_ kind: Kind, _ test: Case, _ action: () throws -> Void) throws -> [pol_sock] {
            var trial = PolicyTrial(at: Self.place(of: kind))
            trial.setArgument(0, Self.type(of: kind), raw: 0, offset: 24, max: 4096, isFiltered: true)
            if kind == .sockaddr {
                trial.setArgument(1, POL_I32, raw: 1, offset: 32)
                trial.shape.arguments.0.size_raw = 2
                trial.shape.arguments.0.flags |= UInt8(POL_USER.rawValue)
            } else {
                trial.shape.raw_count = kind == .sock ? 3 : 1
            }
            trial.add(test.what, 0, test.op, negated: test.negated, test.a, test.b)
            (trial.capacity.addresses, trial.capacity.numbers) = (2, 4)
            let hits = try trial.run(on: try sensors) {
                if let (address, bits) = test.network { try $0.program.insert(network: address, bits: bits, into: 5) }
                for number in test.numbers { try $0.program.insert(number: number, into: 5) }
            } _: { _ in
                try action()
            }
            return hits.compactMap { hit in
                hit.values[0]?.withUnsafeBytes { bytes in
                    bytes.count >= MemoryLayout<pol_sock>.size ? bytes.loadUnaligned(as: pol_sock.self) : nil
                }
            }.filter { Self.to...Self.to + 1 ~= $0.to_port }
        }

        private static func place(of kind: Kind) -> PolicyProgram.Place {
            switch kind {
            case .sock: .rawTracepoint("inet_sock_set_state")
            case .skb: .rawTracepoint("net_dev_queue")
            case .sockaddr: .tracepoint(subsystem: "syscalls", event: "sys_enter_connect")
            }
        }

        private static func type(of kind: Kind) -> pol_type {
            switch kind {
            case .sock: POL_SOCK
            case .skb: POL_SKB
            case .sockaddr: POL_SOCKADDR
            }
        }

        private static func act(_ kind: Kind) throws {
            let isPacket = kind == .skb
            try Acts.reach(to, from: from, isPacket ? SOCK_DGRAM : SOCK_STREAM, sending: isPacket ? "x" : nil)
            try IPv6.reach(to + 1, from: from + 1, isPacket: isPacket)
        }

        @Test("a socket that is tracked is told as its owner's, of both families, until it is no more")
        func tracked() throws {
            for (action, isOwned) in [(POL_DO_TRACK_SOCK, true), (POL_DO_UNTRACK_SOCK, false)] {
                var trial = PolicyTrial(at: .rawTracepoint("inet_sock_set_state"))
                trial.setArgument(0, POL_SOCK, raw: 0, isFiltered: true)
                trial.shape.raw_count = 3
                trial.add(POL_PORT_TO, 0, POL_RANGE, UInt64(Self.to), UInt64(Self.to + 1))
                trial.shape.tracks_sockets = 1
                trial.tracksSockets = true
                trial.act(action)
                let hits = try trial.run(on: try sensors) { _ in try Self.act(.sock) }
                #expect(hits.count == 4 && hits.allSatisfy { $0.has(POL_OF_OWNER) == isOwned })
                #expect(hits.allSatisfy { $0.fixed.image.tgid == UInt32(getpid()) })
                #expect(hits.allSatisfy { UInt32($0.fixed.action) == action.rawValue })
            }
        }

        @Test("a socket that a function returns is tracked, or is no more", .needs(anyOf: .kprobe))
        func returned() throws {
            for (action, isOwned) in [(POL_DO_TRACK_SOCK, true), (POL_DO_UNTRACK_SOCK, false)] {
                var trial = PolicyTrial(at: .function("inet_csk_accept"))
                trial.setArgument(Int(POL_RETURN.rawValue), POL_SOCK, raw: UInt8(POL_RAW_RETURN.rawValue))
                trial.shape.raw_count = 1
                trial.shape.arguments.5.flags = UInt8(POL_AT_RETURN.rawValue)
                trial.shape.has_return = 1
                trial.shape.tracks_sockets = 1
                trial.tracksSockets = true
                trial.shape.at_return.actions.0 = UInt8(action.rawValue)
                trial.values.return_actions.argument = POL_RETURN.rawValue
                let hits = try trial.run(on: try sensors) { _ in try IPv6.accept(on: Self.to) }
                let returned = try #require(hits.filter { $0.has(POL_IS_RETURN) }.only)
                #expect(returned.has(POL_OF_OWNER) == isOwned && UInt32(returned.fixed.action) == action.rawValue)
                let sock = try #require(
                    returned.values[UInt8(POL_RETURN.rawValue)]?.withUnsafeBytes { $0.loadUnaligned(as: pol_sock.self) }
                )
                #expect(Int32(sock.family) == AF_INET6 && sock.from_port == Self.to)
            }
        }
    }
}

enum IPv6 {
    static let isThere: Bool = (try? withSocket(SOCK_DGRAM, from: 0) { _ in }) != nil

    /// Binds to a port of ::1, and connects to another or sends there, whether anybody listens or not.
    static func reach(_ port: UInt16, from: UInt16, isPacket: Bool) throws {
        try withSocket(isPacket ? SOCK_DGRAM : SOCK_STREAM, from: from) { file in
            _ = Acts.withAddress(address(port)) { to, size in
                isPacket ? Int32(sendto(file, "x", 1, 0, to, size)) : connect(file, to, size)
            }
        }
    }

    /// Listens at a port of ::1, and accepts a connection of its own.
    static func accept(on port: UInt16) throws {
        try withSocket(SOCK_STREAM, from: port) { listener in
            guard listen(listener, 1) == 0 else { throw TestFailure("cannot listen: errno \(errno)") }
            try withSocket(SOCK_STREAM, from: 0) { client in
                guard Acts.withAddress(address(port), { connect(client, $0, $1) }) == 0 else {
                    throw TestFailure("cannot connect: errno \(errno)")
                }
                let accepted = Glibc.accept(listener, nil, nil)
                guard accepted >= 0 else { throw TestFailure("cannot accept: errno \(errno)") }
                close(accepted)
            }
        }
    }

    private static func withSocket(_ type: __socket_type, from: UInt16, _ body: (Int32) throws -> Void) throws {
        let file = socket(AF_INET6, Int32(type.rawValue), 0)
        guard file >= 0 else { throw TestFailure("no socket: errno \(errno)") }
        defer { close(file) }
        var one: Int32 = 1
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        guard Acts.withAddress(address(from), { bind(file, $0, $1) }) == 0 else {
            throw TestFailure("cannot bind: errno \(errno)")
        }
        try body(file)
    }

    private static func address(_ port: UInt16) -> sockaddr_in6 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) { $0[15] = 1 }
        return address
    }
}
