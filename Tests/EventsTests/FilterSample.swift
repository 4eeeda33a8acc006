// SPDX-License-Identifier: Apache-2.0
import Containers
import GRPCNIOTransportHTTP2Posix
import Models
import SwiftProtobuf
import TetragonAPI

@testable import Events
@testable import Processes

/// Events with whatever a filter looks at, and filters written in JSON.
enum FilterSample {
    static let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

    static func image(
        pid: UInt32 = 10, binary: String = "/bin/true", arguments: String = "", container: Container? = nil,
        inInitTree: Bool = false, isProbe: Bool = false, capabilities: CapabilitySets? = nil
    ) -> ProcessImage {
        ProcessImage(
            execID: "", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: 0, cwd: "/",
            binary: binary, arguments: arguments, flags: "", startTime: 0, inInitTree: inInitTree,
            container: container, containerKey: nil, properties: nil, namespaces: nil, maybeExecProbe: isProbe,
            capabilities: capabilities)
    }

    static func event(
        _ process: ProcessImage? = image(), kind: EventKind = .processExec, parent: ProcessImage? = nil,
        ancestors: [ProcessImage] = [], policy: String? = nil
    ) -> Event {
        Event(
            kind: kind, time: 0, process: process, parent: parent,
            ancestors: ancestors.reversed().reduce(Ancestors.none) { $0.adding($1) }, policyName: policy,
            message: GRPCNIOTransportBytes([]), json: [])
    }

    /// - Parameter labels: nil where Kubernetes has not told of the pod.
    static func container(
        id: String = id, name: String = "web", runtime: String = "containerd", pod: String = "shop-1",
        namespace: String = "prod", labels: [String: String]? = nil
    ) throws -> Container {
        let container = Container(
            identity: try ContainerIdentity(
                id: id, name: name, runtime: runtime, podName: pod, podNamespace: namespace,
                podUID: pod.isEmpty ? "" : "0b3c"), source: .hook, cgroup: 1)
        if let labels {
            var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))
            try registry.register(container, namespaces: nil)
            registry.apply(.applied(Pod(name: pod, namespace: namespace, labels: labels)))
        }
        return container
    }

    static func filter(_ json: String) throws -> Tetragon_Filter { try Tetragon_Filter(jsonString: json) }

    static func matches(_ json: String, _ event: Event) throws -> Bool {
        try EventFilter(allow: [try filter(json)]).predicate?(event) ?? true
    }

    /// What is wrong with a filter; nil if nothing is.
    static func complaint(_ json: String) throws -> FilterError? {
        let filter = try filter(json)
        do throws(FilterError) {
            _ = try EventFilter(allow: [filter])
            return nil
        } catch {
            return error
        }
    }
}
