// SPDX-License-Identifier: Apache-2.0
internal import CEL

/// An expression; behind a NUL, where there is one, the bytes of the message that its variable `p` has.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = UnsafeBufferPointer(start: bytes, count: count)
        .split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let source = String(decoding: parts[0], as: UTF8.self)
    guard let program = try? plain.compile(source, result: .dyn) else { return 0 }
    let values: [String: Value] = [
        "s": .string("a/b c"), "i": .int(-7), "u": .uint(7), "d": made("{'a': [1, null, 2.5]}") ?? .null,
        "list": .list([.int(3), .int(1), .int(2)]), "a.b": .int(9),
    ]
    let message =
        parts.count > 1 ? plain.message("test.v1.Process", ByteString(Array(parts[1]))).map { .message($0) } : example
    _ = try? program.evaluate(.all(plain.variables.map { $0.name == "p" ? message : values[$0.name] }))
    _ = try? program.matches(.all(plain.variables.map { _ in nil }))
    return 0
}

private func made(_ source: String) -> Value? {
    guard let program = try? plain.compile(source, result: .dyn) else { return nil }
    return try? program.evaluate(.all([]))
}

private let example = made(
    """
    Process{binary: '/bin/sh', pid: 7u, start: timestamp(5), labels: {'app': 'web'}, flags: ['a', 'b'],
      in_init_tree: true, state: State.RUNNING, digest: b'12', numbers: [1, -2, 300], ratio: 0.5,
      parent: Process{binary: '/sbin/init'}, maybe: 0, detail: Process{binary: 'inner'},
      json: {'a': [1, 'x'], 'n': 2}, age: duration('1.5s'), address: '10.1.2.3'}
    """)
