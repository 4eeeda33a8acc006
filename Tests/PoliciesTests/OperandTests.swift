// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Policies

@Suite struct OperandTests {
    private func operand(_ comparison: ArgumentOperator, _ values: String..., of type: ArgumentType) throws -> Operand {
        try Operand(values, comparison, type)
    }

    private func refusal(_ comparison: ArgumentOperator, _ values: String..., of type: ArgumentType) -> String? {
        do throws(OperandRefusal) {
            _ = try Operand(values, comparison, type)
            return nil
        } catch {
            return (error.index.map { "\($0): " } ?? "") + error.reason + (error.nearest.map { " (\($0))" } ?? "")
        }
    }

    @Test("numbers are decimal, hexadecimal or octal, within the type's range")
    func numbers() throws {
        #expect(
            try operand(.equal, "5", "-1", "0x1f", "017", "+3", "0", of: .int)
                == .numbers([5...5, -1...(-1), 31...31, 15...15, 3...3, 0...0]))
        #expect(
            try operand(.mask, "18446744073709551615", of: .uint64)
                == .numbers([18446744073709551615...18446744073709551615]))
        for (value, type) in [
            ("128", ArgumentType.int8), ("-1", .uint8), ("2147483648", .int), ("18446744073709551616", .uint64),
            ("x", .int),
            ("", .int), ("1:2", .int), ("0x", .int), ("0xg", .int), ("--1", .int), ("0x-1", .int), ("08", .int),
            ("1 ", .int), (String(repeating: "9", count: 60), .int64),
        ] {
            #expect(refusal(.equal, "0", value, of: type)?.hasPrefix("1: expected an integer from") == true, "\(value)")
        }
    }

    @Test("sets of numbers have ranges, and lists of system calls; they are decimal")
    func sets() throws {
        #expect(try operand(.inMap, "1:3", "9", "7:5", "017", of: .uint16) == .numbers([1...3, 9...9, 5...7, 17...17]))
        #expect(
            try operand(.notInMap, "list:a", "list:b", "3", of: .syscall64) == .numbers([3...3], lists: ["a", "b"]))
        #expect(try operand(.inMap, "list:a", of: .uint64) == .numbers([], lists: ["a"]))
        #expect(
            refusal(.inMap, "list:a", of: .int)
                == "0: lists are of system calls, and the argument is of type int, not syscall64")
        #expect(try operand(.inRange, "-3:4", of: .int) == .numbers([-3...4]))
        #expect(refusal(.inMap, "1:2:3", of: .int)?.hasPrefix("0: expected an integer") == true)
    }

    @Test("one number is compared by size")
    func sizes() throws {
        #expect(try operand(.greaterThan, "4096", of: .size) == .numbers([4096...4096]))
        #expect(refusal(.lessThan, "1", "2", of: .int) == "1: LessThan compares with one value, found 2")
        #expect(
            refusal(.greaterThan, "1", of: .string)
                == "GreaterThan compares numbers, and the argument is of type string")
    }

    @Test("texts are compared whole, by their beginnings or ends, up to what the kernel side holds")
    func texts() throws {
        #expect(try operand(.equal, "/etc/passwd", "", of: .file) == .texts(["/etc/passwd", ""]))
        #expect(try operand(.notPostfix, ".so", of: .path) == .texts([".so"]))
        #expect(refusal(.prefix, "", of: .string) == "0: an empty text is in every other, so Prefix says nothing")
        #expect(
            refusal(.prefix, String(repeating: "a", count: 257), of: .string)
                == "0: Prefix compares at most 256 bytes, found 257")
        #expect(
            refusal(.postfix, "a", String(repeating: "a", count: 128), of: .string)
                == "1: Postfix compares at most 127 bytes, found 128")
        #expect(refusal(.prefix, "1", of: .int) == "Prefix compares text, and the argument is of type int")
        #expect(refusal(.mask, "1", of: .file) == "Mask compares numbers, and the argument is of type file")
    }

    @Test("sockets are compared by ports, addresses, protocols, families and states")
    func sockets() throws {
        #expect(try operand(.destinationPort, "443", "1024:65535", of: .sock) == .numbers([443...443, 1024...65535]))
        #expect(try operand(.protocol, "IPPROTO_TCP", "17", of: .skb) == .numbers([6...6, 17...17]))
        #expect(try operand(.family, "AF_INET6", of: .sock) == .numbers([10...10]))
        #expect(try operand(.state, "TCP_LISTEN", of: .sock) == .numbers([10...10]))
        #expect(try operand(.privilegedSourcePort, of: .sock) == .nothing)
        #expect(refusal(.sourcePort, "65536", of: .sock)?.hasPrefix("0: expected a port such as 443") == true)
        #expect(
            refusal(.protocol, "IPPROTO_TPC", of: .sock)
                == "0: expected a protocol such as IPPROTO_TCP, found \"IPPROTO_TPC\" (IPPROTO_TCP)")
        #expect(
            refusal(.destinationAddress, "10.0.0.1", of: .int)
                == "DAddr compares sockets and packets, and the argument is of type int")
        #expect(refusal(.equal, "1", of: .sock) == "Equal cannot compare an argument of type sock")
        #expect(refusal(.equal, "1", of: .credentials) == "Equal cannot compare an argument of type cred")
    }

    @Test("what a tracepoint's field is, its format says: its values are kept as they are")
    func unknown() throws {
        #expect(try operand(.equal, "x", of: .auto) == .unread(["x"]))
    }

    @Test(
        "networks",
        arguments: [
            ("10.1.2.3", [10, 1, 2, 3], 32), ("10.0.0.0/8", [10, 0, 0, 0], 8), ("0.0.0.0/0", [0, 0, 0, 0], 0),
            ("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128),
            ("fd00::/8", [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8),
            ("::ffff:10.0.0.1", [10, 0, 0, 1], 32),
            ("::ffff:10.0.0.0/104", [10, 0, 0, 0], 8),
        ] as [(String, [UInt8], Int)])
    func networks(text: String, address: [UInt8], prefixLength: Int) throws {
        let network = try #require(Network(text))
        #expect(network.address == address && network.prefixLength == prefixLength)
    }

    @Test(
        "what is no network",
        arguments: [
            "", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+1", "10.0.0.0/8/8",
            "::/129", "x",
            "10.0.0.1\0", "1.2.3.4%eth0",
        ])
    func noNetworks(text: String) {
        #expect(Network(text) == nil)
    }
}
