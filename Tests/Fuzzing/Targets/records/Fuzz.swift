// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import Models
internal import Processes

/// What the kernel sends and what happens meanwhile, in steps: a byte that says what, the length of the rest in two
/// bytes, the lower first, and the rest.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var rest = UnsafeRawBufferPointer(start: bytes, count: count)[...]
    var road = Road()
    while let (what, content) = step(of: &rest) { road.take(what, content) }
    road.end()
    return 0
}

enum What: UInt8, CaseIterable {
    case record, quiet, time, container, word, task, sweep, page
    /// A hit of a policy, and more of one of its values, in fewer bytes than a record's.
    case hit, more
    /// A row holds no more, or does again.
    case row
    /// A file that was mapped to be run.
    case mapping
}

private func step(of rest: inout Slice<UnsafeRawBufferPointer>) -> (What, UnsafeRawBufferPointer)? {
    guard rest.count >= 3 else { return nil }
    let head = rest.prefix(3).map { Int($0) }
    rest = rest.dropFirst(3)
    let content = rest.prefix(head[1] | head[2] << 8)
    rest = rest.dropFirst(content.count)
    return (What.allCases[head[0] % What.allCases.count], UnsafeRawBufferPointer(rebasing: content))
}
