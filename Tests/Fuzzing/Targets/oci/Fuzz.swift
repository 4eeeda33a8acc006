// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The state that a runtime gives to the hook, and behind a NUL the container's config.json: read as the hook reads them,
/// and made into what it says to the agent.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = UnsafeBufferPointer(start: bytes, count: count)
        .split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map { UnsafeBufferPointer(rebasing: $0) }
    let state = try? document(parts[0], OCIStateReader())?.finish()
    let spec = parts.count > 1 ? document(parts[1], OCISpecReader())?.finish() : nil
    guard let state else { return 0 }
    let cgroup = spec.flatMap { try? CgroupPath(cgroupsPath: $0.cgroupsPath) }
    let request = RuntimeHookRequest(stage: .createContainer, state: state, spec: spec, cgroup: cgroup)
    precondition(!request.containerID.isEmpty && request.encoded().count <= 8 * count + 1024)
    return 0
}

private func document<Reader: JSONDocumentReader>(_ bytes: UnsafeBufferPointer<UInt8>, _ reader: Reader) -> Reader? {
    let isWritten =
        ftruncate(file, 0) == 0 && pwrite(file, bytes.baseAddress, bytes.count, 0) == bytes.count
        && lseek(file, 0, SEEK_SET) == 0
    precondition(isWritten, "the file that the document is read from")
    return try? readJSON(from: file, limit: 1 << 20, into: reader)
}

/// As the hook's, for its reader.
func errorText(_ error: CInt) -> String { String(cString: strerror(error)) }

private let file = fileno(tmpfile())
