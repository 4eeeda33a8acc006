// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import Foundation
import SwiftProtobuf
import TetragonAPI

/// Ways to have a program run in a container that it did not start itself.
enum ExecWay: String, CaseIterable, Sendable {
    /// CRI ExecSync: what the kubelet's probes and hooks are.
    case execSync
    /// Without a terminal: what `kubectl exec` comes down to.
    case exec
    /// With one: `kubectl exec -t`.
    case terminal
}

/// A container that a containerd runs in a pod.
struct CRIContainer: Sendable {
    let id: String
    let name: String
    let pod: Pod
    let containerd: Containerd

    /// The host pid of its init, while it runs.
    var pid: UInt32 {
        get async throws {
            let request = Runtime_V1_ContainerStatusRequest.with {
                $0.containerID = id
                $0.verbose = true
            }
            return try CRIPod.pid(
                in: try await containerd.call { try await $0.containerStatus(request, options: $1) }.info)
        }
    }

    /// Runs a program in it, to its end, however that may be.
    ///
    /// The runtime's streaming server speaks SPDY; containerd's own client does the same to the container without it.
    func exec(_ words: [String], by way: ExecWay) async throws {
        switch way {
        case .execSync:
            let request = Runtime_V1_ExecSyncRequest.with {
                $0.containerID = id
                $0.cmd = words
                $0.timeout = Int64(20 * patience)
            }
            _ = try await containerd.call { try await $0.execSync(request, options: $1) }
        case .exec:
            _ = try await Command(execWords([]) + [id] + words).outcome(within: .seconds(20))
        case .terminal:
            // script(1) has a terminal to give. The shell that it runs gets the words as they are.
            let line = (try execWords(["--tty"]) + [id] + words).map(Self.quoted).joined(separator: " ")
            _ = try await Command(["script", "--quiet", "--command", line, "/dev/null"]).outcome(within: .seconds(20))
        }
    }

    /// Enters all of its namespaces from the host, and nothing else of it.
    func enter(_ words: String...) async throws {
        let pid = try await pid
        _ = try await Command(["nsenter", "--target", "\(pid)", "--all"] + words).outcome(within: .seconds(20))
    }

    func stop() async throws {
        _ = try await containerd.call { [id] client, options in
            try await client.stopContainer(.with { $0.containerID = id }, options: options)
        }
        _ = try await containerd.call { [id] client, options in
            try await client.removeContainer(.with { $0.containerID = id }, options: options)
        }
    }

    private func execWords(_ flags: [String]) throws -> [String] {
        try containerd.ctr("tasks", "exec", "--exec-id", uniqueWord("exec"), "--fifo-dir", containerd.pipes) + flags
    }

    private static func quoted(_ word: String) -> String {
        "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}

extension EventStream {
    /// The first exec event in a container of a program that has these arguments.
    func exec(_ arguments: String, in container: CRIContainer) async throws -> Event {
        try await first("an exec with arguments \(arguments) in \(container.name)") {
            $0.isExec && $0.isIn(container) && $0.process.arguments == arguments
        }
    }
}

extension Event {
    /// Whether it says of its process all that there is to say of who it is in.
    func names(_ container: CRIContainer, by source: String = "hook") -> Bool {
        let (pod, told) = (process.pod, process.container)
        return process.docker == String(container.id.prefix(15))
            && pod.namespace == container.pod.namespace && pod.name == container.pod.name
            && pod.uid == container.pod.uid && pod.container.id == "containerd://\(container.id)"
            && pod.container.name == container.name && pod.container.image.name == container.pod.image
            && told.id == container.id && told.name == container.name && told.image == container.pod.image
            && told.runtime == "containerd" && process.identity.source == source
    }

    func isIn(_ container: CRIContainer) -> Bool { process.container.id == container.id }

    /// Whether it says that its process is in no container.
    var namesNobody: Bool { !process.hasPod && !process.hasContainer && process.docker.isEmpty }
}
