// SPDX-License-Identifier: Apache-2.0
internal import CZlib
internal import SystemPackage

/// Makes gzip's format of bytes that come piece by piece.
struct GzipStream: ~Copyable {
    private let stream: UnsafeMutablePointer<apus_gzip>
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    init() throws(Errno) {
        guard let stream = apus_gzip_make() else {
            output.deallocate()
            throw .noMemory
        }
        self.stream = stream
    }

    deinit {
        apus_gzip_end(stream)
        output.deallocate()
    }

    /// - Parameters:
    ///   - isLast: the stream ends after this piece.
    ///   - emit: is handed what came out.
    mutating func add(
        _ piece: UnsafeMutableRawBufferPointer, isLast: Bool,
        emit: (UnsafeRawBufferPointer) throws(Errno) -> Void
    ) throws(Errno) {
        apus_gzip_give(stream, piece.baseAddress, UInt32(piece.count))
        var count: Int
        repeat {
            count = apus_gzip_take(stream, output.baseAddress, UInt32(output.count), isLast)
            guard count >= 0 else { throw .ioError }
            try emit(UnsafeRawBufferPointer(rebasing: output[..<count]))
        } while count == output.count
    }
}
