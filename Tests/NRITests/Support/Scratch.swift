// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A directory of a test's own.
final class Scratch {
    let path: String
    var socket: String { path + "/nri.sock" }

    init() throws {
        var template = Array("/tmp/apus-nri-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func read(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path + "/" + name) ?? Data(), as: UTF8.self)
    }
}

/// Whether something comes true in time.
func eventually(within seconds: Double = 10, _ holds: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try holds() { return true }
        usleep(5_000)
    }
    return try holds()
}
