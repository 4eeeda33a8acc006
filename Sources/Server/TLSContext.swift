// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOSSL
internal import Processes
internal import Synchronization
internal import SystemPackage

/// The files that make the TCP address speak TLS.
package struct TLSFiles: Sendable, Equatable {
    /// PEM: the server's certificate, then those of the authorities between it and the root.
    package var certificate: String
    /// PEM.
    package var key: String
    /// PEM: authorities whose clients may call. Empty: everybody may who can reach the port.
    package var clientAuthorities: [String]

    package init(certificate: String, key: String, clientAuthorities: [String] = []) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }
}

/// A file of ``TLSFiles`` that cannot be used: which, why, and what to do.
struct TLSError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The certificates in use: those that are in the files. The next connection notices a change, if a second has gone
/// since the last look; files that cannot be used leave the old ones in use.
final class TLSContext: Sendable {
    private struct State {
        var context: NIOSSLContext
        var fingerprint: [FileMark?]
        var lookedAt: UInt64
        var refused: (fingerprint: [FileMark?], until: UInt64)?
    }

    private static let interval: UInt64 = 1_000_000_000
    /// Until files that were refused are looked at again.
    private static let pause: UInt64 = 30_000_000_000
    private static let largestFile = 1 << 20

    private let files: TLSFiles
    private let told: @Sendable (Result<Void, TLSError>) -> Void
    private let state: Mutex<State>

    /// - Parameter told: what came of files that have changed.
    init(_ files: TLSFiles, told: @escaping @Sendable (Result<Void, TLSError>) -> Void) throws(TLSError) {
        self.files = files
        self.told = told
        let fingerprint = Self.fingerprint(files)
        state = Mutex(
            State(context: try Self.load(files), fingerprint: fingerprint, lookedAt: WallClock.bootNanoseconds))
    }

    /// For the next connection.
    var current: NIOSSLContext {
        let now = WallClock.bootNanoseconds
        let (context, outcome) = state.withLock { state -> (NIOSSLContext, Result<Void, TLSError>?) in
            guard now &- state.lookedAt >= Self.interval else { return (state.context, nil) }
            state.lookedAt = now
            let fingerprint = Self.fingerprint(files)
            guard fingerprint != state.fingerprint else { return (state.context, nil) }
            // What was in the way may have been a moment's want of descriptors: the same files are tried again.
            if let refused = state.refused, refused.fingerprint == fingerprint, now < refused.until {
                return (state.context, nil)
            }
            do throws(TLSError) {
                state.context = try Self.load(files)
                state.fingerprint = fingerprint
                return (state.context, .success(()))
            } catch {
                state.refused = (fingerprint, until: now + Self.pause)
                return (state.context, .failure(error))
            }
        }
        if let outcome { told(outcome) }
        return context
    }

    // MARK: Files

    private static func load(_ files: TLSFiles) throws(TLSError) -> NIOSSLContext {
        let chain = try certificates(files.certificate)
        let key = try privateKey(files.key)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2"]
        if !files.clientAuthorities.isEmpty {
            var authorities: [NIOSSLCertificate] = []
            for path in files.clientAuthorities { authorities += try certificates(path) }
            configuration.trustRoots = .certificates(authorities)
            configuration.certificateVerification = .noHostnameVerification
            configuration.sendCANameList = true
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSError("the key \(files.key) is not the one of the certificate \(files.certificate) (\(error))")
        }
    }

    private static func certificates(_ path: String) throws(TLSError) -> [NIOSSLCertificate] {
        let bytes = try read(path, isSecret: false)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw TLSError("\(path) holds no certificate in PEM")
        }
        return certificates
    }

    private static func privateKey(_ path: String) throws(TLSError) -> NIOSSLPrivateKey {
        let bytes = try read(path, isSecret: true)
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw TLSError("\(path) holds no private key in PEM, or one that is encrypted")
        }
        return key
    }

    private static func read(_ path: String, isSecret: Bool) throws(TLSError) -> [UInt8] {
        // Opening a FIFO would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw TLSError("cannot open \(path): \(Errno(rawValue: errno))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TLSError("\(path) is not a regular file")
        }
        guard status.st_size <= largestFile else { throw TLSError("\(path) is larger than 1 MiB") }
        guard !isSecret || status.st_mode & (S_IRWXO) == 0 else {
            throw TLSError(
                "everybody may read or write the private key \(path): chmod 0600, or in a Kubernetes secret's volume "
                    + "defaultMode: 0400")
        }
        var bytes = [UInt8](repeating: 0, count: largestFile)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got == 0 { break }
            if got > 0 {
                count += got
            } else if errno != EINTR {
                throw TLSError("cannot read \(path): \(Errno(rawValue: errno))")
            }
        }
        return Array(bytes.prefix(count))
    }

    /// What tells one state of a file from another.
    private struct FileMark: Equatable {
        let numbers: [Int]

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            numbers = [
                Int(truncatingIfNeeded: status.st_dev), Int(truncatingIfNeeded: status.st_ino), status.st_size,
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
        }
    }

    private static func fingerprint(_ files: TLSFiles) -> [FileMark?] {
        ([files.certificate, files.key] + files.clientAuthorities).map { FileMark($0) }
    }
}
