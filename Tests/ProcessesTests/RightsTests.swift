import CRecords
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Processes

@Suite("What a process may do")
struct RightsTests {
    @Test("capabilities are those of the exec, and a fork has its parent's")
    func capabilities() throws {
        var script = Script()
        script.fork(image(5), from: Script.init1)
        script.exec(image(5, execs: 1), filename: "/bin/a") {
            $0.creds.cap_permitted = 1 << 40 | 1 << 41 | 1 << 63
            $0.creds.cap_effective = 1 << 5
            $0.creds.cap_inheritable = 1
        }
        script.fork(image(6), from: image(5, execs: 1))
        script.exit(image(6))
        // What the API has no number for is not told of.
        let expected = CapabilitySets(permitted: 1 << 40, effective: 1 << 5, inheritable: 1)
        #expect(script.events.map(\.process.capabilities) == [expected, expected])
    }

    @Test("what nothing told of is not known")
    func unknown() throws {
        var script = Script()
        script.exit(image(99))
        #expect(script.events.count == 1 && script.events[0].process.capabilities == nil)
    }
}
