// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import TetragonAPI

/// Events as an agent sends them.
enum Samples {
    /// 2024-02-29T12:34:56.000000789Z
    static let time = Google_Protobuf_Timestamp(seconds: 1_709_210_096, nanos: 789)

    static func process(_ binary: String, _ arguments: String = "", pid: UInt32 = 4711) -> Tetragon_Process {
        .with {
            $0.pid = .init(pid)
            $0.binary = binary
            $0.arguments = arguments
        }
    }

    /// A process in a pod's container.
    static func podProcess(
        _ binary: String, _ arguments: String = "", inInitTree: Bool? = true
    ) -> Tetragon_Process {
        var process = process(binary, arguments)
        process.docker = "0123456789abcde"
        process.pod.namespace = "shop"
        process.pod.name = "web-1"
        process.pod.container.name = "nginx"
        process.container.id = "0123456789abcdef0123456789abcdef"
        if let inInitTree { process.inInitTree = .init(inInitTree) }
        return process
    }

    /// A process in a container without a pod.
    static func containerProcess(_ binary: String, name: String = "") -> Tetragon_Process {
        var process = process(binary)
        process.docker = "0123456789abcde"
        process.container.id = "0123456789abcdef0123456789abcdef"
        process.container.name = name
        process.inInitTree = true
        return process
    }

    /// An agent on a kernel that lacks the second of two features.
    static let info = Tetragon_GetInfoResponse.with {
        $0.probes = [
            .with {
                $0.name = "btf"
                $0.enabled = true
                $0.without = "no sensors at all"
            },
            .with {
                $0.name = "kprobe"
                $0.enabled = false
                $0.reason = "cannot read \u{1b}type: No such file or directory"
                $0.without = "no policies on kernel functions"
            },
        ]
    }

    static func event(_ event: Tetragon_GetEventsResponse.OneOf_Event?) -> Tetragon_GetEventsResponse {
        .with {
            $0.event = event
            $0.nodeName = "node-7"
            $0.time = time
        }
    }

    static func exec(_ process: Tetragon_Process, parentPID: UInt32? = nil) -> Tetragon_GetEventsResponse {
        event(
            .processExec(
                .with {
                    $0.process = process
                    if let parentPID { $0.parent = Self.process("/bin/sh", pid: parentPID) }
                }))
    }

    static func exit(_ process: Tetragon_Process, status: UInt32 = 0, signal: String = "") -> Tetragon_GetEventsResponse
    {
        event(
            .processExit(
                .with {
                    $0.process = process
                    $0.status = status
                    $0.signal = signal
                }))
    }
}
