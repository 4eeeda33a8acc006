// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
internal import Policies
internal import Synchronization

/// Addresses of hosts, as the system knows them: its hosts file, its name servers.
///
/// The C library's call lasts as long as resolv.conf has it wait, and nothing ends it: each has a thread, and there are
/// so many of them and no more.
final class NameLookups: Sendable {
    private let queue = DispatchQueue(label: "apus-lookups", attributes: .concurrent)
    private let atOnce: Int
    private let running = Mutex(0)

    init(atOnce: Int) { self.atOnce = atOnce }

    /// No thread is in the C library any more.
    var isIdle: Bool { running.withLock { $0 == 0 } }

    /// In the order in which they are to be tried; of an address itself nobody is asked. Whoever is cancelled waits no
    /// more.
    func addresses(of host: String) async throws -> [String] {
        if Network(host) != nil { return [host] }
        let isFree = running.withLock { running in
            guard running < atOnce else { return false }
            running += 1
            return true
        }
        guard isFree else { throw OutreachError("\(atOnce) names are being looked up, and no answer has come") }
        let (results, answer) = AsyncStream<Result<[String], OutreachError>>.makeStream()
        queue.async { [self] in
            let result = Result { () throws(OutreachError) in try Self.lookUp(host) }
            // Before the answer: whoever has it may ask for the next.
            running.withLock { $0 -= 1 }
            answer.yield(result)
            answer.finish()
        }
        for await result in results { return try result.get() }
        throw CancellationError()
    }

    private static func lookUp(_ host: String) throws(OutreachError) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, nil, &hints, &first)
        guard failure == 0 else {
            let reason = failure == EAI_SYSTEM ? strerror(errno).map { String(cString: $0) } : nil
            throw OutreachError(reason ?? String(cString: gai_strerror(failure)))
        }
        defer { freeaddrinfo(first) }
        var addresses: [String] = []
        var next = first
        while let current = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let failure = getnameinfo(
                current.ai_addr, current.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            if failure == 0 {
                addresses.append(text.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
            }
            next = current.ai_next
        }
        return addresses
    }
}
