// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing
import TetragonAPI

/// An exec or exit event, as its reader sees it.
struct Event: Sendable {
    let message: Tetragon_GetEventsResponse

    init(_ message: Tetragon_GetEventsResponse) { self.message = message }

    var isExec: Bool { if case .processExec? = message.event { true } else { false } }
    var isExit: Bool { if case .processExit? = message.event { true } else { false } }

    var process: Tetragon_Process {
        switch message.event {
        case .processExec(let exec)?: exec.process
        case .processExit(let exit)?: exit.process
        default: Tetragon_Process()
        }
    }

    var parent: Tetragon_Process {
        switch message.event {
        case .processExec(let exec)?: exec.parent
        case .processExit(let exit)?: exit.parent
        default: Tetragon_Process()
        }
    }

    /// Of an exit.
    var exit: Tetragon_ProcessExit { message.processExit }

    /// Neither missing nor false: a field that is unset says that nobody knows.
    var isInInitTree: Bool { process.hasInInitTree && process.inInitTree.value }
    var isInjected: Bool { process.hasInInitTree && !process.inInitTree.value }

    func isIn(_ container: RuncContainer) -> Bool { process.container.id == container.id }
}

extension Event: CustomTestStringConvertible {
    var testDescription: String {
        let p = process
        return "\(isExec ? "exec" : "exit") \(p.pid.value) \(p.binary) \(p.arguments.prefix(80)) "
            + "container=\(p.container.id.prefix(12)) tree=\(p.inInitTree.value)"
    }
}
