// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What rows of the table of argument types do, each to one hook.
enum Acts {
    static func open(_ path: String, _ flags: Int32 = O_RDONLY | O_CLOEXEC) {
        let file = Glibc.open(path, flags, 0o600)
        if file >= 0 { close(file) }
    }

    /// A file with these bytes, at a path of its own.
    static func withFile(_ path: String, _ bytes: String = "abcdef", _ body: (Int32) throws -> Void) throws {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw TestFailure("cannot make \(path): errno \(errno)") }
        defer {
            close(file)
            unlink(path)
        }
        _ = bytes.withCString { Glibc.write(file, $0, strlen($0)) }
        try body(file)
    }

    static func withNull(_ body: (Int32) throws -> Void) throws {
        let file = Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw TestFailure("cannot open /dev/null: errno \(errno)") }
        defer { close(file) }
        try body(file)
    }

    static func write(_ text: String, of size: Int? = nil) throws {
        try withNull { file in _ = text.withCString { Glibc.write(file, $0, size ?? strlen($0)) } }
    }

    static func writePieces(_ pieces: [[UInt8]]) throws {
        let copies = pieces.map { UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max($0.count, 1)) }
        defer { copies.forEach { $0.deallocate() } }
        var vector: [iovec] = []
        for (copy, piece) in zip(copies, pieces) {
            _ = copy.update(fromContentsOf: piece)
            vector.append(iovec(iov_base: copy.baseAddress, iov_len: piece.count))
        }
        try withNull { file in _ = writev(file, vector, Int32(vector.count)) }
    }

    static func address(_ port: UInt16, _ host: (UInt8, UInt8, UInt8, UInt8) = (127, 0, 0, 1)) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: [host.0, host.1, host.2, host.3]) }
        return address
    }

    static func withAddress<Address, Result>(
        _ address: Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafeBytes(of: address) {
            body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
    }

    /// Binds to the first port, and connects to the second or sends there, whether anybody listens or not.
    static func reach(_ port: UInt16, from: UInt16, _ type: __socket_type, sending text: String? = nil) throws {
        let file = socket(AF_INET, Int32(type.rawValue), 0)
        guard file >= 0 else { throw TestFailure("no socket: errno \(errno)") }
        defer { close(file) }
        var one: Int32 = 1
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        guard withAddress(address(from), { bind(file, $0, $1) }) == 0 else {
            throw TestFailure("cannot bind: errno \(errno)")
        }
        if let text {
            _ = withAddress(address(port)) { to, size in
                text.withCString { sendto(file, $0, strlen($0), 0, to, size) }
            }
        } else {
            _ = withAddress(address(port)) { connect(file, $0, $1) }
        }
    }

    /// - Parameter name: a path, or a name behind a NUL.
    static func unix(_ name: String, _ act: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) throws {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw TestFailure("no socket: errno \(errno)") }
        defer { close(file) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
        // A path's length may count its NUL, a name's must not.
        let size = 2 + name.utf8.count + (name.utf8.first == 0 ? 0 : 1)
        _ = withAddress(address) { to, _ in act(file, to, socklen_t(size)) }
    }

    /// bpf(2), with words of its attributes by their index.
    @discardableResult
    static func bpf(_ command: Int, _ words: [Int: UInt32], name: String = "", at nameOffset: Int = 48) -> Int {
        var attributes = [UInt8](repeating: 0, count: 128)
        attributes.withUnsafeMutableBytes { bytes in
            for (index, word) in words { bytes.storeBytes(of: word, toByteOffset: 4 * index, as: UInt32.self) }
        }
        attributes.replaceSubrange(nameOffset..<nameOffset + name.utf8.count, with: name.utf8)
        let result = attributes.withUnsafeMutableBytes {
            call(321, command, Int(bitPattern: $0.baseAddress), 128)
        }
        if result > 2 { close(Int32(result)) }
        return result
    }

    /// A system call for which there is no function, of the calling thread alone.
    @discardableResult static func call(_ number: Int, _ first: Int = 0, _ second: Int = 0, _ third: Int = 0) -> Int {
        typealias Function = @convention(c) (Int, Int, Int, Int) -> Int
        guard let symbol = dlsym(nil, "syscall") else { return -1 }
        return unsafeBitCast(symbol, to: Function.self)(number, first, second, third)
    }

    /// The same, by the ABI of 32 bits: getpid.
    static func callBy32Bits() throws {
        let code: [UInt8] = [0x53, 0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x5b, 0xc3]
        let page = mmap(nil, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let page, page != MAP_FAILED else { throw TestFailure("no page for code: errno \(errno)") }
        defer { munmap(page, 4096) }
        page.copyMemory(from: code, byteCount: code.count)
        typealias Function = @convention(c) () -> Int32
        _ = unsafeBitCast(page, to: Function.self)()
    }

    static func run(_ path: String) throws { Child.wait(try Child(path).pid) }
}
